"""Reports: chosen on search-validation, measured on the report split, logged, with paired intervals."""

import json

import numpy as np
import pytest
from search_fakes import SPACE, FakeEvaluator

from eeviz.core.table.policy import route
from eeviz.nas.methods import method
from eeviz.nas.report import difference, report, report_budgets, sharpened
from eeviz.nas.run import search


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "a.db"
    with search(
        SPACE, method=method("two-level", max_exits=1, grid=6), evaluations=10, store=path, evaluator=FakeEvaluator()
    ) as run:
        for _ in run:
            continue
        yield run


def test_the_point_chosen_on_validation_is_measured_on_the_report_split(run):
    budgets = report_budgets(2e5, 4e6)
    found = report(run, budgets, None)
    assert budgets.shape == found.error.shape == (10,)
    assert np.allclose(np.diff(np.log(budgets)), np.log(4e6 / 2e5) / 9)
    for b, budget in enumerate(budgets):
        i = run.front.within(budget)
        assert found.above[b] == (i is None)
        i = 0 if i is None else i
        candidate = int(run.front.candidate[i])
        table = run.evaluator.records(run.archive[candidate].genome, True, split="test")
        routing = route(table, run.front.policy(i))
        assert found.error[b] == pytest.approx(1 - routing.accuracy)
        assert found.cost[b] == pytest.approx(routing.mean_cost)
        assert found.expected[b] == pytest.approx(1 - run.front.accuracy[i])
    assert found.mean_error == pytest.approx(found.error.mean())


def test_a_run_left_in_a_generation_reports_the_candidates_it_has(tmp_path):
    run = search(
        SPACE, method=method("two-level", max_exits=1, grid=6), evaluations=10, store=tmp_path / "a.db",
        evaluator=FakeEvaluator(),
    )  # fmt: skip
    with run:
        for snapshot in run:
            if snapshot.evaluations == 4:
                break
        ids = [c.id for c in run.archive]
        assert ids != list(range(4))  # evaluated in another order than proposed
        found = report(run, report_budgets(2e5, 4e6), None)
        assert set(found.candidate.tolist()) <= set(ids)


def test_every_reading_is_logged(run, tmp_path):
    path = tmp_path / "readings.json"
    for _ in range(2):
        report(run, report_budgets(2e5, 4e6), path)
    log = json.loads(path.read_text())
    assert len(log) == 2
    assert log[0]["split"] == "test"
    assert log[0]["method"] == "two-level"
    assert set(log[0]["candidates"]) <= {c.id for c in run.archive}
    assert run.readings_path.name == "a.db.readings.json"


def test_a_run_in_memory_needs_a_place_for_its_readings():
    with search(SPACE, method="nachos", evaluations=2, evaluator=FakeEvaluator()) as run:
        with pytest.raises(ValueError, match="nothing has been found"):
            report(run, report_budgets(1, 2), None)
        list(run)
        with pytest.raises(ValueError, match="logged"):
            report(run, report_budgets(1, 2), None)


def test_exact_thresholds_are_no_worse_on_validation_and_no_dearer(run):
    for i in range(0, len(run.front), 3):
        records = run.records(int(run.front.candidate[i]))
        before = route(records, run.front.policy(i))
        after = route(records, sharpened(records, run.front.policy(i), "macs"))
        assert after.accuracy >= before.accuracy
        assert after.mean_cost <= before.mean_cost * (1 + 1e-12)


def test_the_difference_of_a_method_from_itself_is_nothing(run, tmp_path):
    found = report(run, report_budgets(2e5, 4e6), tmp_path / "r.json")
    same = difference([found], [found])
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says():
    from types import SimpleNamespace

    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(40):
        a = SimpleNamespace(wrong=rng.random((10, 400)) < 0.2, samples=None)
        b = SimpleNamespace(wrong=rng.random((10, 400)) < 0.2, samples=None)
        interval = difference([a], [b], seed=seed)
        covered += interval.low <= 0 <= interval.high
    assert covered >= 33  # 38 expected; fewer than 33 have a probability of about 0.005
