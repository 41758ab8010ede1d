"""From a point of a front to a network: the exits that the policy keeps, in a plan and in a genome, and its own policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..core.network.plan import Head, Plan
from ..core.solve.thresholds import ROUNDING
from ..core.space.space import Gene, SearchSpace
from ..core.table.format import precisely
from ..core.table.policy import Policy
from .domain import Genome
from .protocols import Candidate
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
                f"no candidate costs at most {precisely(max_cost, front.unit)} on average: the cheapest costs "
                f"{precisely(front.mean_cost[0], front.unit)}."
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
    own, _ = with_kept_exits(space, genome, policy)
    return Choice(
        candidate=int(front.candidate[index]),
        genome=own,
        policy=policy,
        own_policy=Policy(tuple(policy.thresholds[k] for k in np.flatnonzero(policy.kept))),
        accuracy=float(front.accuracy[index]),
        mean_cost=float(front.mean_cost[index]),
        worst_cost=float(front.worst_cost[index]),
        unit=front.unit,
        plan=kept_plan(space, genome, policy),
    )


def kept_plan(space: SearchSpace, genome: Genome, policy: Policy) -> Plan:
    """The network that has only the exits kept by `policy`, over offered or own branches: each design at its own bits."""
    architecture = space.decode(genome)
    plan = architecture.plan
    if len(policy.thresholds) != len(plan.heads) - 1:
        plan = architecture.offered()
    return replace(plan, heads=(*(plan.heads[k] for k in np.flatnonzero(policy.kept)), plan.heads[-1]))


def with_kept_exits(space: SearchSpace, genome: Genome, policy: Policy) -> tuple[Genome, Policy]:
    """Genome and policy of the network that has only the exits kept by `policy`, over offered or own branches.

    Where the space's exit genes do not name designs, genome and policy come back as they are. Bits that differ from exit
    to exit have no gene: `kept_plan` knows them.
    """
    plan = kept_plan(space, genome, policy)
    genes = [gene for gene in space.genes if gene.group == "exits"]
    if len(genes) != len(plan.segments) - 1:
        return genome, policy
    exits = [gene.options[0] for gene in genes]
    for head in plan.heads[:-1]:
        design = _option(genes[head.position], head)
        if design is None:
            return genome, policy
        exits[head.position] = design
    own = _nearest(space, space.with_exits(genome, exits), plan)
    return own, Policy(tuple(policy.thresholds[k] for k in np.flatnonzero(policy.kept)))


def _option(gene: Gene, head: Head) -> str | None:
    """The option of an exit gene that stands for a head; its bits, "linear, 8 bits", are no matter of that gene."""
    return next((name for name in (head.design, head.design.split(", ")[0]) if name in gene.options), None)


def _nearest(space: SearchSpace, genome: Genome, plan: Plan) -> Genome:
    """A genome of exactly this network, from one with its exits: a neighbour where another gene has the exits' bits."""
    if space.decode(genome).plan == plan:
        return genome
    return next((one for one in space.neighbours(genome) if space.decode(one).plan == plan), genome)


def genome_of(candidate: Choice | int | Genome, archive: Mapping[int, Candidate], space: SearchSpace) -> Genome:
    """The genome of a choice, a candidate's id in `archive`, or a genome. Raises ValueError for another id."""
    if isinstance(candidate, Choice):
        return candidate.genome
    if isinstance(candidate, int | np.integer):
        if candidate not in archive:
            raise ValueError(f"there is no candidate {candidate}: ids run from 0 to {max(archive, default=-1)}.")
        return archive[int(candidate)].genome
    return space.check(candidate)
