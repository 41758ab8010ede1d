"""HardwareState: the one place where the lab's current values live. The driver and the form write it, views observe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from traitlets import Dict, Enum, Instance, Unicode
from traitlets import Tuple as Row

from ...core.network.workload import Step
from ...core.solve.cross_fit import split_in_two
from ...core.solve.front import Front
from ...core.solve.thresholds import choose
from ...core.table.cost import Cost, ProductCost
from ...core.table.metrics import Interval
from ...core.table.policy import Policy
from ...core.table.records import ExitRecords
from ...hardware.clock import Clocked
from ...hardware.layer_table import LayerTable
from ..state import LabState
from .settings import FLOAT, Settings
from .subject import Subject

FINE = "fine-tuned"
PHASES = ("idle", "opening", "looking", "solving", "stopped", "done", "failed")
_BUSY = frozenset({"opening", "looking", "solving"})


@dataclass(frozen=True, eq=False)
class Reading:
    """What a network costs on one provider at some bits. costs : those of `hardware.COSTS` and "macs". notes : sentences on
    where the provider extrapolates. layers, steps : of an accelerator, None and () of a platform. title : for people."""

    settings: Settings
    name: str
    title: str
    costs: Mapping[str, Cost | ProductCost]
    notes: tuple[str, ...] = ()
    layers: LayerTable | None = None
    steps: tuple[Step, ...] = ()

    @property
    def clock(self) -> str:
        """Unit of latency."""
        return self.costs["latency"].unit


@dataclass(frozen=True, eq=False)
class Fronts:
    """The fronts of one table under every cost, each by rising own cost.

    records : with all the costs. fronts : cost -> Front. means : chosen by -> charged -> (M,) mean cost. rounded : are the
    answers those of the rounded network?
    """

    records: ExitRecords
    fronts: Mapping[str, Front]
    means: Mapping[str, Mapping[str, np.ndarray]]
    rounded: bool

    def index(self, cost: str, max_drop: float) -> int:
        """The cheapest point in `cost` at most `max_drop` below the final classifier. Raises ValueError where none is."""
        return choose(self.fronts[cost], self.records, None, None, max_drop)

    def saved(self, chosen_by: str, charged: str, index: int) -> float:
        """Share of the static network's cost that a point saves."""
        return 1 - self.means[chosen_by][charged][index] / self.records.cost(charged).static

    def extra(self, chosen_by: str, charged: str, max_drop: float) -> float:
        """What choosing by another cost costs more, as a share."""
        best = self.means[charged][charged][self.index(charged, max_drop)]
        other = self.means[chosen_by][charged][self.index(chosen_by, max_drop)]
        return float(other / best - 1) if best > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Machine:
    """The same network on another provider: reading and saved (share of its `cost` at the drop asked for), or words on why
    there is none."""

    name: str
    title: str
    reading: Reading | None = None
    saved: float | None = None
    mean: float | None = None
    words: str = ""


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network answers at one pair of bits, MACs as cost: tune and shown are different samples of `both`.

    learnt : images that it was fine-tuned on at these bits, repeats included; 0: calibrated alone.
    """

    pair: tuple[str, str]
    both: ExitRecords
    learnt: int = 0

    @property
    def key(self) -> tuple[str, ...]:
        """The pair, and whether it was fine-tuned."""
        return (*self.pair, FINE) if self.learnt else self.pair

    @cached_property
    def tune(self) -> ExitRecords:
        """The samples that choose thresholds: every other one; half of the groups where there are groups."""
        return self.both.subset(self._parts[0])

    @cached_property
    def shown(self) -> ExitRecords:
        """The samples that report, none of a group that chose."""
        return self.both.subset(self._parts[1])

    @cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        if self.both.group is not None and len(np.unique(self.both.group)) > 1:
            return split_in_two(self.both, 0)
        index = np.arange(len(self.both))
        return index[::2], index[1::2]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A policy on samples that did not choose it. share (E,). costs : name -> (mean, static), empty where unknown."""

    policy: Policy
    accuracy: Interval
    share: np.ndarray
    costs: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Rounded:
    """One pair of bits on one accelerator: accuracy (E,) of every exit answering all, and the outcome of thresholds tuned
    for FP32 and held, and tuned again. words : why there are no costs. learnt : as in Answers."""

    pair: tuple[str, str]
    accuracy: np.ndarray
    held: Outcome
    again: Outcome
    words: str = ""
    learnt: int = 0


class HardwareState(LabState):
    """Current values of one lab; every value is immutable and replaced whole, under one lock.

    subject, reading, fronts : of `settings`, None before. machines : the same network elsewhere. answers : key -> Answers of
    the subject; rounded : those on the accelerator. clocks : network -> (bits, batch) -> Clocked, for the whole visit.
    trouble : why there is no reading, in words.
    """

    BUSY = _BUSY

    settings = Instance(Settings)
    phase = Enum(PHASES, "idle")
    words = Unicode("", help="what the lab is at, in words")
    subject = Instance(Subject, allow_none=True)
    reading = Instance(Reading, allow_none=True)
    fronts = Instance(Fronts, allow_none=True)
    machines = Row()
    answers = Dict()
    rounded = Row()
    rounding = Dict(help="of the measurement under way: share, words, label; empty when there is none")
    clocks = Dict()
    clocking = Dict(help="of the clocking under way: share, words; empty when there is none")
    trouble = Unicode("")

    def __init__(self, settings: Settings | None = None, **traits):
        super().__init__(settings=settings or Settings(), **traits)

    @property
    def clocked(self) -> tuple[Clocked, ...]:
        """What is known of the subject on this host: FP32 first, one by one before batches."""
        found = {} if self.subject is None else self.clocks.get(self.subject.name, {})
        return tuple(sorted(found.values(), key=lambda one: (-one.bits.weights, one.batch)))

    @property
    def used(self) -> Answers | None:
        """The answers at the bits of the settings, fine-tuned if there are such; None where none were measured."""
        pair = self.settings.pair
        return None if pair == FLOAT else self.answers.get((*pair, FINE), self.answers.get(pair))

    def ask(self, settings: Settings) -> None:
        """Other settings; undo goes back to those before."""
        with self.lock, self.hold_trait_notifications():
            if settings != self.settings:
                self._remember()
                self._restore(settings)
                self._flags()

    def _shown(self) -> Settings:
        return self.settings

    def _restore(self, value: Settings) -> None:
        self.settings = value
