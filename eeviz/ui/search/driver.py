"""Driver: what the lab's buttons do. Searches and fine-tuning run in jobs; results go into the state, nowhere else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...core.table.records import ExitRecords
from ...jobs import Job, JobState
from ...labs.search.openings import Openings
from ...labs.search.race import Race
from ...labs.search.saved import Saved, saved_as, saved_in
from ...labs.search.selecting import selection_of, untuned
from ...labs.search.settings import Settings
from ...labs.search.state import SearchState, Selection, Tuned
from ...labs.search.summary import Describer, Lane, best_of_all, lane
from ..page.errors import Status, in_words

SNAPSHOT_SECONDS = 0.1
"""Views hear of a search at most this often."""
NEAR = 0.01
"""Share of accuracy below the best within which the cheapest network is shown first."""


@dataclass(frozen=True, eq=False)
class _Opened:
    """A search that could be opened: only now what was on show gives way to it."""

    settings: Settings
    race: Race
    describe: Describer


class Driver:
    """One search at a time: start, pause, step, stop, resume; what is selected; what the store offers.

    openings : how runs are opened. inline : everything on the caller's thread, for tests.
    """

    def __init__(self, state: SearchState, status: Status, openings: Openings, *, inline: bool = False):
        self.state, self.status, self.openings = state, status, openings
        self.race: Race | None = None
        self._describe: Describer | None = None
        self._wanted = ""  # what a running search is asked for: "", "paused" or "stopped"
        self._asked = threading.Event()
        self._job = Job(self._take, self._ended, inline=inline)
        self.list_saved()

    # -- buttons -------------------------------------------------------------------------------------------------
    def start(self, settings: Settings | None = None, rounds: int | None = None) -> None:
        """Begin the search of `settings` (the form's when None); one that the store knows is taken up."""
        self._begin(settings or self.state.settings, rounds, {})

    def show(self, saved: Saved, keep_form: bool = False) -> None:
        """Open a saved search as it is; Resume goes on with it. keep_form : leave the form as it is."""
        self._begin(saved.settings, 0, {name: run for name, run, _ in saved.done}, keep_form)

    def _begin(self, settings: Settings, rounds: int | None, known: dict[str, int], keep_form: bool = False) -> None:
        self._check_idle()
        if not keep_form:
            self.state.settings = settings
        self._go("opening", lambda: self._open_and_search(settings, rounds, known))

    def resume(self) -> None:
        """Go on with the search on show; after its end with the form's larger budget."""
        self._check_idle()
        if self.race is None:
            raise ValueError("there is no search to resume yet: Start one, or choose a saved one below.")
        asked, running = self.state.settings, self.state.running
        if self.race.done:
            longer = replace(running, evaluations=asked.evaluations, seconds=asked.seconds)
            if longer == running:
                raise ValueError("this search has used its budget: raise the budget, then resume.")
            path = self.openings.path(running)
            known = {name: saved_as(path, run.settings) for name, run in self.race.runs.items()}
            self._go("opening", lambda: self._open_and_search(longer, None, known))
            return
        race = self.race
        self._go("running", lambda: self._search(race, None))

    def step(self) -> None:
        """One evaluation of each method, of the search on show or of a new one."""
        self._check_idle()
        if self.race is None or self.race.done:
            self.start(rounds=1)
            return
        race = self.race
        self._go("running", lambda: self._search(race, 1))

    def pause(self) -> None:
        """Hold on at once; an evaluation under way is done again later."""
        self._end("paused", "pausing")

    def stop(self) -> None:
        """End the search; what it found is in the store."""
        self._end("stopped", "stopping")

    def close(self) -> None:
        """End everything: for hosts that close the lab."""
        self.stop()
        self._job.join(10)
        if self.race is not None:
            self.race.close()
        self.openings.close()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the worker: for tests and scripts."""
        self._job.join(timeout)

    # -- the worker ----------------------------------------------------------------------------------------------
    def _check_idle(self) -> None:
        if self.state.busy:
            raise ValueError("a search is running: pause or stop it first.")

    def _go(self, phase: str, work: Callable[[], Iterator]) -> None:
        self._wanted = ""
        self._asked.clear()
        self.status.clear()
        self.state.phase = phase
        self._job.start(work)

    def _end(self, wanted: str, phase: str) -> None:
        if not self.state.busy:
            if wanted == "stopped" and self.state.phase == "paused":
                self.state.phase = "stopped"
            return
        self._wanted = wanted
        self._asked.set()
        self.state.phase = phase
        if self.race is not None:
            self.race.stop()

    def _open_and_search(
        self, settings: Settings, rounds: int | None, known: dict[str, int]
    ) -> Iterator[dict[str, Lane]]:
        runs = self.openings.runs(settings, known)
        race = Race(runs, settings.seconds)
        yield _Opened(settings, race, Describer(next(iter(runs.values())).space))
        yield self._lanes()
        if rounds != 0 and not self._asked.is_set():
            yield from self._search(race, rounds)

    def _search(self, race: Race, rounds: int | None) -> Iterator[dict[str, Lane]]:
        shown, waiting = time.monotonic(), False
        if self._asked.is_set():
            return
        if self.state.phase == "opening":
            self.state.phase = "running"
        for _ in race.steps(rounds):
            waiting = True
            if time.monotonic() - shown >= SNAPSHOT_SECONDS:
                yield self._lanes()
                shown, waiting = time.monotonic(), False
        if waiting:
            yield self._lanes()

    def _lanes(self) -> dict[str, Lane]:
        known = self.state.lanes
        return {
            name: known[name]
            if name in known and known[name].snapshot is snapshot
            else lane(name, snapshot, self._describe)
            for name, snapshot in self.race.snapshots.items()
        }

    def _take(self, lanes: dict[str, Lane] | _Opened) -> None:
        if isinstance(lanes, _Opened):
            old, self.race, self._describe = self.race, lanes.race, lanes.describe
            with self.state.hold_trait_notifications():
                self.state.forget()
                self.state.running, self.state.unit = lanes.settings, "MACs"
            if old is not None:
                old.close()
            return
        self.state.unit = next(iter(self.race.runs.values())).unit
        self.state.show(lanes)

    def _ended(self, job: Job) -> None:
        if job.state is JobState.RUNNING:
            return
        state, race = self.state, self.race
        if job.state is JobState.FAILED:
            state.phase = "failed" if race is not None else "idle"
            self.status.fail(job.error, "the search")
        elif self._wanted:
            state.phase = self._wanted
        else:
            state.phase = "done" if race is not None and race.done else "paused"
        self.list_saved()

    def list_saved(self) -> None:
        """Read again what the store offers; what is wrong with it is said in the page."""
        try:
            self.openings.prepare(self.state.settings)
            self.state.saved = saved_in(self.openings.path(self.state.settings), self.state.settings)
        except ImportError as error:
            self.status.fail(error)
        except (OSError, RuntimeError, ValueError) as error:
            self.state.saved = ()
            if self.status.level != "error":  # which says it already, or something worse
                self.status.info(f"The saved searches cannot be read. {in_words(error)}")

    # -- candidates ----------------------------------------------------------------------------------------------
    def run_of(self, method: str):
        """The SearchRun of a method on show. Raises ValueError when there is none."""
        if self.race is None or method not in self.race.runs:
            raise ValueError("the search of this candidate is no longer open.")
        return self.race.runs[method]

    def select(self, method: str, candidate: int, point: int) -> None:
        """Select an operating point of a candidate."""
        snapshot = self.state.lanes[method].snapshot
        self.state.select(selection_of(self.run_of(method), snapshot, candidate, point))

    def select_default(self) -> None:
        """Select the cheapest point within a percentage point of the best."""
        best = best_of_all(self.state.lanes)
        if best:
            near = [mark for mark in best if mark.accuracy >= best[-1].accuracy - NEAR]
            self.select(*near[0].key)

    @property
    def costs(self) -> tuple[str, ...]:
        """Names of the costs that the evaluator on show knows."""
        if self.race is None:
            return ()
        run = next(iter(self.race.runs.values()))
        return tuple(run.evaluator.costs(run.space.smallest(), False))

    def network(self, selection: Selection):
        """Its network with inherited or fine-tuned weights."""
        tuned = self.tuned(selection)
        return untuned(self.run_of(selection.method), selection) if tuned is None else tuned.network

    def measure(self, selection: Selection) -> str:
        """The confidence that its thresholds are for."""
        tuned = self.tuned(selection)
        return self.run_of(selection.method).method.measure if tuned is None else tuned.measure

    def tuned(self, selection: Selection) -> Tuned | None:
        """What fine-tuning made, where that is what is selected."""
        return next((one for one in self.state.tuned if one.selection is selection), None)

    def with_pictures(self, selection: Selection, records: ExitRecords) -> ExitRecords:
        """Records with the samples' pictures, where the data set is at hand and these are its samples."""
        if records.thumbnails is not None:
            return records
        try:
            data = self.run_of(selection.method).evaluator.data("validation")
        except (FileNotFoundError, ValueError):
            return records
        same = len(data) == len(records) and bool((data.labels == records.label).all())
        return replace(records, thumbnails=data.images) if same and data.images.dtype == np.uint8 else records

    def records(self, selection: Selection):
        """Records on search-validation, all columns its policy speaks of."""
        tuned = self.tuned(selection)
        return self.run_of(selection.method).records(selection.candidate) if tuned is None else tuned.records

    def report(self, selection: Selection, columns: Callable) -> Callable | None:
        """A function that makes its records on report data when asked for, shaped by `columns`; None without any."""
        run = self.run_of(selection.method)
        if selection.tuned:
            return None
        genome = {c.id: c for c in run.archive}[selection.candidate].genome
        method = run.method

        def read():
            records = run.evaluator.records(genome, method.offered, method.measure, split="test")
            return columns(method.convert(records))

        return read
