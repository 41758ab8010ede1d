# Thin on purpose: the work is in `python -m eeviz`, which runs on Windows and without make, too.
VENV ?= .venv
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3 python; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null && echo $$p && break; done)

.DEFAULT_GOAL := help
.PHONY: help run test lab install status clean

help:
	@echo "make run      open the dashboards in the browser (the first time: make $(VENV) and install; ARGS="--port 9000 --host 0.0.0.0")"
	@echo "make lab      open the notebooks in JupyterLab"
	@echo "make test     install what is missing and run every test   (ARGS='-k policy' goes on to pytest)"
	@echo "make install  install everything in requirements.txt now"
	@echo "make status   say how far the installation is"
	@echo "make clean    remove $(VENV)"

run test lab install status:
	$(if $(PYTHON),,$(error eeviz needs Python 3.11 to 3.14 and found none on the PATH; \
	install one from https://www.python.org or name it: make $@ PYTHON=/path/to/python3.12))
	@exec $(PYTHON) -m eeviz --venv $(VENV) $@ $(ARGS)

clean:
	rm -rf $(VENV)
