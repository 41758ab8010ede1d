"""python -m eeviz: starts the dashboards, JupyterLab or the tests, and installs what they need."""

import sys

if sys.version_info < (3, 11):  # before anything that an older Python cannot read
    sys.exit(f"eeviz needs Python 3.11 to 3.14, this is {sys.version.split()[0]}: start it with a newer one.")

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import webbrowser
from pathlib import Path

from . import __version__
from .launch import environment, paths, serve
from .launch.packages import install_state, is_installed, pip_line


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        parser, arguments = _parse(sys.argv[1:] if argv is None else argv)
    except environment.InstallError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.command is None:
        parser.print_help()
        return 0
    for name in ("SIGTERM", "SIGHUP"):  # a closed terminal ends everything as Ctrl-C does
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    try:
        if arguments.command == "status" and arguments.venv:
            return _status(arguments)
        if arguments.venv and not _runs_in(arguments.venv):
            return _in_venv(arguments)
        commands = {
            "run": _run,
            "lab": _lab,
            "test": _test,
            "install": _install,
            "status": _status,
            "search": _search,
            "page": _page,
            "site": _site,
            "data": _data,
        }
        return commands[arguments.command](arguments)
    except (environment.InstallError, serve.ServeError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _say("\nStopped.")
        return 0 if arguments.command in ("run", "lab") else 130  # Ctrl-C is how a server is meant to end


def _parse(argv):
    parser = argparse.ArgumentParser(
        "python -m eeviz", allow_abbrev=False, description="Early-exit networks: see, tune, search."
    )
    parser.add_argument("--version", action="version", version=f"eeviz {__version__}")
    parser.add_argument(
        "--venv", type=Path, help="first make the virtual environment VENV (in a checkout), then use it"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="open the dashboards in the browser (Voila)")
    lab = commands.add_parser("lab", help="open the notebooks in JupyterLab")
    for command in (run, lab):
        command.add_argument("--port", type=int, help="local port (default: the usual one if free, else any free one)")
        command.add_argument(
            "--host", default=serve.HOST, help="address to answer on (default: this computer only; 0.0.0.0: everyone)"
        )
        command.add_argument("--no-browser", action="store_true", help="only print the address")
    run.add_argument("--no-install", action="store_true", help="install nothing in the background")
    commands.add_parser("test", help="install what is missing and run every test; options go on to pytest")
    commands.add_parser("install", help="install everything in requirements.txt now")
    commands.add_parser("status", help="say how far the installation is")
    data = commands.add_parser("data", help="list the data sets, or download one")
    if "data" in argv:
        from eeviz.datasets.command import add_arguments as add_data_arguments

        add_data_arguments(data)
    one = commands.add_parser("page", help="write the explorer of a demo or of records as one HTML file")
    one.add_argument("records", metavar="NAME_OR_NPZ", help="a demo's name, or a file saved with ExitRecords.save")
    one.add_argument("--out", type=Path, required=True, help="the HTML file")
    one.add_argument("--report", type=Path, help=".npz of the split that stays shut until asked for")
    one.add_argument("--title", default="", help="the page's heading")
    one.add_argument("--hide", default="", help="parts to take away, with commas between: tuning,report,...")
    one.add_argument("--samples", type=int, help="at most so many samples of each table")
    pages = commands.add_parser("site", help="write a folder of pages: every demo's explorer and the shipped search")
    pages.add_argument("--out", type=Path, required=True, help="the folder")
    found = commands.add_parser("search", help="search for early-exit networks without a notebook")
    if "search" in argv and "test" not in argv:  # the search itself knows what it takes, but its imports are heavy
        found.formatter_class = argparse.RawDescriptionHelpFormatter
        _need("pymoo", "Searches")
        from .nas.command import add_arguments

        add_arguments(found)
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.command != "test":
        parser.error(f"unknown argument: {' '.join(rest)}")
    arguments.pytest, arguments.argv = rest, argv
    return parser, arguments


def _interrupt(*_):
    raise KeyboardInterrupt


def _say(text):
    print(text, flush=True)  # at once also when the output goes to a file


def _runs_in(venv) -> bool:
    return venv.exists() and venv.samefile(sys.prefix)


def _in_venv(arguments) -> int:
    root = _checkout()
    target = environment.Environment(root, arguments.venv.absolute())
    target.make(_say)
    target.install_explorer(_say)
    command = [str(target.python), "-m", "eeviz", *arguments.argv]
    if os.name != "nt":
        sys.stdout.flush()
        os.execv(command[0], command)
    return subprocess.call(command)  # on Windows exec would return to the shell at once


def _checkout() -> Path:
    root = paths.checkout()
    if root is None:
        raise environment.InstallError("This needs a checkout of eeviz: the installed package has no requirements.txt.")
    return root


def _run(arguments) -> int:
    _need("voila", "The dashboards")
    server = serve.voila(paths.notebooks(), arguments.port, host=arguments.host)
    with contextlib.ExitStack() as ends:
        ends.callback(server.stop)
        address = server.url("voila/render/index.ipynb")
        _say(f"\n    eeviz: {address}    (Ctrl-C ends it)\n")
        if arguments.host != serve.HOST:
            _say(f"Everyone who can reach {arguments.host} can open it: there is no password.\n")
        if not arguments.no_browser:
            _open(address)
        if not arguments.no_install:
            _install_in_background(ends)
        return server.wait()


def _install_in_background(ends) -> None:
    root = paths.checkout()
    here = root and environment.current(root)
    if not here:
        return
    if here.is_complete("dashboards"):
        return

    def install():
        try:
            here.install_dashboards(_say)
            _say("Everything that the dashboards need is installed.")
        except environment.InstallError as error:
            _say(str(error))

    worker = threading.Thread(target=install, name="install")
    worker.start()
    ends.callback(worker.join)
    ends.callback(here.cancel)  # called before the join: callbacks run last in, first out


def _lab(arguments) -> int:
    root = paths.checkout()
    here = root and environment.current(root)
    if here and not is_installed("jupyterlab"):
        here.install_lab(_say)
    _need("jupyterlab", "JupyterLab")
    if root is None:  # an installed package is no place to edit notebooks in
        root = Path.cwd()
        if not (root / "notebooks").exists():
            shutil.copytree(paths.notebooks(), root / "notebooks")
            _say(f"Copied the notebooks to {root / 'notebooks'}")
    server = serve.lab(root, arguments.port, host=arguments.host)
    with contextlib.ExitStack() as ends:
        ends.callback(server.stop)
        address = server.url("lab/tree/notebooks/index.ipynb")
        _say(f"\n    eeviz in JupyterLab: {address}    (Ctrl-C ends it)\n")
        if not arguments.no_browser:
            _open(address)
        return server.wait()


def _test(arguments) -> int:
    root = _checkout()
    here = environment.current(root)
    if here:
        here.install_everything(_say)
    _need("pytest", "The test suite")
    pytest = [sys.executable, "-m", "pytest"]
    if arguments.pytest:
        return subprocess.call([*pytest, *arguments.pytest], cwd=root)
    _say("Tests in a browser; the others run beside them and are told at the end.\n")
    with tempfile.TemporaryFile() as told:
        others = subprocess.Popen(
            [*pytest, "-m", "not browser", "-n", str(max(1, (os.cpu_count() or 2) - 1)), "--dist", "worksteal"],
            cwd=root,
            env=os.environ | {"OMP_NUM_THREADS": "1"},  # as many processes as cores keep them busy
            stdout=told,
            stderr=subprocess.STDOUT,
            preexec_fn=None if os.name == "nt" else lambda: os.nice(10),  # a browser waits for nobody
        )
        try:
            failed = subprocess.call([*pytest, "-m", "browser"], cwd=root)
            _say("\nThe other tests:")
            failed = others.wait() or failed
        finally:
            others.terminate()  # on Ctrl-C; nothing once it has ended
            others.wait()
            told.seek(0)
            _say(told.read().decode(errors="replace"))
    return failed


def _install(arguments) -> int:
    here = environment.current(_checkout())
    if here is None:
        raise environment.InstallError("Nothing is installed into a system's Python; use --venv .venv.")
    here.install_everything(_say)
    return _status(arguments)


def _search(arguments) -> int:
    from .nas.command import command

    return command(arguments, _say)


def _data(arguments) -> int:
    from eeviz.datasets.command import command

    return command(arguments.name, arguments.download, _say, _Line().show)


class _Line:
    """Progress on one line of a terminal; in a file, a line a tenth."""

    def __init__(self):
        self.tenth = -1

    def show(self, progress) -> None:
        if sys.stdout.isatty():
            print(f"\r{progress.share:4.0%}  {progress}\x1b[K", end="\n" if progress.share == 1 else "", flush=True)
        elif int(10 * progress.share) > self.tenth:
            self.tenth = int(10 * progress.share)
            _say(f"{progress.share:4.0%}  {progress}")


def _page(arguments) -> int:
    from .ui.standalone.command import write_page

    return write_page(arguments, _say)


def _site(arguments) -> int:
    from .ui.site.build import write_site

    try:
        folder = write_site(arguments.out, _say)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    _say(f"{folder / 'index.html'} opens in any browser; the folder can be served as it is.")
    return 0


def _status(arguments) -> int:
    if arguments.venv and not arguments.venv.exists():
        _say(f"Nothing is installed yet: there is no {arguments.venv}. `make run` makes it.")
        return 0
    _say(str(install_state(arguments.venv or sys.prefix)))
    return 0


def _need(name, for_):
    if not is_installed(name):
        raise environment.InstallError(f"{for_} need {name}. Install it with: {pip_line([name])}")


def _open(address):
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


if __name__ == "__main__":
    sys.exit(main())
