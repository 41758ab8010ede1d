"""Goal: which two objectives a search trades off, and the hard constraints that bound it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.table.cost import Cost, ProductCost
from ..core.table.policy import Policy, deepest_of, route
from ..core.table.records import ExitRecords
from .pareto import Points

Bounds = Mapping[str, float] | float | None


@dataclass(frozen=True)
class Goal:
    """Least error against least mean cost, under hard one-sided constraints.

    cost : name of the cost searched for. max_cost, max_worst : (name, bound) pairs on the mean and on the worst case
    of any named cost, each in that cost's unit.
    """

    cost: str = "macs"
    max_cost: tuple[tuple[str, float], ...] = field(default=())
    max_worst: tuple[tuple[str, float], ...] = field(default=())

    @classmethod
    def of(cls, objectives=("error", "macs"), max_cost: Bounds = None, max_worst: Bounds = None) -> Goal:
        """From what a person writes. Raises ValueError for other than ("error", <cost>) and for bounds that are none."""
        if isinstance(objectives, str) or len(objectives) != 2 or "error" not in objectives:
            raise ValueError(f'objectives: expected ("error", <name of a cost>), got {objectives!r}.')
        cost = objectives[1] if objectives[0] == "error" else objectives[0]
        if not isinstance(cost, str) or cost == "error":
            raise ValueError(f'objectives: expected ("error", <name of a cost>), got {objectives!r}.')
        return cls(cost, _bounds(max_cost, cost, "max_cost"), _bounds(max_worst, cost, "max_worst"))

    def check(self, costs: Mapping[str, Cost | ProductCost]) -> None:
        """Raise ValueError unless every cost named here is among `costs`."""
        for name in (self.cost, *(n for n, _ in self.max_cost), *(n for n, _ in self.max_worst)):
            if name not in costs:
                raise ValueError(f"no cost is called {name!r}: choose one of {', '.join(sorted(costs))}.")

    @property
    def worst(self) -> float | None:
        """The bound on the worst case of the cost searched for."""
        return dict(self.max_worst).get(self.cost)

    def admissible(self, points: Points, records: ExitRecords) -> Points:
        """The points that satisfy every constraint."""
        keep = np.ones(len(points), dtype=bool)
        for bounds, of_objective, figure in (
            (self.max_cost, points.cost, "mean_cost"),
            (self.max_worst, points.worst, "worst_cost"),
        ):
            for name, bound in bounds:
                values = of_objective if name == self.cost else _figures(records, points, name, figure)
                keep &= values <= bound
        return points.where(keep)

    def ended(self, points: Points, costs: Callable[..., Mapping[str, Cost | ProductCost]], *key) -> Points:
        """Points of a store with worst cases that end at a threshold of 0; stores of earlier versions go on behind it.

        costs(*key) : the costs of the candidate's records; asked only where a point has such a threshold.
        """
        thresholds, worst = points.thresholds, points.worst.copy()
        ending = np.flatnonzero((thresholds == 0).any(axis=1))
        if not len(ending):
            return points
        charge = costs(*key)[self.cost]
        for i, deepest in zip(ending, deepest_of(thresholds[ending]), strict=True):
            worst[i] = charge.worst(~np.isnan(thresholds[i]))[deepest]
        return replace(points, worst=worst)

    def describe(self) -> dict:
        """Plain values, for the store."""
        return {"cost": self.cost, "max_cost": dict(self.max_cost), "max_worst": dict(self.max_worst)}


def cheapest(charge: Cost | ProductCost, removable: bool = True) -> tuple[float, float]:
    """Smallest mean cost and smallest worst case of any policy: everyone leaves at one exit, or there is none."""
    early = len(charge) - 1
    if not removable:
        everything = np.ones(early, dtype=bool)
        return float(charge.at(everything)[0]), float(charge.worst(everything)[0])
    alone = [(charge.at(one)[k], charge.worst(one)[k]) for k, one in enumerate(np.eye(early, dtype=bool))]
    mean, worst = zip(*alone, (charge.static, charge.static), strict=True)
    return float(min(mean)), float(min(worst))


def _bounds(value: Bounds, cost: str, name: str) -> tuple[tuple[str, float], ...]:
    if value is None:
        return ()
    pairs = value.items() if isinstance(value, Mapping) else [(cost, value)]
    bounds = []
    for key, bound in pairs:
        if isinstance(bound, bool) or not isinstance(bound, int | float | np.number) or not bound > 0:
            raise ValueError(
                f"{name}: expected a positive number or a mapping of cost names to numbers, got {value!r}."
            )
        bounds.append((str(key), float(bound)))
    return tuple(sorted(bounds))


def _figures(records: ExitRecords, points: Points, cost: str, figure: str) -> np.ndarray:
    policies = (Policy(tuple(row)) for row in points.thresholds)
    return np.array([getattr(route(records, policy, cost), figure) for policy in policies])
