"""Front as a value, and the sieve that makes one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eeviz.core.solve.front import Front, Sieve, undominated
from eeviz.core.table.policy import Policy


def some_front():
    thresholds = [[np.nan, np.nan], [0.5, np.nan], [0.9, 0.25]]
    return Front([0.7, 0.8, 0.9], [10.0, 20.0, 40.0], [40.0, 50.0, 60.0], thresholds)


def test_a_front_is_a_value():
    front = some_front()
    assert len(front) == 3
    assert front.policy(2) == Policy((0.9, 0.25))
    assert front.policy(1) == Policy((0.5, None))
    assert repr(front) == "Front(3 points, 70.00% at 10 to 90.00% at 40 MACs)"
    with pytest.raises(ValueError, match="read-only"):
        front.accuracy[0] = 1
    with pytest.raises(AttributeError):
        front.accuracy = front.accuracy


def test_best_within_a_cost_and_cheapest_reaching_an_accuracy():
    front = some_front()
    assert [front.within(c) for c in (9.9, 10, 39, 40, np.inf)] == [None, 0, 1, 2, 2]
    assert [front.reaching(a) for a in (0, 0.7, 0.71, 0.9, 0.91)] == [0, 0, 1, 2, None]


def test_points_out_of_order_or_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="rise"):
        Front([0.7, 0.7], [10.0, 20.0], [1, 1], np.zeros((2, 1)))
    with pytest.raises(ValueError, match="rise"):
        Front([0.7, 0.8], [20.0, 20.0], [1, 1], np.zeros((2, 1)))
    with pytest.raises(ValueError, match="mean_cost"):
        Front([0.7, 0.8], [20.0], [1, 1], np.zeros((2, 1)))


points = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=80)


@settings(max_examples=200, deadline=None)
@given(points)
def test_undominated_equals_the_definition(points):
    cost, right, tie = (np.array(column) for column in zip(*points, strict=True))
    index = undominated(cost.astype(float), right, tie)
    expected = {
        (c, r) for c, r, _ in points if not any((c2 <= c and r2 >= r) and (c2, r2) != (c, r) for c2, r2, _ in points)
    }
    assert {(cost[i], right[i]) for i in index} == expected
    assert len(index) == len(expected)
    for i in index:
        assert tie[i] == min(t for c, r, t in points if (c, r) == (cost[i], right[i]))


@settings(max_examples=200, deadline=None)
@given(points, points, st.integers(1, 40))
def test_the_sieve_never_drops_a_point_of_the_front(first, second, high):
    sieve, stayed = Sieve(0.0, float(high)), []
    for part in (first, second):
        cost, right = np.array([p[0] for p in part], float), np.array([p[1] for p in part])
        stayed += [(cost[i], right[i]) for i in sieve.sift(cost, right)]
    cost, right = (np.array(column) for column in zip(*[(float(c), r) for c, r, _ in first + second], strict=True))
    assert {(cost[i], right[i]) for i in undominated(cost, right)} <= set(stayed)


def test_the_sieve_drops_what_is_not_allowed_and_nearly_everything_dominated():
    rng = np.random.default_rng(0)
    cost, right = rng.random(100_000), rng.integers(0, 5000, 100_000)
    right[:10] = -1
    stayed = Sieve(0.0, 1.0).sift(cost, right)
    assert not set(range(10)) & set(stayed.tolist())
    assert len(stayed) < 500
