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

PYTHONS = ((3, 11), (3, 14))  # oldest and newest that the pinned packages support
LOCK_PATIENCE = 2.0  # seconds: a reader of the state holds the lock for an instant
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
GIGABYTES = {"explorer": 0.5, "dashboards": 2.5, "everything": 3.5}
"""Room that an installation takes, about; with the CUDA libraries of PyTorch 6 GB more."""
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
        there = self.prefix.exists()
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            if not there:
                shutil.rmtree(self.prefix, ignore_errors=True)
            words = (done.stdout + done.stderr).strip()
            if why := _cause(words, self.prefix):
                raise InstallError(f"Python could not make a virtual environment: {why}")
            raise InstallError(
                f"Python could not make a virtual environment: {words}\n"
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
            [("the explorer's packages", ["-e", str(self.root), "-c", str(self.root / "requirements.txt")], "about 150 MB")],
            tell,
        )

    def install_dashboards(self, tell: Tell) -> None:
        """Install what the dashboards need, PyTorch on its own first: no tests, no cluster. Raises InstallError."""
        labs = ["-e", f"{self.root}[train,search,hardware,data]", "-c", str(self.root / "requirements.txt")]
        self._stage("dashboards", [self._torch(), ("the packages for search, training and hardware", labs, "about 500 MB")], tell)

    def install_everything(self, tell: Tell) -> None:
        """Install all of requirements.txt, PyTorch on its own first. Raises InstallError; may be run in a thread."""
        rest = ["-r", str(self.root / "requirements.txt")]
        steps = [self._torch(), ("the packages for search, training, hardware and tests", rest, "about 700 MB")]
        self._stage("everything", steps, tell)

    def _torch(self) -> tuple[str, list[str], str]:
        """PyTorch's step: on Linux, where PyPI's build brings CUDA, that of PyTorch's own index where no card is."""
        requirements = self.root / "requirements.txt"
        torch = next(line for line in requirements.read_text("utf-8").splitlines() if line.startswith("torch=="))
        cuda = sys.platform == "linux" and has_nvidia()
        # "2.13.0+cpu" counts as newer than "2.13.0", so pip takes it wherever it can be had.
        small = [] if cuda or sys.platform != "linux" else ["--extra-index-url", CPU_WHEELS]
        size = "with CUDA for the NVIDIA card, about 3 GB to download" if cuda else "about 200 MB to download"
        return f"PyTorch ({torch})", [torch, "-c", str(requirements), *small], size

    def install_lab(self, tell: Tell) -> None:
        """Install JupyterLab at its pinned version, ahead of the rest. Raises InstallError."""
        self._stage(
            "lab", [("JupyterLab", ["-e", f"{self.root}[lab]", "-c", str(self.root / "requirements.txt")], "about 100 MB")], tell
        )

    def cancel(self) -> None:
        """End the installation that runs in another thread of this process; the next one resumes it."""
        self._cancelled.set()
        if self._pip:
            processes.end(self._pip)

    def is_complete(self, stage: str) -> bool:
        """Whether `stage` ("explorer", "dashboards", "everything") was installed from the files as they are now."""
        if stage == "dashboards" and self.is_complete("everything"):
            return True
        try:
            return (self.folder / f"{stage}.stamp").read_text("utf-8") == self._key()
        except OSError:
            return False

    def _key(self) -> str:
        digest = hashlib.sha256(str(self.root.resolve()).encode())
        for name in ("pyproject.toml", "requirements.txt"):
            digest.update((self.root / name).read_bytes())
        return digest.hexdigest()

    def _stage(self, stage: str, steps: list[tuple[str, list[str], str]], tell: Tell) -> None:
        if self.is_complete(stage):
            return
        try:
            self._install(stage, steps, tell)
        except OSError as error:  # of the state, the log or the lock: pip tells of its own
            raise InstallError(_cause(str(error), self.prefix) or f"Installing did not work: {error}") from error

    def _install(self, stage: str, steps: list[tuple[str, list[str], str]], tell: Tell) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        before = install_state(self.prefix)
        with (self.folder / "lock").open("a+b") as lock:
            self._wait_for(lock, tell)
            if self.is_complete(stage):  # by the process this one waited for
                return
            key = self._key()
            self._remove_interrupted()
            for name, arguments, size in steps:
                tell(f"Installing {name}: {size}, a few minutes at 50 Mbit/s (log: {self.log})")
                write_state(self.prefix, InstallState("running", name))
                self._run_pip(name, arguments, lock)
            write_state(self.prefix, InstallState("done") if stage in ("dashboards", "everything") else before)
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
            self._remove_interrupted()
            state = InstallState("failed", name, self._why())
            write_state(self.prefix, state)
            raise InstallError(f"{state}\nThe whole log: {self.log}")

    def _why(self) -> str:
        """The reason in pip's own words: its last lines that begin with ERROR."""
        text = self.log.read_text("utf-8", errors="replace")
        if cause := _cause(text, self.prefix):
            return cause
        lines = text.splitlines()
        # Indented where pip itself was started by pip, to build a package.
        errors = [line.strip().removeprefix("ERROR:").strip() for line in lines if line.strip().startswith("ERROR:")]
        return " ".join(errors[-2:]) or (lines[-1] if lines else "pip ended without a word.")

    def _remove_interrupted(self) -> None:
        """Forget packages whose installation was cut off: pip writes RECORD last, and believes in them without it."""
        if not (self.prefix / "pyvenv.cfg").is_file():
            return  # conda and system packages follow rules of their own
        pattern = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
        for info in self.prefix.glob(f"{pattern}/*.dist-info"):
            if not (info / "RECORD").is_file():
                shutil.rmtree(info)


def has_nvidia() -> bool:
    """Whether this computer has an NVIDIA card with its driver."""
    if any(Path("/proc/driver/nvidia/gpus").glob("*")):
        return True
    tool = shutil.which("nvidia-smi")
    try:
        return bool(tool) and "GPU" in subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False


_UNREACHABLE = (
    "NewConnectionError",
    "Name or service not known",
    "Temporary failure in name resolution",
    "getaddrinfo failed",
    "Network is unreachable",
    "ConnectTimeoutError",
    "Failed to establish a new connection",
    "NameResolutionError",
    "Read timed out",
)


def _cause(text: str, prefix: Path) -> str:
    """What went wrong, with the remedy, where the words of pip or the system are those of a known case; else ""."""
    if "No space left on device" in text or "Errno 28" in text or "not enough space on the disk" in text:
        place = next(path for path in (prefix, *prefix.parents) if path.exists())
        free = shutil.disk_usage(place).free / 1e9
        return (
            f"The disk is full ({free:.1f} GB are free at {place}): make room, about {GIGABYTES['explorer']} GB for the "
            f"explorer and {GIGABYTES['dashboards']} GB for all dashboards, and start again."
        )
    # With few retries pip says no more than that it found no version at all of something that surely exists.
    nothing = "(from versions: none)" in text and "requirement hatchling" in text
    if nothing or any(words in text for words in _UNREACHABLE):
        return (
            "The package index cannot be reached: connect this computer to the internet, or name a mirror in "
            "PIP_INDEX_URL, and start again."
        )
    return ""


def current(root: Path) -> Environment | None:
    """The environment this Python runs in if it is one of its own (venv, conda), which may be installed into."""
    own = sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").is_dir()
    return Environment(root, Path(sys.prefix)) if own and os.access(sysconfig.get_path("purelib"), os.W_OK) else None
