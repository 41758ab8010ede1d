"""Makes the virtual environment and installs into it: the explorer's packages first, then all of requirements.txt.

Needs the standard library only, for it runs before anything is installed. Reports through `tell`, prints nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import processes
from .packages import InstallState, install_state, state_folder, try_lock, write_state

PYTHONS = ((3, 11), (3, 13))  # oldest and newest that the pinned packages support
LOCK_PATIENCE = 2.0  # seconds: a reader of the state holds the lock for an instant
Tell = Callable[[str], None]


class InstallError(RuntimeError):
    """An installation did not succeed; the message says why in words."""


class Environment:
    """The Python environment at `prefix`, and what has been installed into it from the checkout at `root`."""

    def __init__(self, root: Path, prefix: Path):
        self.root, self.prefix = Path(root), Path(prefix)
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.python = self.prefix / scripts / ("python.exe" if os.name == "nt" else "python")
        self.folder = state_folder(self.prefix)
        self.log = self.folder / "log.txt"
        self._pip: subprocess.Popen | None = None
        self._cancelled = threading.Event()

    def make(self, tell: Tell) -> None:
        """Create the virtual environment unless it is there and whole. Raises InstallError."""
        if self._works():
            return
        tell(f"Making the virtual environment {self.prefix} (Python {sys.version.split()[0]})")
        command = [sys.executable, "-m", "venv", "--clear", str(self.prefix)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise InstallError(
                f"Python could not make a virtual environment: {(done.stdout + done.stderr).strip()}\n"
                "On Debian and Ubuntu `apt install python3-venv` provides what is missing."
            )

    def _works(self) -> bool:
        """Whether the environment has a fitting Python and pip: not after an interrupted start or a Python upgrade."""
        check = (
            "import sys, importlib.util as u;"
            f"sys.exit(not ({PYTHONS[0]} <= sys.version_info[:2] <= {PYTHONS[1]} and u.find_spec('pip')))"
        )
        try:
            return subprocess.run([self.python, "-c", check], capture_output=True).returncode == 0
        except OSError:
            return False

    def install_explorer(self, tell: Tell) -> None:
        """Install eeviz (editable) with the explorer's own packages, at the pinned versions. Raises InstallError."""
        self._stage(
            "explorer",
            [("the explorer's packages", ["-e", str(self.root), "-c", str(self.root / "requirements.txt")])],
            tell,
        )

    def install_everything(self, tell: Tell) -> None:
        """Install all of requirements.txt, PyTorch on its own first. Raises InstallError; may be run in a thread."""
        requirements = self.root / "requirements.txt"
        torch = next(line for line in requirements.read_text("utf-8").splitlines() if line.startswith("torch=="))
        steps = [
            (f"PyTorch ({torch})", [torch, "-c", str(requirements)]),
            ("the packages for search, training, hardware and tests", ["-r", str(requirements)]),
        ]
        self._stage("everything", steps, tell)

    def install_lab(self, tell: Tell) -> None:
        """Install JupyterLab at its pinned version, ahead of the rest. Raises InstallError."""
        self._stage(
            "lab", [("JupyterLab", ["-e", f"{self.root}[lab]", "-c", str(self.root / "requirements.txt")])], tell
        )

    def cancel(self) -> None:
        """End the installation that runs in another thread of this process; the next one resumes it."""
        self._cancelled.set()
        if self._pip:
            processes.end(self._pip)

    def is_complete(self, stage: str) -> bool:
        """Whether `stage` ("explorer", "everything") was installed from the files as they are now."""
        try:
            return (self.folder / f"{stage}.stamp").read_text("utf-8") == self._key()
        except OSError:
            return False

    def _key(self) -> str:
        digest = hashlib.sha256(str(self.root.resolve()).encode())
        for name in ("pyproject.toml", "requirements.txt"):
            digest.update((self.root / name).read_bytes())
        return digest.hexdigest()

    def _stage(self, stage: str, steps: list[tuple[str, list[str]]], tell: Tell) -> None:
        if self.is_complete(stage):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        before = install_state(self.prefix)
        with (self.folder / "lock").open("a+b") as lock:
            self._wait_for(lock, tell)
            if self.is_complete(stage):  # by the process this one waited for
                return
            key = self._key()
            self._remove_interrupted()
            for name, arguments in steps:
                tell(f"Installing {name} (log: {self.log})")
                write_state(self.prefix, InstallState("running", name))
                self._run_pip(name, arguments, lock)
            write_state(self.prefix, InstallState("done") if stage == "everything" else before)
            (self.folder / f"{stage}.stamp").write_text(key, "utf-8")

    def _wait_for(self, lock, tell: Tell) -> None:
        """Take the lock; another process that installs here finishes first."""
        told, since = False, time.monotonic()
        while not self._cancelled.is_set():
            try:
                return try_lock(lock)
            except OSError:
                if not told and time.monotonic() - since > LOCK_PATIENCE:
                    tell(f"Another process is installing into {self.prefix}; waiting for it (log: {self.log})")
                    told = True
                time.sleep(0.2)
        raise InstallError("The installation was cancelled.")

    def _run_pip(self, name: str, arguments: list[str], lock) -> None:
        command = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *arguments]
        # pip inherits the lock: if this process is killed and pip lives on, no second pip starts beside it.
        inherit = {} if os.name == "nt" else {"pass_fds": (lock.fileno(),)}
        try:
            with self.log.open("w", encoding="utf-8") as log:
                self._pip = processes.start(command, stdout=log, stderr=log, cwd=self.root, **inherit)
            if self._cancelled.is_set():
                processes.end(self._pip)
            code = self._pip.wait()
        except KeyboardInterrupt:
            self.cancel()
            write_state(self.prefix, InstallState("stopped", name))
            raise
        if self._cancelled.is_set():
            write_state(self.prefix, InstallState("stopped", name))
            raise InstallError("The installation was cancelled; the next start resumes it.")
        if code:
            state = InstallState("failed", name, self._why())
            write_state(self.prefix, state)
            raise InstallError(f"{state}\nThe whole log: {self.log}")

    def _why(self) -> str:
        """The reason in pip's own words: its last lines that begin with ERROR."""
        lines = self.log.read_text("utf-8", errors="replace").splitlines()
        errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR")]
        return " ".join(errors[-2:]) or (lines[-1] if lines else "pip ended without a word.")

    def _remove_interrupted(self) -> None:
        """Forget packages whose installation was cut off: pip writes RECORD last, and believes in them without it."""
        if not (self.prefix / "pyvenv.cfg").is_file():
            return  # conda and system packages follow rules of their own
        pattern = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
        for info in self.prefix.glob(f"{pattern}/*.dist-info"):
            if not (info / "RECORD").is_file():
                shutil.rmtree(info)


def current(root: Path) -> Environment | None:
    """The environment this Python runs in if it is one of its own (venv, conda), which may be installed into."""
    own = sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").is_dir()
    return Environment(root, Path(sys.prefix)) if own and os.access(sysconfig.get_path("purelib"), os.W_OK) else None
