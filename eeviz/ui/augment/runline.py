"""RunLine: Start, Stop, Resume, Decide again, and how far training has come."""

from __future__ import annotations

from ...catalogue import BASES
from ...labs.augment.settings import UPLOADED
from ...labs.augment.shipped import has_result
from ..lab import runline

BUTTONS = (
    ("start", "▶ Start", "Read the model's graph, train branches, decide"),
    ("stop", "■ Stop", "Hold training; what the branches have learnt so far is measured and decided on"),
    ("resume", "Resume", "Train on from where Stop held"),
    ("shipped", "Shipped result", "What was made of this model before: no data and no training needed"),
    ("decide", "Decide again", "On the branches as they are: another platform, cost, accuracy or number of exits"),
)
_WORDS = {
    "idle": "Nothing has run yet: press Start.",
    "opening": "Opening model and data, reading the graph …",
    "training": "Training the branches; the model itself stays as it is.",
    "finishing": "Measuring every branch on samples of its own …",
    "deciding": "Deciding exits, designs, thresholds and processors …",
    "stopping": "Stopping after this step …",
    "stopped": "Stopped. What was learnt so far is kept: Resume trains on.",
    "done": "Done.",
    "failed": "Ended by an error; what was computed before is kept.",
}


class RunLine(runline.RunLine):
    """Follows the augmentation."""

    def __init__(self, app):
        super().__init__(app, buttons=list(map(list, BUTTONS)), label="Augmentation")
        self.follow()

    def follow(self) -> None:
        """Show the state."""
        state, driver = self.app.state, self.app.driver
        if state.busy:
            allowed = [] if state.phase == "stopping" else ["stop"]
        else:
            allowed = self._begin()
            if driver.training is not None and not driver.training.complete:
                allowed.append("resume")
            if state.trained is not None:
                allowed.append("decide")
        missing, words = self.app.missing, _WORDS[state.phase]
        if state.phase == "idle" and "shipped" in allowed:
            words = "Nothing has run yet: press Start, or Shipped result to see a finished one."
            if "start" not in allowed:
                words = "Nothing has run yet: press Shipped result; of this model the weights do not ship."
        if state.phase == "stopped" and "resume" not in allowed:
            words = "Stopped."
        if state.phase == "done" and state.beside is None:
            words = "Done but for the shortest path beside it."
        if state.phase == "failed" and state.anatomy is None:
            words = "Ended by an error: see the message below."
        if state.exporting:
            words = state.exporting
        stale = "decide" in allowed and self.app.stale()
        with self.hold_sync():
            self.allowed = [name for name in allowed if name in ("shipped", "decide")] if missing else allowed
            main = next((name for name in ("resume", "start", "shipped") if name in allowed), "start")
            self.main = "stop" if state.busy else "decide" if stale else main
            self.words = "PyTorch is not installed yet." if missing and state.phase == "idle" else words
            self.progress = _progress(state)
            self.projector = state.projector

    def _begin(self) -> list[str]:
        """What begins with the settings' model."""
        model = self.app.state.settings.model
        if self.app.files.given is not None or model == UPLOADED:
            return ["start"]
        own = ["start"] if BASES[model].weights else []
        return [*own, "shipped"] if has_result(self.app.state.settings) else own


def _progress(state) -> list[dict]:
    now = state.learning
    if now is None:
        return []
    words = [f"step {now.step} of {now.steps}", f"{now.seconds:.0f} s"]
    if 0.02 < now.progress < 1:
        words.append(f"{now.seconds * (1 - now.progress) / now.progress:.0f} s left")
    label = {"branches": "branches", "joint": "fine-tuning", "calibration": "measuring"}[now.stage]
    return [{"name": "training", "label": label, "share": now.progress, "words": " · ".join(words)}]
