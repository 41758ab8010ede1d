"""tune: the best policy under a condition, and what it says when there is none."""

import numpy as np
import pytest
from tables import random_records

from eeviz.core.solve.thresholds import front, tune
from eeviz.core.table.cost import Cost
from eeviz.core.table.format import precisely
from eeviz.core.table.metrics import own_accuracy
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import ExitRecords


@pytest.fixture(scope="module")
def records():
    return random_records(1, samples=200, exits=3)


@pytest.fixture(scope="module")
def best(records):
    return front(records, refine=True)


@pytest.mark.parametrize("share", [0, 0.3, 0.7, 1])
def test_the_most_accurate_within_a_budget(records, best, share):
    budget = np.quantile(best.mean_cost, share)
    routing = route(records, tune(records, max_cost=budget))
    assert routing.mean_cost <= budget
    assert routing.accuracy == best.accuracy[best.mean_cost <= budget].max()


@pytest.mark.parametrize("drop", [0.0, 0.01, 0.1])
def test_the_cheapest_within_a_drop_from_the_final_classifier(records, best, drop):
    routing = route(records, tune(records, max_drop=drop))
    needed = own_accuracy(records)[-1] - drop
    assert routing.accuracy >= needed - 1e-12
    assert routing.mean_cost == best.mean_cost[best.accuracy >= needed - 1e-12].min()


def test_the_cheapest_that_reaches_an_accuracy(records, best):
    routing = route(records, tune(records, min_accuracy=0.8))
    assert routing.mean_cost == best.mean_cost[best.accuracy >= 0.8].min()


def test_a_drop_is_not_tightened_by_rounding():
    # 80 of 100 right in the end, 72 at the first exit: a drop of 0.08, though in floats a little more
    label = np.zeros(100, dtype=int)
    predicted = np.zeros((100, 2), dtype=int)
    predicted[:28, 0] = predicted[:20, 1] = 1
    records = ExitRecords(np.full((100, 2), 0.5), predicted, label, {"macs": Cost((1, 10), (0, 0))})
    assert 80 / 100 - 8 / 100 > 72 / 100
    assert tune(records, max_drop=8 / 100) == Policy((0.0,))


def test_worst_case_beside_another_condition_and_alone(records):
    static = records.cost().static
    limit = static + records.cost().heads[:-1].min()
    routing = route(records, tune(records, max_drop=0.05, max_worst=limit))
    assert routing.worst_cost <= limit
    assert route(records, tune(records, max_worst=limit)).accuracy >= routing.accuracy
    assert route(records, tune(records, max_worst=static)).kept.tolist() == [False, False]


def test_what_cannot_be_had_is_said_with_the_best_that_can(records, best):
    with pytest.raises(ValueError, match=f"cheapest costs {precisely(best.mean_cost[0])}"):
        tune(records, max_cost=best.mean_cost[0] / 2)
    with pytest.raises(ValueError, match=f"best reachable is {best.accuracy[-1]:.2%}"):
        tune(records, min_accuracy=0.9999)
    with pytest.raises(ValueError, match=f"best reachable is {best.accuracy[-1]:.2%}"):
        tune(records, max_drop=-0.5)
    alone = min(records.cost().backbone + records.cost().heads)  # everyone leaves at one exit
    with pytest.raises(ValueError, match=f"lowest is {precisely(alone)}"):
        tune(records, max_drop=0.1, max_worst=1.0)


@pytest.mark.parametrize(
    "condition",
    [{}, {"max_cost": 1.0, "max_drop": 0.1}, {"max_drop": np.nan}, {"min_accuracy": 93}, {"max_cost": np.inf}],
)
def test_conditions_that_make_no_sense_are_refused(records, condition):
    with pytest.raises(ValueError, match=r"give one of|expected a finite number"):
        tune(records, **condition)


def test_exits_that_cannot_be_removed_are_tuned_all_the_same():
    records = random_records(2, samples=150, exits=3, removable=False)
    policy = tune(records, max_drop=0.05)
    assert policy.kept.all()
    assert route(records, policy).accuracy >= own_accuracy(records)[-1] - 0.05
