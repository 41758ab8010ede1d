"""Refinement: exact along every line, never below the grid, never below the published methods."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import random_records

from eeviz.core.solve import baselines
from eeviz.core.solve.lines import Lines
from eeviz.core.solve.problem import Candidates, Problem
from eeviz.core.solve.thresholds import front
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import balanced


def lines_by_route(records, thresholds, j):
    """(cost, accuracy) of every real threshold of exit j and of its removal, one `route` each."""
    values = np.unique(records.confidence[:, j]).astype(np.float64)
    choices = [0.0, *((values[:-1] + values[1:]) / 2), 1.0, *([None] if records.removable else [])]
    for t in choices:
        routing = route(records, Policy((*thresholds[:j], t, *thresholds[j + 1 :])))
        yield routing.mean_cost, routing.accuracy


@pytest.mark.parametrize("seed", range(10))
def test_a_line_is_solved_exactly(seed):
    fields = [{}, {"removable": False}, {"weight": np.random.default_rng(seed).random(90)}][seed % 3]
    records = random_records(seed, samples=90, exits=4, levels=15 if seed % 2 else None, **fields)
    rng = np.random.default_rng(seed)
    thresholds = [
        None if records.removable and rng.random() < 0.3 else float(rng.choice(records.confidence[:, k]))
        for k in range(3)
    ]
    lines = Lines(Problem(records, records.cost()))
    for j in range(3):
        empty = np.zeros(0)
        lines.raise_bar(Candidates(empty, empty.astype(int), empty.reshape(0, 3)))
        line = Policy(tuple(None if k == j else t for k, t in enumerate(thresholds))).array
        kept = np.flatnonzero(line == line).tolist()
        result = Candidates.joined(lines.solve(j, kept, line[None])).best()
        expected = sorted(lines_by_route(records, tuple(thresholds), j), key=lambda p: (p[0], -p[1]))
        best = -1.0
        pareto = [p for p in expected if p[1] > best and (best := p[1]) >= 0]
        assert result.mean_cost.tolist() == [p[0] for p in pareto]
        assert (result.right / records.total_units).tolist() == [p[1] for p in pareto]
        for i, row in enumerate(result.thresholds):
            routing = route(records, Policy(tuple(row)))
            assert (routing.mean_cost, routing.accuracy) == (pareto[i][0], pareto[i][1])


@pytest.mark.parametrize("seed", range(4))
def test_no_single_threshold_can_improve_a_refined_front(seed):
    records = random_records(seed, samples=60, exits=4, weight=balanced(np.arange(60) % 3) if seed % 2 else None)
    result = front(records, grid=4, refine=True)
    for i in range(len(result)):
        for j in range(3):
            for mean_cost, accuracy in lines_by_route(records, result.policy(i).thresholds, j):
                within = result.within(mean_cost)
                assert within is not None
                assert result.accuracy[within] >= accuracy


@pytest.mark.parametrize("seed", range(12))
def test_from_a_coarse_grid_the_refined_front_is_that_of_all_real_thresholds(seed):
    records = random_records(seed, samples=100, exits=3, levels=30 if seed % 2 else None)
    exact, coarse, refined = front(records), front(records, grid=5), front(records, grid=5, refine=True)
    # the default grid holds every distinct confidence of so small a table
    assert refined.mean_cost.tolist() == exact.mean_cost.tolist()
    assert refined.accuracy.tolist() == exact.accuracy.tolist()
    assert len(coarse) < len(refined)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), exits=st.integers(2, 5), levels=st.sampled_from([None, 4, 40]))
def test_refining_never_loses_to_the_grid(seed, exits, levels):
    records = random_records(seed, samples=80, exits=exits, levels=levels)
    coarse, refined = front(records, grid=6), front(records, grid=6, refine=True)
    assert (
        refined.accuracy[np.searchsorted(refined.mean_cost, coarse.mean_cost, side="right") - 1] >= coarse.accuracy
    ).all()
    again = front(records, grid=6, refine=True)
    assert np.array_equal(again.thresholds, refined.thresholds, equal_nan=True)


@pytest.mark.parametrize("seed", range(6))
def test_no_published_method_lies_above_the_refined_front(seed):
    records = random_records(seed, samples=400, exits=3 + seed % 2)
    best = front(records, refine=True)
    found = 0
    for method in baselines.POLICIES.values():
        for condition in ({"max_drop": 0.005}, {"max_drop": 0.05}, {"max_cost": 0.7 * records.cost().static}):
            try:
                routing = route(records, method(records, **condition))
            except ValueError:
                continue
            found += 1
            assert best.accuracy[best.within(routing.mean_cost)] >= routing.accuracy
    assert found >= 8


def test_many_exits_share_more_than_one_word_of_counts():
    records = random_records(3, samples=1200, exits=6)  # 7 counts of 11 bits
    result = front(records, grid=3, refine=True)
    for i in range(0, len(result), 40):
        routing = route(records, result.policy(i))
        assert (routing.mean_cost, routing.accuracy) == (result.mean_cost[i], result.accuracy[i])
