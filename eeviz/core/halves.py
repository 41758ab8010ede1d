"""Report without a third split: two halves, thresholds chosen on one and figures read on the other, both ways.

For models that were trained on all training data: on those samples their exits look far better than they are, so that
nothing can be calibrated there, and one held-out set has to serve for choosing and for reporting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .calibration import fit_temperature
from .metrics import Interval, mean_interval, own_accuracy
from .policy import Policy, route
from .records import ExitRecords
from .thresholds import choose, front


@dataclass(frozen=True, eq=False, repr=False)
class Crossed:
    """Figures over S shuffles; in each, every one of the N samples is reported once, by the half it was not used in.

    asked : the drop that policies were chosen for. right (S, N): answered right by the early-exit network, 0 or 1; final
    (N,): by the final classifier; spent (S, N): cost. policies : (S, 2). static : cost of the network without exits.
    """

    records: ExitRecords
    asked: float
    right: np.ndarray
    final: np.ndarray
    spent: np.ndarray
    policies: tuple[tuple[Policy, Policy], ...]
    static: float

    def __repr__(self) -> str:
        return (
            f"Crossed(asked for a drop of {self.asked:.2%}: {self.drop.value:.2%} at {self.saving.value:.1%} less cost)"
        )

    @property
    def accuracy(self) -> float:
        """Mean over shuffles of the (weighted) accuracy."""
        return mean_interval(self.records, self.right.mean(axis=0)).value

    @property
    def drop(self) -> Interval:
        """Final classifier's accuracy minus the early-exit network's, paired by sample."""
        return mean_interval(self.records, self.final - self.right.mean(axis=0))

    @property
    def saving(self) -> Interval:
        """Share of the static cost that is saved; every sample counts the same."""
        whole = self.records if self.records.weight is None else _unweighted(self.records)
        return mean_interval(whole, 1 - self.spent.mean(axis=0) / self.static)

    def by_shuffle(self) -> list[dict[str, float]]:
        """Drop and saving of each shuffle."""
        weight = np.ones(len(self.records)) if self.records.weight is None else self.records.weight
        drops = ((self.final - self.right) @ weight) / weight.sum()
        return [
            {"drop": float(d), "saving": float(1 - s.mean() / self.static)}
            for d, s in zip(drops, self.spent, strict=True)
        ]


def crossed(
    records: ExitRecords,
    max_drop: Sequence[float] = (0.0, 0.005, 0.01),
    *,
    shuffles: int = 5,
    seed: int = 0,
    cost: str = "macs",
    max_exits: int | None = None,
    refit: bool = True,
) -> list[Crossed]:
    """One Crossed for each drop that is asked for; positions, designs and thresholds are chosen on each half anew.

    records : with logits, unless refit=False; refit : temperatures too are fitted on the choosing half. Groups stay
    together. Where no policy of a half has a drop as small as asked, its most accurate one is taken.
    Raises ValueError without logits and for fewer than two samples or groups.
    """
    if refit and records.logits is None:
        raise ValueError("these records hold no logits: temperatures cannot be fitted anew; use refit=False.")
    samples, right, spent = len(records), {}, {}
    for drop in max_drop:
        right[drop], spent[drop] = np.zeros((shuffles, samples)), np.zeros((shuffles, samples))
    policies: dict[float, list[list[Policy]]] = {drop: [[] for _ in range(shuffles)] for drop in max_drop}
    for shuffle in range(shuffles):
        halves = split_in_two(records, seed + shuffle)
        for chosen_on, reported in (halves, halves[::-1]):
            choosing, reporting = records.subset(chosen_on), records.subset(reported)
            if refit:
                temperature = tuple(fit_temperature(choosing.logits, choosing.label))
                choosing = choosing.with_confidence(records.measure, temperature)
                reporting = reporting.with_confidence(records.measure, temperature)
            best = front(choosing, cost, max_exits=max_exits, refine=True)
            for drop in max_drop:
                policy = best.policy(_index(best, choosing, drop))
                routing = route(reporting, policy, cost)
                right[drop][shuffle, reported] = routing.right
                spent[drop][shuffle, reported] = routing.cost_at[routing.exit_of]
                policies[drop][shuffle].append(policy)
    final, static = records.correct[:, -1].astype(np.float64), records.cost(cost).static
    return [Crossed(records, d, right[d], final, spent[d], tuple(map(tuple, policies[d])), static) for d in max_drop]


def split_in_two(records: ExitRecords, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint index arrays, about half of the samples (or groups) each, drawn from `seed`."""
    names = np.arange(len(records)) if records.group is None else records.group
    unique, index = np.unique(names, return_inverse=True)
    if len(unique) < 2:
        raise ValueError("two halves need at least two samples, or two groups where there are groups.")
    first = np.zeros(len(unique), dtype=bool)
    first[np.random.default_rng(seed).permutation(len(unique))[: len(unique) // 2]] = True
    return np.flatnonzero(first[index]), np.flatnonzero(~first[index])


def _index(best, choosing: ExitRecords, drop: float) -> int:
    if best.accuracy[-1] < own_accuracy(choosing)[-1] - drop:
        return len(best) - 1
    return choose(best, choosing, max_drop=drop)


def _unweighted(records: ExitRecords) -> ExitRecords:
    return replace(records, weight=None)
