"""What a tool needs beyond the explorer: says what is missing, how to get it, and whether it is on its way already."""

import json
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from .paths import checkout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

_EXTRA = {  # distribution -> the extra of pyproject.toml that brings it
    "torch": "train",
    "fvcore": "train",
    "safetensors": "train",
    "pymoo": "search",
    "scikit-learn": "search",
    "zigzag-dse": "hardware",
    "onnx": "hardware",
    "onnxruntime": "hardware",
    "pillow": "data",
    "scipy": "data",
    "pyyaml": "data",
    "jupyterlab": "lab",
    "pytest": "test",
    "playwright": "test",
}


@dataclass(frozen=True)
class InstallState:
    """How far the installation of everything in requirements.txt has come.

    state: "none" (never asked for), "running", "done", "stopped" (ended before it was complete), "failed".
    step: what is, or was, being installed. message: why it failed, in words.
    """

    state: str = "none"
    step: str = ""
    message: str = ""

    def __str__(self) -> str:
        if self.state == "running":
            return f"Still installing {self.step}. Tools that need it say so; the explorer does not wait for it."
        if self.state == "done":
            return "Everything that the dashboards need is installed."
        if self.state == "stopped":
            return (
                f"The installation of {self.step} was interrupted; `make run` or `python -m eeviz install` resumes it."
            )
        if self.state == "failed":
            return (
                f"Installing {self.step} failed: {self.message} "
                f"{'' if 'explorer' in self.step else 'The explorer works without it; '}"
                "`make run` or `python -m eeviz install` tries again."
            )
        return "Only the explorer's own packages were asked for; `make run` or `python -m eeviz install` adds the rest."


def state_folder(prefix: str | Path = sys.prefix) -> Path:
    """Where the environment at `prefix` keeps the state, the lock, the stamps and the log of its installation."""
    return Path(prefix) / "eeviz-install"


def install_state(prefix: str | Path = sys.prefix) -> InstallState:
    """The state of the installation in the environment at `prefix`, checked against the process that does it."""
    folder = state_folder(prefix)
    try:
        state = InstallState(**json.loads((folder / "state.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):  # never written, or half written by a process that was killed
        return InstallState()
    if state.state == "running" and not _is_locked(folder / "lock"):
        return InstallState("stopped", state.step)
    return state


def write_state(prefix: str | Path, state: InstallState) -> None:
    """Write `state` where install_state() reads it, all or nothing."""
    path = state_folder(prefix) / "state.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(state)), "utf-8")
    part.replace(path)


def try_lock(file) -> None:
    """Lock the open `file` until it is closed, also by a child that inherits it. Raises OSError if it is locked."""
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r+b") as file:
            try_lock(file)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def is_installed(name: str) -> bool:
    """Whether the distribution `name` can be found in this environment."""
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def require(*names: str, for_: str) -> None:
    """Check that the distributions `names` are installed before `for_` (a few words, such as "training") uses them.

    Raises ImportError saying what to install and, while the background installation still runs, that it is on its way.
    """
    missing = [name for name in names if not is_installed(name)]
    if not missing:
        return
    it = "it" if len(missing) == 1 else "them"
    message = [f"{for_} needs {' and '.join(missing)}, not installed here. Install {it} with: {pip_line(missing)}"]
    state = install_state()
    if state.state == "running":
        message = [
            f"{for_[:1].upper()}{for_[1:]} needs {' and '.join(missing)}, and {it} {'is' if len(missing) == 1 else 'are'} "
            f"not installed yet. An installation is running in the background, now at {state.step}; reload this page when "
            f"the index page says that everything is installed. To install {it} by hand: {pip_line(missing)}"
        ]
    elif state.state in ("stopped", "failed"):
        message.append(str(state))
    raise ImportError(" ".join(message))


def pip_line(names: list[str]) -> str:
    """The command that installs the distributions `names` by the extras of eeviz that bring them."""
    extras = ",".join(sorted({_EXTRA[name] for name in names if name in _EXTRA}))
    others = [name for name in names if name not in _EXTRA]
    root = checkout()
    wanted = ([f'-e "{root}[{extras}]"' if root else f'"eeviz[{extras}]"'] if extras else []) + others
    return f"python -m pip install {' '.join(wanted)}"
