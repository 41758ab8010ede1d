"""edanas: backbone and thresholds in one genome, the same fixed head at every exit (Gambella & Roveri 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.space.space import SearchSpace
from ...core.table.policy import Policy
from ...core.table.records import ExitRecords
from ..cross_fitting import scored
from ..domain import Domain, Genome
from ..goal import Goal
from ..pareto import Points
from ..protocols import Situation
from .domains import domain, fixed_head, thresholds_of
from .published import Published


@dataclass(frozen=True)
class EDANAS(Published):
    """Softmax margins against threshold genes; objectives error and average cost, on the same images."""

    name = "edanas"
    measure = "margin"

    def domain(self, space: SearchSpace) -> Domain:
        return domain(
            space, lambda gene: [fixed_head(gene)] if gene.group == "exits" else list(range(len(gene.options)))
        )

    def points(self, records: ExitRecords, space: SearchSpace, genome: Genome, goal: Goal) -> Points:
        thresholds = thresholds_of(space, genome, records.position[:-1].tolist())
        return scored(records, [Policy(tuple(thresholds))], goal)

    def objectives(self, situation: Situation, error: np.ndarray, cost: np.ndarray) -> np.ndarray:
        return np.stack([100 * error, cost], axis=1)
