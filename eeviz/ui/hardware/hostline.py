"""HostLine: measure the network on this host, stop that, and how far it has come; on the page while this host is chosen."""

from __future__ import annotations

from ...core.table import format
from ..lab import runline

BUTTONS = (
    ("clock", "▶ Measure this host", "Run every segment and exit in onnxruntime, warm, and take the median"),
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
                "Median of warm repeats on one thread, kept while the page is open; their middle halves span up to "
                f"{format.percent(spread, 0)}."
            )
        with self.hold_sync():
            self.layout.display = None if state.settings.batch else "none"
            self.allowed, self.words = allowed, words
            self.progress = [{"name": "host", "label": "this host", **now}] if now else []
            self.main = "stop_clock" if now else "clock"
            self.projector = state.projector
