"""How a run came along: one Step after every evaluation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .pareto import hypervolume
from .protocols import Candidate
from .snapshot import Step

RECENT = 20  # evaluations over which the rate is taken


class History:
    """Steps so far; budgets (8,) and reference as in Snapshot."""

    def __init__(self, budgets: np.ndarray, reference: tuple[float, float]):
        self.budgets, self.reference = budgets, reference
        self.steps: list[Step] = []
        self._cost = self._error = np.empty(0)

    def add(self, candidate: Candidate, seconds: float, tau: Mapping[str, float]) -> None:
        """One more evaluation, at `seconds` of the run."""
        errors = candidate.points.at_budgets(self.budgets)
        if self.steps:
            errors = np.fmin(errors, self.steps[-1].errors)
        errors.flags.writeable = False
        self._cost = np.append(self._cost, candidate.points.cost)
        self._error = np.append(self._error, candidate.points.error)
        volume = hypervolume(self._cost, self._error, self.reference)
        together = tau.get("together", float(np.mean(list(tau.values()))) if tau else None)
        self.steps.append(Step(len(self.steps) + 1, seconds, errors, volume, together))

    @property
    def rate(self) -> float:
        """Evaluations/s lately; 0 while unknown."""
        window = self.steps[-RECENT - 1 :]
        if len(window) < 2 or window[-1].seconds <= window[0].seconds:
            return 0.0
        return (len(window) - 1) / (window[-1].seconds - window[0].seconds)

    def left(self, total: int, seconds: float | None) -> float | None:
        """Seconds until `total` evaluations are done or `seconds` of the run are over; None while unknown."""
        if not self.rate:
            return None
        left = (total - len(self.steps)) / self.rate
        return left if seconds is None else min(left, max(0.0, seconds - self.steps[-1].seconds))
