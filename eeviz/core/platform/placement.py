"""Solving thresholds, exits and designs over every assignment of segments to processors, without solving each in full.

For one set of kept exits only assignments that no other undercuts at every exit are worth a table; of hundreds a few.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from ..network.segments import Segments
from ..solve.front import Sieve
from ..solve.grid import GridSolver, quantile_grid
from ..solve.lines import refine as refined
from ..solve.problem import Candidates, Problem
from ..solve.thresholds import MOST_CANDIDATES, MOST_CELLS, _choices, _grid_size, _many_tables, _solve
from ..table.cost import Cost, ProductCost
from ..table.format import precisely
from ..table.records import ExitRecords
from .cost import homes, memory

if TYPE_CHECKING:
    from .platform import Platform

MOST_ASSIGNMENTS = 20_000


def assignments(segments: int, processors: int) -> Iterator[tuple[int, ...]]:
    """Every way to run `segments` in order on a chain of processors, never travelling back."""
    return combinations_with_replacement(range(processors), segments)


def fitting(platform: Platform, segments: Segments) -> list[tuple[int, ...]]:
    """Every assignment under which the network without early exits fits the memory. Raises ValueError, naming the nearest,
    when there is none, and for too many."""
    count = math.comb(len(segments) + len(platform.processors) - 1, len(segments))
    if count > MOST_ASSIGNMENTS:
        raise ValueError(f"{count} assignments are more than {MOST_ASSIGNMENTS}: merge segments first.")
    room, nearest, found = _room(platform), (math.inf, ""), []
    for assignment in assignments(len(segments), len(platform.processors)):
        held = memory(platform, segments, assignment)
        if (held <= room).all():
            found.append(assignment)
            continue
        r = int((held - room).argmax())
        words = f"{platform.processors[r].name} would need {held[r]:.0f} bytes and has {room[r]:.0f}"
        nearest = min(nearest, (float(held[r] - room[r]), words))
    if not found:
        raise ValueError(f"the network fits no assignment's memory; nearest: {nearest[1]}.")
    return found


def _room(platform: Platform) -> np.ndarray:
    return np.array([np.inf if p.memory is None else p.memory for p in platform.processors])


@dataclass(frozen=True, eq=False)
class Placement:
    """One assignment and place of heads, what it costs, and what it holds.

    charge : the cost to minimise. latency : its latency, for a bound on the worst case (None: no bound). needs, peak (R,)
    bytes without early exits: weights, largest activations. head_bytes, head_peak (E, R) of each head. room (R,).
    """

    assignment: tuple[int, ...]
    heads: str
    charge: Cost | ProductCost
    latency: Cost
    worst_latency: float | None
    needs: np.ndarray
    peak: np.ndarray
    head_bytes: np.ndarray
    head_peak: np.ndarray
    room: np.ndarray
    _problem: list = field(default_factory=list, repr=False)

    def fits(self, kept: tuple[int, ...]) -> bool:
        """Whether these early exits (rising) are within memory."""
        exits = list(kept)
        held = self.needs + self.head_bytes[exits].sum(axis=0)
        held = held + np.maximum(self.peak, self.head_peak[exits].max(axis=0, initial=0.0))
        return bool((held <= self.room).all())

    def roomy(self, exits: int) -> bool:
        """Whether every choice of at most so many early exits fits."""
        if self.worst_latency is not None:
            return False
        largest = np.sort(self.head_bytes[:-1], axis=0)[::-1][:exits].sum(axis=0)
        peak = np.maximum(self.peak, self.head_peak.max(axis=0))
        return bool((self.needs + largest + peak <= self.room).all())

    def problem(self, base: Problem) -> Problem:
        """The threshold problem with this placement's cost; always the same object."""
        if not self._problem:
            self._problem.append(
                Problem(base.records, self.charge, base.max_exits, self.worst_latency, self.fits, self.latency)
            )
        return self._problem[0]


def placements(
    platform: Platform,
    segments: Segments,
    records: ExitRecords,
    cost: str,
    worst_latency: float | None,
    heads: tuple[str, ...],
    max_exits: int | None,
) -> list[Placement]:
    """Every placement whose memory holds the network without early exits and that no other beats; the cheapest static first.

    With a bound on the worst case, those under which the network without early exits keeps it come before the others.

    Raises ValueError, naming the nearest, when there is none.
    """
    room = _room(platform)
    found: list[tuple] = []
    quickest, early = math.inf, 0 if max_exits == 0 else segments.exits_count - 1
    for assignment in fitting(platform, segments):
        for place in heads if len(set(assignment)) > 1 else heads[:1]:
            costs = platform.cost(segments, assignment, place)
            least = _least(costs["latency"], records.removable, early)
            quickest = min(quickest, least)
            if worst_latency is None or least <= worst_latency:
                charge = costs[cost] if cost in costs else records.cost(cost)
                made = _placement(platform, segments, assignment, place, charge, costs["latency"], worst_latency, room)
                found.append(((charge.static, costs["energy"].static, costs["latency"].static), made))
    if not found:
        raise ValueError(
            f"no assignment has a worst case of at most {precisely(worst_latency, 's')}: the lowest is "
            f"{precisely(quickest, 's')}."
        )
    if worst_latency is not None:
        found.sort(key=lambda entry: (entry[0][2] > worst_latency, entry[0]))
    else:
        found.sort(key=lambda entry: entry[0])
    return _unbeaten([made for _, made in found], segments.exits_count - 1 if max_exits is None else max_exits)


def _least(latency: Cost, removable: bool, early: int) -> float:
    """The lowest worst-case latency of any policy: everyone leaves at one exit, or there is none."""
    if not removable:
        return float(latency.at(np.ones(len(latency) - 1, dtype=bool))[0])
    return min([latency.static, *(latency.backbone[:early] + latency.heads[:early]).tolist()])


def _placement(platform, segments, assignment, heads, charge, latency, worst_latency, room) -> Placement:
    processors, home = len(room), homes(segments, assignment, heads)
    needs, peak = np.zeros(processors), np.zeros(processors)
    for piece, r in zip(segments.pieces, assignment, strict=True):
        needs[r] += piece.weight_bytes
        peak[r] = max(peak[r], piece.peak_bytes)
    there = np.eye(processors)[home]  # (E, R)
    head_bytes = there * np.array([head.weight_bytes for head in segments.heads])[:, None]
    head_peak = there * np.array([head.peak_bytes for head in segments.heads])[:, None]
    needs, peak = needs + head_bytes[-1], np.maximum(peak, head_peak[-1])
    return Placement(assignment, heads, charge, latency, worst_latency, needs, peak, head_bytes, head_peak, room)


def _unbeaten(places: list[Placement], exits: int) -> list[Placement]:
    """Without those that another, which allows every choice of exits, undercuts or equals at every exit and head."""
    vectors = np.array([np.concatenate([v for t in p.charge.terms for v in (t.backbone, t.heads)]) for p in places])
    kept: list[int] = []
    for i in np.argsort(vectors.sum(axis=1), kind="stable").tolist():
        if not any(places[j].roomy(exits) and (vectors[j] <= vectors[i]).all() for j in kept):
            kept.append(i)
    return [places[i] for i in sorted(kept)]


def solved(base: Problem, places: list[Placement], grid: int | None, refine: bool) -> tuple[Candidates, np.ndarray]:
    """The front over all placements, and which of them each point is from.

    Raises ValueError when exits that cannot be removed fit nowhere.
    """
    if not base.records.removable:
        everything = tuple(range(base.early))
        able = [o for o, place in enumerate(places) if place.problem(base).allowed(everything)]
        if not able:
            raise ValueError("every exit must be kept, which these conditions do not allow.")
    else:
        able = list(range(len(places)))
    if _many_tables(base) and min(base.max_exits, base.early):
        front, owner = _by_tables(base, places, grid)
    else:
        front, owner = _union([(o, _solve(places[o].problem(base), grid)) for o in able])
    if refine:
        own = [(o, _part(front, owner == o)) for o in np.unique(owner).tolist()]
        front, owner = _union([(o, refined(places[o].problem(base), start)) for o, start in own])
    return front, owner


def _by_tables(base: Problem, places: list[Placement], grid: int | None) -> tuple[Candidates, np.ndarray]:
    """One table for each choice of exits and each placement that no other undercuts for that choice."""
    position = base.records.position[:-1].tolist()
    exits = min(base.max_exits, len(set(position)))
    choices = _choices(position, exits)
    size = grid or _grid_size(exits, sum(map(len, choices.values())))
    if (size + 1) ** exits > MOST_CELLS:
        raise ValueError(f"{size} thresholds at {exits} exits are too many combinations: choose a smaller grid.")
    values = [quantile_grid(base.records.confidence[:, k], size) for k in range(base.early)]
    solver = GridSolver(places[0].problem(base), dict(enumerate(values)))
    solver.sieve = _joint_sieve(places)
    priced = [solver.priced(place.problem(base)) for place in places]
    prices = _Prices(places)
    parts = [
        (o, _solve(Problem(base.records, place.charge, 0, place.worst_latency, bounded=place.latency), grid))
        for o, place in enumerate(places)
    ]
    front, owner = _union(parts)
    parts, held = [], 0
    for count in range(exits, 0, -1):
        for prefix, lasts in (choices if count == exits else _choices(position, count)).items():
            for o, chosen in prices.worthwhile(prefix, lasts).items():
                parts.append((o, priced[o].solve(prefix, chosen)))
                held += len(parts[-1][1])
            solver.forget()
            if held > MOST_CANDIDATES:
                front, owner = _union([(o, _part(front, owner == o)) for o in np.unique(owner)] + parts)
                parts, held = [], 0
    return _union([(o, _part(front, owner == o)) for o in np.unique(owner)] + parts)


def _part(front: Candidates, chosen: np.ndarray) -> Candidates:
    """Some of the points, by a boolean index (M,)."""
    return Candidates(front.mean_cost[chosen], front.right[chosen], front.thresholds[chosen])


def _joint_sieve(places: list[Placement]) -> Sieve:
    """A sieve for the costs of all placements: nobody pays less than an exit's own backbone and head."""
    every = np.ones(len(places[0].charge) - 1, dtype=bool)
    low = math.inf
    for place in places:
        least = np.ones(len(every) + 1)
        for term in place.charge.terms:
            least = least * (term.backbone + term.heads)
        low = min(low, float(least.min()))
    high = max(place.charge.static for place in places)
    return Sieve(low, high if high > low else max(float(place.charge.at(every).max()) for place in places))


class _Prices:
    """What leaving costs under every placement, and which placements matter for a choice of exits."""

    def __init__(self, places: list[Placement]):
        terms = list(zip(*(place.charge.terms for place in places), strict=True))
        self.backbone = [np.array([t.backbone for t in term]) for term in terms]  # (A, E) each
        self.heads = [np.array([t.heads for t in term]) for term in terms]
        self.needs = np.array([p.needs for p in places])  # (A, R)
        self.peak = np.array([p.peak for p in places])
        self.head_bytes = np.array([p.head_bytes for p in places])  # (A, E, R)
        self.head_peak = np.array([p.head_peak for p in places])
        self.room, self.bound = places[0].room, places[0].worst_latency
        self.latency = np.array([p.latency.backbone for p in places])  # (A, E)
        self.latency_heads = np.array([p.latency.heads for p in places])

    def worthwhile(self, prefix: tuple[int, ...], lasts: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
        """placement -> those of `lasts` with which, after `prefix`, it fits and no other undercuts it at every exit.

        Where the worst case lets nobody past the last exit, what lies behind it does not count.
        """
        first, last = list(prefix), list(lasts)
        leaving = self._at(first, last)  # (A, m + 1, B)
        fitting = self._fitting(first, last)  # (A, B)
        ending, whole = self._within(first, last)  # (A, B)
        found: dict[int, list[int]] = {}
        for b, k in enumerate(last):
            able = fitting[:, b] & ending[:, b]
            chosen = set(_uncut(np.flatnonzero(able & whole[:, b]), leaving[:, :, b]))
            if not whole[able, b].all():
                chosen |= set(_uncut(np.flatnonzero(able), leaving[:, :-1, b]))
            for o in sorted(chosen):
                found.setdefault(o, []).append(k)
        return {o: tuple(chosen) for o, chosen in found.items()}

    def _at(self, first: list[int], last: list[int]) -> np.ndarray:
        """(A, m + 1, B) what a sample pays that leaves at each of `first`, at each of `last`, at the final classifier."""
        product = None
        for backbone, heads in zip(self.backbone, self.heads, strict=True):
            passed = np.cumsum(heads[:, first], axis=1)  # (A, m - 1)
            before = passed[:, -1:] if first else np.zeros((len(heads), 1))
            early = np.repeat((backbone[:, first] + passed)[..., None], len(last), axis=2)
            here = backbone[:, last] + before + heads[:, last]
            final = backbone[:, -1:] + before + heads[:, last] + heads[:, -1:]
            paid = np.concatenate([early, here[:, None], final[:, None]], axis=1)
            product = paid if product is None else product * paid
        return product

    def _fitting(self, first: list[int], last: list[int]) -> np.ndarray:
        """(A, B) bool: whether it fits."""
        held = (self.needs + self.head_bytes[:, first].sum(axis=1))[:, None] + self.head_bytes[:, last]
        peak = np.maximum(self.peak, self.head_peak[:, first].max(axis=1, initial=0.0))
        held = held + np.maximum(peak[:, None], self.head_peak[:, last])
        return (held <= self.room).all(axis=2)

    def _within(self, first: list[int], last: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """(A, B) each: whether the worst case is kept where nobody gets past the last exit, and where some do."""
        heads = self.latency_heads[:, first].sum(axis=1)[:, None] + self.latency_heads[:, last]
        if self.bound is None:
            return np.ones(heads.shape, dtype=bool), np.ones(heads.shape, dtype=bool)
        whole = self.latency[:, -1:] + heads + self.latency_heads[:, -1:]
        return self.latency[:, last] + heads <= self.bound, whole <= self.bound


def _uncut(index: np.ndarray, leaving: np.ndarray) -> list[int]:
    """Those of the placements `index` that no other of them undercuts or equals at every exit; leaving (A, exits)."""
    price, found = leaving[index], []
    order = np.argsort(price.sum(axis=1), kind="stable")
    index, price = index[order], price[order]
    while len(index):
        found.append(int(index[0]))
        better = (price < price[0]).any(axis=1)
        index, price = index[better], price[better]
    return found


def _union(fronts: list[tuple[int, Candidates]]) -> tuple[Candidates, np.ndarray]:
    """The Pareto front of several, and whose each point is; of equal points that of the lowest number."""
    joined = Candidates.joined([front for _, front in fronts])
    owner = np.repeat([o for o, _ in fronts], [len(front) for _, front in fronts])
    tagged = np.column_stack([joined.thresholds, -owner])  # of equal thresholds the higher stays
    best = Candidates(joined.mean_cost, joined.right, tagged).best()
    thresholds, owner = best.thresholds[:, :-1].astype(np.float32), -best.thresholds[:, -1].astype(int)
    return Candidates(best.mean_cost, best.right, thresholds), owner
