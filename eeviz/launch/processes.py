"""Child processes that end together with everything they started."""

import os
import signal
import subprocess
from collections.abc import Sequence

STOP_SECONDS = 8.0


def start(command: Sequence[str], **options) -> subprocess.Popen:
    """Popen without standard input, in a group of its own: Ctrl-C reaches it through end() only, never twice."""
    own_group = {} if os.name == "nt" else {"start_new_session": True}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, **own_group, **options)


def end(process: subprocess.Popen) -> None:
    """End a process from start() with its children: politely first, after STOP_SECONDS by force."""
    if process.poll() is not None:
        return
    if os.name == "nt":  # terminate() would leave the children behind
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True)
        process.wait()
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
