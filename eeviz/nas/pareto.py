"""Points: what one candidate reaches in (error, mean cost); ranks and hypervolumes of sets of such points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.table.policy import Policy


@dataclass(frozen=True, eq=False)
class Points:
    """P operating points of one candidate by rising mean cost; none when the candidate failed or is not admissible.

    error (P,) in [0, 1], cost (P,) mean and worst (P,) worst case, in the unit of the cost searched for.
    thresholds (P, E-1) float32 over the columns of the candidate's records, NaN = removed.
    """

    error: np.ndarray
    cost: np.ndarray
    worst: np.ndarray
    thresholds: np.ndarray

    def __post_init__(self):
        order = np.argsort(np.asarray(self.cost, dtype=np.float64), kind="stable")
        for name, kind in (("error", float), ("cost", float), ("worst", float), ("thresholds", np.float32)):
            array = np.array(getattr(self, name), dtype=kind)[order]
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if self.thresholds.ndim != 2 or not len(self.error) == len(self.worst) == len(self.thresholds):
            raise ValueError("points: error, cost, worst and thresholds need one row per point.")
        if not np.isfinite(self.error).all() or not np.isfinite(self.cost).all():
            raise ValueError("points: error and cost must be finite.")

    def __len__(self) -> int:
        return len(self.error)

    def __repr__(self) -> str:
        return f"Points({len(self)} of {self.thresholds.shape[1]} thresholds)"

    @classmethod
    def none(cls, early: int = 0) -> Points:
        """No point; early : E-1 of the records."""
        return cls(np.empty(0), np.empty(0), np.empty(0), np.empty((0, early)))

    def policy(self, index: int) -> Policy:
        """The policy of one point, for the candidate's records."""
        return Policy(tuple(self.thresholds[index]))

    def where(self, keep: np.ndarray) -> Points:
        """The points at which keep (P,) bool holds."""
        return Points(self.error[keep], self.cost[keep], self.worst[keep], self.thresholds[keep])

    def at_budgets(self, budgets: np.ndarray) -> np.ndarray:
        """(B,) error of the best point not above each budget; NaN where there is none."""
        return errors_at(self.cost, self.error, budgets)


def errors_at(cost: np.ndarray, error: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """(B,) lowest of error (P,) among points whose cost (P,) is at most each budget; NaN where there is none."""
    order = np.argsort(cost, kind="stable")
    lowest = np.append(np.nan, np.minimum.accumulate(error[order]))
    return lowest[np.searchsorted(cost[order], budgets, side="right")]


def budgets_between(low: float, high: float, count: int) -> np.ndarray:
    """(count,) costs evenly spaced in log cost, the ends included. Raises ValueError unless 0 < low < high."""
    if not 0 < low < high:
        raise ValueError(f"budgets need 0 < low < high, got {low:.6g} and {high:.6g}.")
    return np.geomspace(low, high, count)


def ranks(sets: Sequence[Points]) -> np.ndarray:
    """(N,) best non-domination rank (0 = front) of any point of each candidate; candidates without points come last."""
    owner = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    best = np.full(len(sets), np.iinfo(np.int64).max)
    if len(owner):
        cost, error = (np.concatenate([getattr(s, name) for s in sets]) for name in ("cost", "error"))
        np.minimum.at(best, owner, _layers(cost, error))
    return best


def _layers(cost: np.ndarray, error: np.ndarray) -> np.ndarray:
    """(P,) layer of each point when the front is peeled off again and again; equal points share a layer."""
    layer = np.empty(len(cost), dtype=np.int64)
    lowest: list[float] = []  # error of the last point of each layer, rising: one bisection finds a point's layer
    previous = None
    for i in np.lexsort((error, cost)).tolist():
        here = (cost[i], error[i])
        if previous is not None and here == previous[0]:
            layer[i] = previous[1]
            continue
        at = int(np.searchsorted(lowest, error[i], side="right")) if lowest else 0
        if at == len(lowest):
            lowest.append(error[i])
        else:
            lowest[at] = error[i]
        layer[i] = at
        previous = (here, at)
    return layer


def hypervolume(cost: np.ndarray, error: np.ndarray, reference: tuple[float, float]) -> float:
    """Area, in error x decades of cost, that points (P,) dominate below reference = (error, cost)."""
    inside = (error < reference[0]) & (cost < reference[1])
    if not inside.any():
        return 0.0
    x, y = np.log10(cost[inside]), error[inside]
    order = np.argsort(x, kind="stable")
    x, y = x[order], np.minimum.accumulate(y[order])
    return float(np.sum(np.diff(np.append(x, np.log10(reference[1]))) * (reference[0] - y)))


def exclusive_hypervolumes(sets: Sequence[Points], reference: tuple[float, float]) -> np.ndarray:
    """(N,) hypervolume that only this candidate's points add to those of all the others."""

    def total(chosen: Sequence[Points]) -> float:
        if not chosen:
            return 0.0
        return hypervolume(
            np.concatenate([s.cost for s in chosen]), np.concatenate([s.error for s in chosen]), reference
        )

    whole = total(sets)
    return np.array([whole - total([*sets[:i], *sets[i + 1 :]]) for i in range(len(sets))])
