"""What the threshold solvers share: the problem, candidate policies with figures, thresholds between confidences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..table.policy import deepest_of
from ..table.records import Cost, ExitRecords, ProductCost
from .front import Front, Sieve, undominated


@dataclass(frozen=True, eq=False)
class Problem:
    """What a solver needs of records: the table, the cost, and which sets of exits may be kept.

    max_exits : at most so many early exits. max_worst : worst-case cost at most this, in the cost's unit; of another cost
    than the one to minimise where `bounded` is given.
    fits : may exactly these exits (rising) have heads? Where it says yes it must say yes to every part of the set.
    """

    records: ExitRecords
    charge: Cost | ProductCost
    max_exits: int | None = None
    max_worst: float | None = None
    fits: Callable[[tuple[int, ...]], bool] | None = None
    bounded: Cost | ProductCost | None = None
    _cost_at: dict = field(default_factory=dict, repr=False)
    _allowed: dict = field(default_factory=dict, repr=False)
    _worst_at: dict = field(default_factory=dict, repr=False)

    @property
    def early(self) -> int:
        """E - 1."""
        return self.records.exits_count - 1

    def cost_at(self, kept: tuple[int, ...]) -> np.ndarray:
        """(E,) cost of leaving at each exit when exactly the exits `kept` (rising) have heads; asked once per set."""
        if kept not in self._cost_at:
            has_head = np.zeros(self.early, dtype=bool)
            has_head[list(kept)] = True
            self._cost_at[kept] = self.charge.at(has_head)
        return self._cost_at[kept]

    def worst_at(self, kept: tuple[int, ...]) -> np.ndarray:
        """(E,) the cost that max_worst bounds, by the deepest exit within reach; `kept` as in `cost_at`."""
        if kept not in self._worst_at:
            has_head = np.zeros(self.early, dtype=bool)
            has_head[list(kept)] = True
            self._worst_at[kept] = (self.bounded or self.charge).worst(has_head)
        return self._worst_at[kept]

    def within(self, kept: tuple[int, ...]) -> np.ndarray | None:
        """(len(kept) + 1,) bool: may samples go as deep as each exit of `kept`, and as the final classifier? None: always.

        A policy ends at its first threshold of 0: nobody gets past it.
        """
        if self.max_worst is None:
            return None
        found = self.worst_at(kept)[[*kept, -1]] <= self.max_worst
        return None if found[-1] else found

    def allowed(self, kept: tuple[int, ...]) -> bool:
        """Whether exactly these exits (rising) may have heads, if only with thresholds that keep the worst case."""
        if kept not in self._allowed:
            self._allowed[kept] = self._check(kept)
        return self._allowed[kept]

    def _check(self, kept: tuple[int, ...]) -> bool:
        if not self.records.removable and len(kept) < self.early:
            return False
        if self.max_exits is not None and len(kept) > self.max_exits:
            return False
        if len(set(self.records.position[list(kept)].tolist())) < len(kept):
            return False
        if self.fits is not None and not self.fits(kept):
            return False
        within = self.within(kept)
        return within is None or bool(within.any())

    def least(self) -> tuple[float, str]:
        """The lowest worst case of any policy, and which has it, in words."""
        if not self.records.removable:
            at = self.worst_at(tuple(range(self.early)))
            return float(at[0]), "with every exit kept" + (", everyone leaving at the first" if self.early else "")
        least, where = float(self.worst_at(())[-1]), "without any early exit"
        for k in range(self.early) if self.max_exits != 0 else ():
            if (worst := float(self.worst_at((k,))[k])) < least:
                least, where = worst, f"everyone leaving at {self.records.exits[k]}"
        return least, where

    def sieve(self) -> Sieve:
        """A sieve over the costs this problem can have."""
        everything = tuple(range(self.early))
        if self.records.removable:  # more heads never make a sample cheaper
            low = min([self.charge.static, *(self.cost_at((k,))[k] for k in everything)])
        else:
            low = self.cost_at(everything)[0]
        static = self.charge.static
        return Sieve(low, static if static > low else self.cost_at(everything)[-1])

    def worst_cost(self, thresholds: np.ndarray) -> np.ndarray:
        """(M,) worst case of the cost to minimise under thresholds (M, E-1), NaN = removed."""
        sets, which = np.unique(thresholds == thresholds, axis=0, return_inverse=True)
        worst = np.array([self.charge.worst(kept) for kept in sets]).reshape(len(sets), self.early + 1)
        return worst[which.reshape(-1), deepest_of(thresholds)]

    def front(self, candidates: Candidates) -> Front:
        """The public form of a Pareto front."""
        return Front(
            accuracy=candidates.right / self.records.total_units,
            mean_cost=candidates.mean_cost,
            worst_cost=self.worst_cost(candidates.thresholds),
            thresholds=candidates.thresholds,
            unit=self.charge.unit,
        )


@dataclass(frozen=True, eq=False)
class Candidates:
    """Policies with figures: mean_cost (M,), right (M,) int in records.units, thresholds (M, E-1), NaN = removed."""

    mean_cost: np.ndarray
    right: np.ndarray
    thresholds: np.ndarray

    def __len__(self) -> int:
        return len(self.right)

    def best(self) -> Candidates:
        """The Pareto front; of equal figures the policy with fewer exits, then with higher thresholds.

        Thresholds are compared from the first exit on; a removed exit counts as above all thresholds.
        """
        removed = np.isnan(self.thresholds)
        height = np.where(removed, -np.inf, -self.thresholds)  # (M, E-1)
        index = undominated(self.mean_cost, self.right, (~removed).sum(axis=1), *height.T)
        return Candidates(self.mean_cost[index], self.right[index], self.thresholds[index])

    @staticmethod
    def joined(parts: list[Candidates]) -> Candidates:
        """All candidates of one or more parts."""
        return Candidates(
            np.concatenate([p.mean_cost for p in parts]),
            np.concatenate([p.right for p in parts]),
            np.concatenate([p.thresholds for p in parts]),
        )


def between(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """float32 thresholds with below < threshold <= above, in the middle where float32 has one; below < above."""
    middle = ((below.astype(np.float64) + above) / 2).astype(np.float32)
    return np.where(middle > below, middle, above)
