"""Published ways to choose thresholds, each one function that returns a Policy: what `front` is compared with.

One interface: method(records, cost="macs", max_drop=0.01) gives the cheapest policy it finds that loses at most
max_drop of the final classifier's accuracy on the same table; method(records, cost, max_cost=...) the most accurate
one whose mean cost is at most max_cost. ValueError names the best it found when none qualifies. Costs are those of the
records, heads included, whatever the source charged. Of alternatives at one position the first is offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from types import MappingProxyType

import numpy as np

from ..table.format import precisely
from ..table.metrics import own_accuracy
from ..table.policy import Policy, Routing, route
from ..table.records import ExitRecords
from .grid import quantile_grid

MOST_COMBINATIONS = 200_000
ROUNDING = 1e-12
GREEDY_VALUES = (0.99, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5)  # earlyon's
PRODUCT_VALUES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


def global_threshold(
    records: ExitRecords,
    cost: str = "macs",
    *,
    max_drop: float | None = None,
    max_cost: float | None = None,
    values: int = 101,
) -> Policy:
    """One threshold for every exit, the best of `values` evenly spaced ones from 0 to 1: the usual sweep (BranchyNet,
    Teerapittayanon et al. 2016, with confidence for entropy)."""
    policies = (_policy(records, dict.fromkeys(_offered(records), t)) for t in np.linspace(0, 1, values))
    return _pick(records, cost, policies, max_drop, max_cost)


def greedy(
    records: ExitRecords,
    cost: str = "macs",
    *,
    max_drop: float | None = None,
    max_cost: float | None = None,
    values: Iterable[float] = GREEDY_VALUES,
) -> Policy:
    """Coordinate search, first exit to last, each over nine values with the earlier ones fixed (earlyon 0.3.0).

    max_drop : each exit takes its lowest value within the drop that also saves cost, else it is removed.
    max_cost : the search ends at the first exit with values within the budget, at the most accurate of them; before
    that each exit takes its cheapest value.
    """
    drop, budget = _condition(max_drop, max_cost)
    needed = own_accuracy(records)[-1] - (drop or 0) - ROUNDING
    chosen: dict[int, float] = {}
    here = route(records, _policy(records, chosen), cost)
    for k in _offered(records):
        if budget is not None and here.mean_cost <= budget:
            break
        trials = {float(t): route(records, _policy(records, {**chosen, k: t}), cost) for t in values}
        trials = {t: trial for t, trial in trials.items() if trial.mean_cost < here.mean_cost}
        if budget is None:
            within = [t for t, trial in trials.items() if trial.accuracy >= needed]
            take = min(within, default=None)
        else:
            within = [t for t, trial in trials.items() if trial.mean_cost <= budget]
            take = max(within, key=lambda t: trials[t].accuracy, default=None)
            if take is None:
                take = min(trials, key=lambda t: trials[t].mean_cost, default=None)
        if take is not None:
            chosen[k], here = take, trials[take]
    return _pick(records, cost, [_policy(records, chosen)], max_drop, max_cost)


def product_grid(
    records: ExitRecords,
    cost: str = "macs",
    *,
    max_drop: float | None = None,
    max_cost: float | None = None,
    values: Iterable[float] = PRODUCT_VALUES,
) -> Policy:
    """Every combination of a few values, one evaluation each, 1 = no exit, at least one exit kept.

    The search inside AEBNAS (Robben et al. 2025, arXiv 2512.10671), whose values 0.1, 0.2, 1 are softmax margins: at
    most 81 combinations. The values here serve other measures too and are more. ValueError above 200,000 combinations.
    """
    values, offered = [float(t) for t in values], _offered(records)
    if len(values) ** len(offered) > MOST_COMBINATIONS:
        raise ValueError(
            f"{len(values)} values at {len(offered)} exits are more than {MOST_COMBINATIONS} combinations."
        )
    combinations = product(values, repeat=len(offered))
    policies = (
        _policy(records, {k: t for k, t in zip(offered, combination, strict=True) if t < 1})
        for combination in combinations
        if min(combination, default=0) < 1  # without early exits there is the one empty combination
    )
    return _pick(records, cost, policies, max_drop, max_cost)


def quotas(
    records: ExitRecords,
    cost: str = "macs",
    *,
    max_drop: float | None = None,
    max_cost: float | None = None,
    steps: int = 40,
) -> Policy:
    """Shares leaving at the exits in geometric progression, thresholds by those shares, best of `steps` ratios.

    Budgeted batch classification of MSDNet (Huang et al. 2018, arXiv 1703.09844): ratios 1/20, 2/20, ..., 40/20; each
    exit takes the most confident of those still there, all exits keep their heads.
    """
    policies = (_by_quota(records, ratio) for ratio in np.arange(1, steps + 1) / 20)
    return _pick(records, cost, policies, max_drop, max_cost)


def shortest_path(
    records: ExitRecords,
    cost: str = "macs",
    *,
    max_drop: float | None = None,
    max_cost: float | None = None,
    values: int = 16,
    prices: int = 41,
) -> Policy:
    """Shortest path through a graph of (exit, threshold) nodes by Bellman-Ford (Sponner et al., arXiv 2403.07957).

    An edge between two exits weighs cost + price * errors, both estimated as if there were no other exit, so that
    lengths add up; the best of the paths for `prices` prices of an error. The edge weights are a reading of the idea,
    not a copy of the source's.
    """
    return _pick(records, cost, _paths(records, cost, values, prices), max_drop, max_cost)


POLICIES: MappingProxyType[str, Callable[..., Policy]] = MappingProxyType(
    {
        "global threshold": global_threshold,
        "greedy (earlyon)": greedy,
        "product grid (AEBNAS)": product_grid,
        "geometric quotas (MSDNet)": quotas,
        "shortest path (Sponner)": shortest_path,
    }
)


def _offered(records: ExitRecords) -> list[int]:
    """Early exits, the first at each position."""
    position = records.position[:-1].tolist()
    return [k for k, p in enumerate(position) if k == 0 or p != position[k - 1]]


def _policy(records: ExitRecords, thresholds: dict[int, float]) -> Policy:
    """Policy with these thresholds and no other exit."""
    absent = None if records.removable else 1.0
    return Policy(tuple(thresholds.get(k, absent) for k in range(records.exits_count - 1)))


def _condition(max_drop: float | None, max_cost: float | None) -> tuple[float | None, float | None]:
    if max_drop is not None and max_cost is not None:
        raise ValueError("give max_drop or max_cost, not both.")
    return (0.01 if max_drop is None and max_cost is None else max_drop), max_cost


def _pick(records: ExitRecords, cost: str, policies: Iterable[Policy], max_drop, max_cost) -> Policy:
    """The best of `policies` under the condition; the first of equals."""
    drop, budget = _condition(max_drop, max_cost)
    tried: list[tuple[Policy, Routing]] = [(policy, route(records, policy, cost)) for policy in policies]
    if budget is not None:
        good = [(-r.accuracy, r.mean_cost, i) for i, (_, r) in enumerate(tried) if r.mean_cost <= budget]
        best = min(tried, key=lambda t: t[1].mean_cost)[1]
    else:
        needed = own_accuracy(records)[-1] - drop - ROUNDING
        good = [(r.mean_cost, -r.accuracy, i) for i, (_, r) in enumerate(tried) if r.accuracy >= needed]
        best = max(tried, key=lambda t: t[1].accuracy)[1]
    if not good:
        raise ValueError(
            f"this method finds no policy within the condition: its best has accuracy {best.accuracy:.2%} at "
            f"{precisely(best.mean_cost, best.unit)}."
        )
    return tried[min(good)[-1]][0]


def _by_quota(records: ExitRecords, ratio: float) -> Policy:
    offered = _offered(records)
    share = ratio ** np.arange(1, len(offered) + 2)
    leaving = np.floor(len(records) * share / share.sum()).astype(int)
    inside = np.ones(len(records), dtype=bool)
    thresholds = {}
    for k, wanted in zip(offered, leaving, strict=False):
        ordered = np.sort(records.confidence[inside, k])
        # where fewer are left than wanted nobody leaves, as in the source
        thresholds[k] = float(ordered[-wanted]) if 0 < wanted <= len(ordered) else 1.0
        inside &= records.confidence[:, k] < np.float32(thresholds[k])
    return _policy(records, thresholds)


def _paths(records: ExitRecords, cost: str, values: int, prices: int) -> Iterator[Policy]:
    """One policy per price: the shortest path from the first layer to the final classifier."""
    nodes = [(k, t) for k in _offered(records) for t in quantile_grid(records.confidence[:, k], values)]
    everyone = np.ones(len(records), dtype=bool)
    leaves = [records.confidence[:, k] >= t for k, t in nodes]
    passes = np.array([everyone, *(~leaving for leaving in leaves)])  # (1 + V, N): the input, or a node
    wrong = [~records.correct[:, k] & leaving for (k, _), leaving in zip(nodes, leaves, strict=True)]
    wrong = np.array([*wrong, ~records.correct[:, -1]])  # (V + 1, N): leaving wrong at a node, or at the end
    errors = (passes * records.units) @ wrong.T.astype(np.float64) / records.total_units  # (1 + V, V + 1)
    source = [-1, *(k for k, _ in nodes)]
    target = [*(k for k, _ in nodes), records.exits_count - 1]
    between = {(u, v): _added_cost(records, cost, u, v) for u in set(source) for v in set(target)}  # of exits: few
    added = np.array([[between[u, v] for v in target] for u in source])
    forward = np.array(source)[:, None] < np.array(target)
    spent = passes.mean(axis=1)[:, None] * added
    for price in np.geomspace(0.1, 1000, prices) * records.cost(cost).static:
        path = _bellman_ford(np.where(forward, spent + price * errors, np.inf))
        yield _policy(records, {nodes[v][0]: float(nodes[v][1]) for v in path})


def _added_cost(records: ExitRecords, cost: str, u: int, v: int) -> float:
    """Cost from exit u (-1: the input) to exit v as if there were no other exit."""
    at = records.cost(cost).at(np.isin(np.arange(records.exits_count - 1), [u, v]))
    return at[v] - (at[u] if u >= 0 else 0.0)


def _bellman_ford(weight: np.ndarray) -> list[int]:
    """Nodes on the shortest path; weight (1 + V, V + 1) from the input and V nodes to the nodes and the end."""
    count = weight.shape[1]
    distance, previous = weight[0].copy(), np.full(count, -1)
    for _ in range(count):
        through = distance[:-1, None] + weight[1:]  # (V, V + 1)
        shortest = through.min(axis=0, initial=np.inf)
        shorter = shortest < distance
        if not shorter.any():
            break
        previous[shorter] = through.argmin(axis=0)[shorter]
        distance[shorter] = shortest[shorter]
    path, node = [], previous[-1]
    while node >= 0:
        path.append(int(node))
        node = previous[node]
    return path[::-1]
