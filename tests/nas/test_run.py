"""Runs: the front is a function of the seed, however it is reached; constraints, budgets, snapshots."""

import contextlib
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from search_fakes import SPACE, FakeEvaluator

import eeviz as ee
from eeviz.core.table.policy import route
from eeviz.labs.search.settings import amount
from eeviz.nas.evolution import ALGORITHMS
from eeviz.nas.methods import METHODS, method
from eeviz.nas.resume import resume
from eeviz.nas.run import search

COUNT = {"two-level": 20}  # one generation of surrogates; two for the published methods
FAST = {"two-level": {"max_exits": 1, "grid": 6}, "random": {"max_exits": 1, "grid": 6}}


def run_of(name="two-level", evaluations=20, evaluator=None, seed=0, **arguments):
    chosen = method(name, **FAST.get(name, {}))
    return search(
        SPACE, method=chosen, evaluations=evaluations, seed=seed, evaluator=evaluator or FakeEvaluator(), **arguments
    )


def finished(run):
    with run:
        for _ in run:
            continue
        return run.front, run.archive


def same(a, b):
    (front_a, archive_a), (front_b, archive_b) = a, b
    assert [c.genome for c in archive_a] == [c.genome for c in archive_b]
    for x, y in zip(archive_a, archive_b, strict=True):
        assert x.points.error.tolist() == y.points.error.tolist()
        assert x.points.cost.tolist() == y.points.cost.tolist()
    assert front_a.accuracy.tolist() == front_b.accuracy.tolist()
    assert front_a.mean_cost.tolist() == front_b.mean_cost.tolist()
    assert front_a.candidate.tolist() == front_b.candidate.tolist()


@pytest.fixture(scope="module", params=list(METHODS))
def serial(request):
    return request.param, finished(run_of(request.param, COUNT.get(request.param, 12)))


def test_every_method_searches_and_evaluates_nothing_twice(serial):
    name, (front, archive) = serial
    count = COUNT.get(name, 12)
    assert [c.id for c in archive] == list(range(count))
    assert len({c.genome for c in archive}) == count
    assert len(front) >= 1
    assert not any(c.failed for c in archive)
    domain = method(name).domain(SPACE)
    assert all(v in values for c in archive for v, values in zip(c.genome, domain.values, strict=True))


def test_interrupted_and_resumed_equals_unbroken(serial, tmp_path):
    name, unbroken = serial
    path = tmp_path / "a.db"
    for stop_after in (3, 9):
        with run_of(name, COUNT.get(name, 12), store=path) as run:
            for snapshot in run:
                if snapshot.evaluations == stop_after:
                    break
    with resume(path, evaluator=FakeEvaluator()) as again:
        assert len(again.archive) == 9
        for _ in again:
            continue
        same((again.front, again.archive), unbroken)


def test_another_seed_gives_another_run(serial):
    name, (_, archive) = serial
    _, other = finished(run_of(name, evaluations=4, seed=1))
    assert [c.genome for c in other] != [c.genome for c in archive[:4]]


def test_a_process_pool_gives_the_same_front():
    serial = finished(run_of(evaluations=20))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        same(finished(run_of(evaluations=20, executor=pool)), serial)
    same(finished(run_of(evaluations=20, workers=2)), serial)


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_front():
    distributed = pytest.importorskip("distributed", reason="dask is not installed: pip install dask distributed")
    serial = finished(run_of(evaluations=20))
    with contextlib.ExitStack() as ends:
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", memory_limit=0, silence_logs=50
        )
        ends.enter_context(cluster)
        client = ends.enter_context(distributed.Client(cluster))
        client.run(lambda paths: sys.path.extend(p for p in paths if p not in sys.path), sys.path)
        same(finished(run_of(evaluations=20, executor=client.get_executor(pure=False))), serial)


@pytest.mark.parametrize("algorithm", [a for a in ALGORITHMS if a != "nsga2"])
def test_other_algorithms_of_pymoo_search_too(algorithm):
    front, archive = finished(run_of(evaluations=26, algorithm=algorithm))
    assert len(archive) == 26
    assert len(front)


def test_snapshots_hold_what_a_dashboard_shows():
    with run_of(evaluations=26) as run:
        snapshots = list(run)
    assert [s.evaluations for s in snapshots] == list(range(1, 27))
    first, last = snapshots[0], snapshots[-1]
    assert first.evaluations == 1  # an earlier snapshot is not changed by later work
    assert len(first.history) == 1
    assert last.done
    assert not first.done
    assert set(last.tau) == {"forest", "gaussian process", "together"}
    assert last.history[-1].tau == last.tau["together"]
    assert last.budgets.shape == last.errors.shape == (8,)
    reached = ~np.isnan(last.errors)
    assert (np.diff(last.errors[reached]) <= 0).all()
    volumes = [step.hypervolume for step in last.history]
    assert (np.diff(volumes) >= -1e-12).all()
    assert volumes[-1] > 0
    assert last.rate > 0
    assert last.seconds_left == 0
    with pytest.raises(ValueError, match="read-only"):
        last.errors[0] = 0
    with pytest.raises(AttributeError):
        last.evaluations = 3


def test_a_run_can_be_left_stopped_and_taken_up_again():
    with run_of(evaluations=12) as run:
        for snapshot in run:
            if snapshot.evaluations == 2:
                run.stop()
        assert len(run.archive) == 2
        assert len(list(run)) == 10


def test_a_budget_in_seconds_ends_the_run():
    with run_of(evaluations=500, evaluator=FakeEvaluator(seconds=0.1), seconds=3) as run:
        snapshots = list(run)
    assert 1 <= len(snapshots) <= 30


def test_a_budget_may_grow(tmp_path):
    longer = finished(run_of(evaluations=20))
    finished(run_of(evaluations=10, store=tmp_path / "a.db"))
    with resume(tmp_path / "a.db", evaluations=20, evaluator=FakeEvaluator()) as run:
        assert len(run.archive) == 10
        for _ in run:
            continue
        # the first generation was as large as ten evaluations allow, so this is another run than `longer`
        assert len(run.archive) == len(longer[1])


def test_the_network_of_a_choice_keeps_the_exits_of_its_policy():
    with run_of(evaluations=12) as run:
        list(run)
        choice = run.best(max_drop=0.05)
        records = run.records(choice.candidate)
        r = route(records, choice.policy)
        assert r.worst_cost == pytest.approx(choice.worst_cost)
        kept = sum(t is not None for t in choice.policy.thresholds)
        assert len(choice.own_policy.thresholds) == kept
        plan = SPACE.decode(choice.genome).plan
        assert len(plan.heads) == kept + 1
        assert choice.plan == plan  # these exits have genes: the genome says it all
        names = [records.exits[k] for k in np.flatnonzero(choice.policy.kept)]
        assert len(names) == kept
        assert run.network(choice).exits_count == kept + 1
        assert run.best().accuracy == run.front.accuracy[-1]
        with pytest.raises(ValueError, match="cheapest costs"):
            run.best(max_cost=10)
        with pytest.raises(ValueError, match="the best has"):
            run.best(min_accuracy=1)
        with pytest.raises(ValueError, match="at most one"):
            run.best(min_accuracy=0.5, max_cost=1e6)


def test_a_single_design_is_searched_without_the_others():
    fixed = method("two-level", designs=("three convolutions",))
    with ee.search("compact", method=fixed, evaluations=20, evaluator=FakeEvaluator()) as run:
        for _ in run:
            continue
        records = run.records(17)
        assert records.exits_count == 5
        assert len(run.archive[17].points)
        choice = run.best()
        plan = run.space.decode(choice.genome).plan
        assert {head.design for head in plan.heads[:-1]} <= {"three convolutions"}
        assert len(plan.heads) == len(choice.own_policy.thresholds) + 1


def test_constraints_bound_every_point():
    front, archive = finished(run_of(evaluations=16, max_cost=1.5e6, max_worst=3e6))
    assert (front.mean_cost <= 1.5e6).all()
    assert (front.worst_cost <= 3e6).all()
    assert any(not len(c.points) for c in archive)  # some backbones are too dear


@pytest.mark.parametrize("name", ["two-level", "nachos"])
@pytest.mark.parametrize("bound", ["max_cost", "max_worst"])
def test_an_impossible_constraint_names_the_smallest_possible(name, bound):
    with pytest.raises(ValueError, match=rf"{bound}: nothing .* smallest possible is [\d.]+ k? ?MACs") as caught:
        run_of(name, **{bound: 100})
    smallest = amount(str(caught.value).split("possible is ")[1].split(":")[0])
    run_of(name, **{bound: smallest * 1.001}).close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"evaluations": 0}, "evaluations"),
        ({"evaluations": 2.5}, "evaluations"),
        ({"seconds": 0}, "seconds"),
        ({"seed": -1}, "seed"),
        ({"algorithm": "hill climbing"}, "algorithm"),
        ({"population": 2}, "population"),
        ({"workers": 0}, "workers"),
        ({"executor": 3}, "executor"),
        ({"objectives": ("error", "euros")}, "no cost is called"),
        ({"max_cost": {"euros": 3}}, "no cost is called"),
    ],
)
def test_bad_arguments_are_told(arguments, words):
    with pytest.raises(ValueError, match=words):
        run_of(**arguments)


def test_unknown_methods_and_options_are_told():
    with pytest.raises(ValueError, match="choose one of two-level"):
        method("three-level")
    with pytest.raises(ValueError, match="takes no option 'x'"):
        method("two-level", x=1)


def test_the_public_name_stays_a_function():
    import importlib

    importlib.import_module("eeviz.nas.run")
    import eeviz.nas.pareto  # noqa: F401

    assert callable(ee.search)
    assert ee.search is search


def test_candidates_cannot_be_changed():
    _, archive = finished(run_of(evaluations=1))
    with pytest.raises(AttributeError):
        archive[0].failed = "x"
    assert replace(archive[0], failed="x").failed == "x"
