"""`import eeviz` is quick and light, and the public names are there."""

import json
import subprocess
import sys

import pytest

import eeviz

HEAVY = ("torch", "plotly", "ipywidgets", "anywidget", "numpy")
REPORT = f"""
import json, sys, time
start = time.perf_counter()
import eeviz
print(json.dumps([time.perf_counter() - start, [name for name in {HEAVY} if name in sys.modules]]))
"""


def fresh(code: str, root) -> str:
    """What `code` prints in a new Python in the repository's root."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_quick_and_loads_nothing_heavy(root):
    runs = [json.loads(fresh(REPORT, root)) for _ in range(3)]
    assert runs[0][1] == []
    assert min(seconds for seconds, _ in runs) <= 0.5


def test_the_explorer_loads_no_torch(root):
    code = "import eeviz, sys; eeviz.explore, eeviz.front, eeviz.load_demo; print('torch' in sys.modules)"
    assert fresh(code, root).strip() == "False"


@pytest.mark.parametrize("name", eeviz.__all__)
def test_public_names_exist(name):
    value = getattr(eeviz, name)
    assert callable(value)
    assert value.__doc__
    assert value.__module__.startswith("eeviz.")
    assert name in dir(eeviz)


def test_a_submodule_does_not_hide_the_function_of_its_name(root):
    assert fresh("import eeviz.demos, eeviz; print(callable(eeviz.demos))", root).strip() == "True"


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(AttributeError, match="public names are Cost, "):
        eeviz.explor  # noqa: B018
