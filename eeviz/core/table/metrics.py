"""Figures read off records and routings: intervals, calibration, flows, the oracle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from .policy import Policy, Routing, routing_at
from .records import ExitRecords

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval, and how it was made."""

    value: float
    low: float
    high: float
    method: str
    level: float = 0.95


def wilson(right: int, samples: int, level: float = 0.95) -> Interval:
    """Wilson score interval of a share right / samples (Wilson 1927). Raises ValueError for an empty sample."""
    if samples <= 0 or not 0 <= right <= samples:
        raise ValueError(f"wilson: {right} of {samples} is not a share of at least one sample.")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, z2 = right / samples, z * z / samples
    centre = (share + z2 / 2) / (1 + z2)
    half = z / (1 + z2) * np.sqrt(share * (1 - share) / samples + z2 / (4 * samples))
    return Interval(share, max(0.0, float(centre - half)), min(1.0, float(centre + half)), "Wilson", level)


def accuracy_interval(records: ExitRecords, right, level: float = 0.95, seed: int = 0) -> Interval:
    """Interval of the (weighted) accuracy of right (N,) bool: Wilson, or bootstrap over groups where there are groups.

    With weights and no groups: normal interval of a weighted mean.
    """
    right = np.asarray(right, dtype=bool)
    if records.group is not None:
        return _grouped(right.astype(np.float64), records, level, seed)
    if records.weight is not None:
        return _weighted(right.astype(np.float64), records, level)
    return wilson(int(right.sum()), len(right), level)


def paired_interval(records: ExitRecords, right_a, right_b, level: float = 0.95, seed: int = 0) -> Interval:
    """Interval of accuracy(a) - accuracy(b) on the same samples, right_a and right_b (N,) bool.

    Ungrouped: Laplace-adjusted Wald interval for paired proportions (Bonett & Price 2012). Grouped: bootstrap over
    groups. Weighted without groups: normal interval of a weighted mean.
    """
    a, b = np.asarray(right_a, dtype=bool), np.asarray(right_b, dtype=bool)
    if a.shape != b.shape or a.shape != (len(records),):
        raise ValueError(f"paired_interval: {a.shape} and {b.shape} are not the same {len(records)} samples.")
    difference = a.astype(np.float64) - b
    if records.group is not None:
        return _grouped(difference, records, level, seed)
    if records.weight is not None:
        return _weighted(difference, records, level)
    n, z = len(a), NormalDist().inv_cdf(0.5 + level / 2)
    only_a, only_b = ((a & ~b).sum() + 1) / (n + 2), ((b & ~a).sum() + 1) / (n + 2)
    half = z * np.sqrt((only_a + only_b - (only_a - only_b) ** 2) / (n + 2))
    centre = only_a - only_b
    return Interval(float(difference.mean()), float(centre - half), float(centre + half), "paired, Bonett-Price", level)


def mean_interval(records: ExitRecords, values, level: float = 0.95, seed: int = 0) -> Interval:
    """Interval of the (weighted) mean of values (N,) any numbers: bootstrap over groups, or over samples without them."""
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (len(records),):
        raise ValueError(f"mean_interval: expected one value for each of {len(records)} samples, got {values.shape}.")
    made = _grouped(values, records, level, seed)
    return made if records.group is not None else replace(made, method=f"bootstrap over {len(records)} samples")


def _weighted(values: np.ndarray, records: ExitRecords, level: float) -> Interval:
    weight = records.weight
    mean = float((weight * values).sum() / weight.sum())
    half = NormalDist().inv_cdf(0.5 + level / 2) * np.sqrt((weight**2 * (values - mean) ** 2).sum()) / weight.sum()
    return Interval(mean, float(mean - half), float(mean + half), "weighted normal", level)


def _grouped(values: np.ndarray, records: ExitRecords, level: float, seed: int) -> Interval:
    weight = np.ones(len(records)) if records.weight is None else records.weight
    names = np.arange(len(records)) if records.group is None else records.group
    _, index = np.unique(names, return_inverse=True)
    total, offered = np.bincount(index, weight * values), np.bincount(index, weight)  # (groups,)
    draws = np.random.default_rng(seed).multinomial(len(total), np.full(len(total), 1 / len(total)), RESAMPLES)
    below = draws @ offered
    means = (draws @ total)[below > 0] / below[below > 0]
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(
        float(total.sum() / offered.sum()), float(low), float(high), f"bootstrap over {len(total)} groups", level
    )


def accuracy_of(records: ExitRecords, right) -> float:
    """The (weighted) accuracy of right (N,) bool: any answers to the records' samples."""
    return float(np.asarray(right, dtype=bool) @ records.units / records.total_units)


def own_accuracy(records: ExitRecords) -> np.ndarray:
    """(E,) accuracy of each exit if it answered every sample."""
    return (records.correct * records.units[:, None]).sum(axis=0) / records.total_units


def single_exit(records: ExitRecords, exit_index: int, cost: str = "macs") -> Routing:
    """Everybody leaves at one exit, and no other exit has a head."""
    kept = np.zeros(records.exits_count - 1, dtype=bool)
    if exit_index < len(kept):
        kept[exit_index] = True
    return routing_at(records, np.full(len(records), exit_index), kept, cost, exit_index)


def oracle(records: ExitRecords, kept=None, cost: str = "macs") -> Routing:
    """Upper bound: each sample leaves at its first correct kept exit, at the first kept one if none is correct.

    kept : (E-1,) bool, all exits when None.
    """
    kept = np.ones(records.exits_count - 1, dtype=bool) if kept is None else np.asarray(kept, dtype=bool)
    usable = records.correct & np.append(kept, True)  # (N, E)
    first = int(np.argmax(np.append(kept, True)))
    exit_of = np.where(usable.any(axis=1), usable.argmax(axis=1), first)
    return routing_at(records, exit_of, kept, cost)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Calibration of one exit over equal-width bins: count, mean confidence and accuracy per bin (NaN where empty)."""

    edges: np.ndarray
    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    ece: float


def reliability(records: ExitRecords, exit_index: int, bins: int = 15, samples=None) -> Reliability:
    """Reliability and expected calibration error of one exit, `bins` bins of equal width on [0, 1].

    ECE = sum over bins of count / N * |accuracy - mean confidence| (Naeini et al. 2015; Guo et al. 2017); where samples
    have weights, accuracy, mean confidence and a bin's share of N are weighted, count is not. Only max probability is
    meant to equal a probability of being right. samples : (N,) bool, all when None.
    """
    chosen = np.ones(len(records), dtype=bool) if samples is None else np.asarray(samples, dtype=bool)
    confidence = records.confidence[chosen, exit_index].astype(np.float64)
    right = records.correct[chosen, exit_index]
    edges = np.linspace(0, 1, bins + 1)
    index = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(index, minlength=bins)
    weight = np.ones(len(index)) if records.weight is None else records.weight[chosen]
    offered = np.bincount(index, weight, bins)
    empty = np.full(bins, np.nan)
    mean = np.divide(np.bincount(index, weight * confidence, bins), offered, out=empty.copy(), where=offered > 0)
    accuracy = np.divide(np.bincount(index, weight * right, bins), offered, out=empty.copy(), where=offered > 0)
    ece = float(np.nansum(offered * np.abs(accuracy - mean)) / (offered.sum() or 1.0))
    return Reliability(edges, count, mean, accuracy, ece)


def class_flow(records: ExitRecords, routing: Routing) -> np.ndarray:
    """(C, E) int: how many samples of each true class left at each exit."""
    classes = len(records.classes) if records.classes else int(records.label.max()) + 1
    flat = records.label * records.exits_count + routing.exit_of
    return np.bincount(flat, minlength=classes * records.exits_count).reshape(classes, records.exits_count)


def histogram(records: ExitRecords, exit_index: int, bins: int = 40, samples=None) -> tuple[np.ndarray, np.ndarray]:
    """Counts of right and wrong answers of one exit over equal-width confidence bins: two (bins,) int arrays.

    samples : (N,) bool, those that reach the exit, say; all when None.
    """
    chosen = np.ones(len(records), dtype=bool) if samples is None else np.asarray(samples, dtype=bool)
    index = np.minimum((records.confidence[chosen, exit_index] * bins).astype(np.int64), bins - 1)
    right = records.correct[chosen, exit_index]
    return np.bincount(index[right], minlength=bins), np.bincount(index[~right], minlength=bins)


def threshold_for_share(records: ExitRecords, exit_index: int, share: float) -> float:
    """Threshold that a share in [0, 1] of all samples reaches at this exit: 0 for everyone, 1 for nobody."""
    if not 0 <= share <= 1:
        raise ValueError(f"share {share!r} must lie in [0, 1].")
    wanted = round(share * len(records))
    if wanted == 0:
        return 1.0
    if wanted == len(records):
        return 0.0
    ascending = np.sort(records.confidence[:, exit_index])
    return _shortest(ascending[-wanted - 1], ascending[-wanted])


def _shortest(below: np.float32, reached: np.float32) -> float:
    """The number of fewest decimals in (below, reached]: a threshold people can read that lets the same samples leave."""
    for decimals in range(1, 8):
        scale = 10.0**decimals
        candidate = np.float32(np.floor(float(reached) * scale) / scale)
        if below < candidate <= reached:
            return float(candidate)
    return float(reached)


def saving(mean_cost: float, static_cost: float) -> float:
    """Share of the static network's cost that is saved; negative when the early-exit network costs more."""
    return 1 - mean_cost / static_cost if static_cost else 0.0


def all_final(records: ExitRecords) -> Policy:
    """The policy without any exit: the static network within these records."""
    if records.removable:
        return Policy((None,) * (records.exits_count - 1))
    return Policy((1.0,) * (records.exits_count - 1))


def default_policy(records: ExitRecords) -> Policy:
    """Half of the samples are confident enough at every exit; one branch design per position."""
    thresholds: list[float | None] = []
    for k in range(records.exits_count - 1):
        alternative = k > 0 and records.position[k] == records.position[k - 1]
        thresholds.append(None if alternative else threshold_for_share(records, k, 0.5))
    return Policy(thresholds)
