"""aebnas: backbone, exits and branch designs in one genome, thresholds {0.1, 0.2, 1} by grid (arXiv:2512.10671)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ...core.space.space import SearchSpace
from ...core.table.policy import Policy
from ...core.table.records import ExitRecords
from ..cross_fitting import scored
from ..domain import Domain, Genome
from ..goal import Goal
from ..pareto import Points
from ..protocols import Situation
from .domains import domain
from .published import Published

THRESHOLDS = (0.1, 0.2, 1.0)  # softmax margins; 1 = no exit


@dataclass(frozen=True)
class AEBNAS(Published):
    """Softmax margins; objectives error + 0.1 MAPE and MAPE, both in percent, MAPE = |cost - target| / target.

    Two-sided as published: cheaper than the target is punished as well. targets : mean costs in the objective's unit,
    one a generation in turn; None: the quarters of the budgets' range in log cost. Published runs search for one
    target each; sharing one archive among three can only help. All combinations of thresholds are scored on the
    images of the objective, as published, and every undominated one counts (published: one), vectorised.
    """

    targets: tuple[float, ...] | None = None

    name = "aebnas"
    measure = "margin"

    def domain(self, space: SearchSpace) -> Domain:
        return domain(space, lambda gene: list(range(len(gene.options))) if gene.group == "exits" else [0])

    def points(self, records: ExitRecords, space: SearchSpace, genome: Genome, goal: Goal) -> Points:
        early = records.exits_count - 1
        policies = [
            Policy(tuple(None if t == 1 else t for t in combination))
            for combination in product(THRESHOLDS, repeat=early)
            if not early or min(combination) < 1  # at least one exit is kept
        ]
        return scored(records, policies, goal)

    def objectives(self, situation: Situation, error: np.ndarray, cost: np.ndarray) -> np.ndarray:
        target = self._target(situation)
        mape = 100 * np.abs(cost - target) / target
        return np.stack([100 * error + 0.1 * mape, mape], axis=1)

    def _target(self, situation: Situation) -> float:
        targets = self.targets
        if targets is None:
            low, high = np.log(situation.budgets[[0, -1]])
            targets = tuple(np.exp(low + (high - low) * np.array([0.25, 0.5, 0.75])))
        return float(targets[situation.generation % len(targets)])
