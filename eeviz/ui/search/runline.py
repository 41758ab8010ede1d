"""RunLine: Start, Pause, Step, Resume, Stop, and how far each method has come."""

from __future__ import annotations

import anywidget
from traitlets import Bool, List, Unicode

from ..assets import module, style
from ..guard import guarded
from .palette import LOOKS

_ALLOWED = {
    "idle": ("start", "step"),
    "opening": ("stop",),
    "running": ("pause", "stop"),
    "pausing": ("stop",),
    "stopping": (),
    "paused": ("start", "step", "resume", "stop"),
    "stopped": ("start", "step", "resume"),
    "done": ("start", "resume"),
    "failed": ("start", "resume"),
}
_WORDS = {
    "idle": "Nothing has run yet: press Start.",
    "opening": "Opening the data and the supernet …",
    "running": "Searching.",
    "pausing": "Pausing …",
    "paused": "Paused. Resume goes on; everything so far is in the store.",
    "stopping": "Stopping …",
    "stopped": "Stopped. Everything found is in the store; Resume goes on with it.",
    "done": "Done: the budget is used. With a larger one, Resume goes on.",
    "failed": "Ended by an error; what was found is in the store.",
}


class RunLine(anywidget.AnyWidget):
    """allowed : names of the buttons that may be pressed; main : the one that stands out. progress : per method name,
    label, share in [0, 1] and words. A press arrives as a message and calls the driver's method of that name.
    """

    _esm = module("runline.js")
    _css = style("status.css", "runline.css")

    allowed = List(Unicode()).tag(sync=True)
    main = Unicode("start").tag(sync=True)
    words = Unicode("").tag(sync=True)
    progress = List().tag(sync=True)
    projector = Bool(False).tag(sync=True)

    def __init__(self, app):
        self.app = app
        super().__init__()
        self.on_msg(lambda _, message, __: self._hear(message))
        self.follow()

    def _hear(self, message: object) -> None:
        name = message.get("name") if isinstance(message, dict) else None
        if name in self.allowed:
            self.press(name)

    def press(self, name: str) -> None:
        """As if that button were pressed; errors are said in the page."""
        act = getattr(self.app, name)
        guarded(self.app.status, lambda: act(), f"“{name.capitalize()}”")()

    def follow(self) -> None:
        """Show the state."""
        state = self.app.state
        allowed = _ALLOWED[state.phase] if not self.app.missing else ()
        if not state.lanes:
            allowed = tuple(name for name in allowed if name != "resume")
        with self.hold_sync():
            self.allowed = list(allowed)
            self.main = next((n for n in ("pause", "resume", "start") if n in allowed), "start")
            if state.phase == "done" or (state.phase == "idle"):
                self.main = "start"
            self.words = _WORDS[state.phase] if not self.app.missing else "Searching is not installed yet."
            self.progress = [_progress(lane, state) for lane in state.lanes.values()]
            self.projector = state.projector


def _progress(lane, state) -> dict:
    now, asked = lane.snapshot, state.running or state.settings
    if asked.seconds is None:
        share, of, left = now.evaluations / max(now.total, 1), f"{now.evaluations} of {now.total}", now.seconds_left
    else:
        share, of = min(now.seconds / asked.seconds, 1.0), f"{now.evaluations}"
        left = max(asked.seconds - now.seconds, 0.0)
    parts = [f"{of} evaluations", f"{now.seconds:.0f} s"]
    if now.rate:
        parts.append(f"{now.rate:.2g} evaluations/s")
    if left and share < 1:
        parts.append(f"{_duration(left)} left")
    if now.failed:
        parts.append(f"{now.failed} failed")
    return {
        "name": lane.method,
        "label": f"{LOOKS[lane.method].sign} {lane.method}",
        "share": share,
        "words": " · ".join(parts),
    }


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
