"""What belongs on a chart of accuracy against cost, beside the front: single exits, oracle, baselines, static networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..table.metrics import accuracy_of, oracle, single_exit
from ..table.policy import Policy, check, route
from ..table.records import ExitRecords
from . import baselines


@dataclass(frozen=True)
class Point:
    """One place on the chart: accuracy in [0, 1] at a mean cost in the records' unit; policy when it is reachable."""

    name: str
    accuracy: float
    mean_cost: float
    policy: Policy | None = None


def single_exits(records: ExitRecords, cost: str = "macs") -> tuple[Point, ...]:
    """Each exit as the only one: everybody leaves there, no other head is paid."""
    points = []
    for k, name in enumerate(records.exits):
        routing = single_exit(records, k, cost)
        thresholds = [0.0 if j == k else None for j in range(records.exits_count - 1)]
        policy = Policy(thresholds) if records.removable else None
        points.append(Point(name, routing.accuracy, routing.mean_cost, policy))
    return tuple(points)


def oracle_point(records: ExitRecords, policy: Policy, cost: str = "macs") -> Point:
    """Upper bound over the exits that `policy` keeps: leave at the first correct exit."""
    check(records, policy)
    routing = oracle(records, policy.kept, cost)
    return Point("oracle", routing.accuracy, routing.mean_cost)


def current_point(records: ExitRecords, policy: Policy, cost: str = "macs", name: str = "now") -> Point:
    """Where a policy lies."""
    routing = route(records, policy, cost)
    return Point(name, routing.accuracy, routing.mean_cost, policy)


def baseline_points(records: ExitRecords, cost: str = "macs", max_drop: float = 0.01) -> Iterator[Point]:
    """The published methods' policies for one accuracy drop, one after the other; those that find none are left out."""
    for name, method in baselines.POLICIES.items():
        try:
            policy = method(records, cost=cost, max_drop=max_drop)
        except ValueError:
            continue
        yield current_point(records, policy, cost, name)


def static_curve(static, records: ExitRecords, cost: str = "macs") -> tuple[Point, ...]:
    """Static networks by rising MACs; empty for another cost, or where a network was not measured on these samples.

    static : values with name, macs and right(split) -> (N,) bool. records : the table beside which they are shown; their
    accuracies are weighted as its own.
    """
    if cost != "macs":
        return ()
    known = [(network, network.right(records.split)) for network in static]
    points = [Point(n.name, accuracy_of(records, right), n.macs) for n, right in known if len(right) == len(records)]
    return tuple(sorted(points, key=lambda point: point.mean_cost))
