"""The inner level: positions, branch designs and thresholds of one backbone, from the table of one forward pass.

Cross-fitted: solved on one half of the search-validation samples and scored on the other, both ways; otherwise
candidates with more exits and designs win by selection noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.solve.cross_fit import split_in_two
from ..core.solve.front import Front
from ..core.solve.thresholds import front
from ..core.table.policy import Policy, route
from ..core.table.records import ExitRecords
from .goal import Goal, cheapest
from .pareto import Points

STEPS = 24  # budgets, evenly spaced in log cost, at which a candidate is scored
FEW = 6  # early exits up to which every choice of them is solved; with more a shortlist is made first
SHORTLIST_EXITS, SHORTLIST_GRID, SHORTLIST = 2, 12, 2  # exits combined first, thresholds each, designs kept a position


def halves(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of the samples as rising indices, each class shared evenly; always the same for the same labels."""
    order = np.argsort(label, kind="stable")  # classes in turn: every second sample of each goes to one half
    return np.sort(order[::2]), np.sort(order[1::2])


def parts_of(records: ExitRecords) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of the samples as rising indices; where there are groups, none is in both."""
    if records.group is not None and len(np.unique(records.group)) > 1:
        return split_in_two(records, 0)
    return halves(records.label)


def shares(parts: Sequence[ExitRecords]) -> tuple[np.ndarray, np.ndarray]:
    """What each part counts in figures of all samples: (parts,) in an accuracy, by weight, and in a mean cost, by number.

    Halves of samples without weights and groups are as good as equal and count one half each.
    """
    plain = np.full(len(parts), 1 / len(parts))
    one = parts[0]
    number = np.array([len(part) for part in parts], dtype=np.float64)
    weight = number if one.weight is None else np.array([part.weight.sum() for part in parts])
    return (
        plain if one.weight is None and one.group is None else weight / weight.sum(),
        plain if one.group is None else number / number.sum(),
    )


def cross_fitted(records: ExitRecords, goal: Goal, max_exits: int = 3, grid: int = 12) -> Points:
    """What this backbone reaches with the best exits, designs and thresholds at each of STEPS budgets.

    error and cost are means over the two halves' scores on each other, each counting what it holds; thresholds are solved
    on all samples at that budget. Points that break a constraint, and those dominated by others of this candidate, are left out.
    None where no policy satisfies the worst case asked for.
    """
    if goal.worst is not None and goal.worst < cheapest(records.cost(goal.cost), records.removable)[1]:
        return Points.none(records.exits_count - 1)
    parts = [records.subset(index) for index in parts_of(records)]
    by_weight, by_number = (share[::-1].tolist() for share in shares(parts))  # each half is scored on the other
    fronts = [solved(part, goal, max_exits, grid) for part in parts]
    whole = solved(records, goal, max_exits, grid)
    low = max(f.mean_cost[0] for f in (*fronts, whole))
    high = max(f.mean_cost[-1] for f in (*fronts, whole))
    budgets = np.unique(np.geomspace(low, high, STEPS))
    budgets[0], budgets[-1] = low, high  # exactly: the ends of geomspace are rounded
    picks = [[f.within(b) for b in budgets] for f in (*fronts, whole)]
    scored: dict[tuple[int, int], tuple[float, float]] = {}  # (half, point) -> error and cost on the other half
    rows = []
    for a, b, w in zip(*picks, strict=True):
        for half, index in ((0, a), (1, b)):
            if (half, index) not in scored:
                r = route(parts[1 - half], fronts[half].policy(index), goal.cost)
                scored[half, index] = (1 - r.accuracy, r.mean_cost)
        (error_a, cost_a), (error_b, cost_b) = scored[0, a], scored[1, b]
        error = by_weight[0] * error_a + by_weight[1] * error_b
        rows.append((error, by_number[0] * cost_a + by_number[1] * cost_b, whole.worst_cost[w], whole.thresholds[w]))
    points = Points(*(np.array([row[i] for row in rows]) for i in range(4)))
    return best_of(goal.admissible(points, records))


def best_of(points: Points) -> Points:
    """The points that no other of them dominates."""
    keep, lowest = np.zeros(len(points), dtype=bool), np.inf
    for i in np.lexsort((points.error, points.cost)).tolist():
        keep[i] = points.error[i] < lowest
        lowest = min(lowest, points.error[i])
    return points.where(keep)


def solved(records: ExitRecords, goal: Goal, max_exits: int, grid: int) -> Front:
    """The front over exits, designs and thresholds (E-1 of all columns), of the designs worth a closer look.

    Where designs are many, the SHORTLIST most used ones at each position, in the best policies with at most two exits,
    are combined to `max_exits` exits.
    """
    early = records.exits_count - 1
    if not records.removable:
        return front(records, goal.cost, max_worst=goal.worst)
    if early <= FEW:
        return front(records, goal.cost, grid, min(max_exits, early), max_worst=goal.worst)
    first = front(records, goal.cost, SHORTLIST_GRID, min(SHORTLIST_EXITS, max_exits), max_worst=goal.worst)
    times = (~np.isnan(first.thresholds)).sum(axis=0)  # (E-1,) policies that use each column
    position = records.position[:-1]
    used = [k for p in np.unique(position) for k in _most(times, np.flatnonzero(position == p))]
    if max_exits <= SHORTLIST_EXITS or not used:
        return first
    used = np.sort(used)
    few = front(records.columns([*used, early]), goal.cost, grid, min(max_exits, len(used)), max_worst=goal.worst)
    thresholds = np.full((len(few), early), np.nan, dtype=np.float32)
    thresholds[:, used] = few.thresholds
    return Front(few.accuracy, few.mean_cost, few.worst_cost, thresholds, few.unit)


def _most(times: np.ndarray, among: np.ndarray) -> list[int]:
    order = among[np.argsort(-times[among], kind="stable")]
    return [int(k) for k in order[:SHORTLIST] if times[k]]


def scored(records: ExitRecords, policies: list[Policy], goal: Goal) -> Points:
    """The given policies' figures on these records, the best of those that satisfy the constraints."""
    routings = [route(records, policy, goal.cost) for policy in policies]
    points = Points(
        np.array([1 - r.accuracy for r in routings]),
        np.array([r.mean_cost for r in routings]),
        np.array([r.worst_cost for r in routings]),
        np.array([policy.array for policy in policies]).reshape(len(policies), records.exits_count - 1),
    )
    return best_of(goal.admissible(points, records))
