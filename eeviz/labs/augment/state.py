"""AugmentState: the one place where the lab's current values live. The driver and the form write it, views observe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from traitlets import Enum, Instance, Tuple, Unicode

from ...core.network.segments import Segments
from ...core.platform.mapping import Mapping
from ...core.platform.sensitivity import Sensitivity
from ...core.solve.front import Front
from ...core.solve.tradeoff import Point
from ...core.table.metrics import Interval, accuracy_of
from ...core.table.policy import Policy
from ...core.table.records import ExitRecords
from ..state import LabState
from .settings import Settings

PHASES = ("idle", "opening", "training", "finishing", "deciding", "stopping", "stopped", "done", "failed")
_BUSY = frozenset({"opening", "training", "finishing", "deciding", "stopping"})


@dataclass(frozen=True)
class Place:
    """A candidate location: name of the module it taps, shape behind it, MACs up to it, share of the model's MACs.

    chosen : does it get branches?
    """

    name: str
    shape: tuple[int, ...]
    macs: float
    share: float
    chosen: bool


@dataclass(frozen=True)
class Branch:
    """A branch as built: index of its place among the chosen ones, design, width, MACs."""

    place: int
    design: str
    width: int
    macs: float


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A model's graph as the lab shows it. macs : of one sample. samples : that branches learn on, and that decide."""

    title: str
    macs: float
    classes: int
    places: tuple[Place, ...]
    branches: tuple[Branch, ...]
    learn: int
    tune: int
    notes: tuple[str, ...] = ()

    @property
    def chosen(self) -> tuple[Place, ...]:
        """The places that get branches."""
        return tuple(place for place in self.places if place.chosen)


@dataclass(frozen=True, eq=False)
class Learning:
    """How training goes: progress in [0, 1]; seconds of it; accuracy (B,) of each branch on varied training samples, moving
    averages, NaN before the first step. stage : as in `Step`."""

    progress: float
    seconds: float
    step: int
    steps: int
    accuracy: np.ndarray
    stage: str = "branches"


@dataclass(frozen=True, eq=False)
class Trained:
    """What training left: records on the samples that decide, segments by number format, complete or stopped early.

    accuracy (B,) of each branch on those samples. right (N,) : which of them the model as it was given answers right; after
    fine-tuning the records' final classifier is another.
    """

    records: ExitRecords
    segments: dict[str, Segments]
    complete: bool
    accuracy: np.ndarray
    right: np.ndarray
    seconds: float

    @property
    def final(self) -> float:
        """Accuracy of the model as it was given."""
        return accuracy_of(self.records, self.right)

    @property
    def moved(self) -> bool:
        """Whether fine-tuning has changed the model's own answers."""
        return not np.array_equal(self.right, self.records.correct[:, -1])


@dataclass(frozen=True, eq=False)
class Decision:
    """Exits, designs, thresholds and processors decided together, for `settings`. index : the point chosen at first."""

    settings: Settings
    mapping: Mapping
    index: int

    @property
    def front(self) -> Front:
        return self.mapping.front


@dataclass(frozen=True, eq=False)
class Configuration:
    """One policy on the platform with everything that is shown about it: figures as `Mapping.figures` gives them.

    index : of the front's point, -1 for the shortest path's. difference : of its accuracy from that of the model as it was given, paired.
    expected : its drop on new samples, cross-validated, beside the drop that was asked for; None: not known.
    """

    index: int
    mapping: Mapping
    figures: dict
    difference: Interval
    expected: Interval | None = None
    asked: float | None = None

    @property
    def policy(self) -> Policy:
        return self.mapping.policy

    @property
    def accuracy(self) -> float:
        return self.figures["accuracy"]


@dataclass(frozen=True, eq=False)
class Beside:
    """The shortest path's configuration for a decision; None with the reason in words where it finds none."""

    decision: Decision
    configuration: Configuration | None
    words: str = ""


@dataclass(frozen=True, eq=False)
class Static:
    """Static networks trained alone, by rising cost, for a decision's cost and platform; none for most models."""

    decision: Decision
    points: tuple[Point, ...]


class AugmentState(LabState):
    """Current values of one lab; every value is immutable and replaced whole, under one lock.

    settings : of the form. anatomy, learning, trained, decision : what has been computed, None before. selected : the
    configuration on show. beside : the shortest path's. static : networks trained alone. sensitivity : of the selected one, None until computed.
    """

    BUSY = _BUSY

    settings = Instance(Settings)
    phase = Enum(PHASES, "idle")
    anatomy = Instance(Anatomy, allow_none=True)
    learning = Instance(Learning, allow_none=True)
    trained = Instance(Trained, allow_none=True)
    decision = Instance(Decision, allow_none=True)
    beside = Instance(Beside, allow_none=True)
    static = Instance(Static, allow_none=True)
    selected = Instance(Configuration, allow_none=True)
    sensitivity = Instance(Sensitivity, allow_none=True)
    given_model = Unicode("", help="what the uploaded model is, in words; empty before there is one")
    given_tables = Tuple(help="tables of the uploaded checkpoint that fit, where there are several")
    given_platform = Unicode("", help="name of the uploaded platform; empty before there is one")
    exporting = Unicode("", help="what export is at, in words; empty when it is at nothing")

    def __init__(self, settings: Settings | None = None, **traits):
        super().__init__(settings=settings or Settings(), **traits)

    def forget(self, *, training: bool = True) -> None:
        """Another decision, or with `training` another model, is on its way: what was shown belongs to the old one."""
        with self.lock, self.hold_trait_notifications():
            self.selected = self.decision = self.beside = self.static = self.sensitivity = None
            if training:
                self.anatomy = self.learning = self.trained = None
            self._forget()

    def select(self, configuration: Configuration | None, *, remember: bool = True) -> None:
        """The only way a selection changes; undo goes back to the one before."""
        with self.lock, self.hold_trait_notifications():
            if remember:
                self._remember()
            self._restore(configuration)
            self._flags()

    def _shown(self) -> Configuration | None:
        return self.selected

    def _restore(self, value: Configuration | None) -> None:
        self.sensitivity = None
        self.selected = value
