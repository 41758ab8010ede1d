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
from .thresholds import ROUNDING, choose, front


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
    choosing half (ten folds) is asked for in addition, so that the condition may be hoped to hold on the other half, too.
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
    best, reporting, choosing = _solved(choosing, reporting, cost, max_exits, refit)
    policies = [
        best.policy(_index(best, choosing, condition, extra)) for condition, extra in zip(conditions, more, strict=True)
    ]
    return [route(reporting, policy, cost) for policy in policies], policies


def _solved(choosing, reporting, cost: str, max_exits: int | None, refit: bool):
    """The front of one part, the other part, and the first, both with the first one's temperatures."""
    if refit:
        temperature = tuple(fit_temperature(choosing.logits, choosing.label))
        choosing = choosing.with_confidence(choosing.measure, temperature)
        reporting = reporting.with_confidence(reporting.measure, temperature)
    return front(choosing, cost, max_exits=max_exits, refine=True), reporting, choosing


STEPS, REACH = 60, 0.06
"""Points of a cross-validated curve, and how far it goes beyond a front's most accurate policy, as a share."""


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidated:
    """What choices lose on samples that had no part in them, by how accurate they looked where they were made.

    The front of all folds but one is followed down from its most accurate policy; each policy meets the fold left out.
    surplus (D,) rising : accuracy on the choosing folds minus that of `reference`, (N,) right or not, by sample, of the
    network that drops are counted from. lost (D, N) : reference minus the policy's right, each sample in the fold left
    out. fell (D,): mean lost, made monotone (isotonic regression): an asked drop is given up only once.
    """

    records: ExitRecords
    surplus: np.ndarray
    lost: np.ndarray
    fell: np.ndarray

    def __repr__(self) -> str:
        return (
            f"CrossValidated({len(self.records)} samples, expects drops of {self.fell[-1]:.2%} to {self.fell[0]:.2%})"
        )

    @property
    def least(self) -> float:
        """The smallest drop that can be expected."""
        return float(self.fell[-1])

    def more(self, drop: float) -> float:
        """Accuracy to ask of a choice in addition so that at most `drop` is expected of it on new samples; at least 0.

        Where no choice is expected to reach it: as much as the most accurate one has.
        """
        first = int(np.searchsorted(-self.fell, -drop - ROUNDING))  # falling: the first that loses at most so much
        if first == len(self.fell):
            surplus = self.surplus[-1]
        elif first == 0:
            surplus = self.surplus[0]
        else:
            surplus = np.interp(-drop, -self.fell[first - 1 : first + 1], self.surplus[first - 1 : first + 1])
        return max(float(surplus + drop), 0.0)

    def drop(self, surplus: float, level: float = 0.95, seed: int = 0) -> Interval:
        """The drop to expect on new samples of a policy whose accuracy on the choosing ones exceeds the reference's by
        `surplus` (negative: falls short of it), with its interval over samples, or groups where there are groups."""
        nearest = int(np.abs(self.surplus - surplus).argmin())
        made = mean_interval(self.records, self.lost[nearest], level, seed)
        shift = float(np.interp(surplus, self.surplus, self.fell)) - made.value
        return replace(made, value=made.value + shift, low=made.low + shift, high=made.high + shift)


def cross_validated(
    records: ExitRecords,
    reference=None,
    *,
    cost: str = "macs",
    max_exits: int | None = None,
    refit: bool = True,
    folds: int = 10,
    seed: int = 0,
) -> CrossValidated:
    """What choices of exits and thresholds on `records` lose on new samples; groups stay together.

    reference : (N,) right or not (or a constant accuracy) of what drops are counted from; None: the final classifier.
    refit : temperatures too are fitted on the choosing folds, which needs logits.
    Raises ValueError for fewer than two samples or groups, and without logits unless refit=False.
    """
    if refit and records.logits is None:
        raise ValueError("these records hold no logits: temperatures cannot be fitted anew; use refit=False.")
    right = records.correct[:, -1] if reference is None else reference
    right = np.broadcast_to(np.asarray(right, dtype=np.float64), (len(records),))
    parts, solved = split(records, folds, seed), []
    for k, left_out in enumerate(parts):
        rest = np.concatenate([part for other, part in enumerate(parts) if other != k])
        choosing = records.subset(rest)
        best, there, _ = _solved(choosing, records.subset(left_out), cost, max_exits, refit)
        solved.append((left_out, there, best, float(right[rest] @ choosing.units / choosing.total_units)))
    top = max(best.accuracy[-1] - level for _, _, best, level in solved)
    surplus = np.linspace(top - REACH, top, STEPS)
    lost = np.empty((STEPS, len(records)))
    for left_out, there, best, level in solved:
        rows = np.minimum(np.searchsorted(best.accuracy, level + surplus - ROUNDING), len(best) - 1)
        for row in np.unique(rows):
            lost[np.ix_(rows == row, left_out)] = right[left_out] - route(there, best.policy(row), cost).right
    mean = lost @ records.units / records.total_units
    return CrossValidated(records, surplus, lost, -_rising(-mean))


def _rising(values: np.ndarray) -> np.ndarray:
    """The rising sequence nearest to `values` in squares: pool adjacent violators (Barlow et al. 1972)."""
    pools: list[list[float]] = []  # mean, length
    for value in values:
        pools.append([float(value), 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, length = pools.pop()
            before, many = pools[-1]
            pools[-1] = [(mean * length + before * many) / (length + many), length + many]
    return np.repeat([mean for mean, _ in pools], [int(length) for _, length in pools])


def _lost_in_folds(choosing, conditions, cost: str, max_exits: int | None, refit: bool, seed: int) -> np.ndarray:
    """Accuracy to ask for in addition, for each condition, so that it is expected to hold on other samples."""
    made: list[tuple[np.ndarray, CrossValidated]] = []
    more = np.zeros(len(conditions))
    for index, condition in enumerate(conditions):
        ((name, value),) = condition.items()
        if name == "max_cost":
            continue
        reference, drop = (choosing.correct[:, -1], value) if name == "max_drop" else (value, 0.0)
        reference = np.broadcast_to(np.asarray(reference, dtype=np.float64), (len(choosing),))
        for known, curve in made:
            less = known - reference
            if np.ptp(less) < ROUNDING:  # the same wish but for a constant
                more[index] = curve.more(drop + float(less[0]))
                break
        else:
            curve = cross_validated(choosing, reference, cost=cost, max_exits=max_exits, refit=refit, seed=seed)
            made.append((reference, curve))
            more[index] = curve.more(drop)
    return more


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
