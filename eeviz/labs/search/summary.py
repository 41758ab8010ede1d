"""What the lab's views show of snapshots, worked out once per snapshot on the search's own thread. No widgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...core.solve.front import undominated
from ...core.table import format
from ...core.table.policy import Policy

FEW_ROWS = 200
"""Candidates in the table."""


@dataclass(frozen=True)
class Mark:
    """One operating point of one candidate: point counts the candidate's own points; words describe it on hover."""

    method: str
    candidate: int
    point: int
    accuracy: float
    mean_cost: float
    worst_cost: float
    words: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        return self.method, self.candidate, self.point


@dataclass(frozen=True, eq=False)
class Lane:
    """One method as the views show it. front : its best points by rising cost; others : one mark per further candidate.

    seconds, evaluations (T,) and errors (T, 8) of its history; tau (T,) of its surrogates, NaN while there are none.
    """

    method: str
    snapshot: object
    front: tuple[Mark, ...]
    others: tuple[Mark, ...]
    seconds: np.ndarray
    evaluations: np.ndarray
    errors: np.ndarray
    hypervolume: np.ndarray
    tau: np.ndarray


def lane(method: str, snapshot, describe: Callable[[tuple[int, ...]], str]) -> Lane:
    """The lane of a snapshot. describe : genome -> words about its backbone."""
    steps = snapshot.history
    budgets = len(snapshot.budgets)
    return Lane(
        method,
        snapshot,
        _front(method, snapshot, describe),
        _others(method, snapshot, describe),
        np.array([step.seconds for step in steps]),
        np.array([step.evaluations for step in steps]),
        np.array([step.errors for step in steps]).reshape(-1, budgets),
        np.array([step.hypervolume for step in steps]),
        np.array([np.nan if step.tau is None else step.tau for step in steps], dtype=float),
    )


def _front(method: str, snapshot, describe) -> tuple[Mark, ...]:
    front = snapshot.front
    by_id = {candidate.id: candidate for candidate in snapshot.archive}
    marks = []
    for row in range(len(front)):
        candidate = by_id[int(front.candidate[row])]
        point = int(np.argmin(np.abs(candidate.points.cost - front.mean_cost[row])))
        marks.append(_mark(method, candidate, point, describe))
    return tuple(marks)


def _others(method: str, snapshot, describe) -> tuple[Mark, ...]:
    """Every candidate off the front by the point that comes closest to it."""
    front, shining = snapshot.front, set(snapshot.front.candidate.tolist())
    marks = []
    for candidate in snapshot.archive:
        if candidate.id in shining or not len(candidate.points):
            continue
        place = np.searchsorted(front.mean_cost, candidate.points.cost, side="right") - 1
        behind = front.accuracy[np.maximum(place, 0)] - (1 - candidate.points.error)
        marks.append(_mark(method, candidate, int(np.argmin(behind)), describe))
    return tuple(marks)


def _mark(method: str, candidate, point: int, describe) -> Mark:
    points = candidate.points
    return Mark(
        method,
        candidate.id,
        point,
        float(1 - points.error[point]),
        float(points.cost[point]),
        float(points.worst[point]),
        describe(candidate.genome),
    )


class Describer:
    """Words about genomes of a space for the chart's hover, each made once."""

    def __init__(self, space):
        self.space = space
        self._words = lru_cache(maxsize=4096)(self._made)

    def __call__(self, genome: tuple[int, ...]) -> str:
        return self._words(tuple(genome))

    def _made(self, genome: tuple[int, ...]) -> str:
        architecture = self.space.decode(genome)
        plan = architecture.plan
        shapes = plan.shapes[1:]
        depth = [len(segment) for segment in plan.segments]
        stages = ", ".join(f"{shape[0]} x {n}" for shape, n in zip(shapes, depth, strict=True))
        resolution = architecture.values.get("resolution")
        side = f"{resolution} px, " if isinstance(resolution, int | np.integer) else ""
        return (
            f"{side}{len(depth)} stages (channels x layers): {stages}; "
            f"static {format.quantity(plan.macs().static, 'MACs')}"
        )


def exits_kept(heads, policy: Policy) -> list[tuple[str, float]]:
    """(name, threshold) of the exits that a policy keeps. heads : a plan's, the final classifier last."""
    return [(head.name, t) for head, t in zip(heads, policy.thresholds, strict=False) if t is not None]


def reached_by_all(lanes: Mapping[str, Lane]) -> np.ndarray:
    """(8,) bool: the budgets that every method has a network for by now."""
    lasts = [lane.errors[-1] for lane in lanes.values() if len(lane.errors)]
    return ~np.isnan(lasts).any(axis=0) if lasts else np.zeros(8, dtype=bool)


def course(lane: Lane, budget: int | None, shared: np.ndarray) -> np.ndarray:
    """(T,) error after each evaluation: at one budget, or the mean over the `shared` ones; NaN until all are reached."""
    if budget is not None:
        return lane.errors[:, budget]
    return lane.errors[:, shared].mean(axis=1) if shared.any() else np.full(len(lane.errors), np.nan)


def best_of_all(lanes: Mapping[str, Lane]) -> tuple[Mark, ...]:
    """Points on no other method's wrong side: the front of all methods together, by rising cost."""
    marks = sorted((m for lane in lanes.values() for m in lane.front), key=lambda m: m.method)
    cost, accuracy = np.array([(m.mean_cost, m.accuracy) for m in marks]).reshape(-1, 2).T
    return tuple(marks[i] for i in undominated(cost, accuracy, np.arange(len(marks))).tolist())


def rows(lanes: Mapping[str, Lane]) -> list[dict]:
    """The table's rows, one per candidate: those on a front first, then by accuracy."""
    made = []
    for one in lanes.values():
        on_front: dict[int, int] = {}
        for mark in one.front:
            on_front[mark.candidate] = on_front.get(mark.candidate, 0) + 1
        for candidate in one.snapshot.archive:
            points = candidate.points
            best = int(np.argmin(points.error)) if len(points) else None
            made.append(
                {
                    "method": one.method,
                    "candidate": candidate.id,
                    "generation": candidate.generation,
                    "on_front": on_front.get(candidate.id, 0),
                    "accuracy": None if best is None else float(1 - points.error[best]),
                    "mean_cost": None if best is None else float(points.cost[best]),
                    "worst_cost": None if best is None else float(points.worst[best]),
                    "cheapest": float(points.cost[0]) if len(points) else None,
                    "point": best,
                    "seconds": float(candidate.seconds),
                    "failed": candidate.failed,
                }
            )
    return sorted(made, key=lambda r: (-r["on_front"], -(r["accuracy"] or 0.0), r["method"], r["candidate"]))
