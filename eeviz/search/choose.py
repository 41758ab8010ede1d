"""From a point of a front to a network: its genome with the exits that the policy keeps, its own policy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core.policy import Policy
from ..core.space import SearchSpace
from ..core.thresholds import ROUNDING
from .domain import Genome
from .situation import Candidate
from .snapshot import Choice, SearchFront


def point_of(front: SearchFront, max_cost=None, min_accuracy=None, max_drop=None) -> int:
    """Index of the point under one condition, the most accurate without any. Raises ValueError as `SearchRun.best`."""
    if sum(value is not None for value in (max_cost, min_accuracy, max_drop)) > 1:
        raise ValueError("best: give at most one of max_cost, min_accuracy and max_drop.")
    if not len(front):
        raise ValueError("nothing has been found yet: every candidate so far failed or broke a constraint.")
    if max_cost is not None:
        index = front.within(max_cost)
        if index is None:
            raise ValueError(
                f"no candidate costs at most {max_cost:.6g} {front.unit} on average: the cheapest costs "
                f"{front.mean_cost[0]:.6g} {front.unit}."
            )
        return index
    wanted = front.accuracy[-1] - max_drop if max_drop is not None else min_accuracy
    if wanted is None:
        return len(front) - 1
    index = front.reaching(wanted - ROUNDING)
    if index is None:
        raise ValueError(f"no candidate reaches an accuracy of {wanted:.2%}: the best has {front.accuracy[-1]:.2%}.")
    return index


def choice_of(front: SearchFront, index: int, genome: Genome, space: SearchSpace) -> Choice:
    """The network at a point of a front; genome : of its candidate."""
    policy = front.policy(index)
    own, own_policy = with_kept_exits(space, genome, policy)
    return Choice(
        candidate=int(front.candidate[index]),
        genome=own,
        policy=policy,
        own_policy=own_policy,
        accuracy=float(front.accuracy[index]),
        mean_cost=float(front.mean_cost[index]),
        worst_cost=float(front.worst_cost[index]),
        unit=front.unit,
    )


def with_kept_exits(space: SearchSpace, genome: Genome, policy: Policy) -> tuple[Genome, Policy]:
    """Genome and policy of the network that has only the exits kept by `policy`, over offered or own branches.

    Where the space's exit genes do not name designs, genome and policy come back as they are.
    """
    architecture = space.decode(genome)
    plan = architecture.plan
    if len(policy.thresholds) != len(plan.heads) - 1:
        plan = architecture.offered()
    heads, kept = plan.heads[:-1], np.flatnonzero(policy.kept)
    genes = [gene for gene in space.genes if gene.group == "exits"]
    designs = {heads[k].position: heads[k].design for k in kept}
    named = len(genes) == len(plan.segments) - 1 and all(
        design in genes[position].options for position, design in designs.items()
    )
    if not named:
        return genome, policy
    exits = [designs.get(position, gene.options[0]) for position, gene in enumerate(genes)]
    return space.with_exits(genome, exits), Policy(tuple(policy.thresholds[k] for k in kept))


def genome_of(candidate: Choice | int | Genome, archive: Mapping[int, Candidate], space: SearchSpace) -> Genome:
    """The genome of a choice, a candidate's id in `archive`, or a genome. Raises ValueError for another id."""
    if isinstance(candidate, Choice):
        return candidate.genome
    if isinstance(candidate, int | np.integer):
        if candidate not in archive:
            raise ValueError(f"there is no candidate {candidate}: ids run from 0 to {max(archive, default=-1)}.")
        return archive[int(candidate)].genome
    return space.check(candidate)
