"""Driver: what the lab's buttons do. Training, deciding and export run in jobs; results go into the state, nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...core.platform.platform import Platform
from ...jobs import Job, JobState
from ...labs.augment import session
from ...labs.augment.files import Files
from ...labs.augment.settings import HOST, Settings
from ...labs.augment.shipped import Shipped
from ...labs.augment.state import Anatomy, AugmentState, Beside, Decision, Learning, Static, Trained
from ...labs.augment.static import static_points
from ..page.errors import Status


@dataclass(frozen=True, eq=False)
class _Opened:
    """A model that can be opened: only now what was on show gives way to it."""

    training: session.Training | Shipped
    anatomy: Anatomy


class Driver:
    """One augmentation at a time: start, stop, resume, decide again; what is selected; its sensitivity; export.

    files : what was uploaded. folder : where checkpoints lie, None: nowhere. inline : everything on the caller's thread.
    """

    def __init__(
        self, state: AugmentState, status: Status, files: Files, folder: Path | None = None, *, inline: bool = False
    ):
        self.state, self.status, self.files, self.folder = state, status, files, folder
        self.training: session.Training | Shipped | None = None
        self._platforms: dict[str, Platform] = {}
        self._asked = threading.Event()  # a running job is asked to stop
        self._job = Job(self._take, self._ended, inline=inline)
        self._side = Job(self._take, self._side_ended("the sensitivity"), inline=inline)
        self._path = Job(self._take, self._side_ended("what is shown beside the decision"), inline=inline)
        self._writer = Job(lambda deliver: deliver(), self._written, inline=inline)

    # -- buttons -------------------------------------------------------------------------------------------------
    def start(self, settings: Settings) -> None:
        """Augment the model of `settings`; a checkpoint of the same training is taken up."""
        self._check_idle()
        source = self.files.source(settings)
        self.state.settings = settings
        self._go("opening", lambda: self._open_and_train(session.Training(source, settings, self.folder), settings))

    def open_shipped(self, settings: Settings) -> None:
        """Show the result of the settings' model that ships, decided on anew for the settings' platform and cost."""
        self._check_idle()
        shipped = Shipped(settings)
        self.state.settings = settings
        self._go("deciding", lambda: self._open(shipped))

    def stop(self) -> None:
        """Hold on after this step; what the branches have learnt is measured and decided on."""
        if self.state.phase in ("opening", "training"):
            self._asked.set()
            self.state.phase = "stopping"
        elif self.state.busy:
            self._job.cancel()

    def resume(self, settings: Settings) -> None:
        """Train on from where Stop held."""
        self._check_idle()
        training = self.training
        if training is None or training.complete:
            raise ValueError("there is no training to resume: Start one.")
        if not training.fits(settings):
            raise ValueError(
                "model, effort, seed or fine-tuning have changed: Start trains with them, Resume would go on without."
            )
        self.state.settings = settings
        self.state.forget(training=False)
        self._go("training", lambda: self._train(training))

    def decide(self, settings: Settings) -> None:
        """Decide again on the branches as they are, for another platform, cost, drop or number of exits."""
        self._check_idle()
        if self.state.trained is None:
            raise ValueError("no branches have been trained yet: Start first.")
        if self.training is not None and not self.training.fits(settings):
            raise ValueError("model, effort, seed or fine-tuning have changed: these need Start.")
        self.state.settings = settings
        trained = self.state.trained
        self._go("deciding", lambda: self._decide(trained))

    def select(self, index: int) -> None:
        """Show the configuration of one point of the front."""
        state, decision = self.state, self.state.decision
        if decision is None or not 0 <= index < len(decision.front):
            raise ValueError("there is no such point.")
        if state.selected is None or state.selected.index != index:
            state.select(session.at(state.trained, decision, index))
            self.follow_selection()

    def undo(self) -> None:
        """Back to the configuration shown before."""
        self.state.undo()
        self.follow_selection()

    def redo(self) -> None:
        """Forward again after undo."""
        self.state.redo()
        self.follow_selection()

    def follow_selection(self) -> None:
        """Compute the sensitivity of what is selected, unless it is known."""
        one, state = self.state.selected, self.state
        if one is not None and state.sensitivity is None:
            settings = replace(state.decision.settings, claim=state.settings.claim)
            self._side.start(lambda: self._sensitivity(one, settings))

    def claim(self, saving: float) -> None:
        """Another claim: the sensitivity of what is shown is computed anew."""
        state = self.state
        state.settings = replace(state.settings, claim=saving)
        if state.selected is not None:
            state.sensitivity = None
            self.follow_selection()

    def export(self, deliver: Callable[[bytes], None]) -> None:
        """Write the selected configuration's network as a zip and hand it to `deliver`."""
        one, training = self.state.selected, self.training
        if one is None or training is None:
            raise ValueError("nothing is decided yet: Start first.")
        if self.state.busy or self.state.exporting:
            raise ValueError("wait until what is running has ended.")
        self.state.exporting = "Writing ONNX files and checking each against PyTorch …"
        classes = self.state.trained.records.classes or ()
        self._writer.start(lambda: self._written_files(training, one, classes, deliver))

    def join(self, timeout: float | None = None) -> None:
        """Wait for the workers: for tests and scripts."""
        for job in (self._job, self._side, self._path, self._writer):
            job.join(timeout)

    def close(self) -> None:
        """End everything: for hosts that close the lab."""
        self._asked.set()
        for job in (self._job, self._side, self._path, self._writer):
            job.cancel()

    # -- the workers ---------------------------------------------------------------------------------------------
    def _check_idle(self) -> None:
        if self.state.busy:
            raise ValueError("the lab is at work: wait, or press Stop first.")

    def _go(self, phase: str, run: Callable[[], Iterator]) -> None:
        self._asked.clear()
        self.status.clear()
        self.state.phase = phase
        self._job.start(run)

    def _open_and_train(self, training: session.Training, settings: Settings) -> Iterator:
        anatomy = training.open()
        yield _Opened(training, anatomy)
        yield from self._train(training)

    def _train(self, training: session.Training) -> Iterator:
        if not self._asked.is_set():
            yield "training"
        yield from training.steps(self._asked.is_set)
        if not training.begun:
            return
        yield "finishing"
        trained = training.finish()
        yield training.anatomy()
        yield trained
        yield from self._decide(trained)

    def _open(self, shipped: Shipped) -> Iterator:
        anatomy = shipped.anatomy()
        trained = shipped.finish()
        yield _Opened(shipped, anatomy)
        yield trained
        yield from self._decide(trained)

    def _decide(self, trained: Trained) -> Iterator:
        settings = self.state.settings
        yield "deciding"
        platform = self._platform(settings)
        clocked = self.training.clocked() if settings.platform == HOST and self.training is not None else None
        yield session.decided(trained, platform, settings, clocked)

    def _platform(self, settings: Settings) -> Platform:
        given = self.files.platform_of(settings)
        if given is not None:
            return given
        if settings.platform not in self._platforms:
            from ...hardware import Platform as Presets

            self._platforms[settings.platform] = Presets.preset(settings.platform)
        return self._platforms[settings.platform]

    def _sensitivity(self, one, settings: Settings) -> Iterator:
        yield one, session.sensitivity_of(self.state.trained, one, settings)

    def _beside(self, trained: Trained, decision: Decision) -> Iterator:
        yield session.beside(trained, decision)
        mapping = decision.mapping
        clocked = any(piece.seconds for piece in mapping.segments.pieces)
        yield Static(decision, static_points(decision.settings, mapping.platform, clocked))

    def _written_files(self, training, one, classes, deliver) -> Iterator:
        data = training.archive(one, classes)
        yield lambda: deliver(data)

    def _take(self, result) -> None:
        state = self.state
        if isinstance(result, str):
            state.phase = result
        elif isinstance(result, _Opened):
            with state.hold_trait_notifications():
                state.forget()
                self.training, state.anatomy = result.training, result.anatomy
        elif isinstance(result, Anatomy):
            with state.hold_trait_notifications():
                if state.learning is not None and len(state.learning.accuracy) != len(result.branches):
                    # training goes on, or ends, with some of them
                    unknown = np.full(len(result.branches), np.nan)
                    state.learning = replace(state.learning, accuracy=unknown)
                state.anatomy = result
        elif isinstance(result, Learning):
            state.learning = result
        elif isinstance(result, Trained):
            state.forget(training=False)
            state.trained = result
        elif isinstance(result, Decision):
            state.forget(training=False)
            state.decision = result
            state.select(session.at(state.trained, result, result.index), remember=False)
            self.follow_selection()
            trained = state.trained
            self._path.start(lambda: self._beside(trained, result))
        elif isinstance(result, Beside):
            if result.decision is state.decision:
                state.beside = result
        elif isinstance(result, Static):
            if result.decision is state.decision:
                state.static = result
        else:
            one, found = result
            if state.selected is one:
                state.sensitivity = found

    def _ended(self, job: Job) -> None:
        if job.state is JobState.RUNNING:
            return
        state, training = self.state, self.training
        if job.state is JobState.FAILED:
            state.phase = "failed"
            self.status.fail(job.error, "the augmentation")
        elif training is not None and training.complete and state.trained is not None:
            state.phase = "done" if state.decision is not None else "stopped"
        else:
            state.phase = "stopped" if training is not None else "idle"

    def _side_ended(self, doing: str) -> Callable[[Job], None]:
        def ended(job: Job) -> None:
            if job.state is JobState.FAILED:
                self.status.fail(job.error, doing)

        return ended

    def _written(self, job: Job) -> None:
        if job.state is JobState.RUNNING:
            return
        self.state.exporting = ""
        if job.state is JobState.FAILED:
            self.status.fail(job.error, "the export")
        else:
            self.status.info(
                "Exported: ONNX segments and heads, network.json, and run.py, which runs them with onnxruntime alone."
            )
