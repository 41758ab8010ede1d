"""front and tune: the best thresholds of a table, exact on a grid, refined to all real thresholds on request.

Choosing exits, branch designs and thresholds is one problem with one solver: an exit that is not worth its head comes
out *removed*.
"""

from __future__ import annotations

import math
from itertools import combinations
from numbers import Integral

import numpy as np

from ..table.format import precisely
from ..table.metrics import own_accuracy
from ..table.policy import Policy
from ..table.records import ExitRecords
from .front import Front
from .grid import GridSolver, quantile_grid
from .lines import refine as refined
from .problem import Candidates, Problem

__all__ = ["Front", "front", "tune"]

CELLS = 300_000  # of one table
ALL_CELLS = 30_000_000  # of all tables, where there is one for each choice of exits
MOST_CELLS, MOST_TABLES, MOST_CANDIDATES = 20_000_000, 1_000_000, 20_000
MOST_CHOICES = 30_000  # of exits, where nobody says how many may be kept
SMALLEST_GRID = 16
OTHER_GRIDS = (8, 16)  # where refinement starts beside the front itself
MANY_SAMPLES = 4000  # from which on one other start does: what a single start misses are points of tables of hundreds
ONE_TABLE = 6  # columns up to which one table holds every exit
ROUNDING = 1e-12  # 0.93 - 0.01 must not ask for more than 0.92


def front(
    records: ExitRecords,
    cost: str = "macs",
    grid: int | None = None,
    max_exits: int | None = None,
    refine: bool = False,
    max_worst: float | None = None,
) -> Front:
    """The best accuracy at every mean cost over all combinations of thresholds and kept exits: exact on its grid.

    grid : thresholds per exit, at sample quantiles of its confidence; None: as many as keep one table within 300,000
    combinations (and all tables within 30 million, but not fewer than 16).
    max_exits : at most so many early exits. With alternatives at one position, or more than six columns, the front is
    the union over all choices of at most max_exits exits, at most one a position, each solved exactly. Unless told, 3; 2 of more
    than 57 columns, where three would take minutes.
    refine : then move one threshold at a time over all real values, exactly, until no point improves.
    max_worst : worst-case cost at most this, in the cost's unit; a threshold of 0 lets nobody past, so it ends there.

    Records with removable=False keep every exit. Of equal figures the policy with fewer exits, then with higher
    thresholds is shown. Raises ValueError when no policy satisfies max_worst, and for bad arguments.

    >>> front = ee.front(ee.load_demo("fashion").validation, max_exits=2)
    >>> round(float(front.accuracy[-1]), 3)
    0.938
    """
    problem = _problem(records, cost, max_exits, max_worst)
    if not _is_count(grid, 1):
        raise ValueError(f"grid: expected a number of thresholds per exit, at least 1, or None; got {grid!r}.")
    best = _solve(problem, grid)
    if refine:
        # where one table holds every exit, solving a coarse grid costs next to nothing
        others = () if _many_tables(problem) else OTHER_GRIDS[len(records) >= MANY_SAMPLES :]
        best = refined(problem, best, *(_solve(problem, size) for size in others))
    return problem.front(best)


def tune(
    records: ExitRecords,
    *,
    max_cost: float | None = None,
    min_accuracy: float | None = None,
    max_drop: float | None = None,
    cost: str = "macs",
    max_worst: float | None = None,
) -> Policy:
    """The best policy of the refined front under one condition, and max_worst (worst-case cost) if given.

    max_cost : the most accurate with mean cost at most this, in the cost's unit.
    min_accuracy : the cheapest that reaches this accuracy in [0, 1].
    max_drop : the cheapest that loses at most this share of accuracy against the final classifier on the same table.
    max_worst alone : the most accurate.

    The accuracy on the split it was tuned on is optimistic: asked for a drop of 1.0 pp on 5,000 samples a policy shows
    about 1.2 pp on new ones, on 1,000 samples 1.8 pp. Report on samples that were not used here.

    Raises ValueError naming the best that can be reached when nothing satisfies the conditions.

    >>> records = ee.load_demo("fashion").validation
    >>> policy = ee.tune(records, max_cost=3e6)
    >>> ee.route(records, policy).mean_cost <= 3e6
    True
    """
    asked = {"max_cost": max_cost, "min_accuracy": min_accuracy, "max_drop": max_drop}
    given = {name: value for name, value in asked.items() if value is not None}
    if len(given) > 1 or not (given or max_worst is not None):
        raise ValueError("tune: give one of max_cost, min_accuracy and max_drop (and max_worst beside it if you like).")
    for name, value in given.items():
        if not math.isfinite(value) or (name != "max_cost" and abs(value) > 1):
            raise ValueError(f"{name} is {value!r}: expected a finite number, accuracies as shares (0.01 = one point).")
    best = front(records, cost, refine=True, max_worst=max_worst)
    return best.policy(choose(best, records, max_cost, min_accuracy, max_drop))


def choose(
    best: Front,
    records: ExitRecords,
    max_cost: float | None = None,
    min_accuracy: float | None = None,
    max_drop: float | None = None,
) -> int:
    """Index of the point of a front that `tune` would choose; conditions and errors as there."""
    top, unit = len(best) - 1, best.unit
    if max_cost is not None:
        index = best.within(max_cost)
        if index is None:
            raise ValueError(
                f"no policy costs at most {precisely(max_cost, unit)} on average: the cheapest costs "
                f"{precisely(best.mean_cost[0], unit)} (accuracy {best.accuracy[0]:.2%})."
            )
        return index
    if max_drop is not None:
        min_accuracy = own_accuracy(records)[-1] - max_drop
    if min_accuracy is None:
        return top
    index = best.reaching(min_accuracy - ROUNDING)
    if index is None:
        raise ValueError(
            f"no policy reaches an accuracy of {min_accuracy:.2%}: the best reachable is {best.accuracy[top]:.2%} at "
            f"{precisely(best.mean_cost[top], unit)}."
        )
    return index


def _is_count(value, least: int) -> bool:
    """None, or a whole number of at least `least`."""
    return value is None or (isinstance(value, Integral) and not isinstance(value, bool) and value >= least)


def _problem(records: ExitRecords, cost: str, max_exits: int | None, max_worst: float | None) -> Problem:
    early = records.exits_count - 1
    if not _is_count(max_exits, 0):
        raise ValueError(f"max_exits: expected a whole number of early exits, at least 0, or None; got {max_exits!r}.")
    if not records.removable:
        if _alternatives(records):
            raise ValueError("these records' exits cannot be removed, yet some share a position: keep one design each.")
        if max_exits is not None and max_exits < early:
            raise ValueError(
                f"these records' {early} early exits cannot be removed, so max_exits={max_exits} cannot be."
            )
    elif max_exits is None and (_alternatives(records) or records.exits_count > ONE_TABLE):
        max_exits = 3 if math.comb(early, 3) <= MOST_CHOICES else 2  # unasked for, it takes seconds at most
    problem = Problem(records, records.cost(cost), max_exits, max_worst)
    if max_worst is not None:
        if not max_worst == max_worst:
            raise ValueError("max_worst is not a number.")
        least, where = problem.least()
        if max_worst < least:
            raise ValueError(
                f"no policy has a worst case of at most {precisely(max_worst, problem.charge.unit)}: the lowest is "
                f"{precisely(least, problem.charge.unit)}, {where}."
            )
    return problem


def _solve(problem: Problem, grid: int | None) -> Candidates:
    records, early = problem.records, problem.early
    exits = early if problem.max_exits is None else min(problem.max_exits, len(set(records.position[:-1].tolist())))
    if exits == 0:
        if not problem.allowed(()):
            return Candidates(np.empty(0), np.empty(0, dtype=np.int64), np.empty((0, early), dtype=np.float32))
        right = np.array([records.units[records.correct[:, -1]].sum()])
        removed = np.full((1, early), np.nan, dtype=np.float32)
        return Candidates(np.array([problem.cost_at(())[-1]]), right, removed)
    columns = list(range(early))
    if _many_tables(problem):
        choices = _choices(records.position[:-1].tolist(), exits)
    else:
        exits, choices = early, {tuple(columns[:-1]): (columns[-1],)}
    tables = sum(map(len, choices.values()))
    size = grid or _grid_size(exits, tables)
    if (size + 1) ** exits > MOST_CELLS:
        raise ValueError(
            f"{size} thresholds at {exits} exits are {(size + 1) ** exits:.2g} combinations, more than the "
            f"{MOST_CELLS:.0e} of one table: choose a smaller grid, or fewer exits (max_exits)."
        )
    solver = GridSolver(problem, {k: quantile_grid(records.confidence[:, k], size) for k in columns})
    parts: list[Candidates] = []
    held = 0
    for prefix, lasts in choices.items():
        parts.append(solver.solve(prefix, lasts))
        held += len(parts[-1])
        if held > MOST_CANDIDATES:
            parts = [Candidates.joined(parts).best()]
            held = len(parts[0])
    return Candidates.joined(parts).best()


def _many_tables(problem: Problem) -> bool:
    """Is the front a union over choices of exits? Else one table holds all of them."""
    records = problem.records
    if _alternatives(records):
        return True
    whole = problem.max_exits is None or problem.max_exits >= problem.early
    return not whole and records.exits_count > ONE_TABLE


def _alternatives(records: ExitRecords) -> bool:
    position = records.position[:-1]
    return len(np.unique(position)) < len(position)


def _choices(position: list[int], exits: int) -> dict[tuple[int, ...], tuple[int, ...]]:
    """All choices of exactly `exits` columns at different positions, as first columns -> last columns.

    Smaller sets are inside their tables, with the others removed. Raises ValueError when there are too many.
    """
    if math.comb(len(position), exits) > MOST_TABLES:
        raise ValueError(f"{exits} of {len(position)} exits can be chosen in too many ways: lower max_exits.")
    choices = {}
    for prefix in combinations(range(len(position)), exits - 1):
        at = [position[k] for k in prefix]
        if len(set(at)) == len(at):
            lasts = tuple(k for k in range(len(position)) if position[k] > (at[-1] if at else -math.inf))
            if lasts:
                choices[prefix] = lasts
    return choices


def _grid_size(exits: int, tables: int) -> int:
    """The largest G with (G + 1)**exits cells within reach, for one table and for all of them."""
    size = max(2, round(CELLS ** (1 / exits)) + 2)
    while size**exits > CELLS and size > 2:
        size -= 1
    while size**exits * tables > ALL_CELLS and size > SMALLEST_GRID + 1:
        size -= 1
    return size - 1
