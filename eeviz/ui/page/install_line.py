"""One line on the index page: whether everything is installed yet, kept current while it is not."""

import threading
import time
from html import escape

import ipywidgets

from ...launch.packages import InstallState, install_state

POLL_SECONDS = 2.0


def install_line() -> ipywidgets.HTML:
    """A status line that follows the background installation until it ends."""
    line = ipywidgets.HTML()
    state = _show(line)
    if state.state == "running":
        threading.Thread(target=_follow, args=(line,), name="install line", daemon=True).start()
    return line


def _show(line: ipywidgets.HTML) -> InstallState:
    state = install_state()
    line.value = f'<div role="status" aria-live="polite">{escape(str(state))}</div>'
    return state


def _follow(line: ipywidgets.HTML) -> None:
    time.sleep(POLL_SECONDS)
    while _show(line).state == "running":
        time.sleep(POLL_SECONDS)
