"""How little and how much the architectures of a space can cost: known from their plans, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.space.space import SearchSpace
from ..core.table.cost import Cost, ProductCost
from ..core.table.format import precisely
from .domain import Domain, Genome
from .evaluate import Evaluator
from .goal import Goal, cheapest


def exit_costs(evaluator: Evaluator, genome: Genome, offered: bool, cost: str) -> np.ndarray:
    """(K,) cost when everyone leaves at one position by its cheapest head alone, position by position; last: static."""
    charge = evaluator.costs(genome, offered)[cost]
    early = len(charge) - 1
    alone = np.array([charge.at(np.arange(early) == k)[k] for k in range(early)])
    position = _positions(charge, early)
    return np.array([*(alone[position == p].min() for p in np.unique(position)), charge.static])


def least(domain: Domain, figure: Callable[[Genome], float], start: Genome) -> tuple[float, Genome]:
    """Smallest figure found by changing one gene at a time from `start` until none helps; costs grow with every gene."""
    here, best = start, figure(start)
    while True:
        before = best
        for i in np.flatnonzero(domain.free).tolist():
            for value in domain.values[i]:
                trial = tuple(domain.canonical((*here[:i], value, *here[i + 1 :])))
                if trial != here and (now := figure(trial)) < best:
                    here, best = trial, now
        if best == before:
            return best, here


def cost_range(domain: Domain, costs: Callable[[Genome], np.ndarray]) -> tuple[float, float]:
    """Smallest mean cost of any policy and largest static cost, over the domain. costs : as `exit_costs`."""
    low, _ = least(domain, lambda genome: float(costs(genome).min()), domain.extreme(last=False))
    high, _ = least(domain, lambda genome: -float(costs(genome)[-1]), domain.extreme(last=True))
    return low, -high


def possible(domain: Domain, evaluator: Evaluator, goal: Goal, offered: bool, space: SearchSpace) -> None:
    """Raise ValueError naming the smallest possible value unless each constraint can be satisfied."""
    for bounds, index, name, when in (
        (goal.max_cost, 0, "max_cost", "on average"),
        (goal.max_worst, 1, "max_worst", "in the worst case"),
    ):
        for cost, bound in bounds:

            def figure(genome: Genome, cost=cost, index=index) -> float:
                return cheapest(evaluator.costs(genome, offered)[cost])[index]

            smallest, genome = least(domain, figure, domain.extreme(last=False))
            if smallest > bound:
                unit = evaluator.costs(genome, offered)[cost].unit
                raise ValueError(
                    f"{name}: nothing in the space {space.name!r} costs at most {precisely(bound, unit)} {when}; the "
                    f"smallest possible is {precisely(smallest, unit)}: ask for more."
                )


def _positions(charge: Cost | ProductCost, early: int) -> np.ndarray:
    """(E-1,) which columns tap the backbone at the same place, told by equal backbone costs."""
    taps = np.stack([term.backbone[:early] for term in charge.terms], axis=1)
    return np.cumsum(np.append(0, (np.diff(taps, axis=0) > 0).any(axis=1))) if early else np.zeros(0, dtype=int)
