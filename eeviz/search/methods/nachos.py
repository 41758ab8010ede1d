"""nachos: backbone and exit bits in one genome, a learned confidence, a penalty on the average cost (arXiv:2401.13330)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core.calibration import softmax
from ...core.policy import Policy
from ...core.records import ExitRecords
from ...core.space import SearchSpace
from ..domain import Domain, Genome
from ..goal import Goal
from ..inner import halves, scored
from ..points import Points
from ..situation import Situation
from .domains import domain, fixed_head
from .published import Published

THRESHOLD = 0.5
PENALTY = 1e10


@dataclass(frozen=True)
class NACHOS(Published):
    """Exit bits with the three-convolution head; objectives error and phi cost + (1 - phi) max(0, cost - limit) 1e10.

    A sample leaves when 1 - prod(1 - h_j) over the exits passed reaches 0.5, h_j a sigmoid learned to tell right answers
    from wrong ones. Here h_j is a logistic regression on the exit's probabilities and margin, fitted on one half of the
    search-validation samples for the other (published: one linear layer, trained with the branch); h_j depends on no
    training image. The confidence depends on which exits exist, so no exit can be removed afterwards.

    limit : largest average cost, in the objective's unit; None: none (the largest budget). Heads passed are charged,
    as everywhere here (published: they are free).
    """

    phi: float = 0.5
    limit: float | None = None

    name = "nachos"

    def domain(self, space: SearchSpace) -> Domain:
        return domain(space, lambda gene: [0, fixed_head(gene)] if gene.group == "exits" else [0])

    def convert(self, records: ExitRecords, fitted_on: ExitRecords | None = None) -> ExitRecords:
        right = np.zeros(records.confidence.shape)  # (N, E) learned probability that the exit is right
        for k in range(records.exits_count - 1):
            if fitted_on is None:
                a, b = halves(records.label)
                for of, to in ((a, b), (b, a)):
                    right[to, k] = _learned(records, k, of, records, to)
            else:
                right[:, k] = _learned(fitted_on, k, np.arange(len(fitted_on)), records, np.arange(len(records)))
        confidence = 1 - np.cumprod(1 - right, axis=1)
        confidence[:, -1] = records.confidence[:, -1]
        return replace(records, confidence=confidence, logits=None, removable=False, measure="learned")

    def points(self, records: ExitRecords, space: SearchSpace, genome: Genome, goal: Goal) -> Points:
        return scored(records, [Policy((THRESHOLD,) * (records.exits_count - 1))], goal)

    def objectives(self, situation: Situation, error: np.ndarray, cost: np.ndarray) -> np.ndarray:
        limit = self.limit or float(situation.budgets[-1])
        penalised = self.phi * cost + (1 - self.phi) * np.maximum(0, cost - limit) * PENALTY
        return np.stack([100 * error, penalised], axis=1)


def _learned(fitted_on: ExitRecords, k: int, of: np.ndarray, records: ExitRecords, to: np.ndarray) -> np.ndarray:
    """(len(to),) probability that exit k is right, from a regression fitted on the samples `of`."""
    from sklearn.linear_model import LogisticRegression

    right = fitted_on.correct[of, k]
    if right.all() or not right.any():
        return np.full(len(to), float(right[0]))
    model = LogisticRegression(max_iter=500).fit(_evidence(fitted_on.logits[of, k]), right)
    return model.predict_proba(_evidence(records.logits[to, k]))[:, 1]


def _evidence(logits: np.ndarray) -> np.ndarray:
    """(N, 4) log of the two largest probabilities, margin and entropy, of logits (N, C)."""
    p = np.sort(softmax(logits[:, None])[:, 0], axis=1)[:, ::-1]
    entropy = -(p * np.log(np.maximum(p, 1e-12))).sum(axis=1)
    top = np.log(np.maximum(p[:, :2], 1e-12))
    return np.column_stack([top, p[:, 0] - p[:, 1], entropy])
