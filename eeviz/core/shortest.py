"""The published decision beside ours: the shortest path's policy, on the assignment that suits it best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .baselines import shortest_path
from .mapping import Mapping, assignments
from .platform_cost import HEADS, memory
from .policy import route
from .records import ExitRecords


def shortest_mapping(mapping: Mapping, records: ExitRecords, max_drop: float = 0.01) -> Mapping:
    """Policy by the shortest path (Sponner et al., arXiv 2403.07957; `baselines.shortest_path`) for the platform, segments
    and cost of `mapping`, tried on every assignment that its memory allows; the cheapest that keeps the drop.

    The published graph has no assignments: this gives it the best one. Raises ValueError, naming the best it reaches,
    when no assignment keeps the drop.
    """
    platform, segments, cost = mapping.platform, mapping.segments, mapping.cost
    room = np.array([np.inf if p.memory is None else p.memory for p in platform.processors])
    best, lowest, failure, asked = None, np.inf, None, {}
    for assignment in assignments(len(segments), len(platform.processors)):
        if (memory(platform, segments, assignment) > room).any():
            continue
        for heads in HEADS if len(set(assignment)) > 1 else HEADS[:1]:
            priced = replace(records, costs={**records.costs, **platform.cost(segments, assignment, heads)})
            key = _key(priced.cost(cost))
            if key not in asked:
                try:
                    asked[key] = shortest_path(priced, cost, max_drop=max_drop)
                except ValueError as error:
                    asked[key] = None
                    failure = failure or error
            policy = asked[key]
            if policy is None or (memory(platform, segments, assignment, policy.kept, heads) > room).any():
                continue
            mean = route(priced, policy, cost).mean_cost
            if mean < lowest:
                lowest = mean
                best = replace(
                    mapping,
                    assignment=assignment,
                    policy=policy,
                    heads=heads,
                    front=None,
                    assignments=(),
                    front_heads=(),
                )
    if best is None:
        raise failure or ValueError("the shortest path's exits fit no assignment of this platform's memory.")
    return best


def _key(cost) -> bytes:
    """Equal for costs that are equal at every exit, whatever is kept."""
    return b"".join(part.tobytes() for term in cost.terms for part in (term.backbone, term.heads))
