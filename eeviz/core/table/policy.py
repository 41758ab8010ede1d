"""The rule, once: a sample leaves at the first kept exit whose confidence reaches the threshold, else at the final one.

Every comparison is float32 >= float32, here and in the browser.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .records import ExitRecords


def _threshold(value, index: int) -> float | None:
    if value is None:
        return None
    try:
        number = np.float32(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"threshold of exit {index + 1}: expected a number in [0, 1] or None, got {value!r}."
        ) from error
    if np.isnan(number):
        return None  # arrays (Front.thresholds) write a removed exit as NaN
    if not 0 <= number <= 1:
        raise ValueError(
            f"threshold of exit {index + 1} is {value!r}: it must lie in [0, 1] "
            "(0 everyone leaves, 1 nobody leaves, None removes the exit)."
        )
    return float(number)


@dataclass(frozen=True)
class Policy:
    """Thresholds (E-1,) of every exit but the final one, each in [0, 1] and rounded to float32.

    0: everyone leaves. 1: nobody leaves though the head is paid. None (NaN in arrays): the exit is removed.
    Raises ValueError for thresholds out of range.

    >>> ee.Policy((0.9, None)).kept.tolist()
    [True, False]
    """

    thresholds: tuple[float | None, ...]

    def __post_init__(self):
        values = self.thresholds
        if isinstance(values, (str, bytes)) or not np.iterable(values):
            raise ValueError(f"thresholds: expected a sequence, one per exit but the final one, got {values!r}.")
        object.__setattr__(self, "thresholds", tuple(_threshold(t, i) for i, t in enumerate(values)))

    def __repr__(self) -> str:
        inside = ", ".join("None" if t is None else str(np.float32(t)) for t in self.thresholds)
        return f"Policy(({inside}{',' if len(self.thresholds) == 1 else ''}))"

    @property
    def kept(self) -> np.ndarray:
        """(E-1,) bool: which exits have a head."""
        return np.array([t is not None for t in self.thresholds], dtype=bool)

    @property
    def array(self) -> np.ndarray:
        """(E-1,) float32, NaN = removed."""
        return np.array([np.nan if t is None else t for t in self.thresholds], dtype=np.float32)

    @property
    def deepest(self) -> int:
        """The deepest exit that a sample can reach: nobody gets past a threshold of 0. E-1 is the final classifier."""
        return int(deepest_of(self.array[None])[0])


def deepest_of(thresholds: np.ndarray) -> np.ndarray:
    """(M,) the deepest exit that a sample can reach under thresholds (M, E-1): the first with threshold 0, else E-1."""
    ends = np.column_stack([thresholds == 0, np.ones(len(thresholds), dtype=bool)])
    return ends.argmax(axis=1)


@dataclass(frozen=True, eq=False)
class Routing:
    """Where each sample left, and what that gave. Build it with `route`.

    exit_of (N,) int; right (N,) bool; count (E,) int; share (E,) of the samples; exit_accuracy (E,) on the samples
    leaving there (NaN where none do); accuracy; mean_cost and worst_cost in `unit`; cost_at (E,) cost per exit.
    worst_cost is the cost at the deepest exit that a sample can reach, whether or not one of this table got there:
    where a threshold is 0 nobody gets past it.

    >>> records = ee.load_demo("fashion").validation
    >>> routing = ee.route(records, ee.Policy((0.9, 0.9, 0.9)))
    >>> routing.share.round(2).tolist()
    [0.77, 0.05, 0.05, 0.13]
    """

    exit_of: np.ndarray
    right: np.ndarray
    count: np.ndarray
    accuracy: float
    mean_cost: float
    worst_cost: float
    exit_accuracy: np.ndarray
    cost_at: np.ndarray
    kept: np.ndarray
    unit: str
    share: np.ndarray = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "share", self.count / max(len(self.exit_of), 1))
        for name in ("exit_of", "right", "count", "exit_accuracy", "cost_at", "kept", "share"):
            getattr(self, name).flags.writeable = False

    def __repr__(self) -> str:
        share = " ".join(f"{s:.1%}" for s in self.share)
        return f"Routing(accuracy {self.accuracy:.2%}, mean {self.mean_cost:.4g} {self.unit}, share {share})"

    def cost_quantile(self, q: float) -> float:
        """Smallest cost that at least a share q in [0, 1] of the samples does not exceed, in `unit`."""
        if not 0 <= q <= 1:
            raise ValueError(f"quantile {q!r} must lie in [0, 1].")
        order = np.argsort(self.cost_at, kind="stable")
        order = order[self.count[order] > 0]
        reached = np.cumsum(self.count[order]) >= q * len(self.exit_of)
        return float(self.cost_at[order[np.argmax(reached)]])


def mean_cost_of(count, cost_at, samples: int):
    """Mean cost of E counts, one broadcastable array per exit: the only place it is computed.

    The sum runs from the first exit to the last, in float64, so that every caller gets the same last digit.
    """
    total = count[0] * cost_at[0]
    for k in range(1, len(count)):
        total = total + count[k] * cost_at[k]
    return total / samples


def figures_from_counts(count, right, cost_at, samples: int, units: int):
    """Accuracy and mean cost of count (E,), right (E,) and cost_at (E,); right are integers in `ExitRecords.units`."""
    return right.sum() / units, mean_cost_of(count, cost_at, samples)


def route(records: ExitRecords, policy: Policy, cost: str = "macs") -> Routing:
    """Route every sample of `records` by `policy` and charge `cost`. O(N E).

    Raises ValueError when the lengths disagree, two kept exits share a position, an exit that cannot be removed is
    removed, or the cost is unknown.

    >>> records = ee.load_demo("fashion").validation
    >>> routing = ee.route(records, ee.Policy((None, 0.9, 0.9)))
    >>> round(routing.accuracy, 3), round(routing.mean_cost / 1e6, 2)
    (0.938, 3.26)
    """
    check(records, policy)
    exit_of = np.full(len(records), records.exits_count - 1, dtype=np.int64)  # (N,)
    for k in range(records.exits_count - 2, -1, -1):
        if policy.thresholds[k] is not None:
            exit_of[records.confidence[:, k] >= np.float32(policy.thresholds[k])] = k
    return routing_at(records, exit_of, policy.kept, cost, policy.deepest)


def check(records: ExitRecords, policy: Policy) -> None:
    """Raise ValueError unless `policy` fits `records`."""
    if len(policy.thresholds) != records.exits_count - 1:
        raise ValueError(
            f"the policy has {len(policy.thresholds)} thresholds, the records need {records.exits_count - 1} "
            "(one per exit but the final one)."
        )
    kept_positions = records.position[:-1][policy.kept]
    if len(np.unique(kept_positions)) != len(kept_positions):
        raise ValueError("two kept exits are alternatives at one position of the backbone: remove one (None).")
    if not records.removable and not policy.kept.all():
        raise ValueError("these records' confidences depend on which exits exist: no exit can be removed (None).")


def routing_at(
    records: ExitRecords, exit_of: np.ndarray, kept: np.ndarray, cost: str = "macs", deepest: int | None = None
) -> Routing:
    """Routing of an arbitrary exit choice exit_of (N,) with heads at `kept` (E-1,) bool: for rules beyond thresholds.

    deepest : the deepest exit that the rule sends any sample to; None: the final classifier.
    """
    exits = records.exits_count
    charge = records.cost(cost)
    cost_at = charge.at(kept)  # (E,)
    right = records.correct[np.arange(len(records)), exit_of]  # (N,)
    count = np.bincount(exit_of, minlength=exits)  # (E,)
    if records.weight is None:
        offered = count
        hits = np.bincount(exit_of[right], minlength=exits)
    else:
        offered = _integer_sum(exit_of, records.units, exits)
        hits = _integer_sum(exit_of[right], records.units[right], exits)
    accuracy, mean_cost = figures_from_counts(count, hits, cost_at, len(records), records.total_units)
    return Routing(
        exit_of=exit_of,
        right=right,
        count=count,
        accuracy=float(accuracy),
        mean_cost=float(mean_cost),
        worst_cost=float(charge.worst(kept)[-1 if deepest is None else deepest]),
        exit_accuracy=np.divide(hits, offered, out=np.full(exits, np.nan), where=offered > 0),
        cost_at=cost_at,
        kept=np.array(kept, dtype=bool),
        unit=charge.unit,
    )


def _integer_sum(index: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    # np.bincount sums weights in float64, which is exact only below 2**53
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, index, values)
    return total
