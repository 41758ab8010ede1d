"""The published decision beside ours: the shortest path's policy, on the assignment that suits it best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..solve.baselines import shortest_path
from ..table.policy import route
from ..table.records import ExitRecords
from .cost import HEADS, memory
from .mapping import Mapping, assignments


def shortest_mapping(
    mapping: Mapping, records: ExitRecords, max_drop: float = 0.01, worst_latency: float | None = None
) -> Mapping:
    """Policy by the shortest path (Sponner et al., arXiv 2403.07957; `baselines.shortest_path`) for the platform, segments
    and cost of `mapping`, tried on every assignment that its memory allows; the cheapest that keeps the drop.
    worst_latency : of the deepest exit at most, s; the published search has no such condition, so it is asked of its result.

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
        worst = priced.cost("latency").at(policy.kept)[-1]
        if worst_latency is not None and worst > worst_latency:
            failure = failure or ValueError(
                f"the shortest path's exits have a worst case of {worst:.6g} s, above {worst_latency:.6g} s."
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
