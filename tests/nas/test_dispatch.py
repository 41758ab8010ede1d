"""Workers that die, raise or answer NaN: retried, then recorded as failed, never paired with another's score."""

import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor

import numpy as np
import psutil
import pytest
from search_fakes import SPACE, FakeEvaluator

from eeviz.core.table.records import ExitRecords
from eeviz.nas.dispatch import Dispatcher, Task
from eeviz.nas.evaluate import Stopped
from eeviz.nas.goal import Goal
from eeviz.nas.methods import method
from eeviz.nas.processes import Apart, process_pool

METHOD = method("nachos")  # the quickest to score
RNG = np.random.default_rng(0)
GENOMES = [METHOD.domain(SPACE).sample(RNG) for _ in range(5)]


def tasks(trouble=()):
    evaluator = FakeEvaluator(trouble=tuple(trouble))
    return [Task(i, g, evaluator, METHOD, Goal()) for i, g in enumerate(GENOMES)]


def never():
    return False


def results(dispatcher, trouble=()):
    try:
        return {done.index: done for done in dispatcher.run(tasks(trouble), never)}
    finally:
        dispatcher.close()


@pytest.fixture(scope="module")
def right():
    return results(Dispatcher())


def check(found, right, failed):
    assert sorted(found) == list(range(len(GENOMES)))
    for i, done in found.items():
        assert done.genome == GENOMES[i]
        if i == failed:
            assert done.failed
            assert done.records is None
            assert not len(done.points)
        else:
            assert not done.failed
            assert done.points.error.tolist() == right[i].points.error.tolist()
            assert (ExitRecords.load(done.records).confidence == ExitRecords.load(right[i].records).confidence).all()


@pytest.mark.parametrize("kind", ["nan", "raise"])
@pytest.mark.parametrize("make", [Dispatcher, lambda: Dispatcher(workers=2)], ids=["here", "processes"])
def test_a_bad_evaluation_is_recorded_as_failed(make, kind, right):
    found = results(make(), [(GENOMES[2], kind)])
    check(found, right, failed=2)
    assert ("NaN" in found[2].failed) if kind == "nan" else ("tried 2 times: OSError" in found[2].failed)


def test_a_worker_that_always_dies_fails_its_own_evaluation_only(right):
    found = results(Dispatcher(workers=2), [(GENOMES[1], "kill")])
    check(found, right, failed=1)
    assert "tried 2 times" in found[1].failed


def test_a_broken_executor_of_the_caller_is_replaced(right):
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        check(results(Dispatcher(pool), [(GENOMES[4], "kill")]), right, failed=4)


class Shuffled(Executor):
    """Runs everything at once, answers in the wrong order; the first `losses` submissions are lost."""

    def __init__(self, losses=0):
        self.losses = losses
        self.waiting = []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        if self.losses:
            self.losses -= 1
            future.set_exception(ConnectionError("the worker has gone"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def test_a_lost_evaluation_is_done_again(right):
    check(results(Dispatcher(Shuffled(losses=2))), right, failed=None)


class Mixed(Executor):
    """Gives every task the answer of the one before it."""

    def __init__(self):
        self.last = None

    def submit(self, fn, /, *args, **kwargs):
        future, answer = Future(), fn(*args, **kwargs)
        future.set_result(self.last or answer)
        self.last = answer
        return future


def test_another_candidates_score_is_noticed():
    with pytest.raises(RuntimeError, match="answered task"):
        results(Dispatcher(Mixed()))


def test_stop_ends_a_batch_early():
    seen = []
    dispatcher = Dispatcher()
    for done in dispatcher.run(tasks(), lambda: len(seen) >= 2):
        seen.append(done.index)
    assert seen == [0, 1]


def test_an_executor_made_by_a_function_is_closed():
    made = []

    def make():
        made.append(process_pool(1))
        return made[0]

    results(Dispatcher(make))
    with pytest.raises(RuntimeError, match="after shutdown"):
        made[0].submit(print)


def test_a_process_apart_answers_alike_and_is_replaced_when_it_dies(right):
    apart = Apart()
    try:
        check(results(Dispatcher(apart)), right, failed=None)
        first = apart.run(_pid, None, never)
        check(results(Dispatcher(apart), [(GENOMES[1], "kill")]), right, failed=1)
        assert apart.run(_pid, None, never) not in (first, os.getpid())
    finally:
        apart.close()


def test_a_process_apart_is_not_waited_for_once_stopped():
    apart = Apart()
    try:
        apart.run(_pid, None, never)  # it is there
        started = time.monotonic()
        with pytest.raises(Stopped):
            apart.run(time.sleep, 3.0, lambda: time.monotonic() - started > 0.2)
        assert time.monotonic() - started < 1
    finally:
        apart.close()


@pytest.mark.skipif(sys.platform == "win32", reason="killed by a signal")
def test_processes_end_with_a_driver_that_was_killed():
    script = (
        "import os, time; from eeviz.nas.processes import Apart\n"
        "if __name__ == '__main__':\n"
        "    print(Apart().run(eval, '__import__(\"os\").getpid()', lambda: False), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as driver:
        worker = int(driver.stdout.readline())
        assert psutil.pid_exists(worker)
        driver.kill()
    for _ in range(100):
        if not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its driver")


def _pid(_):
    return os.getpid()
