"""RunLine: measure the answers at the form's bits, or at every pair, and how far that has come."""

from __future__ import annotations

from .. import runline
from .settings import PAIRS, pair_words

BUTTONS = (
    ("measure", "▶ Measure these bits", "Round the network to the form's bits by calibration and have it answer"),
    ("measure_all", "Measure all pairs", "The form's bits and " + "; ".join(map(pair_words, PAIRS))),
    ("stop", "■ Stop", "End what is running; what is known stays"),
)


class RunLine(runline.RunLine):
    """Follows the lab."""

    def __init__(self, app):
        super().__init__(app, buttons=list(map(list, BUTTONS)), label="Measuring bits", main="measure")
        self.follow()

    def follow(self) -> None:
        """Show the state."""
        state, app = self.app.state, self.app
        measuring = bool(state.rounding)
        ready = state.reading is not None and state.subject is not None and state.subject.can_round
        done = state.settings.pair in state.answers
        if measuring:
            allowed, words = ["stop"], "Calibrating and answering; the page stays usable."
        elif app.missing:
            allowed, words = [], app.missing
        elif not ready:
            allowed = ["stop"] if state.busy else []
            words = state.words or "This network cannot be rounded here."
        else:
            allowed = ["measure_all"] if done else ["measure", "measure_all"]
            words = (
                f"Measured at {pair_words(state.settings.pair)}: every figure on the page uses these answers."
                if done
                else f"Shown are the answers of the unrounded network; at {pair_words(state.settings.pair)} not measured yet."
            )
            if state.busy:
                allowed, words = [*allowed, "stop"], state.words
        progress = []
        if measuring:
            now = state.rounding
            progress = [{"name": "bits", "label": "bits", "share": now["share"], "words": now["words"]}]
        with self.hold_sync():
            self.allowed, self.words, self.progress = allowed, words, progress
            self.main = "stop" if measuring else "measure_all" if done else "measure"
            self.projector = state.projector
