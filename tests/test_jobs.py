"""Job: results in order, stale runs dropped, errors kept, cancelling stops at the next result."""

import threading

from eeviz.jobs import Job, JobState


def test_results_arrive_and_the_state_comes_last():
    seen, states = [], []
    job = Job(seen.append, lambda j: states.append((j.state, len(seen))))
    job.start(lambda: iter(range(3)))
    job.join(5)
    assert seen == [0, 1, 2]
    assert states == [(JobState.RUNNING, 0), (JobState.DONE, 3)]


def test_a_later_start_makes_the_earlier_run_stale():
    seen, gate, reached = [], threading.Event(), threading.Event()

    def slow():
        yield "old 1"
        reached.set()
        gate.wait(5)
        yield "old 2"

    job = Job(seen.append)
    job.start(slow)
    assert reached.wait(5)
    first = job._thread
    job.start(lambda: iter(["new"]))
    gate.set()
    first.join(5)
    job.join(5)
    assert seen == ["old 1", "new"]


def test_cancel_stops_at_the_next_result_and_closes_the_work():
    gate, reached, closed = threading.Event(), threading.Event(), threading.Event()

    def endless():
        try:
            while True:
                yield 1
                reached.set()
                gate.wait(5)
        finally:
            closed.set()

    job = Job(lambda _: None)
    job.start(endless)
    assert reached.wait(5)
    job.cancel()
    assert job.state is JobState.CANCELLED
    gate.set()
    job.join(5)
    assert closed.is_set()


def test_an_error_is_kept_and_a_new_start_clears_it():
    def broken():
        yield 1
        raise RuntimeError("no")

    job = Job(lambda _: None, inline=True)
    job.start(broken)
    assert job.state is JobState.FAILED
    assert str(job.error) == "no"
    job.start(lambda: iter(()))
    assert job.state is JobState.DONE
    assert job.error is None
