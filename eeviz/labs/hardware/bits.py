"""Fewer bits, without widgets: answers of a rounded network, by calibration or fine-tuned, and what thresholds make of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...core.solve.thresholds import tune
from ...core.table.metrics import accuracy_interval, own_accuracy
from ...core.table.policy import Policy, mean_cost_of, route
from ...core.table.records import ExitRecords
from .session import charges
from .settings import FLOAT, Settings, bits_of
from .state import Answers, Outcome, Rounded
from .subject import Subject

MOST = 3000
"""Images that rounded networks answer at most; one half tunes, the other is shown."""
CHARGED = ("latency", "energy", "energy x latency", "macs")
AMOUNTS = (6000, 20000, 0)
"""Training images offered for fine-tuning; 0: all."""
WATCHED = 250
"""Validation images on which training reports itself after an epoch."""


@dataclass(eq=False)
class Trained:
    """A network that learns with its rounding, kept between runs. seen : images it has learnt from, repeats included.

    lock : held by the run that trains it; a stale run lets go after its step.
    """

    network: Any = None
    seen: int = 0
    runs: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def unrounded(subject: Subject) -> Answers:
    """The answers of the records, as they are."""
    return answers_of(FLOAT, subject.records)


def answers_of(pair: tuple[str, str], records: ExitRecords, learnt: int = 0) -> Answers:
    """Of the first MOST samples."""
    return Answers(pair, replace(records, logits=None, thumbnails=None).subset(slice(MOST)), learnt)


def calibrated(subject: Subject, pair: tuple[str, str]):
    """The network rounded to a pair of bits by calibration."""
    from ...nn.quantize import quantize

    return quantize(subject.network(), subject.calibration(), *bits_of(pair, subject.exits))


def answered(
    subject: Subject, pair: tuple[str, str], trained: Trained | None = None
) -> Iterator[tuple[str, float] | Answers]:
    """Have the network answer at a pair of bits, by calibration or as `trained`; yields (what, share done), then Answers.

    Raises ValueError, ImportError in words.
    """
    from ...nn.quantize import answers

    yield ("rounding" if trained is None else "answering"), 0.0
    data, records = subject.data(), subject.records
    if len(data) != len(records) or not (data.labels == records.label).all():
        raise ValueError("the images of this network's records are not here: its bits cannot be measured.")
    made = calibrated(subject, pair) if trained is None else trained.network
    images, parts = data.images[:MOST], []
    for part in answers(made, images):
        parts.append(part)
        yield "answering", sum(map(len, parts)) / len(images)
    table = records.subset(slice(MOST)).with_answers(np.concatenate(parts))
    yield answers_of(pair, table, 0 if trained is None else trained.seen)


def fine_tuned(
    subject: Subject, pair: tuple[str, str], trained: Trained, count: int, asked: threading.Event
) -> Iterator[tuple[str, float] | Answers]:
    """Train on with the rounding, on `count` training images (0: all), then answer; yields as `answered`.

    asked : set to end training after the step under way; what was learnt till then answers. trained : changed in place.
    Raises ValueError in words where there are no training images.
    """
    from ...nn.quantize import QUICK, fine_tune
    from ...nn.train.joint import StepEnd

    training, data = training_images(subject, count), subject.data()
    with trained.lock:
        if trained.network is None:
            trained.network = calibrated(subject, pair)
        network, recipe = trained.network, replace(QUICK, seed=trained.runs)
        trained.runs += 1
        started = time.monotonic()
        try:
            for event in fine_tune(network, training, data.head(WATCHED), recipe, every=1):
                if not isinstance(event, StepEnd):
                    continue
                trained.seen += recipe.batch
                share = event.done / event.total
                left = (time.monotonic() - started) * (1 - share) / share
                yield f"fine-tuning: step {event.done} of {event.total}, {left:.0f} s left", share
                if asked.is_set():
                    break
        finally:
            network.eval()
        yield from answered(subject, pair, trained)


def training_images(subject: Subject, count: int = 0):
    """`count` of the Dataset that the network is trained on (0: all). Raises ValueError in words where there is none."""
    if subject.training is None:
        raise ValueError(
            "fine-tuning needs training images with labels, and this network came without: give training=..., a Dataset, to "
            "ee.hardware_lab."
        )
    try:
        training = subject.training()
    except FileNotFoundError as error:
        raise ValueError(f"fine-tuning needs training images. {error}") from error
    if not count or count >= len(training):
        return training
    return training.subset(np.sort(np.random.default_rng(0).permutation(len(training))[:count]))


def in_order(answers: Iterable[Answers]) -> list[Answers]:
    """Those of one pair side by side, by calibration first; pairs in the order in which they came."""
    found = list(answers)
    pairs = list(dict.fromkeys(one.pair for one in found))
    return sorted(found, key=lambda one: (pairs.index(one.pair), one.learnt > 0))


def rounded(subject: Subject, plain: Answers, answers: Answers, settings: Settings, clocks=()) -> Rounded:
    """One table under thresholds tuned for FP32 and held, and tuned again; on samples that tuned nothing."""
    words, costs = "", {"macs": subject.work.macs()}
    widest = charges(subject, replace(settings, bits="8/8", head_bits="8/8"), clocks)
    if answers.pair == FLOAT and not settings.batch:
        words = "the accelerator multiplies integers of at most 8 bits"
    else:
        try:
            costs = charges(subject, replace(settings, bits=answers.pair[0], head_bits=answers.pair[1]), clocks)
        except ValueError as error:
            words = str(error)
    held = _tuned(plain.tune, widest, settings)
    again = held if answers.pair == FLOAT else _tuned(answers.tune, widest if words else costs, settings)
    return Rounded(
        answers.pair,
        own_accuracy(answers.shown),
        _outcome(answers.shown, held, costs),
        _outcome(answers.shown, again, costs),
        words,
        answers.learnt,
    )


def _tuned(records: ExitRecords, costs: Mapping, settings: Settings) -> Policy:
    return tune(
        replace(records, costs={settings.cost: costs[settings.cost]}), max_drop=settings.max_drop, cost=settings.cost
    )


def _outcome(records: ExitRecords, policy: Policy, costs: Mapping) -> Outcome:
    routing = route(replace(records, costs=dict(costs)), policy, "macs")
    means = {
        name: (float(mean_cost_of(routing.count, costs[name].at(routing.kept), len(records))), costs[name].static)
        for name in CHARGED
        if name in costs
    }
    return Outcome(policy, accuracy_interval(records, routing.right), routing.share, means)
