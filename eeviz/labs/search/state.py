"""SearchState: the one place where the lab's current values live. The driver and the controls write it, views observe."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from traitlets import Enum, Float, Instance, Int, Tuple, Unicode

from ...core.network.plan import Plan
from ...core.table.policy import Policy
from ...core.table.records import ExitRecords
from ..state import LabState
from .settings import Settings

PHASES = ("idle", "opening", "running", "pausing", "paused", "stopping", "stopped", "done", "failed")
_BUSY = frozenset({"opening", "running", "pausing", "stopping"})


@dataclass(frozen=True, eq=False)
class Selection:
    """One operating point of one candidate, with everything that is shown about it.

    point counts the candidate's own points; policy is for records with the candidate's columns; own_policy for its own
    network, whose genome is `genome` and whose plan draws as `drawing`; words : its text form. unit : of the costs.
    shares : of the samples leaving at each of its exits, None where its records are not kept. plan : its own network's, each
    exit at the bits it was chosen with; None where its genome alone says what it is.
    """

    method: str
    candidate: int
    point: int
    policy: Policy
    own_policy: Policy
    genome: tuple[int, ...]
    drawing: dict
    words: str
    accuracy: float
    mean_cost: float
    worst_cost: float
    unit: str
    shares: tuple[float, ...] | None = None
    tuned: str = ""
    plan: Plan | None = None

    @property
    def key(self) -> tuple[str, int, int]:
        return self.method, self.candidate, self.point

    @property
    def name(self) -> str:
        return f"{self.method} {self.candidate}" + (f", {self.tuned}" if self.tuned else "")


@dataclass(frozen=True, eq=False)
class Tuned:
    """A candidate trained on: its selection with the point reached on search-validation, network, records there.

    measure : the confidence that its thresholds are for.
    """

    selection: Selection
    network: object
    records: ExitRecords
    measure: str
    epochs: int
    seconds: float


class SearchState(LabState):
    """Current values of one lab; every value is immutable and replaced whole, under one lock.

    settings : of the form. running : of the search on show, None before the first. lanes : method -> Lane of its newest
    snapshot. phase : of PHASES. selected, pins : Selection and name -> Selection. saved : what the store offers.
    """

    BUSY = _BUSY

    settings = Instance(Settings)
    running = Instance(Settings, allow_none=True)
    phase = Enum(PHASES, "idle")
    lanes = Instance(MappingProxyType)
    unit = Unicode("MACs")
    saved = Tuple()
    selected = Instance(Selection, allow_none=True)
    pins = Instance(dict, ())
    tuning = Unicode("", help="what fine-tuning is at, in words; empty when it is at nothing")
    tuning_share = Float(0.0)
    tuned = Tuple()  # of Tuned
    budget = Int(-1, help="which of the eight budgets the progress chart shows; -1 for their mean")

    def __init__(self, settings: Settings | None = None, **traits):
        super().__init__(settings=settings or Settings(), lanes=MappingProxyType({}), **traits)

    @property
    def evaluations(self) -> int:
        """Evaluations done, of all methods."""
        return sum(lane.snapshot.evaluations for lane in self.lanes.values())

    def show(self, lanes) -> None:
        """Replace the lanes: new snapshots, or another search."""
        with self.lock:
            self.lanes = MappingProxyType(dict(lanes))

    def forget(self) -> None:
        """Another search is opened: what was selected, pinned and trained belongs to the old one."""
        with self.lock, self.hold_trait_notifications():
            self.selected, self.pins, self.tuned = None, {}, ()
            self.lanes = MappingProxyType({})
            self._forget()

    def select(self, selection: Selection | None) -> None:
        """The only way a selection changes; undo goes back to the one before."""
        with self.lock, self.hold_trait_notifications():
            here = self.selected
            if (
                selection is not None
                and here is not None
                and (selection.key, selection.tuned) == (here.key, here.tuned)
            ):
                return
            if here is not None or self._undo:  # there is nothing to go back to before the first
                self._remember()
            self._redo = []
            self.selected = selection
            self._flags()

    def pin(self, name: str) -> None:
        """Keep the selection as "A" or "B". Raises ValueError when nothing is selected."""
        if self.selected is None:
            raise ValueError("nothing is selected yet: click a point of the chart or a row of the table first.")
        self.pins = {**self.pins, name: self.selected}

    def _shown(self) -> Selection | None:
        return self.selected

    def _restore(self, value: Selection | None) -> None:
        self.selected = value
