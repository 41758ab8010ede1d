"""The augment lab: `augment_lab` builds it; `AugmentLab` is what the caller keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...labs.address import parameters
from ...labs.augment import session
from ...labs.augment.settings import Settings, from_query
from ...labs.augment.state import AugmentState, Configuration, Decision, Trained
from .app import PARTS, AugmentApp


class AugmentLab:
    """Facade of one augment lab: plain values in and out, displayed by Jupyter.

    settings, phase, trained, decision, selected, code, url; start(), stop(), resume(), decide(), select(), join().
    """

    def __init__(self, app: AugmentApp):
        self._app = app
        self.state: AugmentState = app.state

    @property
    def settings(self) -> Settings:
        """What the form asks for."""
        return self.state.settings

    @property
    def phase(self) -> str:
        """One of "idle", "opening", "training", "finishing", "deciding", "stopping", "stopped", "done", "failed"."""
        return self.state.phase

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

    @property
    def explorer(self):
        """State of the explorer below, None until a network was opened there."""
        below = self._app.below.explorer
        return None if below is None else below.state

    @property
    def code(self) -> str:
        """The line that opens the lab with these settings."""
        return self._app.foot.code_line.text

    @property
    def url(self) -> str:
        """The address that opens the lab with these settings in Voila."""
        return self._app.foot.url_line.text

    @property
    def widget(self):
        """The ipywidgets box, to place it in a layout of one's own."""
        return self._app.box

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

    def join(self, timeout: float | None = None) -> None:
        """Wait until the lab holds, at most `timeout` seconds for each of its workers."""
        self._app.driver.join(timeout)

    def close(self) -> None:
        """Stop everything."""
        self._app.driver.close()

    def __repr__(self) -> str:
        return f"AugmentLab({self.settings.words()}; {self.phase})"

    def _repr_mimebundle_(self, **kwargs):
        return self.widget._repr_mimebundle_(**kwargs)


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

    model : of `eeviz.bases.BASES`, "uploaded", or an nn.Module; then calibration, training : samples as for `ee.augment`,
    report : samples for figures alone, options : its further keyword arguments. platform : a preset, or "uploaded". cost :
    "macs", "latency", "energy", "energy x latency": the least of it is sought. numbers : "float32" or "int8", how weights
    and activations are counted. max_drop : of accuracy, a share; max_exits : early exits at most.
    effort : "quick" or "full". claim : the saving whose sensitivity is shown, a share. worst_latency : of the deepest exit at
    most, s, 0: any. fine_tune : train the backbone on with its branches afterwards. folder : for checkpoints, else the
    user's cache folder. hide : parts to take away, of `PARTS`. projector : large type. In Voila the page's address
    overrides them (model, platform, objective, numbers, drop, exits, worst, effort, seed, joint, claim, projector).

    Raises ValueError where they do not fit.
    """
    if isinstance(hide, str):
        raise ValueError("hide: expected a list of names, got one string.")
    if unknown := sorted(set(hide) - set(PARTS)):
        raise ValueError(f"hide: no part is called {', '.join(map(repr, unknown))}; choose of {', '.join(PARTS)}.")
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
    settings, complaint = given, ""
    try:
        settings = from_query(given)
    except ValueError as error:  # what the address asks for is untrusted: open with what the notebook asked for
        complaint = str(error)
    large = projector or parameters().get("projector") == "1"
    app = AugmentApp(
        AugmentState(settings, projector=large), source, folder=Path(folder) if folder else _cache(), hide=tuple(hide),
        complaint=complaint,
    )  # fmt: skip
    app.begin()
    return AugmentLab(app)


def _cache() -> Path:
    from ...datasets import cache_folder

    return cache_folder() / "augment"
