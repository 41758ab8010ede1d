"""The augment lab: `augment_lab` builds it; `AugmentLab` is what the caller keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...labs.augment import session
from ...labs.augment.settings import Settings
from ...labs.augment.state import AugmentState, Configuration, Decision, Trained
from ..lab.facade import Lab, asked_for
from ..page.facade import checked_parts
from .app import PARTS, AugmentApp


class AugmentLab(Lab):
    """Facade of one augment lab: plain values in and out, displayed by Jupyter.

    settings, phase, trained, decision, selected, code, url; start(), stop(), resume(), decide(), select(), join().
    """

    state: AugmentState
    _app: AugmentApp

    @property
    def trained(self) -> Trained | None:
        """What training left: records, segments."""
        return self.state.trained

    @property
    def decision(self) -> Decision | None:
        """Exits, designs, thresholds and processors decided together: mapping, front."""
        return self.state.decision

    @property
    def selected(self) -> Configuration | None:
        """The configuration on show: policy, mapping, figures."""
        return self.state.selected

    @property
    def augmentation(self):
        """The `Augmentation` behind the lab, None before training: `.network(policy)`, `.collect(data)`."""
        training = self._app.driver.training
        return None if training is None or training.run is None else training.run.result

    def start(self) -> None:
        """Augment the form's model."""
        self._app.start()

    def stop(self) -> None:
        """Hold training; what was learnt so far is measured and decided on."""
        self._app.stop()

    def resume(self) -> None:
        """Train on."""
        self._app.resume()

    def decide(self) -> None:
        """Decide again with the form's platform, cost and conditions."""
        self._app.decide()

    def select(self, index: int) -> None:
        """Show one point of the front."""
        self._app.driver.select(index)


def augment_lab(
    model="ecg",
    calibration=None,
    *,
    training=None,
    report=None,
    options: Mapping | None = None,
    platform: str = "cortex-m0-m4",
    cost: str = "energy",
    numbers: str = "int8",
    max_drop: float = 0.01,
    max_exits: int = 2,
    effort: str = "quick",
    seed: int = 0,
    claim: float = 0.25,
    worst_latency: float = 0.0,
    fine_tune: bool = False,
    folder: str | Path | None = None,
    hide: Sequence[str] = (),
    projector: bool = False,
) -> AugmentLab:
    """Open the augment lab: from a trained classifier to an early-exit network on processors; first with the result that
    ships of the model, if one does.

    model : of `eeviz.catalogue.BASES`, "uploaded", or an nn.Module; then calibration, training : samples as for `ee.augment`,
    report : samples for figures alone, options : its further keyword arguments. platform : a preset, or "uploaded". cost :
    "macs", "latency", "energy", "energy x latency": the least of it is sought. numbers : "float32" or "int8", how weights
    and activations are counted. max_drop : of accuracy, a share; max_exits : early exits at most.
    effort : "quick" or "full". claim : the saving whose sensitivity is shown, a share. worst_latency : of the deepest exit at
    most, s, 0: any. fine_tune : train the backbone on with its branches afterwards. folder : for checkpoints, else the
    user's cache folder. hide : parts to take away, of `PARTS`. projector : large type. In Voila the page's address
    overrides them (model, platform, objective, numbers, drop, exits, worst, effort, seed, joint, claim, projector).

    Raises ValueError where they do not fit.

    >>> lab = ee.augment_lab("ecg", max_drop=0.02)
    >>> lab.settings.max_drop
    0.02
    """
    hide = checked_parts(hide, PARTS)
    source = None
    if not isinstance(model, str):
        if calibration is None:
            raise ValueError("a model of one's own needs calibration samples that it was not trained on.")
        source = session.source_of(model, calibration, training, report, **(options or {}))
    given = Settings(
        model if source is None else "uploaded",
        platform,
        cost,
        numbers,
        max_drop,
        max_exits,
        effort,
        seed,
        claim,
        worst_latency,
        fine_tune,
    )
    settings, large, complaint = asked_for(given, projector)
    app = AugmentApp(
        AugmentState(settings, projector=large), source, folder=Path(folder) if folder else _cache(), hide=hide,
        complaint=complaint,
    )  # fmt: skip
    app.begin()
    return AugmentLab(app)


def _cache() -> Path:
    from ...datasets import cache_folder

    return cache_folder() / "augment"
