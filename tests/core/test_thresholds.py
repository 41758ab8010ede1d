"""The grid solver against loops: over samples in Python, and over every real threshold."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import random_policy, random_records

from eeviz.core.solve.grid import quantile_grid
from eeviz.core.solve.thresholds import front
from eeviz.core.table.cost import Cost, ProductCost
from eeviz.core.table.format import precisely
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import ExitRecords, balanced


def figures_by_loop(records, thresholds):
    """Right answers in units and mean cost of one policy, one sample at a time, in Python."""
    kept = [t is not None for t in thresholds]
    cost_at, right, total = records.cost().at(np.array(kept, dtype=bool)), 0, [0] * records.exits_count
    for i in range(len(records)):
        k = 0
        while k < len(thresholds) and not (kept[k] and records.confidence[i, k] >= np.float32(thresholds[k])):
            k += 1
        total[k] += 1
        right += int(records.units[i]) * int(records.predicted[i, k] == records.label[i])
    return right / records.total_units, sum(n * c for n, c in zip(total, cost_at, strict=True)) / len(records)


def pareto_by_loop(points):
    """Points (cost, -accuracy, exits kept, ...) that no other point equals or beats in cost and accuracy."""
    best, kept = -1.0, []
    for point in sorted(points):
        if -point[1] > best:
            best = -point[1]
            kept.append(point)
    return kept


def every_real_threshold(records, k):
    """0, a value between any two neighbouring confidences, and removed."""
    values = np.unique(records.confidence[:, k]).astype(np.float64)
    return [None, 0.0, *((values[:-1] + values[1:]) / 2)]


def brute_force(records, choices, cost="macs", allowed=lambda policy: True):
    """The Pareto front (costs, accuracies) over every combination of the choices, one `route` each."""
    points = []
    for thresholds in product(*choices):
        policy = Policy(thresholds)
        if allowed(policy):
            routing = route(records, policy, cost)
            points.append((routing.mean_cost, -routing.accuracy))
    best = pareto_by_loop(points)
    return np.array([p[0] for p in best]), np.array([-p[1] for p in best])


def assert_figures_are_those_of_route(records, result, cost="macs"):
    for i in range(len(result)):
        routing = route(records, result.policy(i), cost)
        figures = result.accuracy[i], result.mean_cost[i], result.worst_cost[i]
        assert figures == (routing.accuracy, routing.mean_cost, routing.worst_cost)


@pytest.mark.parametrize("seed", range(8))
def test_front_equals_a_loop_over_samples_and_policies(seed):
    records = random_records(seed, samples=40, exits=2 + seed % 3, levels=10 if seed % 2 else None)
    grid = 3
    choices = [[None, *quantile_grid(records.confidence[:, k], grid).tolist()] for k in range(records.exits_count - 1)]
    points = []
    for thresholds in product(*choices):
        accuracy, mean_cost = figures_by_loop(records, thresholds)
        height = [-np.inf if t is None else -t for t in thresholds]
        points.append((mean_cost, -accuracy, sum(t is not None for t in thresholds), *height))
    expected = pareto_by_loop(points)
    result = front(records, grid=grid)
    assert result.mean_cost.tolist() == [p[0] for p in expected]
    assert result.accuracy.tolist() == [-p[1] for p in expected]
    shown = np.where(np.isnan(result.thresholds), np.inf, result.thresholds)
    assert (shown == [[-h for h in p[3:]] for p in expected]).all()  # ties: fewer exits, then higher thresholds


@pytest.mark.parametrize("seed", range(6))
def test_default_grid_is_exact_over_all_real_thresholds_of_a_small_table(seed):
    records = random_records(seed, samples=100, exits=3, levels=20 if seed % 2 else None)
    cost, accuracy = brute_force(records, [every_real_threshold(records, k) for k in range(2)])
    result = front(records)
    assert result.mean_cost.tolist() == cost.tolist()
    assert result.accuracy.tolist() == accuracy.tolist()


@pytest.mark.parametrize("exits", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("refine", [False, True])
def test_every_figure_of_the_front_is_that_of_route(exits, refine):
    records = random_records(exits, samples=200, exits=exits)
    result = front(records, refine=refine)
    assert_figures_are_those_of_route(records, result)
    assert not result.thresholds.flags.writeable


def test_costs_that_are_no_whole_numbers_keep_every_digit():
    records = random_records(2, costs={"s": Cost((0.1, 0.25, 0.37, 1 / 3 + 0.4), (0.013, 0.0171, 0.029, 0.001), "s")})
    for refine in (False, True):
        assert_figures_are_those_of_route(records, front(records, "s", refine=refine), "s")


@pytest.mark.parametrize("heads", [(0, 0, 0, 0), (90_000, 10, 50_000, 20), (90_000, 80_000, 70_000, 0)])
@pytest.mark.parametrize("backbone", [(1000, 2000, 3000, 9000), (5000, 5000, 5000, 5000), (0, 0, 0, 0)])
def test_free_dear_and_equal_costs(heads, backbone):
    records = random_records(3, samples=60, costs={"macs": Cost(backbone, heads)})
    cost, accuracy = brute_force(records, [[None, *quantile_grid(records.confidence[:, k], 6)] for k in range(3)])
    result = front(records, grid=6)
    assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())
    refined = front(records, grid=6, refine=True)
    assert_figures_are_those_of_route(records, refined)
    assert (refined.accuracy[np.searchsorted(refined.mean_cost, cost, side="right") - 1] >= accuracy).all()


def test_product_cost():
    energy, latency = Cost((1, 2, 4), (0.5, 0.25, 1), "J"), Cost((3, 5, 6), (1, 0.1, 1), "s")
    records = random_records(1, samples=100, exits=3, costs={"product": ProductCost(energy, latency)})
    cost, accuracy = brute_force(records, [every_real_threshold(records, k) for k in range(2)], "product")
    result = front(records, "product")
    assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())
    assert result.unit == "J·s"
    assert_figures_are_those_of_route(records, front(records, "product", refine=True), "product")


@pytest.mark.parametrize("refine", [False, True])
def test_weights_count_and_groups_do_not(refine):
    plain = random_records(4, samples=150, exits=3)
    weighted = random_records(4, samples=150, exits=3, weight=balanced(plain.label), group=np.arange(150) // 5)
    result = front(weighted, refine=refine)
    cost, accuracy = brute_force(weighted, [every_real_threshold(weighted, k) for k in range(2)])
    assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())
    assert_figures_are_those_of_route(weighted, result)
    grouped = random_records(4, samples=150, exits=3, group=np.arange(150) // 5)
    assert (front(grouped).accuracy == front(plain).accuracy).all()


@pytest.mark.parametrize("last_is_right", [True, False])
def test_weighted_samples_whose_last_answer_is_always_right_or_always_wrong(last_is_right):
    whole = random_records(7, samples=200, exits=3)
    kept = whole.subset(np.flatnonzero(whole.correct[:, -1] == last_is_right))
    weighted = replace(kept, weight=np.linspace(1, 3, len(kept)))
    cost, accuracy = brute_force(weighted, [every_real_threshold(weighted, k) for k in range(2)])
    result = front(weighted)
    assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())


def test_exits_that_cannot_be_removed_stay():
    records = random_records(5, samples=60, exits=3, removable=False)
    choices = [[1.0, *every_real_threshold(records, k)[1:]] for k in range(2)]
    cost, accuracy = brute_force(records, choices)
    for refine in (False, True):
        result = front(records, refine=refine)
        assert not np.isnan(result.thresholds).any()
        assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())
        assert_figures_are_those_of_route(records, result)
    with pytest.raises(ValueError, match="cannot be removed"):
        front(records, max_exits=1)


@pytest.mark.parametrize("most", [0, 1, 2])
def test_at_most_so_many_exits(most):
    records = random_records(6, samples=50, exits=4)
    choices = [[None, *quantile_grid(records.confidence[:, k], 5).tolist()] for k in range(3)]
    cost, accuracy = brute_force(records, choices, allowed=lambda policy: policy.kept.sum() <= most)
    result = front(records, grid=5, max_exits=most)
    assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())
    refined = front(records, max_exits=most, refine=True)
    assert ((~np.isnan(refined.thresholds)).sum(axis=1) <= most).all()


def test_worst_case_is_kept_and_nothing_within_it_is_lost():
    records = random_records(7, samples=50, exits=4)
    costs = records.cost()
    limit = costs.static + np.sort(costs.heads[:-1])[0] + 50
    choices = [[None, *quantile_grid(records.confidence[:, k], 6).tolist()] for k in range(3)]
    cost, accuracy = brute_force(records, choices, allowed=lambda p: route(records, p).worst_cost <= limit)
    result = front(records, grid=6, max_worst=limit)
    assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())
    assert (front(records, max_worst=limit, refine=True).worst_cost <= limit).all()


def alone(records, k, cost="macs"):
    """What everyone pays where all leave at exit k and no other exit has a head."""
    return records.cost(cost).at(np.arange(records.exits_count - 1) == k)[k]


@pytest.mark.parametrize("seed", range(12))
def test_a_threshold_of_zero_ends_the_worst_case(seed):
    exits, removable = 3 + seed % 2, seed % 3 > 0
    records = replace(random_records(seed, samples=40, exits=exits, levels=12), removable=removable)
    if seed % 4 == 1:
        records = replace(records, position=np.array([0, *range(exits - 1)]))  # alternatives
        records = replace(records, removable=True)
    removed = [None] if records.removable else [1.0]
    choices = [[*removed, *quantile_grid(records.confidence[:, k], 5).tolist()] for k in range(exits - 1)]
    fitting = lambda p: len(set(records.position[:-1][p.kept])) == p.kept.sum()  # noqa: E731
    every = {route(records, Policy(t)).worst_cost for t in product(*choices) if fitting(Policy(t))}
    for limit in sorted(every)[:: max(1, len(every) // 6)]:
        cost, accuracy = brute_force(
            records, choices, allowed=lambda p, limit=limit: fitting(p) and route(records, p).worst_cost <= limit
        )
        result = front(records, grid=5, max_exits=exits - 1, max_worst=limit)
        assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())
        assert_figures_are_those_of_route(records, result)
        assert (result.worst_cost <= limit).all()
        refined = front(records, grid=5, max_exits=exits - 1, max_worst=limit, refine=True)
        assert_figures_are_those_of_route(records, refined)
        assert (refined.worst_cost <= limit).all()
        for c, a in zip(cost, accuracy, strict=True):
            assert refined.accuracy[refined.within(c)] >= a
    with pytest.raises(ValueError, match=f"the lowest is {precisely(min(every))}, "):
        front(records, grid=5, max_exits=exits - 1, max_worst=0.99 * min(every))


@pytest.mark.parametrize("seed", range(4))
def test_refined_under_a_worst_case_misses_nothing_over_all_real_thresholds(seed):
    records = random_records(seed, samples=25, exits=3)
    choices = [every_real_threshold(records, k) for k in range(2)]
    limit = records.cost().at(np.array([True, True]))[1]  # everyone is out at the second exit
    cost, accuracy = brute_force(records, choices, allowed=lambda p: route(records, p).worst_cost <= limit)
    assert limit < records.cost().static
    result = front(records, max_worst=limit, refine=True)
    assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())


def test_without_exits_the_worst_case_is_the_static_networks():
    records = random_records(7, samples=50, exits=4)
    static = records.cost().static
    assert front(records, max_exits=0, max_worst=static).worst_cost.tolist() == [static]
    with pytest.raises(ValueError, match=f"the lowest is {precisely(static)}, without any early exit"):
        front(records, max_exits=0, max_worst=static - 1)
    with pytest.raises(ValueError, match=f"the lowest is {precisely(alone(records, 0))}, everyone leaving at exit 1"):
        front(records, max_worst=alone(records, 0) - 1)


def test_memory_is_held_whoever_gets_there():
    records = random_records(7, samples=50, exits=3)
    held = Cost(records.cost().backbone, records.cost().heads, "B")
    records = replace(records, costs={"macs": records.cost(), "memory": held})
    policy = Policy((0.0, 0.5))
    assert route(records, policy).worst_cost == records.cost().at(policy.kept)[0]
    assert route(records, policy, "memory").worst_cost == held.at(policy.kept)[-1]
    assert (front(records, "memory", max_worst=held.static).worst_cost <= held.static).all()
    with pytest.raises(ValueError, match="without any early exit"):
        front(records, "memory", max_worst=held.static - 1)


@pytest.mark.parametrize("refine", [False, True])
def test_alternatives_at_one_position_are_never_kept_together(refine):
    records = random_records(
        8,
        samples=60,
        exits=5,
        position=[0, 0, 1, 1, 2],
        costs={"macs": Cost((1000, 1000, 3000, 3000, 7000), (100, 220, 150, 400, 100))},
    )
    result = front(records, grid=6, refine=refine)
    assert_figures_are_those_of_route(records, result)
    choices = [[None, *quantile_grid(records.confidence[:, k], 6).tolist()] for k in range(4)]
    cost, accuracy = brute_force(
        records, choices, allowed=lambda p: not (p.kept[0] and p.kept[1]) and not (p.kept[2] and p.kept[3])
    )
    if refine:
        reached = result.accuracy[np.searchsorted(result.mean_cost, cost, side="right") - 1]
        assert (reached >= accuracy).all()
    else:
        assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())


def test_more_than_six_columns_are_the_union_over_choices_of_three():
    records = random_records(9, samples=40, exits=8)
    grid = 2
    choices = [[None, *quantile_grid(records.confidence[:, k], grid).tolist()] for k in range(7)]
    cost, accuracy = brute_force(records, choices, allowed=lambda policy: policy.kept.sum() <= 3)
    result = front(records, grid=grid)
    assert (result.mean_cost.tolist(), result.accuracy.tolist()) == (cost.tolist(), accuracy.tolist())
    refined = front(records, grid=grid, refine=True)
    assert_figures_are_those_of_route(records, refined)
    assert (refined.accuracy[np.searchsorted(refined.mean_cost, cost, side="right") - 1] >= accuracy).all()


def test_exits_with_fewer_confidences_than_the_grid_share_a_table_with_others():
    records = random_records(10, samples=80, exits=8, levels=3)
    assert_figures_are_those_of_route(records, front(records, grid=10))


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "many"])
def test_bad_grids_are_refused(bad):
    with pytest.raises(ValueError, match="grid: expected a number of thresholds"):
        front(random_records(0), grid=bad)


def test_other_bad_arguments_are_refused_in_words():
    records = random_records(0)
    with pytest.raises(ValueError, match="smaller grid"):
        front(records, grid=1000)
    with pytest.raises(ValueError, match="max_exits"):
        front(records, max_exits=-1)
    with pytest.raises(ValueError, match="no cost 'watts'"):
        front(records, "watts")
    with pytest.raises(ValueError, match="too many ways"):
        front(random_records(0, exits=60, samples=10), max_exits=8)
    with pytest.raises(ValueError, match="share a position"):
        front(random_records(0, position=[0, 0, 1, 2], removable=False))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    exits=st.integers(2, 5),
    levels=st.sampled_from([None, 2, 5, 50]),
    grid=st.integers(1, 9),
)
def test_a_front_rises_and_no_policy_on_its_grid_beats_it(seed, exits, levels, grid):
    records = random_records(seed, samples=70, exits=exits, levels=levels)
    result = front(records, grid=grid)
    assert (np.diff(result.mean_cost) > 0).all()
    assert (np.diff(result.accuracy) > 0).all()
    rng = np.random.default_rng(seed)
    for _ in range(10):
        thresholds = [
            rng.choice([None, *quantile_grid(records.confidence[:, k], grid).tolist()]) for k in range(exits - 1)
        ]
        routing = route(records, Policy(tuple(thresholds)))
        within = result.within(routing.mean_cost)
        assert within is not None
        assert result.accuracy[within] >= routing.accuracy


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**20), k=st.integers(0, 2), step=st.floats(0, 1))
def test_raising_a_threshold_never_lowers_the_share_reaching_the_next_exit(seed, k, step):
    records = random_records(seed, samples=60, levels=12)
    policy = random_policy(seed, 4, np.unique(records.confidence))
    if policy.thresholds[k] is None:
        policy = Policy((*policy.thresholds[:k], 0.5, *policy.thresholds[k + 1 :]))
    higher = policy.thresholds[k] + step * (1 - policy.thresholds[k])
    raised = Policy((*policy.thresholds[:k], min(1.0, higher), *policy.thresholds[k + 1 :]))
    before, after = route(records, policy).share, route(records, raised).share
    assert after[k + 1 :].sum() >= before[k + 1 :].sum()


@settings(max_examples=80, deadline=None)
@given(
    values=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60),
    size=st.integers(1, 20),
)
def test_grid_thresholds_lie_strictly_above_the_confidences_they_keep_in(values, size):
    confidence = np.minimum(np.array(values, dtype=np.float32), np.nextafter(np.float32(1), np.float32(0)))
    grid = quantile_grid(confidence, size)
    distinct = np.unique(confidence)
    assert grid.dtype == np.float32
    assert grid[0] == 0
    assert len(grid) <= size
    assert (np.diff(grid) > 0).all()
    leaving = [(confidence >= t).sum() for t in grid]
    assert len(set(leaving)) == len(grid)  # no two thresholds do the same
    assert len(grid) == min(size, len(distinct)) or len(distinct) > size


def test_neighbouring_floats_can_still_be_told_apart():
    low = np.float32(0.9)
    high = np.nextafter(low, np.float32(1))
    grid = quantile_grid(np.array([low, high], dtype=np.float32), 5)
    assert grid.tolist() == [0.0, float(high)]


def test_a_common_value_takes_the_room_of_one_threshold_only():
    rng = np.random.default_rng(0)
    confidence = np.where(rng.random(1000) < 0.5, 0.99, rng.random(1000)).astype(np.float32)
    assert len(quantile_grid(confidence, 40)) >= 38  # plain quantiles would be 20


def test_of_many_columns_two_are_kept_unless_told():
    rng = np.random.default_rng(0)
    columns, label = 60, rng.integers(0, 4, 150)
    logits = rng.normal(size=(150, columns, 4))
    logits[np.arange(150), :, label] += np.linspace(0.5, 3, columns)
    cost = {"macs": Cost(np.linspace(1e6, 6e7, columns), np.full(columns, 1e4))}
    records = ExitRecords.from_logits(logits, label, cost)
    unasked, two = front(records, grid=4), front(records, grid=4, max_exits=2)
    assert np.array_equal(unasked.thresholds, two.thresholds, equal_nan=True)
    fewer = records.columns([*range(0, 50), columns - 1])
    assert (~np.isnan(front(fewer, grid=2).thresholds)).sum(axis=1).max() == 3
