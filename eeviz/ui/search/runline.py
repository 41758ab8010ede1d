"""RunLine: Start, Pause, Step, Resume, Stop, and how far each method has come."""

from __future__ import annotations

from ..lab import runline
from .palette import MARKS

BUTTONS = (
    ("start", "▶ Start", "Begin a search with the settings above"),
    ("pause", "Pause", "Hold the search; Resume goes on with it"),
    ("step", "Step", "One evaluation of each method"),
    ("resume", "Resume", "Go on with the search on show"),
    ("stop", "■ Stop", "End the search; everything found is in the store"),
)

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
    "done": "Done: the budget is used. Resume goes on with a larger one; another seed and Start begin anew.",
    "failed": "Ended by an error; what was found is in the store.",
}


class RunLine(runline.RunLine):
    """Follows the search: a line of progress for each method."""

    def __init__(self, app):
        super().__init__(app, buttons=list(map(list, BUTTONS)), label="Search")
        self.follow()

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
    if not now.evaluations and state.busy:
        words = "first evaluation under way: process, data and weights are loaded before it"
        return {"name": lane.method, "label": f"{MARKS[lane.method].sign} {lane.method}", "share": 0.0, "words": words,
                "waiting": True}  # fmt: skip
    parts = [f"{of} evaluations", f"{now.seconds:.0f} s"]
    if now.rate:
        parts.append(f"{now.rate:.2g} evaluations/s")
    if left and share < 1:
        parts.append(f"{_duration(left)} left")
    if now.failed:
        parts.append(f"{now.failed} failed")
    return {
        "name": lane.method,
        "label": f"{MARKS[lane.method].sign} {lane.method}",
        "share": share,
        "words": " · ".join(parts),
    }


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
