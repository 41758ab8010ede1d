"""Which processor runs which segment, decided together with exits, branch designs and thresholds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..network.segments import Segments
from ..solve.baselines import shortest_path
from ..solve.front import Front
from ..solve.thresholds import _problem, choose
from ..table.cost import Cost, ProductCost
from ..table.format import precisely
from ..table.policy import Policy, Routing, route
from ..table.records import ExitRecords
from .cost import HEADS, checked, memory, traffic
from .placement import assignments, placements, solved

if TYPE_CHECKING:
    from .platform import Platform

__all__ = ["COSTS", "Mapping", "assignments", "best_mapping"]

COSTS = ("latency", "energy", "energy x latency")


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
    One of max_drop (0.01 unless told), max_cost and min_accuracy, as in `tune`. worst_latency : of the deepest exit
    within reach, s (nobody gets past a threshold of 0).
    Memory of every processor is respected. heads : which places of heads are tried (see `Platform.cost`).
    grid, max_exits, refine : as in `front`. An assignment that another beats at every exit is left out.

    Raises ValueError when no assignment fits the memory or the conditions, naming the nearest.
    """
    segments.fit(records)
    if max_drop is None and max_cost is None and min_accuracy is None:
        max_drop = 0.01
    base = _problem(records, next(iter(records.costs)), max_exits, None)
    places = placements(platform, segments, records, cost, worst_latency, heads, base.max_exits)
    union, owner = solved(base, places, grid, refine)
    worst = [places[o].problem(base).worst_cost(row[None])[0] for o, row in zip(owner, union.thresholds, strict=True)]
    front = replace(places[0].problem(base).front(union), worst_cost=np.array(worst))
    index = choose(front, records, max_cost, min_accuracy, max_drop)
    chosen = [places[o] for o in owner]
    return Mapping(
        platform,
        segments,
        chosen[index].assignment,
        front.policy(index),
        chosen[index].heads,
        cost,
        front,
        tuple(place.assignment for place in chosen),
        tuple(place.heads for place in chosen),
        places[0].assignment,
    )


def shortest_mapping(
    mapping: Mapping, records: ExitRecords, max_drop: float = 0.01, worst_latency: float | None = None
) -> Mapping:
    """Policy by the shortest path (Sponner et al., arXiv 2403.07957; `baselines.shortest_path`) for the platform, segments
    and cost of `mapping`, tried on every assignment that its memory allows; the cheapest that keeps the drop.
    worst_latency : of the deepest exit within reach at most, s; the published search has no such condition, so it is asked of its result.

    The published graph has no assignments: this gives it the best one. Assignments that another undercuts at every exit
    and head are left out. Raises ValueError, naming the best it reaches, when no assignment keeps the drop.
    """
    best, lowest, failure = None, np.inf, None
    for assignment, heads, priced in _undercut_by_none(mapping, records):
        try:
            policy = shortest_path(priced, mapping.cost, max_drop=max_drop)
        except ValueError as error:
            failure = failure or error
            continue
        held = memory(mapping.platform, mapping.segments, assignment, policy.kept, heads)
        mean = route(priced, policy, mapping.cost).mean_cost
        worst = priced.cost("latency").worst(policy.kept)[policy.deepest]
        if worst_latency is not None and worst > worst_latency:
            failure = failure or ValueError(
                f"the shortest path's exits have a worst case of {precisely(worst, 's')}, above "
                f"{precisely(worst_latency, 's')}."
            )
            continue
        if mean < lowest and (held <= _room(mapping)).all():
            lowest = mean
            best = replace(
                mapping, assignment=assignment, policy=policy, heads=heads, front=None, assignments=(), front_heads=()
            )
    if best is None:
        raise failure or ValueError("the shortest path's exits fit no assignment within this platform's memory.")
    return best


def _undercut_by_none(mapping: Mapping, records: ExitRecords) -> list[tuple[tuple[int, ...], str, ExitRecords]]:
    """Assignments and places of heads within memory, with the records they price."""
    platform, segments = mapping.platform, mapping.segments
    found, spent = [], []
    for assignment in assignments(len(segments), len(platform.processors)):
        if (memory(platform, segments, assignment) > _room(mapping)).any():
            continue
        for heads in HEADS if len(set(assignment)) > 1 else HEADS[:1]:
            priced = replace(records, costs={**records.costs, **platform.cost(segments, assignment, heads)})
            terms = priced.cost(mapping.cost).terms
            found.append((assignment, heads, priced))
            spent.append(np.concatenate([part for term in terms for part in (term.backbone, term.heads)]))
    kept = []
    for i, mine in enumerate(spent):
        cheaper = any(
            (other <= mine).all() and ((other < mine).any() or j < i) for j, other in enumerate(spent) if j != i
        )
        if not cheaper:
            kept.append(found[i])
    return kept


def _room(mapping: Mapping) -> np.ndarray:
    return np.array([np.inf if p.memory is None else p.memory for p in mapping.platform.processors])
