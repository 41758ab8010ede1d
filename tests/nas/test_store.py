"""The store: what is in it, and every way in which it can fail, told in words, with nothing lost."""

import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from search_fakes import SPACE, FakeEvaluator

from eeviz.nas import store as module
from eeviz.nas.methods import method
from eeviz.nas.resume import resume
from eeviz.nas.run import search
from eeviz.nas.settings import space_key
from eeviz.nas.store import Store, StoreError

HERE = space_key(SPACE)


def run_of(path, evaluations=4, seed=0, **arguments):
    return search(
        SPACE, method=method("nachos"), evaluations=evaluations, seed=seed, store=path, evaluator=FakeEvaluator(),
        **arguments,
    )  # fmt: skip


def fill(path, **arguments):
    with run_of(path, **arguments) as run:
        for _ in run:
            continue
        return run.archive


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.db"


def test_everything_evaluated_is_in_the_file(path):
    archive = fill(path)
    store = Store(path)
    (run,) = store.runs()
    assert (run["evaluations"], run["total"], run["failed"]) == (4, 4, 0)
    assert run["settings"]["method"] == "nachos"
    stored = [candidate for candidate, _ in store.candidates(run["id"])]
    for a, b in zip(archive, stored, strict=True):
        assert (a.id, a.genome, a.generation) == (b.id, b.genome, b.generation)
        for name in ("error", "cost", "worst", "thresholds"):
            np.testing.assert_array_equal(getattr(a.points, name), getattr(b.points, name))
    records = store.records(run["id"], 2)
    evaluator = FakeEvaluator()
    again = method("nachos").convert(evaluator.records(archive[2].genome, False, "learned"))
    np.testing.assert_array_equal(records.confidence, again.confidence)
    np.testing.assert_array_equal(records.predicted, again.predicted)
    assert not records.removable
    with pytest.raises(ValueError, match="candidate 9 has no records"):
        store.records(run["id"], 9)
    store.close()


def test_worst_cases_of_earlier_stores_end_where_nobody_gets_past(path):
    def run():
        chosen = method("two-level", max_exits=1, grid=6)
        return search(SPACE, method=chosen, evaluations=6, store=path, evaluator=FakeEvaluator())

    with run() as first:
        for _ in first:
            continue
        archive = first.archive
    ending = sum((c.points.thresholds == 0).any(axis=1).sum() for c in archive)
    assert ending
    store = Store(path)  # as they were written: behind a threshold of 0 it went on
    for candidate, _ in list(store.candidates(1)):
        charge = FakeEvaluator().costs(candidate.genome, True)["macs"]
        worst = np.array([charge.at(~np.isnan(row))[-1] for row in candidate.points.thresholds])
        assert (worst >= candidate.points.worst).all()
        old = module._packed(replace(candidate.points, worst=worst))
        with store._transaction():
            store._db.execute("update evaluations set objectives = ? where id = ?", (old, candidate.id))
    store.close()
    with run() as again:
        for a, b in zip(archive, again.archive, strict=True):
            np.testing.assert_array_equal(a.points.worst, b.points.worst)


def test_write_ahead_log_and_synchronous_normal(path):
    store = Store(path, HERE)
    assert store._db.execute("pragma journal_mode").fetchone() == ("wal",)
    assert store._db.execute("pragma synchronous").fetchone() == (1,)
    store.close()


def test_several_runs_share_a_store(path):
    fill(path)
    fill(path, seed=1)
    fill(path)  # the first again: nothing new
    store = Store(path)
    assert [run["evaluations"] for run in store.runs()] == [4, 4]
    store.close()
    with resume(path, 1, evaluations=6, evaluator=FakeEvaluator()) as run:
        assert run.seed == 0
        assert len(run.archive) == 4
    with pytest.raises(ValueError, match="holds no run 7"):
        resume(path, 7, evaluator=FakeEvaluator())


def test_a_store_of_another_space_is_refused(path):
    fill(path)
    with pytest.raises(StoreError, match="holds searches of the space 'compact'"):
        Store(path, {"name": "aebnas", "arguments": {}, "genes": []})
    with pytest.raises(StoreError, match="another version or with other arguments"):
        Store(path, HERE | {"arguments": {"input": [3, 32, 32]}})


def test_a_store_of_another_version_is_refused(path):
    fill(path)
    with sqlite3.connect(path) as db:
        db.execute("update meta set value = '99' where key = 'version'")
    with pytest.raises(StoreError, match="version 99"):
        Store(path, HERE)


def test_a_store_of_another_evaluator_is_refused(path):
    fill(path)

    class Other(FakeEvaluator):
        key = {"evaluator": "another"}  # noqa: RUF012

    with pytest.raises(StoreError, match="start a new run"):
        resume(path, evaluator=Other())


def test_a_foreign_database_is_refused(path):
    with sqlite3.connect(path) as db:
        db.execute("create table recipes (name text)")
    with pytest.raises(StoreError, match="no search store"):
        Store(path, HERE)
    with sqlite3.connect(path) as db:
        assert db.execute("select count(*) from recipes").fetchone() == (0,)


def test_what_is_no_database_is_refused_and_left_alone(path):
    path.write_bytes(b"a text, but a long one. " * 100)
    with pytest.raises(StoreError, match="corrupt or no SQLite file"):
        Store(path, HERE)
    assert path.read_bytes().startswith(b"a text")


def test_a_damaged_store_is_told(path):
    fill(path)
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xff" * (len(content) - 4096 * 2)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"corrupt|cannot be used"):
        fill(path)


def test_a_missing_folder_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(StoreError, match="make it first"):
        Store(tmp_path / "nowhere" / "a.db", HERE)
    with pytest.raises(StoreError, match="no such file"):
        Store(tmp_path / "a.db")


def test_a_locked_store_is_told(path, monkeypatch):
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    with run_of(path) as run:
        steps = iter(run)
        next(steps)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")
        with pytest.raises(StoreError, match="locked by another process"):
            next(steps)
        other.execute("rollback")
        other.close()
        assert [s.evaluations for s in run] == [2, 3, 4]  # the one that could not be written comes first
    fresh = fill(path.with_name("b.db"))
    store = Store(path)
    assert [c.genome for c, _ in store.candidates(1)] == [c.genome for c in fresh]
    store.close()


class Full:
    """A connection on a disk that is full once `room` evaluations are written."""

    def __init__(self, db, room):
        self._db, self.room = db, room

    def execute(self, statement, *arguments):
        if statement.startswith("insert into evaluations"):
            if self.room == 0:
                raise sqlite3.OperationalError("database or disk is full")
            self.room -= 1
        return self._db.execute(statement, *arguments)

    def __getattr__(self, name):
        return getattr(self._db, name)


def test_a_full_disk_is_told_and_loses_nothing(path):
    with run_of(path) as run:
        run._store._db = Full(run._store._db, room=2)
        steps = iter(run)
        assert [next(steps).evaluations, next(steps).evaluations] == [1, 2]
        with pytest.raises(StoreError, match=r"disk is full\. Everything written before is kept"):
            next(steps)
        run._store._db.room = 99  # somebody has freed some space
        assert [s.evaluations for s in run] == [3, 4]
        front = run.front
    fresh = fill(path.with_name("b.db"))
    with run_of(path) as again:
        assert [c.genome for c in again.archive] == [c.genome for c in fresh]
        assert again.front.accuracy.tolist() == front.accuracy.tolist()


def test_two_processes_on_one_run_are_told_apart(path):
    with run_of(path) as one, run_of(path) as two:
        steps = iter(one)
        next(steps)
        with pytest.raises(StoreError, match="another process is writing the same run"):
            next(iter(two))


def test_a_closed_store_is_told(path):
    run = run_of(path)
    run.close()
    with pytest.raises(StoreError, match="closed"):
        next(iter(run))


def test_a_failed_evaluation_is_kept_as_failed(path):
    first = fill(path.with_name("b.db"))
    trouble = ((first[1].genome, "nan"),)
    with search(
        SPACE, method=method("nachos"), evaluations=4, store=path, evaluator=FakeEvaluator(trouble=trouble)
    ) as run:
        last = list(run)[-1]
    assert last.failed == 1
    assert "NaN" in last.archive[1].failed
    store = Store(path)
    assert store.runs()[0]["failed"] == 1
    with pytest.raises(ValueError, match="its evaluation failed"):
        store.records(1, 1)
    store.close()
    with run_of(path) as again:  # the same run: the failure is not tried for ever
        assert again.archive[1].failed


def test_a_store_in_a_folder_that_nothing_can_be_written_into_can_be_looked_at(tmp_path, monkeypatch):
    """As root no folder refuses: SQLite's own word for it is played."""
    import sqlite3

    path = tmp_path / "s.db"
    made = Store(path, {"name": "compact"})
    run = made.run({"method": "random"}, 3)
    made.close()
    real = sqlite3.connect

    class Refusing(sqlite3.Connection):
        def execute(self, statement, *values):
            if "journal_mode = wal" in statement:
                raise sqlite3.OperationalError("attempt to write a readonly database")
            return super().execute(statement, *values)

    monkeypatch.setattr(sqlite3, "connect", lambda *given, **options: real(*given, factory=Refusing, **options))
    looked = Store(path)
    assert [one["id"] for one in looked.runs()] == [run]
    with pytest.raises(StoreError, match="cannot be written to"):
        looked.run({"method": "two-level"}, 3)
    looked.close()
    with pytest.raises(StoreError, match="cannot be written to"):
        Store(path, {"name": "compact"})
