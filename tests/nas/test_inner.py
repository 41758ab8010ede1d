"""The inner level: cross-fitting, shortlists, constraints."""

import numpy as np
import pytest
from search_fakes import SPACE, FakeEvaluator
from tables import random_records

from eeviz.core.solve.thresholds import front
from eeviz.core.table.policy import route
from eeviz.nas.cross_fitting import best_of, cross_fitted, halves, solved
from eeviz.nas.goal import Goal, cheapest

GENOME = SPACE.backbone_part(SPACE.sample(np.random.default_rng(3)))


@pytest.fixture(scope="module")
def offered():
    return FakeEvaluator().records(GENOME, offered=True)


def test_halves_are_disjoint_and_balanced():
    label = np.random.default_rng(0).integers(0, 7, 501)
    a, b = halves(label)
    assert sorted([*a, *b]) == list(range(501))
    assert np.abs(np.bincount(label[a]) - np.bincount(label[b])).max() <= 1


def test_scores_are_those_of_the_other_half():
    records = random_records(seed=1, samples=400, exits=3)
    goal = Goal()
    points = cross_fitted(records, goal, max_exits=2, grid=8)
    a, b = (records.subset(i) for i in halves(records.label))
    fa, fb = (solved(part, goal, 2, 8) for part in (a, b))
    expected = [(1 - route(b, fa.policy(-1)).accuracy) / 2 + (1 - route(a, fb.policy(-1)).accuracy) / 2]
    assert np.isclose(points.error, expected[0]).any() or points.error.min() < expected[0]
    # honest on average: the same thresholds look better where they were chosen
    own = np.mean([1 - fa.accuracy[-1], 1 - fb.accuracy[-1]])
    assert own <= expected[0] + 1e-12


def test_cross_fitting_takes_the_luck_out_of_noise():
    """Confidences that say nothing: choosing on the scored samples would find a gain, cross-fitting must not."""
    rng = np.random.default_rng(0)
    gained = []
    for seed in range(12):
        records = random_records(seed=seed, samples=160, exits=4)
        from dataclasses import replace

        noise = replace(records, confidence=rng.random(records.confidence.shape))
        static = 1 - noise.correct[:, -1].mean()
        gained.append(static - cross_fitted(noise, Goal(), max_exits=3, grid=12).error.min())
    optimistic = front(noise).accuracy[-1] - noise.correct[:, -1].mean()
    assert np.mean(gained) < optimistic / 2


def test_every_point_has_a_policy_of_these_records(offered):
    points = cross_fitted(offered, Goal())
    for i in range(len(points)):
        r = route(offered, points.policy(i))
        assert r.worst_cost == pytest.approx(points.worst[i])
    assert (np.diff(points.error) < 0).all()
    assert (np.diff(points.cost) > 0).all()


def test_the_shortlist_loses_little(offered):
    goal = Goal()
    whole, short = front(offered, grid=6, max_exits=3), solved(offered, goal, 3, 12)
    budgets = np.geomspace(short.mean_cost[1], whole.mean_cost[-1], 10)
    gap = [whole.accuracy[whole.within(b)] - short.accuracy[short.within(b)] for b in budgets]
    assert np.mean(gap) < 0.01


def test_constraints_hold_at_every_point(offered):
    static = offered.cost().static
    goal = Goal.of(max_cost=0.5 * static, max_worst=1.05 * static)
    points = cross_fitted(offered, goal)
    assert len(points)
    assert (points.cost <= 0.5 * static).all()
    assert (points.worst <= 1.05 * static).all()


def test_no_point_where_the_worst_case_cannot_be_reached(offered):
    least = cheapest(offered.cost())[1]
    assert not len(cross_fitted(offered, Goal.of(max_worst=0.99 * least)))
    assert len(cross_fitted(offered, Goal.of(max_worst=least)))


def test_columns_keep_what_belongs_to_them(offered):
    few = offered.columns([1, 8, offered.exits_count - 1])
    assert few.exits == (offered.exits[1], offered.exits[8], offered.exits[-1])
    assert few.position.tolist() == [0, 1, 4]
    assert (few.confidence == offered.confidence[:, [1, 8, -1]]).all()
    assert few.cost().backbone.tolist() == offered.cost().backbone[[1, 8, -1]].tolist()


def test_cheapest_mean_and_worst_case(offered):
    mean, worst = cheapest(offered.cost())
    assert mean == front(offered, grid=2, max_exits=1).mean_cost[0]
    assert worst == front(offered, grid=2, max_exits=1, max_worst=worst).worst_cost[-1]  # everyone leaves at one exit
    with pytest.raises(ValueError, match="worst case"):
        front(offered, grid=2, max_exits=1, max_worst=0.999 * worst)


def test_best_of_drops_the_dominated():
    from eeviz.nas.pareto import Points

    p = Points(np.array([0.5, 0.6, 0.2]), np.array([1.0, 2.0, 3.0]), np.ones(3), np.zeros((3, 0)))
    assert best_of(p).error.tolist() == [0.5, 0.2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"objectives": ("accuracy", "macs")}, "objectives"),
        ({"objectives": ("error",)}, "objectives"),
        ({"objectives": ("error", "error")}, "objectives"),
        ({"max_cost": -1}, "max_cost"),
        ({"max_worst": {"macs": "much"}}, "max_worst"),
    ],
)
def test_goals_that_mean_nothing_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Goal.of(**arguments)
