"""Which processor runs which segment, decided together with exits, branch designs and thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import numpy as np

from .cost import Cost, ProductCost
from .front import Front
from .platform import Platform
from .platform_cost import HEADS, checked, memory, traffic
from .policy import Policy, Routing, route
from .problem import Candidates, Problem
from .records import ExitRecords
from .refine import refine as refined
from .segments import Segments
from .thresholds import _problem, _solve, choose

COSTS = ("latency", "energy", "energy x latency")
MOST_ASSIGNMENTS = 20_000


@dataclass(frozen=True, eq=False, repr=False)
class Mapping:
    """A policy and where its network runs.

    assignment (P,) processor of each segment; heads "own" or "next", as in `Platform.cost`; cost : what was minimised.
    front : accuracy against that cost over all policies and assignments; assignments, front_heads : those of its points.
    static_assignment : the cheapest for the network without early exits, under the same memory.
    """

    platform: Platform
    segments: Segments
    assignment: tuple[int, ...]
    policy: Policy
    heads: str = "own"
    cost: str = "energy"
    front: Front | None = None
    assignments: tuple[tuple[int, ...], ...] = ()
    front_heads: tuple[str, ...] = ()
    static_assignment: tuple[int, ...] | None = None

    def __post_init__(self):
        object.__setattr__(self, "assignment", checked(self.platform, self.segments, self.assignment))

    def __repr__(self) -> str:
        parts = []
        for r, processor in enumerate(self.platform.processors):
            own = [p for p, at in enumerate(self.assignment) if at == r]
            if own:
                parts.append(f"{processor.name}: {own[0] + 1}" + (f"-{own[-1] + 1}" if len(own) > 1 else ""))
        return f"Mapping(segments {', '.join(parts)}; {self.policy})"

    @property
    def costs(self) -> dict[str, Cost | ProductCost]:
        """latency, energy and their product under this assignment."""
        return self.platform.cost(self.segments, self.assignment, self.heads)

    def at(self, index: int) -> Mapping:
        """Another point of the front, with its own assignment."""
        return replace(
            self,
            policy=self.front.policy(index),
            assignment=self.assignments[index],
            heads=self.front_heads[index],
        )

    def records(self, records: ExitRecords) -> ExitRecords:
        """`records` with this mapping's costs beside their own: what the explorer shows."""
        self.segments.fit(records)
        return replace(records, costs={**records.costs, **self.costs})

    def route(self, records: ExitRecords, cost: str | None = None) -> Routing:
        """Route `records`, also others than those it was chosen on, and charge one of this mapping's costs."""
        return route(self.records(records), self.policy, cost or self.cost)

    def figures(self, records: ExitRecords) -> dict:
        """What running `records` comes to.

        accuracy; share (E,) leaving at each exit; for each cost mean, p95, worst, static (same network without early
        exits where that is cheapest) and saving; memory {processor: bytes}; traffic {link: mean bytes a sample};
        crossing {link: share of the samples that travel over it}.
        """
        routings = {name: self.route(records, name) for name in COSTS}
        first = routings["latency"]
        sent = traffic(self.platform, self.segments, self.assignment, self.heads)  # (E, R - 1)
        static = self.platform.cost(self.segments, self.static_assignment or self.assignment)
        out = {"accuracy": first.accuracy, "share": first.share.tolist()}
        for name, routing in routings.items():
            out[name] = {
                "mean": routing.mean_cost,
                "p95": routing.cost_quantile(0.95),
                "worst": routing.worst_cost,
                "static": static[name].static,
                "saving": 1 - routing.mean_cost / static[name].static if static[name].static else 0.0,
                "unit": routing.unit,
            }
        held = memory(self.platform, self.segments, self.assignment, self.policy.kept, self.heads)
        out["memory"] = {p.name: float(b) for p, b in zip(self.platform.processors, held, strict=True)}
        names = [link.name for link in self.platform.links]
        out["traffic"] = dict(zip(names, (first.share @ sent).tolist(), strict=True))
        out["crossing"] = dict(zip(names, (first.share @ (sent > 0)).tolist(), strict=True))
        return out


def assignments(segments: int, processors: int) -> Iterator[tuple[int, ...]]:
    """Every way to run `segments` in order on a chain of processors, never travelling back."""
    return combinations_with_replacement(range(processors), segments)


def best_mapping(
    platform: Platform,
    segments: Segments,
    records: ExitRecords,
    cost: str = "energy",
    *,
    max_drop: float | None = None,
    max_cost: float | None = None,
    min_accuracy: float | None = None,
    worst_latency: float | None = None,
    grid: int | None = None,
    max_exits: int | None = None,
    refine: bool = False,
    heads: tuple[str, ...] = HEADS,
) -> Mapping:
    """The best policy over every assignment that never travels back, each solved like `front`, as one front.

    cost : "latency", "energy" or "energy x latency", or a cost of the records ("macs": then of all assignments that the
    conditions allow the one with the least energy for the network without early exits).
    One of max_drop (0.01 unless told), max_cost and min_accuracy, as in `tune`. worst_latency : of the deepest exit, s.
    Memory of every processor is respected. heads : which places of heads are tried (see `Platform.cost`).
    grid, max_exits, refine : as in `front`. An assignment that another beats at every exit is left out.

    Raises ValueError when no assignment fits the memory or the conditions, naming the nearest.
    """
    segments.fit(records)
    if max_drop is None and max_cost is None and min_accuracy is None:
        max_drop = 0.01
    options = _options(platform, segments, records, cost, worst_latency, heads)
    solved: list[tuple[_Option, Problem, Candidates]] = []
    reasons = []
    shared = _problem(records, next(iter(records.costs)), max_exits, None)
    for option in options:
        problem = Problem(records, option.charge, shared.max_exits, fits=option.fits)
        try:
            if not records.removable and not problem.allowed(tuple(range(problem.early))):
                raise ValueError("every exit must be kept, which these conditions do not allow.")
            best = _solve(problem, grid)
        except ValueError as error:
            reasons.append(str(error))
            continue
        solved.append((option, problem, refined(problem, best) if refine else best))
    if not solved:
        raise ValueError(f"no assignment can be solved: {reasons[0]}")
    union, owner = _union([best for _, _, best in solved])
    front = solved[0][1].front(union)
    kept = [tuple(np.flatnonzero(row == row).tolist()) for row in union.thresholds]
    worst = [solved[o][1].cost_at(k)[-1] for o, k in zip(owner, kept, strict=True)]
    front = replace(front, worst_cost=np.array(worst))
    index = choose(front, records, max_cost, min_accuracy, max_drop)
    chosen = [solved[o][0] for o in owner]
    return Mapping(
        platform,
        segments,
        chosen[index].assignment,
        front.policy(index),
        chosen[index].heads,
        cost,
        front,
        tuple(option.assignment for option in chosen),
        tuple(option.heads for option in chosen),
        options[0].assignment,
    )


@dataclass(frozen=True, eq=False)
class _Option:
    """One assignment, its costs, and which exits may be kept with it."""

    assignment: tuple[int, ...]
    heads: str
    costs: dict
    charge: Cost | ProductCost
    fits: object
    roomy: bool  # would every head fit at once?


def _options(platform, segments, records, cost, worst_latency, heads) -> list[_Option]:
    """Every assignment that can run the network without early exits and that no other beats; the cheapest first."""
    count = math.comb(len(segments) + len(platform.processors) - 1, len(segments))
    if count > MOST_ASSIGNMENTS:
        raise ValueError(f"{count} assignments are more than {MOST_ASSIGNMENTS}: merge segments first.")
    none, everything = np.zeros(segments.exits_count - 1, bool), np.ones(segments.exits_count - 1, bool)
    room = np.array([np.inf if p.memory is None else p.memory for p in platform.processors])
    found: list[_Option] = []
    nearest, quickest = (math.inf, ""), math.inf
    for assignment in assignments(len(segments), len(platform.processors)):
        needs = memory(platform, segments, assignment)
        if (needs > room).any():
            over = float((needs - room).max())
            if over < nearest[0]:
                r = int((needs - room).argmax())
                words = f"{platform.processors[r].name} would need {needs[r]:.0f} bytes and has {room[r]:.0f}"
                nearest = (over, words)
            continue
        for place in heads if len(set(assignment)) > 1 else heads[:1]:
            costs = platform.cost(segments, assignment, place)
            quickest = min(quickest, costs["latency"].at(none)[-1])
            if worst_latency is not None and costs["latency"].at(none)[-1] > worst_latency:
                continue
            charge = costs[cost] if cost in costs else records.cost(cost)
            fits = _predicate(platform, segments, assignment, place, costs["latency"], worst_latency, room)
            found.append(_Option(assignment, place, costs, charge, fits, fits(tuple(np.flatnonzero(everything)))))
    if not found and quickest < math.inf:
        raise ValueError(
            f"no assignment has a worst case of at most {worst_latency:.6g} s: the lowest is {quickest:.6g}."
        )
    if not found:
        raise ValueError(f"the network fits no assignment's memory; nearest: {nearest[1]}.")
    found.sort(key=lambda o: (o.charge.static, o.costs["energy"].static, o.costs["latency"].static))
    return _unbeaten(found)


def _predicate(platform, segments, assignment, heads, latency, worst_latency, room):
    """Are these exits (rising) within memory and worst-case latency?"""

    def fits(kept: tuple[int, ...]) -> bool:
        has_head = np.zeros(segments.exits_count - 1, dtype=bool)
        has_head[list(kept)] = True
        if (memory(platform, segments, assignment, has_head, heads) > room).any():
            return False
        return worst_latency is None or latency.at(has_head)[-1] <= worst_latency

    return fits


def _unbeaten(options: list[_Option]) -> list[_Option]:
    """Without those that another, which allows every exit, undercuts or equals at every exit and head."""
    vectors = np.array([np.concatenate([v for t in o.charge.terms for v in (t.backbone, t.heads)]) for o in options])
    kept: list[int] = []
    for i in np.argsort(vectors.sum(axis=1), kind="stable").tolist():
        if not any(options[j].roomy and (vectors[j] <= vectors[i]).all() for j in kept):
            kept.append(i)
    return [options[i] for i in sorted(kept)]


def _union(fronts: list[Candidates]) -> tuple[Candidates, np.ndarray]:
    """The Pareto front of several, and which of them each point is from; of equal points that of the first."""
    joined = Candidates.joined(fronts)
    owner = np.repeat(np.arange(len(fronts)), [len(front) for front in fronts])
    tagged = np.column_stack([joined.thresholds, -owner])  # of equal thresholds the higher stays
    best = Candidates(joined.mean_cost, joined.right, tagged).best()
    thresholds, owner = best.thresholds[:, :-1].astype(np.float32), -best.thresholds[:, -1].astype(int)
    return Candidates(best.mean_cost, best.right, thresholds), owner
