"""RunLine: measure the answers at the form's bits or at every pair, or fine-tune at them, and how far that has come."""

from __future__ import annotations

from ...labs.hardware.settings import FLOAT, PAIRS, pair_words
from ..lab import runline

BUTTONS = (
    ("measure", "▶ Measure these bits", "Round the network to the form's bits by calibration and have it answer"),
    ("measure_all", "Measure all pairs", "The form's bits (weights/activations) and " + "; ".join(map(pair_words, PAIRS))),
    (
        "fine_tune", "▶ Fine-tune at these bits",
        "Two passes over training images with the rounding; what was learnt before is trained on",
    ),
    ("stop", "■ Stop", "End what is running; training ends after its step and answers with what it has learnt"),
)  # fmt: skip


class RunLine(runline.RunLine):
    """Follows the lab."""

    def __init__(self, app):
        super().__init__(app, buttons=list(map(list, BUTTONS)), label="Fewer bits", main="measure")
        self.follow()

    def follow(self) -> None:
        """Show the state."""
        state, app = self.app.state, self.app
        now = state.rounding
        ready = state.reading is not None and state.subject is not None and state.subject.can_round
        used, pair = state.used, state.settings.pair
        done = pair in state.answers or pair == FLOAT
        if now:
            allowed, words = ["stop"], "The page stays usable."
        elif app.missing:
            allowed, words = [], app.missing
        elif not ready:
            allowed = ["stop"] if state.busy else []
            own = state.subject is not None and state.subject.own_bits is not None
            words = state.words or (
                "This network has bits of its own." if own else "This network cannot be rounded here."
            )
        else:
            allowed = ["measure_all"] if done else ["measure", "measure_all"]
            allowed += [] if pair == FLOAT else ["fine_tune"]
            words = _words(pair, used)
            if state.busy:
                allowed, words = [*allowed, "stop"], state.words
        progress = []
        if now:
            label = now["label"]
            progress = [{"name": label, "label": label, "share": now["share"], "words": now["words"]}]
        with self.hold_sync():
            self.allowed, self.words, self.progress = allowed, words, progress
            self.main = "stop" if now else "fine_tune" if done and pair != FLOAT else "measure"
            self.projector = state.projector


def _words(pair: tuple[str, str], used) -> str:
    """What kind of answers the page shows."""
    if pair == FLOAT:
        return "Shown are the answers of the network as it was trained."
    at = pair_words(pair)
    if used is None:
        return f"Shown are the answers of the unrounded network; at {at} not measured yet."
    how = f"Fine-tuned on {used.learnt:,} images at {at}" if used.learnt else f"Measured at {at}"
    return f"{how}: every figure on the page uses these answers."
