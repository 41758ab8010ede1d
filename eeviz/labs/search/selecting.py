"""From a point of the chart to a Selection: the network it stands for, in a drawing and in words."""

from __future__ import annotations

import re

import numpy as np

from ...core.table.policy import Policy, route
from .state import Selection

_THRESHOLD = re.compile(r"^(  .*? MACs), threshold [^)]*")


def selection_of(run, snapshot, candidate: int, point: int) -> Selection:
    """The selection of a candidate's operating point. Raises ValueError when there is no such point."""
    from ...nas.extract import kept_plan, with_kept_exits

    found = {c.id: c for c in snapshot.archive}.get(candidate)
    if found is None or not 0 <= point < len(found.points):
        raise ValueError(f"candidate {candidate} of {snapshot.method} has no point {point}.")
    policy = found.points.policy(point)
    genome, own_policy = with_kept_exits(run.space, found.genome, policy)
    architecture, plan = run.space.decode(genome), kept_plan(run.space, found.genome, policy)
    named = len(plan.heads) == len(own_policy.thresholds) + 1  # else the genome has its own exits, and the whole policy
    return Selection(
        snapshot.method,
        candidate,
        point,
        policy,
        own_policy,
        genome,
        architecture.drawing(),
        _words(architecture, own_policy),
        float(1 - found.points.error[point]),
        float(found.points.cost[point]),
        float(found.points.worst[point]),
        run.unit,
        _shares(run, candidate, policy),
        plan=plan if named else None,
    )


def untuned(run, selection: Selection):
    """The selection's own network with the weights that the search gave it; each exit at the bits it was chosen with."""
    return run.evaluator.network(selection.genome, run.method.measure, selection.plan)


def _words(architecture, policy: Policy) -> str:
    """Its text form with the thresholds of this policy: those among the genes are one method's own."""
    branches = iter(policy.thresholds)
    lines = []
    for line in architecture.describe().splitlines():
        threshold = next(branches, None) if line.startswith("  ") else None
        line = _THRESHOLD.sub(r"\1", line)
        lines.append(line if threshold is None else line.replace(" MACs)", f" MACs, leaves at >= {threshold:.4g})", 1))
    return "\n".join(lines)


def _shares(run, candidate: int, policy: Policy) -> tuple[float, ...] | None:
    """Of the samples that leave at each exit of the network with the kept exits alone; None without stored records."""
    try:
        records = run.records(candidate, compute=False)  # a selection must not take seconds
    except ValueError:
        return None
    share = route(records, policy, next(iter(records.costs))).share
    return tuple(float(share[k]) for k in [*np.flatnonzero(policy.kept), len(share) - 1])
