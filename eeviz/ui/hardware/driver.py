"""Driver: what the lab's controls do. Costs, clocking and fronts run in a job; results go into the state, nowhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ...hardware.clock import Clocked
from ...jobs import Job, JobState
from ...labs.hardware import bits, session
from ...labs.hardware.networks import Networks
from ...labs.hardware.settings import FLOAT, HOSTS, Settings, accelerators
from ...labs.hardware.state import Fronts, HardwareState, Machine, Reading
from ...labs.hardware.subject import Subject
from ..page.errors import Status, in_words
from .rounding import Rounding

SAYING_SECONDS = 0.25
"""The page hears of layers and passes at most this often."""


class Driver:
    """One network on one accelerator at a time; `rounding`, for fewer bits, beside it.

    networks : what can be chosen. inline : everything on the caller's thread, for tests.
    """

    def __init__(self, state: HardwareState, status: Status, networks: Networks, *, inline: bool = False):
        self.state, self.status, self.networks = state, status, networks
        self._fronts: dict[tuple, Fronts] = {}
        self._job = Job(self._take, self._ended, inline=inline)
        self.rounding = Rounding(state, status, lambda: self._start(state.settings), inline=inline)

    # -- what the page asks for ------------------------------------------------------------------------------------
    def look(self, settings: Settings | None = None, *, tell: bool = True) -> None:
        """Show the costs of the settings (the state's when None); what was asked for before is dropped.

        tell : take away what the status line says.
        """
        state = self.state
        if settings is not None:
            state.ask(settings)
        asked = state.settings
        if state.subject is not None and state.subject.name != asked.network:
            self.rounding.cancel()
            with state.lock, state.hold_trait_notifications():
                state.subject, state.answers, state.rounded = None, {}, ()
        if tell:
            self.status.clear()
        self._start(asked)

    def undo(self) -> None:
        """Back to the settings before."""
        self.state.undo()
        self.look()

    def redo(self) -> None:
        """Forward again after undo."""
        self.state.redo()
        self.look()

    def clock_again(self) -> None:
        """Measure the network on this host anew; what was measured before stays until then."""
        state = self.state
        if not state.settings.batch:
            raise ValueError("choose this host among the accelerators first.")
        if state.busy:
            raise ValueError("a measurement is under way: wait, or press Stop.")
        state.reading = None
        self.status.clear()
        self._start(state.settings, anew=True)

    def stop(self) -> None:
        """End what is running; what is known stays."""
        self._job.cancel()
        self.rounding.stop()

    def stop_looking(self) -> None:
        """End the look-up or clocking of costs; what was clocked stays."""
        self._job.cancel()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the workers: for tests and scripts."""
        self._job.join(timeout)
        self.rounding.join(timeout)

    def close(self) -> None:
        """End everything: for hosts that close the lab."""
        self._job.cancel()
        self.rounding.cancel()

    # -- the workers -----------------------------------------------------------------------------------------------
    def _start(self, asked: Settings, *, anew: bool = False) -> None:
        """Look costs up, or only solve again where those on show are the ones asked for."""
        state = self.state
        subject, reading = state.subject, state.reading
        if subject is not None and reading is not None and reading.settings.read == asked.read:
            state.phase, state.words = "solving", "Solving thresholds …"
            self._job.start(lambda: self._solve(subject, asked))
        else:
            state.phase, state.words = "opening", "Opening the network …"
            self._job.start(lambda: self._look(asked, anew))

    def _look(self, asked: Settings, anew: bool) -> Iterator:
        subject = self.networks.load(asked.network)
        yield subject
        if asked.batch:
            yield from self._clock(subject, asked, anew)
        said = 0.0
        for done, total in session.computed(subject, asked):
            if time.monotonic() - said > SAYING_SECONDS:
                said = time.monotonic()
                yield "looking", f"zigzag-dse computes layers that no table holds: {done} of {total} …"
        yield session.reading(subject, asked, self.state.clocked)
        yield from self._solve(subject, asked)

    def _clock(self, subject: Subject, asked: Settings, anew: bool) -> Iterator:
        """Clock the network on this host, unless that was done in this visit."""
        said = 0.0
        for event in session.clocked(subject, asked, () if anew else self.state.clocked):
            if isinstance(event, Clocked):
                yield event
            elif time.monotonic() - said > SAYING_SECONDS:
                said = time.monotonic()
                yield {"words": event[0], "share": event[1]}

    def _solve(self, subject: Subject, asked: Settings) -> Iterator:
        """Fronts and machines of what is shown."""
        used, clocks = self.state.used, self.state.clocked
        records = subject.records if used is None else used.both
        reading = self.state.reading
        if records is not None:
            key = (*asked.read, used, clocks if asked.batch else ())
            if key not in self._fronts:
                yield "solving", "Solving thresholds under every cost …"
                self._fronts[key] = session.fronts(records, reading.costs, used is not None)
            yield self._fronts[key]
        yield "solving", "The same network on other processors …"
        machines = []
        for name in (*accelerators(), *(HOSTS if clocks else ()), *session.platforms()):
            machines.append(session.machine(subject, asked, records, name, clocks))
            yield tuple(machines)
        known = self.state.answers
        if FLOAT in known:
            yield [
                bits.rounded(subject, known[FLOAT], answers, asked, clocks) for answers in bits.in_order(known.values())
            ]

    def _take(self, result) -> None:
        state = self.state
        if isinstance(result, Subject):
            if state.subject is not result:
                with state.lock, state.hold_trait_notifications():
                    state.subject, state.answers, state.rounded = result, self.rounding.known(result.name), ()
            with state.lock, state.hold_trait_notifications():
                state.phase, state.words = "looking", "Looking costs up …"
        elif isinstance(result, Clocked):
            name = state.subject.name
            kept = {**state.clocks.get(name, {}), (result.bits, result.batch): result}
            state.clocks = {**state.clocks, name: kept}
        elif isinstance(result, dict):
            state.clocking = result
            state.words = "Measuring on this host …"
        elif isinstance(result, Reading):
            with state.lock, state.hold_trait_notifications():
                state.trouble = ""
                state.fronts, state.machines = None, ()
                state.reading = result
        elif isinstance(result, Fronts):
            state.fronts = result
        elif isinstance(result, list):
            state.rounded = tuple(result)
        elif isinstance(result[0], Machine):
            state.machines = result
        else:
            state.phase, state.words = result

    def _ended(self, job: Job) -> None:
        if job.state is JobState.RUNNING:
            return
        state = self.state
        state.clocking = {}
        if job.state is JobState.FAILED:
            with state.lock, state.hold_trait_notifications():
                state.trouble = in_words(job.error)
                state.reading = state.fronts = None
                state.machines = ()
                state.phase, state.words = "failed", ""
            self.status.fail(job.error)
        else:
            stopped = job.state is JobState.CANCELLED
            state.phase, state.words = ("stopped", "Stopped.") if stopped else ("done", "")
