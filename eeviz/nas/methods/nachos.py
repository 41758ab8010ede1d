"""nachos: backbone and exit bits in one genome, a learned confidence, a penalty on the average cost (arXiv:2401.13330)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core.space.space import SearchSpace
from ...core.table.calibration import cumulative_confidence
from ...core.table.policy import Policy
from ...core.table.records import ExitRecords
from ..cross_fitting import scored
from ..domain import Domain, Genome
from ..goal import Goal
from ..pareto import Points
from ..protocols import Situation
from .domains import domain, fixed_head
from .published import Published

THRESHOLD = 0.5
PENALTY = 1e10


@dataclass(frozen=True)
class NACHOS(Published):
    """Exit bits with the three-convolution head; objectives error and phi cost + (1 - phi) max(0, cost - limit) 1e10.

    A sample leaves when 1 - prod(1 - h_j) over the exits passed reaches 0.5, h_j a sigmoid learned with the branch. The
    confidence depends on which exits exist, so no exit can be removed afterwards.

    limit : largest average cost, in the objective's unit; None: none (the largest budget). Heads passed are charged,
    as everywhere here (published: they are free).
    """

    phi: float = 0.5
    limit: float | None = None

    name = "nachos"
    measure = "learned"

    def domain(self, space: SearchSpace) -> Domain:
        return domain(space, lambda gene: [0, fixed_head(gene)] if gene.group == "exits" else [0])

    def convert(self, records: ExitRecords) -> ExitRecords:
        confidence = cumulative_confidence(records.confidence)
        return replace(records, confidence=confidence, removable=False, measure="learned, cumulative")

    def points(self, records: ExitRecords, space: SearchSpace, genome: Genome, goal: Goal) -> Points:
        return scored(records, [Policy((THRESHOLD,) * (records.exits_count - 1))], goal)

    def objectives(self, situation: Situation, error: np.ndarray, cost: np.ndarray) -> np.ndarray:
        limit = self.limit or float(situation.budgets[-1])
        penalised = self.phi * cost + (1 - self.phi) * np.maximum(0, cost - limit) * PENALTY
        return np.stack([100 * error, penalised], axis=1)
