"""What methods are told and what they answer: the situation of a run, candidates, proposals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np

from ..core.space.space import SearchSpace
from ..core.table.records import ExitRecords
from .domain import Domain, Genome
from .goal import Goal
from .pareto import Points


@dataclass(frozen=True, eq=False)
class Candidate:
    """One evaluated architecture. id : order in the run. failed : why it has no points, or "".

    points : what it reaches on search-validation. seconds : of its evaluation. generation : 0 is the first batch.
    """

    id: int
    generation: int
    genome: Genome
    points: Points
    seconds: float = 0.0
    failed: str = ""

    def __repr__(self) -> str:
        what = f"failed: {self.failed[:80]}" if self.failed else f"{len(self.points)} points"
        return f"Candidate({self.id}, generation {self.generation}, {what}, {self.seconds:.2g} s)"


@dataclass(frozen=True, eq=False)
class Situation:
    """A run before its next generation: everything a proposal may depend on, besides the random generator.

    costs : genome -> (K,) analytic cost of leaving at each exit alone and at the end, without computing anything.
    budgets : (8,) mean costs at which surrogates predict the error. archive : all candidates so far, by id.
    """

    space: SearchSpace
    domain: Domain
    goal: Goal
    budgets: np.ndarray
    costs: Callable[[Genome], np.ndarray]
    reference: tuple[float, float]
    algorithm: str = "nsga2"
    population: int = 40
    generation: int = 0
    archive: tuple[Candidate, ...] = ()

    @property
    def seen(self) -> set[Genome]:
        """Genomes that need no second evaluation."""
        return {candidate.genome for candidate in self.archive}


@dataclass(frozen=True)
class Proposal:
    """The next generation's genomes, all new and different, and how well the surrogates rank: name -> Kendall tau."""

    genomes: tuple[Genome, ...]
    tau: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


class Method(Protocol):
    """A way to search: which genes vary, what a candidate is worth, which candidates come next.

    measure : confidence it starts from: one of `calibration.MEASURES`, or "learned". offered : needs every branch design
    at every exit, not only those of the genome.
    """

    name: str
    measure: str
    offered: bool

    def domain(self, space: SearchSpace) -> Domain: ...

    def batches(self, evaluations: int) -> tuple[int, int]:
        """Size of the first generation and of the others."""

    def convert(self, records: ExitRecords) -> ExitRecords:
        """Records with confidences of `measure` -> what this method leaves by."""

    def points(self, records: ExitRecords, space: SearchSpace, genome: Genome, goal: Goal) -> Points: ...

    def propose(self, situation: Situation, count: int, rng: np.random.Generator) -> Proposal: ...


def unseen(draw: Callable[[], Genome], seen: set[Genome], count: int, attempts: int = 200) -> list[Genome]:
    """Up to `count` new genomes from `draw`, all different; fewer when `attempts` draws in a row gave nothing new."""
    found: dict[Genome, None] = {}
    misses = 0
    while len(found) < count and misses < attempts:
        genome = draw()
        if genome in seen or genome in found:
            misses += 1
        else:
            found[genome], misses = None, 0
    return list(found)
