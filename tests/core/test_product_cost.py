"""Energy x latency: the product of what each sample pays, averaged afterwards; solver, routing and tuning against loops."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import random_records

from eeviz.core.solve.grid import quantile_grid
from eeviz.core.solve.thresholds import front, tune
from eeviz.core.table.cost import Cost, ProductCost
from eeviz.core.table.policy import Policy, route

NAME = "energy x latency"


def random_product(rng, exits):
    energy, latency = (
        Cost(np.cumsum(rng.uniform(0.1, 5, exits)), rng.uniform(0, 2, exits), unit) for unit in ("J", "s")
    )
    return ProductCost(energy, latency)


def paid(cost, thresholds, k):
    """What one sample pays that leaves at exit k, added up by hand."""
    passed = [j for j in range(k + 1) if j == len(cost) - 1 or thresholds[j] is not None]
    spent = [term.backbone[k] + sum(term.heads[j] for j in passed) for term in (cost.energy, cost.latency)]
    return spent[0] * spent[1]


def by_loop(records, thresholds):
    """Accuracy, mean and worst product of one policy, one sample at a time."""
    cost, total, right = records.cost(NAME), 0.0, 0
    for i in range(len(records)):
        k = 0
        while k < len(thresholds) and (thresholds[k] is None or records.confidence[i, k] < np.float32(thresholds[k])):
            k += 1
        total += paid(cost, thresholds, k)
        right += int(records.predicted[i, k] == records.label[i])
    ends = [k for k, t in enumerate(thresholds) if t == 0]  # nobody gets past a threshold of 0
    return right / len(records), total / len(records), paid(cost, thresholds, ends[0] if ends else len(thresholds))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), exits=st.integers(2, 4), ties=st.booleans())
def test_routing_and_the_front_equal_loops_over_samples(seed, exits, ties):
    rng = np.random.default_rng(seed)
    records = random_records(
        seed, samples=25, exits=exits, levels=8 if ties else None, costs={NAME: random_product(rng, exits)}
    )
    choices = [[None, *quantile_grid(records.confidence[:, k], 3).tolist()] for k in range(exits - 1)]
    points = []
    for thresholds in product(*choices):
        accuracy, mean, worst = by_loop(records, thresholds)
        routing = route(records, Policy(thresholds), NAME)
        assert routing.mean_cost == pytest.approx(mean, rel=1e-12)
        assert routing.worst_cost == pytest.approx(worst, rel=1e-12)
        points.append((mean, accuracy))
    found = front(records, NAME, grid=3)
    for mean, accuracy in zip(found.mean_cost, found.accuracy, strict=True):  # reached, and not beaten
        assert any(m == pytest.approx(mean, rel=1e-12) and a == accuracy for m, a in points)
        assert not any(m < mean * (1 - 1e-9) and a >= accuracy for m, a in points)
    assert found.accuracy[-1] == max(a for _, a in points)
    assert found.unit == "J·s"


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_alternatives_refinement_and_bounds(seed):
    rng = np.random.default_rng(seed)
    cost = random_product(rng, 4)
    flat = [Cost(term.backbone[[0, 0, 2, 3]], term.heads, term.unit) for term in cost.terms]
    records = random_records(
        seed, samples=60, exits=4, costs={NAME: ProductCost(*flat)}, position=np.array([0, 0, 1, 2])
    )
    coarse, fine = (front(records, NAME, grid=4, refine=refine) for refine in (False, True))
    for result in (coarse, fine):
        kept = ~np.isnan(result.thresholds)
        assert not (kept[:, 0] & kept[:, 1]).any()
    for mean, accuracy in zip(coarse.mean_cost, coarse.accuracy, strict=True):
        at = fine.within(mean * (1 + 1e-12))
        assert at is not None
        assert fine.accuracy[at] >= accuracy
    bound = float(np.median(coarse.worst_cost))
    policy = tune(
        records, max_cost=records.cost(NAME).static, cost=NAME, max_worst=max(bound, records.cost(NAME).static)
    )
    assert route(records, policy, NAME).worst_cost <= max(bound, records.cost(NAME).static)


def test_the_mean_of_products_is_not_the_product_of_means():
    records = random_records(
        3, exits=3, costs={NAME: ProductCost(Cost((1, 2, 9), (0, 0, 0), "J"), Cost((1, 3, 8), (0, 0, 0), "s"))}
    )
    routing = route(records, Policy((0.7, 0.8)), NAME)
    share = routing.share
    assert routing.mean_cost == pytest.approx(share @ [1, 6, 72])
    assert routing.mean_cost > (share @ [1, 2, 9]) * (share @ [1, 3, 8])
