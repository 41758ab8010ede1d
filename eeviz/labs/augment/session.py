"""What the lab's worker does, without widgets: from settings to an anatomy, trained branches, decisions, files."""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...core.network.segments import Segments
from ...core.platform.mapping import Mapping, best_mapping, shortest_mapping
from ...core.platform.platform import Platform
from ...core.platform.sensitivity import Sensitivity, sensitivity
from ...core.solve.thresholds import choose
from ...core.table import format
from ...core.table.metrics import own_accuracy, paired_interval
from ...core.table.records import ExitRecords
from .expectation import asked_for, expected_drop
from .settings import BITS, EFFORTS, HOST, Settings
from .state import Anatomy, Beside, Branch, Configuration, Decision, Learning, Place, Trained

LEARNING_SECONDS = 0.25
"""Views hear of training at most this often."""
CHECKPOINT_SECONDS = 10.0


@dataclass(frozen=True, eq=False)
class Source:
    """A model to start from: title, and `load()` -> `nn.loaded.Loaded`. key : tells its weights from others', "" where that
    is not known: then no checkpoint is kept."""

    title: str
    key: str
    load: Callable[[], object]


def source_of(model, calibration, training=None, report=None, **options) -> Source:
    """A Source of a model and data of one's own, as given to `augment`."""

    def load():
        from ...nn.models.loaded import Loaded

        return Loaded(model, calibration, training, report, options)

    return Source(type(model).__name__, "", load)


class Training:
    """One augmentation: `steps` yields an Anatomy, then Learnings, and may be left and taken up; `finish` -> Trained.

    folder : where its checkpoint lies; the same source and settings go on from there, None: nowhere.
    """

    def __init__(self, source: Source, settings: Settings, folder: Path | None = None):
        self.source, self.settings, self.folder = source, settings, folder
        self.run = self.loaded = None
        self._steps: Iterator | None = None
        self._last: Learning | None = None
        self._clocked: tuple | None = None  # what was clocked, its segments
        self._measured = False  # is the run's result of the branches as they are now?

    def fits(self, settings: Settings) -> bool:
        """Whether these settings would train the same."""
        return settings.trained == self.settings.trained

    @property
    def complete(self) -> bool:
        """Whether training has come to its end."""
        return self.run is not None and self._steps is None

    @property
    def begun(self) -> bool:
        """Whether any branch has taken a step."""
        return self._last is not None or self.complete

    def open(self) -> Anatomy:
        """Load model and data, read the graph, build branches. Raises ValueError, FileNotFoundError in words."""
        from ...nn.augment import AugmentRun

        self.loaded, effort = self.source.load(), EFFORTS[self.settings.effort]
        seed = self.settings.seed
        training, calibration = self.loaded.training, self.loaded.calibration
        if training is None:
            calibration = some(calibration, 2 * effort.tune, seed)
        else:
            training, calibration = some(training, effort.learn, seed), some(calibration, effort.tune, seed + 1)
        joint = {"joint": effort.joint} if self.settings.fine_tune else {}
        options = {**effort.options(), **joint, **self.loaded.options}
        options |= {"seed": seed, "max_exits": self.settings.max_exits}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of it also keeps as a note
            self.run = AugmentRun(self.loaded.model, calibration, training=training, **options)
        self.run.checkpoint, self.run.checkpoint_every = self._checkpoint(), CHECKPOINT_SECONDS
        self._steps = iter(self.run)
        return self.anatomy()

    def anatomy(self) -> Anatomy:
        """The graph, and the branches as far as they are; fine-tuning goes on with some of them."""
        run, branches = self.run, self._branches
        chosen = {place.index for place in branches.locations}
        places = (Place(p.name, tuple(p.shape), p.macs, p.share, p.index in chosen) for p in run.graph.locations)
        notes = run.notes if run.result is None else run.result.notes
        return Anatomy(
            self.source.title, run.graph.macs, run.graph.classes, tuple(places),
            tuple(Branch(s.location, s.design, s.width, s.macs) for s in branches.sized),
            len(run.training), len(run.calibration), tuple(notes),
        )  # fmt: skip

    @property
    def _branches(self):
        """What branches there are now: once measured, only those that went on learning."""
        return self.run.fine_tuning or (self.run.result if self._measured else self.run)

    def steps(self, asked: Callable[[], bool] = lambda: False) -> Iterator[Learning]:
        """Train on until the end, or `asked()` to hold; at most one Learning in `LEARNING_SECONDS`, the last one always."""
        shown, waiting = -np.inf, None
        if self._measured and self._steps is not None:
            self._measured = False
            yield self.anatomy()  # of all branches again, not of those that were measured
        while self._steps is not None and not asked():
            step = self._next()
            if step is None:
                self._steps = None
                break
            before = self._last
            if step.stage == "joint" and before is not None and before.stage != "joint":
                yield self.anatomy()
                shown = -np.inf  # the first of a stage is always shown
            if step.stage != "calibration":
                accuracy = np.array(step.accuracy[: len(self._branches.sized)])  # fine-tuning tells the final one's too
            else:
                accuracy = np.full(len(self.run.sized), np.nan) if before is None else before.accuracy
            self._last = waiting = Learning(step.progress, step.seconds, step.step, step.steps, accuracy, step.stage)
            if time.monotonic() - shown >= LEARNING_SECONDS:
                shown, waiting = time.monotonic(), None
                yield self._last
        if waiting is not None:
            yield waiting

    def _next(self):
        path = self.run.checkpoint
        try:
            return next(self._steps, None)
        except ValueError:
            if path is None or not path.is_file() or self._last is not None:
                raise
            path.unlink()  # of another version, or damaged: begin anew
            self._steps = iter(self.run)
            return next(self._steps, None)

    def finish(self) -> Trained:
        """Measure the branches as they are now."""
        from ...nn.count.describe import describe

        complete, self._measured = self._steps is None, True
        made = self.run.result if complete else self.run.finished()
        network = made.network()
        segments = {name: describe(network, size, size) for name, size in BITS.items()}
        accuracy = own_accuracy(made.records)
        seconds = 0.0 if self._last is None else self._last.seconds
        right = made.records.correct[:, -1] if made.right is None else made.right
        return Trained(made.records, segments, complete, accuracy[:-1], right, seconds)

    def clocked(self) -> Segments:
        """Segments and heads timed on this machine, of the branches as they are now."""
        from ...nn.augment.processors import platform_of, segments_on

        if self._clocked is None or self._clocked[0] is not self.run.result:
            self._clocked = self.run.result, segments_on(platform_of(HOST), self.run.result.network())
        return self._clocked[1]

    def report(self, mapping: Mapping) -> Callable[[], ExitRecords] | None:
        """A function that makes the records of the report split when asked for; None where there is no such split."""
        if self.loaded is None or self.loaded.report is None:
            return None
        made, report = self.run.result, self.loaded.report
        return lambda: mapping.records(made.collect(report, balance=made.records.weight is not None))

    def with_pictures(self, records: ExitRecords) -> ExitRecords:
        """Records with the samples' pictures, where the samples that decide are pictures."""
        values = self.run.calibration.values
        fits = values.dtype == np.uint8 and values.ndim in (3, 4) and len(values) == len(records)
        return replace(records, thumbnails=values) if fits else records

    def archive(self, configuration: Configuration, classes=()) -> bytes:
        """A zip of ONNX segments and heads, network.json, and the runner. Raises ImportError, ValueError in words."""
        from ...nn.export.network import export

        made, mapping = self.run.result, configuration.mapping
        out = io.BytesIO()
        with tempfile.TemporaryDirectory() as folder:
            export(
                made.network(), mapping.policy, folder, mapping=mapping, measure=made.records.measure,
                temperature=made.records.temperature, classes=classes,
            )  # fmt: skip
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
                for path in sorted(Path(folder).iterdir()):
                    file.write(path, path.name)
        return out.getvalue()

    def _checkpoint(self) -> Path | None:
        if self.folder is None or not self.source.key:
            return None
        asked = "\n".join([self.source.key, self.settings.effort, str(self.settings.seed), str(len(self.run.training))])
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{hashlib.sha256(asked.encode()).hexdigest()[:20]}.pt"


def some(data, count: int, seed: int):
    """At most `count` samples of a Dataset or of a pair (values, labels), drawn from `seed`, in their order."""
    pair = isinstance(data, (tuple, list))
    total = len(data[1]) if pair else len(data)
    if total <= count:
        return data
    index = np.sort(np.random.default_rng(seed).choice(total, count, replace=False))
    return tuple(part[index] for part in data) if pair else data.subset(index)


def decided(trained: Trained, platform: Platform, settings: Settings, segments: Segments | None = None) -> Decision:
    """Exits, designs, thresholds and processors together. segments : None: those of `trained` in the settings' numbers.

    Raises ValueError in words where nothing fits.
    """
    records, least = trained.records, trained.final - settings.max_drop
    asked = asked_for(trained, settings)

    def mapped(accuracy: float) -> Decision:
        mapping = _as_shown(settings.worst_latency, lambda bound: best_mapping(
            platform, segments or trained.segments[settings.numbers], records, settings.cost,
            min_accuracy=accuracy, max_exits=settings.max_exits, worst_latency=bound,
        ))  # fmt: skip
        return Decision(settings, mapping, choose(mapping.front, records, min_accuracy=accuracy))

    try:
        return mapped(asked)
    except ValueError:  # other conditions leave less room: what was asked for, on these samples
        if asked <= least:
            raise
        return mapped(least)


def _as_shown(worst_latency: float, decide: Callable[[float | None], Mapping]) -> Mapping:
    """Decide under the worst latency asked for (0: none), such that what the page shows as equal to it is within."""
    if not worst_latency:
        return decide(None)
    try:
        return decide(format.shown_within(worst_latency, "s"))
    except ValueError:
        return decide(worst_latency)  # says what was asked


def configuration(trained: Trained, mapping: Mapping, index: int, settings: Settings | None = None) -> Configuration:
    """Everything the lab shows about one policy on its processors. settings : of what was asked for, None: nothing."""
    records = trained.records
    routing = mapping.route(records)
    difference = paired_interval(records, routing.right, trained.right)
    figures = mapping.figures(records)
    if settings is None:
        return Configuration(index, mapping, figures, difference)
    expected = expected_drop(trained, settings, routing.accuracy)
    return Configuration(index, mapping, figures, difference, expected, settings.max_drop)


def at(trained: Trained, decision: Decision, index: int) -> Configuration:
    """The configuration of one point of the front."""
    return configuration(trained, decision.mapping.at(index), index, decision.settings)


def beside(trained: Trained, decision: Decision) -> Beside:
    """The shortest path's configuration under the same conditions."""
    try:
        asked = decision.settings
        drop = asked.max_drop + own_accuracy(trained.records)[-1] - trained.final  # it counts from the records' final
        if drop < 0:
            raise ValueError("the fine-tuned final classifier itself is below the accuracy asked for.")
        mapping = _as_shown(
            asked.worst_latency, lambda bound: shortest_mapping(decision.mapping, trained.records, drop, bound)
        )
    except ValueError as error:
        return Beside(decision, None, str(error))
    return Beside(decision, configuration(trained, mapping, -1))


def sensitivity_of(trained: Trained, one: Configuration, settings: Settings) -> Sensitivity:
    """Its saving again with every figure of the platform halved and doubled; MACs have none, energy stands for them."""
    cost = None if settings.cost != "macs" else "energy"
    return sensitivity(one.mapping, trained.records, cost, settings.claim)


def chosen_alone(records: ExitRecords, one: Configuration) -> tuple[ExitRecords, object]:
    """Records and policy of the exits that a configuration keeps, alone; all of one design each where it keeps none."""
    from ..explorable import one_design_each

    kept = np.flatnonzero(one.policy.kept)
    if not len(kept):
        return one_design_each(records, one.policy)
    thresholds = tuple(one.policy.thresholds[k] for k in kept)
    return records.columns([*kept.tolist(), records.exits_count - 1]), replace(one.policy, thresholds=thresholds)
