"""Front: accuracy against mean cost, best policies only, and the sieve that makes one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..table.policy import Policy

_BUCKETS = 4096


@dataclass(frozen=True, eq=False)
class Front:
    """M policies, none both costlier and no more accurate than another, by rising mean cost.

    accuracy (M,) in [0, 1], rising; mean_cost (M,), rising, and worst_cost (M,), of the deepest exit within reach, in
    `unit`; thresholds (M, E-1) float32, NaN = exit removed. Every figure equals that of `route` to the last digit.

    Raises ValueError for lengths that disagree and for points out of order.

    >>> front = ee.front(ee.load_demo("fashion").validation)
    >>> front.policy(len(front) - 1)
    Policy((0.9710909, 0.9571303, 0.61601734))
    """

    accuracy: np.ndarray
    mean_cost: np.ndarray
    worst_cost: np.ndarray
    thresholds: np.ndarray
    unit: str = "MACs"

    def __post_init__(self):
        for name, kind, ndim in (
            ("accuracy", np.float64, 1),
            ("mean_cost", np.float64, 1),
            ("worst_cost", np.float64, 1),
            ("thresholds", np.float32, 2),
        ):
            array = np.array(getattr(self, name), dtype=kind)
            if array.ndim != ndim or len(array) != len(self.accuracy):
                raise ValueError(f"{name}: expected {ndim}-d with one row per point, got shape {array.shape}.")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if (np.diff(self.mean_cost) <= 0).any() or (np.diff(self.accuracy) <= 0).any():
            raise ValueError("a front's points must rise in cost and in accuracy.")

    def __len__(self) -> int:
        return len(self.accuracy)

    def __repr__(self) -> str:
        if not len(self):
            return "Front(no points)"
        first, last = (f"{self.accuracy[i]:.2%} at {self.mean_cost[i]:.4g}" for i in (0, -1))
        return f"Front({len(self)} points, {first} to {last} {self.unit})"

    def policy(self, index: int) -> Policy:
        """The policy of one point."""
        return Policy(tuple(self.thresholds[index]))

    def within(self, max_cost: float) -> int | None:
        """Index of the most accurate point with mean cost <= max_cost, or None."""
        count = int(np.searchsorted(self.mean_cost, max_cost, side="right"))
        return count - 1 if count else None

    def reaching(self, min_accuracy: float) -> int | None:
        """Index of the cheapest point with accuracy >= min_accuracy, or None."""
        index = int(np.searchsorted(self.accuracy, min_accuracy, side="left"))
        return index if index < len(self) else None


def undominated(mean_cost: np.ndarray, right: np.ndarray, *ties: np.ndarray) -> np.ndarray:
    """Indices of the Pareto front of mean_cost (M,), lower is better, and right (M,), higher is better; by rising cost.

    Of points equal in both the first in the order of `ties` (each (M,), lower first) stays.
    """
    order = np.lexsort((*reversed(ties), -right, mean_cost))
    if not len(order):
        return order
    best = np.maximum.accumulate(right[order])
    return order[np.append(True, best[1:] > best[:-1])]


class Sieve:
    """Drops nearly all dominated points in O(M), where sorting them takes O(M log M); never drops one of the front.

    Costs fall into buckets between low and high (costlier ones into the last); a point stays when it has more right
    answers than every point seen in a strictly cheaper bucket. No cost may lie below low.
    """

    def __init__(self, low: float, high: float):
        self.low, self.scale = low, _BUCKETS / (high - low) if high > low else 0.0
        self.most = np.full(_BUCKETS, -1, dtype=np.int64)

    def sift(self, mean_cost: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Indices of the points that may be on the front of all points seen so far; right -1 never is."""
        # monotone in floating point too: equal costs share a bucket, a cheaper bucket is strictly cheaper
        scaled = mean_cost - self.low
        scaled *= self.scale
        bucket = np.minimum(scaled, _BUCKETS - 1, out=scaled).astype(np.int32)
        most = self.most.astype(right.dtype)  # ufunc.at is fast only without a cast
        np.maximum.at(most, bucket, right)
        self.most = most.astype(np.int64)
        cheaper = np.append(most.dtype.type(-1), np.maximum.accumulate(most)[:-1])
        return np.flatnonzero(right > cheaper[bucket])
