"""Report without a third split: two halves, thresholds chosen on one and figures read on the other, both ways.

For models that were trained on all training data: on those samples their exits look far better than they are, so that
nothing can be calibrated there, and one held-out set has to serve for choosing and for reporting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..table.calibration import fit_temperature
from ..table.metrics import Interval, mean_interval, own_accuracy
from ..table.policy import Policy, Routing, route
from ..table.records import ExitRecords
from .front import Front
from .thresholds import choose, front


@dataclass(frozen=True, eq=False, repr=False)
class Crossed:
    """Figures over S shuffles; in each, every one of the N samples is reported once, by the half it was not used in.

    condition : what policies were chosen for. right (S, N): answered right by the early-exit network, 0 or 1; final
    (N,): by the final classifier; spent (S, N): cost. policies : (S, 2). static : cost of the network without exits.
    """

    records: ExitRecords
    condition: Mapping[str, Any]
    right: np.ndarray
    final: np.ndarray
    spent: np.ndarray
    policies: tuple[tuple[Policy, Policy], ...]
    static: float

    def __repr__(self) -> str:
        name, value = next(iter(self.condition.items()))
        asked = f"{name}={value:g}" if np.ndim(value) == 0 else name
        return f"Crossed({asked}: a drop of {self.drop.value:.2%} at {self.saving.value:.1%} less cost)"

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

    def against(self, right) -> Interval:
        """The early-exit network's accuracy minus that of another one, right (N,) where that is right, by sample."""
        return mean_interval(self.records, self.right.mean(axis=0) - np.asarray(right, dtype=np.float64))

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
    conditions: Sequence[Mapping[str, Any]] = ({"max_drop": 0.0}, {"max_drop": 0.005}, {"max_drop": 0.01}),
    *,
    shuffles: int = 5,
    seed: int = 0,
    cost: str = "macs",
    max_exits: int | None = None,
    refit: bool = True,
    allowing: bool = False,
) -> list[Crossed]:
    """One Crossed for each condition; positions, designs and thresholds are chosen on each half anew.

    records : with logits, unless refit=False; refit : temperatures too are fitted on the choosing half. Groups stay
    together. conditions : one of max_drop, max_cost and min_accuracy each, as in `tune`, or as_good_as: (N,) where
    another network is right, whose accuracy on the choosing half is then asked for. Where no policy of a half reaches
    the accuracy asked for, its most accurate one is taken.
    allowing : a choice loses accuracy on samples that had no part in it; what it loses in a cross-validation within the
    choosing half (five folds) is asked for in addition, so that the condition may be hoped to hold on the other half, too.
    Raises ValueError without logits, for unknown conditions and for fewer than two samples or groups.
    """
    if refit and records.logits is None:
        raise ValueError("these records hold no logits: temperatures cannot be fitted anew; use refit=False.")
    for condition in conditions:
        if len(condition) != 1 or next(iter(condition)) not in _CONDITIONS:
            raise ValueError(f"condition {dict(condition)!r}: expected exactly one of {', '.join(_CONDITIONS)}.")
    right = np.zeros((len(conditions), shuffles, len(records)))
    spent = np.zeros_like(right)
    policies: list[list[list[Policy]]] = [[[] for _ in range(shuffles)] for _ in conditions]
    for shuffle in range(shuffles):
        halves = split_in_two(records, seed + shuffle)
        for chosen_on, reported in (halves, halves[::-1]):
            choosing, reporting = records.subset(chosen_on), records.subset(reported)
            asked = [_narrowed(condition, chosen_on) for condition in conditions]
            more = np.zeros(len(conditions))
            if allowing:
                more = _lost_in_folds(choosing, asked, cost, max_exits, refit, seed + shuffle)
            routings, made = _chosen(choosing, reporting, asked, cost, max_exits, refit, more)
            for index, (routing, policy) in enumerate(zip(routings, made, strict=True)):
                right[index, shuffle, reported] = routing.right
                spent[index, shuffle, reported] = routing.cost_at[routing.exit_of]
                policies[index][shuffle].append(policy)
    final, static = records.correct[:, -1].astype(np.float64), records.cost(cost).static
    return [
        Crossed(records, condition, right[k], final, spent[k], tuple(map(tuple, policies[k])), static)
        for k, condition in enumerate(conditions)
    ]


FOLDS = 5
_CONDITIONS = ("max_drop", "max_cost", "min_accuracy", "as_good_as")


def split_in_two(records: ExitRecords, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint index arrays, about half of the samples (or groups) each, drawn from `seed`."""
    first, second = split(records, 2, seed)
    return first, second


def split(records: ExitRecords, parts: int, seed: int) -> list[np.ndarray]:
    """Disjoint index arrays, about as many samples (or groups) each, drawn from `seed`; fewer where there are fewer groups."""
    names = np.arange(len(records)) if records.group is None else records.group
    unique, index = np.unique(names, return_inverse=True)
    if len(unique) < 2:
        raise ValueError("parts need at least two samples, or two groups where there are groups.")
    parts, order = min(parts, len(unique)), np.random.default_rng(seed).permutation(len(unique))
    part_of = np.empty(len(unique), dtype=np.int64)
    part_of[order] = np.arange(len(unique)) * parts // len(unique)
    return [np.flatnonzero(part_of[index] == part) for part in range(parts)]


def _chosen(
    choosing, reporting, conditions, cost: str, max_exits: int | None, refit: bool, more
) -> tuple[list[Routing], list[Policy]]:
    """For each condition the policy of one part, and the other part routed by it. more : accuracy asked for in addition."""
    if refit:
        temperature = tuple(fit_temperature(choosing.logits, choosing.label))
        choosing = choosing.with_confidence(choosing.measure, temperature)
        reporting = reporting.with_confidence(reporting.measure, temperature)
    best = front(choosing, cost, max_exits=max_exits, refine=True)
    policies = [
        best.policy(_index(best, choosing, condition, extra)) for condition, extra in zip(conditions, more, strict=True)
    ]
    return [route(reporting, policy, cost) for policy in policies], policies


def _lost_in_folds(choosing, conditions, cost: str, max_exits: int | None, refit: bool, seed: int) -> np.ndarray:
    """By how much accuracy falls short of what was asked where policies meet the fold left out; mean over folds, >= 0."""
    folds = split(choosing, FOLDS, seed)
    lost = np.zeros((len(folds), len(conditions)))
    for k, left_out in enumerate(folds):
        rest = np.concatenate([fold for other, fold in enumerate(folds) if other != k])
        there = choosing.subset(left_out)
        asked = [_narrowed(condition, rest) for condition in conditions]
        routings, _ = _chosen(choosing.subset(rest), there, asked, cost, max_exits, refit, np.zeros(len(conditions)))
        for index, (condition, routing) in enumerate(zip(conditions, routings, strict=True)):
            wanted = _wanted(_narrowed(condition, left_out), there)
            lost[k, index] = 0.0 if wanted is None else wanted - routing.accuracy
    return np.maximum(lost.mean(axis=0), 0.0)


def _narrowed(condition: Mapping[str, Any], index: np.ndarray) -> Mapping[str, Any]:
    """The condition for the samples of `index` alone."""
    ((name, value),) = condition.items()
    return {name: np.asarray(value, dtype=np.float64)[index]} if name == "as_good_as" else condition


def _wanted(condition: Mapping[str, Any], records: ExitRecords) -> float | None:
    """The accuracy that a condition asks for on these records; None where it asks for a cost."""
    ((name, value),) = condition.items()
    if name == "max_cost":
        return None
    if name == "max_drop":
        return float(own_accuracy(records)[-1] - value)
    return float(value @ records.units / records.total_units) if name == "as_good_as" else float(value)


def _index(best: Front, choosing: ExitRecords, condition: Mapping[str, Any], more: float) -> int:
    wanted = _wanted(condition, choosing)
    if wanted is None:
        return choose(best, choosing, max_cost=condition["max_cost"])
    return choose(best, choosing, min_accuracy=min(wanted + more, best.accuracy[-1]))


def _unweighted(records: ExitRecords) -> ExitRecords:
    return replace(records, weight=None)
