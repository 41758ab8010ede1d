"""The published methods: each is what its source says, and all share one interface."""

from itertools import product

import numpy as np
import pytest
from tables import random_records

from eeviz.core.solve import baselines
from eeviz.core.table.metrics import own_accuracy
from eeviz.core.table.policy import Policy, check, route
from eeviz.core.table.records import ExitRecords

METHODS = list(baselines.POLICIES.values())


def offered_within(records, policies, drop):
    """The cheapest mean cost of policies that lose at most `drop`."""
    routings = [route(records, policy) for policy in policies]
    needed = own_accuracy(records)[-1] - drop - 1e-12
    return min(r.mean_cost for r in routings if r.accuracy >= needed)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("exits", [1, 2, 4])
def test_every_method_keeps_its_condition_or_says_what_it_reaches(method, exits):
    records = random_records(exits, samples=300, exits=exits)
    budgets = [share * records.cost().static for share in (0.01, 0.6, 1.0)]
    met = 0
    for condition in [{"max_drop": d} for d in (0.01, 0.1, 0.3)] + [{"max_cost": b} for b in budgets]:
        try:
            routing = route(records, method(records, **condition))
        except ValueError:
            with pytest.raises(ValueError, match="its best has accuracy"):
                method(records, **condition)
            continue
        met += 1
        if "max_drop" in condition:
            assert routing.accuracy >= own_accuracy(records)[-1] - condition["max_drop"] - 1e-12
        else:
            assert routing.mean_cost <= condition["max_cost"]
    assert met >= 2


@pytest.mark.parametrize("method", METHODS)
def test_a_drop_of_one_point_is_the_default_and_two_conditions_are_too_many(method):
    records = random_records(3, samples=500)
    assert method(records, max_drop=0.01) == method(records)
    with pytest.raises(ValueError, match="not both"):
        method(records, max_drop=0.01, max_cost=1e9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fields", [{"position": [0, 0, 1, 2, 3]}, {"removable": False}])
def test_policies_fit_records_with_alternatives_and_without_removal(method, fields):
    records = random_records(4, samples=300, exits=5, **fields)
    check(records, method(records, max_drop=0.2))


def test_one_global_threshold_is_one_value_for_all_exits():
    records = random_records(5)
    policy = baselines.global_threshold(records, max_drop=0.05)
    assert len(set(policy.thresholds)) == 1
    sweep = [Policy((t,) * 3) for t in np.linspace(0, 1, 101)]
    assert route(records, policy).mean_cost == offered_within(records, sweep, 0.05)


def test_product_grid_is_the_best_of_all_combinations():
    records = random_records(6)
    choices = [t if t < 1 else None for t in baselines.PRODUCT_VALUES]
    every = [Policy(c) for c in product(choices, repeat=3) if any(t is not None for t in c)]
    assert route(records, baselines.product_grid(records, max_drop=0.03)).mean_cost == offered_within(
        records, every, 0.03
    )
    margins = baselines.product_grid(records, max_drop=0.9, values=(0.1, 0.2, 1))
    assert set(margins.thresholds) <= {None, float(np.float32(0.1)), float(np.float32(0.2))}
    with pytest.raises(ValueError, match="combinations"):
        baselines.product_grid(records, values=np.linspace(0, 1, 100))


def test_greedy_fixes_the_first_exit_before_it_looks_at_the_second():
    records = random_records(7, samples=500, exits=3)
    policy = baselines.greedy(records, max_drop=0.05)
    needed = own_accuracy(records)[-1] - 0.05 - 1e-12
    passing = [t for t in baselines.GREEDY_VALUES if route(records, Policy((t, None))).accuracy >= needed]
    assert policy.thresholds[0] == float(np.float32(min(passing)))
    assert route(records, baselines.greedy(records, max_cost=0.9 * records.cost().static)).share[0] > 0


def test_greedy_removes_an_exit_that_saves_nothing():
    records = random_records(8, samples=100)
    useless = np.array(records.confidence)
    useless[:, 0] = 0.1  # never confident enough
    records = ExitRecords(useless, records.predicted, records.label, records.costs)
    assert baselines.greedy(records, max_drop=0.2).thresholds[0] is None


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_quotas_take_the_most_confident_of_those_still_there(ratio):
    drawn = random_records(9, samples=400)
    confidence = np.random.default_rng(9).random((400, 4))  # no ties
    records = ExitRecords(confidence, drawn.predicted, drawn.label, drawn.costs)
    routing = route(records, baselines._by_quota(records, ratio))
    share = ratio ** np.arange(1, 5)
    wanted = np.floor(400 * share / share.sum())
    assert routing.count[:-1].tolist() == wanted[:-1].tolist()
    first = records.confidence[:, 0]
    assert first[routing.exit_of == 0].min() > first[routing.exit_of != 0].max()


def test_bellman_ford_finds_the_shortest_path():
    rng = np.random.default_rng(0)
    for nodes in (1, 2, 5):
        weight = np.full((nodes + 1, nodes + 1), np.inf)
        for u in range(nodes + 1):
            weight[u, u:] = rng.normal(size=nodes + 1 - u)  # row 0 is the input; node v is row v + 1 and column v
        lengths = {}
        for mask in range(2**nodes):
            path = [v for v in range(nodes) if mask >> v & 1]
            steps = [0, *(v + 1 for v in path)]
            lengths[tuple(path)] = sum(weight[u, v] for u, v in zip(steps, [*path, nodes], strict=True))
        assert tuple(baselines._bellman_ford(weight)) == min(lengths, key=lengths.get)


def test_shortest_path_keeps_cheap_good_exits_and_skips_bad_ones():
    records = random_records(10, samples=1000, exits=3)
    spoilt = np.array(records.predicted)
    spoilt[:, 0] = (records.label + 1) % 5  # the first exit is always wrong
    records = ExitRecords(records.confidence, spoilt, records.label, records.costs)
    policy = baselines.shortest_path(records, max_drop=0.01)
    assert policy.thresholds[0] is None or route(records, policy).share[0] < 0.02
