"""Driver: what the lab's controls do. Costs, fronts and rounding run in jobs; results go into the state, nowhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from ...jobs import Job, JobState
from ..guard import Status, in_words
from . import work
from .networks import Networks, Subject
from .settings import FLOAT, PAIRS, Settings, accelerators, pair_words
from .state import Answers, Fronts, HardwareState, Machine, Reading

SAYING_SECONDS = 0.25
"""The page hears of layers under computation at most this often."""


class Driver:
    """One network on one accelerator at a time; measuring of bits beside it.

    networks : what can be chosen. inline : everything on the caller's thread, for tests.
    """

    def __init__(self, state: HardwareState, status: Status, networks: Networks, *, inline: bool = False):
        self.state, self.status, self.networks = state, status, networks
        self._fronts: dict[tuple, Fronts] = {}
        self._job = Job(self._take, self._ended, inline=inline)
        self._rounding = Job(self._take_rounding, self._rounding_ended, inline=inline)

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
            self._rounding.cancel()
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

    def measure(self, pairs: Sequence[tuple[str, str]] | None = None) -> None:
        """Round the network and have it answer, at each pair of bits (those of the settings when None)."""
        state = self.state
        subject = state.subject
        if subject is None or state.reading is None:
            raise ValueError("wait until the costs are shown.")
        if not subject.can_round:
            raise ValueError(
                "this network came without its weights, images or answers, so it cannot be rounded: choose another, or give "
                "records, data and calibration to ee.hardware_lab."
            )
        if self.measuring:
            raise ValueError("a measurement is under way: wait, or press Stop.")
        asked = [pair for pair in (pairs or [state.settings.pair]) if pair not in state.answers]
        self.status.clear()
        state.rounding = {"share": 0.0, "words": "starting"}
        self._rounding.start(lambda: self._measure(subject, asked))

    def measure_all(self) -> None:
        """Every pair of PAIRS, and that of the settings."""
        self.measure(list(dict.fromkeys([*PAIRS, self.state.settings.pair])))

    def stop(self) -> None:
        """End what is running; what is known stays."""
        self._job.cancel()
        self._rounding.cancel()

    @property
    def measuring(self) -> bool:
        """Is a measurement under way?"""
        return self._rounding.state is JobState.RUNNING

    def join(self, timeout: float | None = None) -> None:
        """Wait for the workers: for tests and scripts."""
        self._job.join(timeout)
        self._rounding.join(timeout)

    def close(self) -> None:
        """End everything: for hosts that close the lab."""
        self.stop()

    # -- the workers -----------------------------------------------------------------------------------------------
    def _start(self, asked: Settings) -> None:
        """Look costs up, or only solve again where those on show are the ones asked for."""
        state = self.state
        subject, reading = state.subject, state.reading
        if subject is not None and reading is not None and reading.settings.read == asked.read:
            state.phase, state.words = "solving", "Solving thresholds …"
            self._job.start(lambda: self._solve(subject, asked))
        else:
            state.phase, state.words = "opening", "Opening the network …"
            self._job.start(lambda: self._look(asked))

    def _look(self, asked: Settings) -> Iterator:
        subject = self.networks.load(asked.network)
        yield subject
        said = 0.0
        for done, total in work.computed(subject, asked):
            if time.monotonic() - said > SAYING_SECONDS:
                said = time.monotonic()
                yield "looking", f"zigzag-dse computes layers that no table holds: {done} of {total} …"
        yield work.reading(subject, asked)
        yield from self._solve(subject, asked)

    def _solve(self, subject: Subject, asked: Settings) -> Iterator:
        """Fronts and machines of what is shown."""
        records, rounded = self._records(subject, asked)
        reading = self.state.reading
        if records is not None:
            key = (*asked.read, rounded)
            if key not in self._fronts:
                yield "solving", "Solving thresholds under every cost …"
                self._fronts[key] = work.fronts(records, reading.costs, rounded)
            yield self._fronts[key]
        yield "solving", "The same network on other processors …"
        machines = []
        for name in (*accelerators(), *work.platforms()):
            machines.append(work.machine(subject, asked, records, name))
            yield tuple(machines)
        plain = self.state.answers
        if FLOAT in plain:
            yield [work.rounded(subject, plain[FLOAT], answers, asked) for answers in plain.values()]

    def _records(self, subject: Subject, asked: Settings):
        """The answers at the bits asked for where they were measured, else those of the records."""
        answers = self.state.answers.get(asked.pair)
        return (subject.records, False) if answers is None else (answers.both, True)

    def _take(self, result) -> None:
        state = self.state
        if isinstance(result, Subject):
            if state.subject is not result:
                with state.lock, state.hold_trait_notifications():
                    state.subject, state.answers, state.rounded = result, {}, ()
            with state.lock, state.hold_trait_notifications():
                state.phase, state.words = "looking", "Looking costs up …"
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

    def _measure(self, subject: Subject, pairs: Sequence[tuple[str, str]]) -> Iterator:
        if FLOAT not in self.state.answers:
            yield work.unrounded(subject)
        for number, pair in enumerate(pairs):
            for event in work.answered(subject, pair):
                if isinstance(event, Answers):
                    yield event
                    continue
                what, share = event
                words = f"{what} at {pair_words(pair)}"
                yield (
                    (number + share) / len(pairs),
                    words if len(pairs) == 1 else f"{words} ({number + 1} of {len(pairs)})",
                )

    def _take_rounding(self, result) -> None:
        state = self.state
        if isinstance(result, Answers):
            state.answers = {**state.answers, result.pair: result}
            return
        share, words = result
        state.rounding = {"share": share, "words": words}

    def _rounding_ended(self, job: Job) -> None:
        if job.state is JobState.RUNNING:
            return
        state = self.state
        state.rounding = {}
        if job.state is JobState.FAILED:
            self.status.fail(job.error, "the measurement")
        if FLOAT in state.answers:
            self._start(state.settings)
