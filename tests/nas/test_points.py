"""Points, ranks and hypervolumes against loops that follow their definitions."""

import numpy as np
import pytest

from eeviz.nas.pareto import Points, budgets_between, errors_at, exclusive_hypervolumes, hypervolume, ranks


def points(pairs) -> Points:
    cost, error = np.array(pairs, dtype=float).reshape(-1, 2).T
    return Points(error, cost, cost, np.full((len(cost), 1), np.nan))


def random_sets(seed, count=12):
    rng = np.random.default_rng(seed)
    return [points(rng.integers(1, 9, (rng.integers(0, 5), 2))) for _ in range(count)]


def peeled(sets):
    """Rank by definition: peel the front off, again and again."""
    left = {(k, i): (s.cost[i], s.error[i]) for k, s in enumerate(sets) for i in range(len(s))}
    rank, layer = {}, 0
    while left:
        front = [
            key
            for key, (c, e) in left.items()
            if not any((oc <= c and oe <= e) and (oc < c or oe < e) for oc, oe in left.values())
        ]
        for key in front:
            rank[key] = layer
            del left[key]
        layer += 1
    return [min((rank[k, i] for i in range(len(s))), default=np.iinfo(np.int64).max) for k, s in enumerate(sets)]


@pytest.mark.parametrize("seed", range(20))
def test_a_candidates_rank_is_the_best_layer_of_its_points(seed):
    sets = random_sets(seed)
    assert ranks(sets).tolist() == peeled(sets)


@pytest.mark.parametrize("seed", range(10))
def test_hypervolume_is_the_area_below_the_reference(seed):
    rng = np.random.default_rng(seed)
    cost, error = 10 ** rng.random(6), rng.random(6)
    x, y = np.meshgrid(np.linspace(0, 1, 801)[:-1] + 1 / 1600, np.linspace(0, 0.8, 801)[:-1] + 1 / 2000)
    covered = np.zeros(x.shape, dtype=bool)
    for c, e in zip(cost, error, strict=True):
        covered |= (x >= np.log10(c)) & (y >= e)
    assert hypervolume(cost, error, (0.8, 10.0)) == pytest.approx(covered.mean() * 0.8, abs=3e-3)


def test_what_only_one_candidate_adds():
    sets = [points([(1, 0.5)]), points([(1, 0.4), (10, 0.4)]), points([(10, 0.1)]), points([])]
    alone = exclusive_hypervolumes(sets, (1.0, 100.0))
    assert alone == pytest.approx([0, 1 * (0.5 - 0.4) + 0, 1 * (0.4 - 0.1), 0])


def test_error_at_a_budget_is_that_of_the_best_point_not_above_it():
    errors = errors_at(np.array([2.0, 1.0, 4.0]), np.array([0.3, 0.5, 0.4]), np.array([0.5, 1, 2, 3, 9]))
    assert np.isnan(errors[0])
    assert errors[1:].tolist() == [0.5, 0.3, 0.3, 0.3]


def test_points_come_by_rising_cost_and_cannot_be_changed():
    p = points([(3, 0.1), (1, 0.5)])
    assert p.cost.tolist() == [1, 3]
    with pytest.raises(ValueError, match="read-only"):
        p.error[0] = 0


@pytest.mark.parametrize("bad", [(0, 1), (2, 1), (1, 1)])
def test_budgets_need_a_range(bad):
    with pytest.raises(ValueError, match="low < high"):
        budgets_between(*bad, 8)


def test_points_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        points([(1, np.nan)])
