"""HostLine: measure the network on this host, stop that, and how far it has come; on the page while this host is chosen."""

from __future__ import annotations

from ...core import text
from .. import runline

BUTTONS = (
    ("clock", "▶ Measure again", "Run every segment and exit in onnxruntime, warm, and take the median"),
    ("stop_clock", "■ Stop", "End the measurement; what was measured before stays"),
)


class HostLine(runline.RunLine):
    """Follows the lab."""

    def __init__(self, app):
        super().__init__(app, buttons=list(map(list, BUTTONS)), label="This host", main="clock")
        self.follow()

    def follow(self) -> None:
        """Show the state."""
        state = self.app.state
        now = state.clocking
        if now:
            allowed, words = ["stop_clock"], "Keep the machine quiet: other work disturbs the times."
        elif state.busy:
            allowed, words = ["stop_clock"], ""
        elif state.reading is None:
            allowed, words = ["clock"], "Not measured yet."
        else:
            spread = max((one.spread for one in state.clocked), default=0.0)
            allowed = ["clock"]
            words = (
                "Measured in onnxruntime on one thread, warm, median of repeats; kept while this page is open. "
                f"The middle half of a piece's readings spans at most {text.percent(spread, 0)} of its median."
            )
        with self.hold_sync():
            self.layout.display = None if state.settings.batch else "none"
            self.allowed, self.words = allowed, words
            self.progress = [{"name": "host", "label": "this host", **now}] if now else []
            self.main = "stop_clock" if now else "clock"
            self.projector = state.projector
