"""The rule against a loop over samples, and its corner cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import random_policy, random_records

from eeviz.core.table.cost import Cost, ProductCost
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import ExitRecords, balanced


def reference(records, policy, cost="macs"):
    """One sample at a time, in Python."""
    kept = policy.kept
    exit_of, right, paid = [], [], []
    for i in range(len(records)):
        for k in range(records.exits_count):
            last = k == records.exits_count - 1
            if last or (kept[k] and records.confidence[i, k] >= np.float32(policy.thresholds[k])):
                exit_of.append(k)
                right.append(records.predicted[i, k] == records.label[i])
                total = 1.0
                for term in records.cost(cost).terms:
                    heads = sum(term.heads[j] for j in range(k + 1) if (last and j == k) or (j < len(kept) and kept[j]))
                    total *= term.backbone[k] + heads
                paid.append(total)
                break
    weight = np.ones(len(records)) if records.weight is None else records.weight
    accuracy = (weight * np.array(right)).sum() / weight.sum()
    return np.array(exit_of), accuracy, np.mean(paid), np.array(paid)


@pytest.mark.parametrize("seed", range(40))
def test_route_equals_a_loop_over_samples(seed):
    levels = 8 if seed % 2 else None
    records = random_records(seed, samples=120, exits=2 + seed % 4, levels=levels)
    policy = random_policy(seed, records.exits_count, records.confidence[:, 0] if levels else None)
    routing = route(records, policy)
    exit_of, accuracy, mean_cost, paid = reference(records, policy)
    assert (routing.exit_of == exit_of).all()
    assert routing.accuracy == pytest.approx(accuracy, abs=1e-12)
    assert routing.mean_cost == pytest.approx(mean_cost, rel=1e-12)
    ends = [k for k, t in enumerate(policy.thresholds) if t == 0]  # nobody gets past a threshold of 0
    assert routing.worst_cost == records.cost().at(policy.kept)[ends[0] if ends else -1]
    assert routing.worst_cost >= max(paid)
    for q in (0.0, 0.3, 0.95, 1.0):
        assert routing.cost_quantile(q) == pytest.approx(np.quantile(paid, q, method="inverted_cdf"))


def test_weights_give_balanced_accuracy():
    plain = random_records(3, samples=200)
    records = random_records(3, samples=200, weight=balanced(plain.label))
    routing = route(records, Policy((0.7, None, 0.8)))
    per_class = [routing.right[records.label == c].mean() for c in np.unique(records.label)]
    assert routing.accuracy == pytest.approx(np.mean(per_class), abs=1e-8)


def test_product_cost_is_the_product_per_sample():
    energy, latency = Cost((1, 2, 4), (0.5, 0.5, 1), "J"), Cost((3, 5, 6), (1, 1, 1), "s")
    records = random_records(1, exits=3, costs={"product": ProductCost(energy, latency)})
    routing = route(records, Policy((0.6, None)), "product")
    assert routing.mean_cost == pytest.approx(reference(records, Policy((0.6, None)), "product")[2])
    assert routing.unit == "J·s"


def test_zero_one_and_none():
    records = random_records(5)
    assert route(records, Policy((0, 1, 1))).share[0] == 1
    nobody = route(records, Policy((1, 1, 1)))
    removed = route(records, Policy((None, None, None)))
    assert nobody.share[-1] == removed.share[-1] == 1
    assert nobody.mean_cost > removed.mean_cost == records.cost().static


def test_a_saturated_confidence_does_not_leave_at_threshold_one():
    records = ExitRecords([[1.0, 1.0]], [[0, 0]], [0], {"macs": Cost((1, 2), (1, 1))})
    assert records.confidence[0, 0] < 1
    assert route(records, Policy((1.0,))).exit_of[0] == 1


def test_a_threshold_is_compared_in_float32():
    records = ExitRecords([[np.float32(0.9), 0.5]], [[0, 0]], [0], {"macs": Cost((1, 2), (1, 1))})
    assert np.float64(np.float32(0.9)) < 0.9
    assert route(records, Policy((0.9,))).exit_of[0] == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2), st.floats(0, 1), st.floats(0, 1))
def test_raising_a_threshold_never_lowers_the_share_that_goes_on(seed, exit_index, a, b):
    records = random_records(seed, samples=60, levels=6)
    base = list(random_policy(seed, 4).thresholds)
    low, high = sorted((a, b))
    shares = []
    for threshold in (low, high):
        base[exit_index] = threshold
        shares.append(route(records, Policy(base)).share[exit_index + 1 :].sum())
    assert shares[0] <= shares[1]


@pytest.mark.parametrize("thresholds", [(1.1,), (-0.1,), ("high",), "0.5", 0.5, (float("inf"),)])
def test_bad_thresholds_are_refused(thresholds):
    with pytest.raises(ValueError, match="threshold"):
        Policy(thresholds)


def test_policies_that_do_not_fit_are_refused():
    records = random_records(0)
    with pytest.raises(ValueError, match="the policy has 2 thresholds"):
        route(records, Policy((0.5, 0.5)))
    with pytest.raises(ValueError, match=r"no cost 'energy'.*macs"):
        route(records, Policy((0.5, 0.5, 0.5)), "energy")
    alternatives = random_records(0, position=(0, 0, 1, 2), costs={"macs": Cost((1, 1, 2, 3), (1, 2, 1, 1))})
    with pytest.raises(ValueError, match="alternatives"):
        route(alternatives, Policy((0.5, 0.5, 0.5)))
    assert route(alternatives, Policy((None, 0.5, 0.5))).share.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="no exit can be removed"):
        route(random_records(0, removable=False), Policy((None, 0.5, 0.5)))


def test_repr_brings_the_policy_back():
    policy = Policy((0.9, None, 1 / 3))
    assert repr(policy) == "Policy((0.9, None, 0.33333334))"
    assert eval(repr(policy)) == policy  # noqa: S307
    assert Policy(policy.array) == policy
