"""The store: one SQLite file with runs, their generations and evaluations, written by the driver process only.

Write-ahead log, synchronous=normal: a killed process loses at most the evaluation in flight.
"""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import threading
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..core.table.records import ExitRecords
from .pareto import Points
from .protocols import Candidate

FORMAT, VERSION = "eeviz-search", 1
BUSY_SECONDS = 5.0
_SCHEMA = """
create table meta (key text primary key, value text not null);
create table runs (
  id integer primary key, key text not null unique, settings text not null, total integer not null, created text not null);
create table generations (
  run integer not null references runs (id), generation integer not null, genomes text not null, tau text not null,
  primary key (run, generation));
create table evaluations (
  run integer not null references runs (id), id integer not null, generation integer not null, genome text not null,
  objectives blob not null, records blob, seconds real not null, clock real not null, failed text not null,
  primary key (run, id));
"""


_DAMAGED = (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile, zlib.error)


class StoreError(RuntimeError):
    """The store cannot be read or written; the message says why and what to do."""


class Store:
    """Opens `path`, or a store in memory for None; a new file is made for that space.

    space : plain values that name the search space; a file of another space is refused. Safe to use from several
    threads of one process. Raises StoreError for a file that is locked, corrupt, no store, or of another space or version.
    """

    def __init__(self, path: str | Path | None, space: Mapping | None = None):
        self.path = None if path is None else Path(path)
        self._lock = threading.RLock()
        if self.path is not None and not self.path.parent.is_dir():
            raise StoreError(f"{self.path}: the folder {self.path.parent} does not exist; make it first.")
        if space is None and self.path is not None and not self.path.is_file():
            raise StoreError(f"{self.path}: no such file.")
        try:
            self._connect(space, "")
        except StoreError as error:
            if space is not None or self.path is None or "cannot be" not in str(error):
                raise
            # a folder that nothing can be written into: SQLite would make a log beside the file to read it
            self._connect(None, "?immutable=1")

    def _connect(self, space: Mapping | None, how: str) -> None:
        name = ":memory:" if self.path is None else f"{self.path.absolute().as_uri()}{how}" if how else self.path
        with self._told():
            self._db = sqlite3.connect(
                name, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None, uri=bool(how)
            )
        try:
            with self._told():
                self._open(space, writable=not how)
        except BaseException:
            self._db.close()
            raise

    def _open(self, space: Mapping | None, writable: bool) -> None:
        if writable:
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")
        tables = {name for (name,) in self._db.execute("select name from sqlite_master where type = 'table'")}
        if not tables and space is not None:
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                rows = {"format": FORMAT, "version": str(VERSION), "space": _text(space)}
                self._db.executemany("insert into meta values (?, ?)", rows.items())
            return
        meta = dict(self._db.execute("select key, value from meta")) if "meta" in tables else {}
        if meta.get("format") != FORMAT:
            raise StoreError(f"{self.path} is an SQLite file, but no search store: choose another path.")
        if meta.get("version") != str(VERSION):
            raise StoreError(
                f"{self.path} is a store of version {meta.get('version')}, this eeviz reads version {VERSION}: "
                "choose another path, or the eeviz that wrote it."
            )
        if space is not None and meta["space"] != _text(space):
            there = json.loads(meta["space"])
            raise StoreError(
                f"{self.path} holds searches of the space {there.get('name')!r} {_differs(there, space)}, not of "
                f"{space.get('name')!r}: choose another path."
            )
        self.space = json.loads(meta["space"])

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._db.close()

    def run(self, settings: Mapping, total: int) -> int:
        """The id of the run with these settings, a new one where there is none; total : evaluations it is to have."""
        key = _text(settings)
        with self._told(), self._transaction():
            row = self._db.execute("select id from runs where key = ?", (key,)).fetchone()
            if row:
                self._db.execute("update runs set total = ? where id = ?", (total, row[0]))
                return row[0]
            now = datetime.now(UTC).isoformat(timespec="seconds")
            insert = "insert into runs (key, settings, total, created) values (?, ?, ?, ?)"
            done = self._db.execute(insert, (key, key, total, now))
            return int(done.lastrowid)

    def runs(self) -> list[dict]:
        """Every run, newest last: id, created, settings, total, evaluations done, failed, seconds."""
        query = """select runs.id, created, settings, total, count(e.id), coalesce(sum(e.failed != ''), 0),
                   coalesce(max(e.clock), 0) from runs left join evaluations e on e.run = runs.id
                   group by runs.id order by runs.id"""
        with self._read():
            rows = self._db.execute(query).fetchall()
            names = ("id", "created", "settings", "total", "evaluations", "failed", "seconds")
            return [dict(zip(names, row, strict=True)) | {"settings": dict(json.loads(row[2]))} for row in rows]

    def add_generation(self, run: int, generation: int, genomes, tau: Mapping[str, float]) -> None:
        """Remember what a generation will evaluate, before it does."""
        row = (run, generation, json.dumps([list(g) for g in genomes]), json.dumps(dict(tau)))
        with self._told(), self._transaction():
            self._db.execute("insert into generations values (?, ?, ?, ?)", row)

    def generations(self, run: int) -> list[tuple[tuple[tuple[int, ...], ...], dict[str, float]]]:
        """The generations in order: genomes, surrogates' Kendall tau."""
        query = "select genomes, tau from generations where run = ? order by generation"
        with self._read():
            rows = self._db.execute(query, (run,)).fetchall()
            return [(tuple(tuple(g) for g in json.loads(genomes)), dict(json.loads(tau))) for genomes, tau in rows]

    def add(self, run: int, candidate: Candidate, records: bytes | None, clock: float) -> None:
        """Write one evaluation, durably when this returns. records : bytes of an .npz. clock : seconds of the run so far."""
        row = (
            run,
            candidate.id,
            candidate.generation,
            json.dumps(list(candidate.genome)),
            _packed(candidate.points),
            records,
            candidate.seconds,
            clock,
            candidate.failed,
        )
        with self._told(), self._transaction():
            self._db.execute("insert into evaluations values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def candidates(self, run: int) -> Iterator[tuple[Candidate, float]]:
        """Every evaluation of a run by id, with the run's clock."""
        query = "select id, generation, genome, objectives, seconds, failed, clock from evaluations where run = ? order by id"
        with self._read():
            rows = self._db.execute(query, (run,)).fetchall()
            found = [
                (Candidate(id_, generation, tuple(json.loads(genome)), _unpacked(points), seconds, failed), clock)
                for id_, generation, genome, points, seconds, failed, clock in rows
            ]
        yield from found

    def records(self, run: int, id_: int) -> ExitRecords | None:
        """The records of one evaluation on search-validation; None where they were let go of.

        Raises ValueError when it failed or is not there.
        """
        query = "select records, failed from evaluations where run = ? and id = ?"
        with self._told():
            row = self._db.execute(query, (run, id_)).fetchone()
        if row is None or row[1]:
            raise ValueError(f"candidate {id_} has no records{': its evaluation failed' if row else ''}.")
        return None if row[0] is None else ExitRecords.load(row[0], f"candidate {id_}")

    def thin(self, run: int, kept: Collection[int]) -> None:
        """Let go of the records of all other evaluations of a run."""
        with self._told(), self._transaction():
            held = [id_ for (id_,) in self._db.execute("select id from evaluations where run = ?", (run,))]
            dropped = [(run, id_) for id_ in held if id_ not in kept]
            self._db.executemany("update evaluations set records = null where run = ? and id = ?", dropped)

    def pack(self) -> None:
        """Make the file as small as it can be, without a write-ahead log beside it: for a store that is passed on."""
        with self._told():
            self._db.execute("pragma wal_checkpoint(truncate)")
            self._db.execute("pragma journal_mode = delete")
            self._db.execute("vacuum")

    @contextlib.contextmanager
    def _transaction(self):
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                self._db.execute("rollback")
            raise

    @contextlib.contextmanager
    def _told(self):
        """Holds the lock; turns SQLite's errors into what a person can act on."""
        name = self.path or "the store in memory"
        with self._lock:
            try:
                yield
            except sqlite3.IntegrityError as error:
                raise StoreError(f"{name}: another process is writing the same run; end one of the two.") from error
            except sqlite3.ProgrammingError as error:
                raise StoreError(f"{name} is closed ({error}).") from error
            except sqlite3.OperationalError as error:
                raise StoreError(_operational(name, str(error))) from error
            except sqlite3.DatabaseError as error:
                raise StoreError(_corrupt(name, error)) from error

    @contextlib.contextmanager
    def _read(self):
        """As `_told`, where what rows hold is taken apart too: that may be damaged."""
        with self._told():
            try:
                yield
            except _DAMAGED as error:
                raise StoreError(_corrupt(self.path or "the store in memory", error)) from error


def _corrupt(name, error: BaseException) -> str:
    return f"{name} is corrupt or no SQLite file ({error}): choose another path, or restore it from a copy."


def _operational(name, message: str) -> str:
    if "full" in message:
        return f"{name}: the disk is full. Everything written before is kept: free some space, then resume."
    if "locked" in message or "busy" in message:
        return f"{name} is locked by another process: end that one, or choose another path."
    if "readonly" in message:
        return f"{name} cannot be written to: check its permissions, or choose another path."
    return f"{name} cannot be used ({message}): check the path and its permissions."


def _differs(there: Mapping, here: Mapping) -> str:
    return "of another version or with other arguments" if there.get("name") == here.get("name") else ""


def _text(values: Mapping) -> str:
    return json.dumps(values, sort_keys=True)


def _packed(points: Points) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **{name: getattr(points, name) for name in ("error", "cost", "worst", "thresholds")})
    return file.getvalue()


def _unpacked(data: bytes) -> Points:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return Points(**{name: arrays[name] for name in ("error", "cost", "worst", "thresholds")})
