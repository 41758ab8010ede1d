"""Rounding: the driver's part for fewer bits: measuring by calibration, fine-tuning, and what was found of every network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from ...core.table.policy import Policy
from ...jobs import Job, JobState
from ...labs.hardware import bits, int8
from ...labs.hardware.settings import FLOAT, PAIRS, pair_words
from ...labs.hardware.state import Answers, HardwareState
from ...labs.hardware.subject import Subject
from ..page.errors import Status

SAYING_SECONDS = 0.2
"""The page hears of steps at most this often."""
CALIBRATED = "bits"
LEARNING = "fine-tuning"
FILES = "int8 files"
EIGHT = ("8/8", "8/8")
DOING = {CALIBRATED: "the measurement", LEARNING: "fine-tuning", FILES: "writing int8 files"}


class Rounding:
    """One job at a time. again : called when answers have changed. Answers and trained networks last for the visit."""

    def __init__(self, state: HardwareState, status: Status, again: Callable[[], None], *, inline: bool = False):
        self.state, self.status, self._again = state, status, again
        self.trained: dict[tuple[str, tuple[str, str]], bits.Trained] = {}
        self._known: dict[str, dict[tuple[str, ...], Answers]] = {}
        self._asked = threading.Event()  # training is asked to end
        self._of = ""  # the network whose answers are under way
        self._deliver: Callable[[int8.Int8], None] = lambda _: None
        self._job = Job(self._take, self._ended, inline=inline)

    # -- what the page asks for ------------------------------------------------------------------------------------
    def measure(self, pairs: Sequence[tuple[str, str]] | None = None) -> None:
        """Round the network and have it answer, at each pair of bits (those of the settings when None)."""
        subject, state = self._ready(), self.state
        asked = [pair for pair in (pairs or [state.settings.pair]) if pair not in state.answers and pair != FLOAT]
        self._start(subject, CALIBRATED, lambda: self._measure(subject, asked))

    def measure_all(self) -> None:
        """Every pair of PAIRS, and that of the settings."""
        self.measure(list(dict.fromkeys([*PAIRS, self.state.settings.pair])))

    def fine_tune(self, count: int = bits.AMOUNTS[0]) -> None:
        """Train on with the rounding at the settings' bits, on `count` training images (0: all), then answer."""
        subject, pair = self._ready(), self.state.settings.pair
        if pair == FLOAT:
            raise ValueError("fine-tuning learns with rounded numbers: choose 8 bits or fewer.")
        if count < 0:
            raise ValueError(f"count: expected a number of training images, or 0 for all, got {count}.")
        self._asked.clear()
        self._start(subject, LEARNING, lambda: self._fine_tune(subject, pair, count))

    def export(self, deliver: Callable[[int8.Int8], None]) -> None:
        """Write int8 files with the thresholds on show and hand them to `deliver`; fine-tuned where it was."""
        subject, state = self._ready(), self.state
        asked, shown = state.settings, state.fronts
        if asked.pair != EIGHT:
            raise ValueError("int8 files hold 8 bits throughout: choose 8/8 for the backbone and the exits.")
        if shown is None:
            raise ValueError("wait until the thresholds are solved.")
        policy = shown.fronts[asked.cost].policy(shown.index(asked.cost, asked.max_drop))
        trained = self.trained.get((subject.name, EIGHT))
        network = None if trained is None else trained.network
        self._deliver = deliver
        self._start(subject, FILES, lambda: self._export(subject, policy, network))

    def stop(self) -> None:
        """End what is running. Training ends after its step and answers with what it has learnt; a second stop drops that."""
        if self.busy and self.state.rounding.get("label") == LEARNING and not self._asked.is_set():
            self._asked.set()
            self._say("stopping after this step", self.state.rounding.get("share", 0.0), LEARNING)
        else:
            self._job.cancel()

    def cancel(self) -> None:
        """End what is running; a network in training keeps what it has learnt, for the next time."""
        self._job.cancel()

    def known(self, network: str) -> dict[tuple[str, ...], Answers]:
        """What was answered by a network during this visit."""
        return self._known.get(network, {})

    @property
    def busy(self) -> bool:
        """Whether a measurement or a fine-tuning is under way."""
        return self._job.state is JobState.RUNNING

    def join(self, timeout: float | None = None) -> None:
        self._job.join(timeout)

    # -- the worker ------------------------------------------------------------------------------------------------
    def _ready(self) -> Subject:
        subject = self.state.subject
        if subject is None or self.state.reading is None:
            raise ValueError("wait until the costs are shown.")
        if subject.own_bits is not None:
            raise ValueError("this network and its answers have bits of their own: choose one that is not rounded yet.")
        if not subject.can_round:
            raise ValueError(
                "this network came without its weights, images or answers, so it cannot be rounded: choose another, or give "
                "records, data and calibration to ee.hardware_lab."
            )
        if self.busy:
            raise ValueError("a measurement is under way: wait, or press Stop.")
        return subject

    def _start(self, subject: Subject, label: str, work: Callable[[], Iterator]) -> None:
        self.status.clear()
        self._of = subject.name
        self._say("starting", 0.0, label)
        self._job.start(work)

    def _say(self, words: str, share: float, label: str) -> None:
        self.state.rounding = {"share": share, "words": words, "label": label}

    def _measure(self, subject: Subject, pairs: Sequence[tuple[str, str]]) -> Iterator:
        if FLOAT not in self.state.answers:
            yield bits.unrounded(subject)
        for number, pair in enumerate(pairs):
            for event in bits.answered(subject, pair):
                if isinstance(event, Answers):
                    yield event
                    continue
                what, share = event
                words = f"{what} at {pair_words(pair)}"
                yield (
                    words if len(pairs) == 1 else f"{words} ({number + 1} of {len(pairs)})",
                    (number + share) / len(pairs),
                    CALIBRATED,
                )

    def _fine_tune(self, subject: Subject, pair: tuple[str, str], count: int) -> Iterator:
        state, said = self.state, 0.0
        yield "reading the training images", 0.0, LEARNING
        bits.training_images(subject, count)
        if FLOAT not in state.answers:
            yield bits.unrounded(subject)
        if pair not in state.answers:  # what it is before
            for event in bits.answered(subject, pair):
                yield event if isinstance(event, Answers) else (f"before: {event[0]}", 0.0, LEARNING)
        trained = self.trained.setdefault((subject.name, pair), bits.Trained())
        for event in bits.fine_tuned(subject, pair, trained, count, self._asked):
            if isinstance(event, Answers):
                yield event
            elif time.monotonic() - said > SAYING_SECONDS and not self._asked.is_set():
                said = time.monotonic()
                yield event[0], event[1], LEARNING
            else:
                yield None  # so that a cancelled run ends here

    def _export(self, subject: Subject, policy: Policy, trained) -> Iterator:
        for event in int8.written(subject, policy, trained):
            yield event if isinstance(event, int8.Int8) else (*event, FILES)

    def _take(self, result) -> None:
        if isinstance(result, Answers):
            known = self._known[self._of] = {**self.known(self._of), result.key: result}
            self.state.answers = known
        elif isinstance(result, int8.Int8):
            self._deliver(result)
        elif result is not None:
            self._say(*result)

    def _ended(self, job: Job) -> None:
        if job.state is JobState.RUNNING:
            return
        label = self.state.rounding.get("label")
        self.state.rounding = {}
        if job.state is JobState.FAILED:
            self.status.fail(job.error, DOING.get(label, ""))
        if label != FILES and FLOAT in self.state.answers:
            self._again()
