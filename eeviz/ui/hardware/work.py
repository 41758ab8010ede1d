"""What the lab's workers do, without widgets: readings of costs, fronts under each cost, answers at other bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from ...core.bits import Bits
from ...core.metrics import accuracy_interval, own_accuracy
from ...core.policy import Policy, mean_cost_of, route
from ...core.records import ExitRecords
from ...core.thresholds import front, tune
from ...core.workload import Operation
from ...hardware import Accelerator, Roofline, named
from .networks import Subject
from .settings import COSTS, FLOAT, Settings, bits_of
from .state import Answers, Fronts, Machine, Outcome, Reading, Rounded

MOST = 3000
"""Images that rounded networks answer at most; one half tunes, the other is shown."""
CHARGED = ("latency", "energy", "energy x latency")


def unknown_layers(subject: Subject, settings: Settings) -> list[tuple[Operation, Bits]]:
    """Layers that no table holds, each once."""
    core = named(settings.accelerator)
    if not isinstance(core, Accelerator):
        return []
    bits, own = bits_of(settings.pair, subject.exits)
    pieces = [(steps, bits) for steps in subject.work.segments] + list(zip(subject.work.heads, own, strict=True))
    asked = [(step, b) for steps, b in pieces for step in steps if isinstance(step, Operation)]
    return [(step, b) for step, b in dict.fromkeys(asked) if core.table.find(step, b) is None]


def computed(subject: Subject, settings: Settings) -> Iterator[tuple[int, int]]:
    """Have zigzag-dse compute what no table holds; yields (done, to do). Raises ValueError in words without it."""
    core, todo = named(settings.accelerator), unknown_layers(subject, settings)
    for done, (step, bits) in enumerate(todo, 1):
        core.row(step, bits)
        yield done, len(todo)


def reading(subject: Subject, settings: Settings) -> Reading:
    """What the network costs. Raises ValueError in words for what the provider cannot cost."""
    provider, work = named(settings.accelerator), subject.work
    bits, own = bits_of(settings.pair, subject.exits)
    costs = {"macs": work.macs(), **provider.costs(work, bits, own)}
    is_core = isinstance(provider, Accelerator)
    return Reading(
        settings,
        settings.accelerator,
        settings.accelerator,
        costs,
        provider.notes(work, bits, own),
        provider.layers(work, bits, own) if is_core else None,
        tuple(step for _, step in work.steps()) if is_core else (),
    )


def fronts(records: ExitRecords, costs: Mapping, rounded: bool) -> Fronts:
    """The best thresholds under every cost, and what each choice costs in the others."""
    charged = replace(records, costs={name: costs[name] for name in (*COSTS, "memory")})
    found = {cost: front(charged, cost) for cost in COSTS}
    means = {}
    for cost, best in found.items():
        rows = [route(charged, best.policy(i), cost) for i in range(len(best))]
        means[cost] = {
            name: np.array([mean_cost_of(r.count, costs[name].at(r.kept), len(charged)) for r in rows])
            for name in COSTS
        }
    return Fronts(charged, found, means, rounded)


def machine(subject: Subject, settings: Settings, records: ExitRecords | None, name: str) -> Machine:
    """The network on the provider of that name, with what exits spare there; words where it cannot be."""
    from ...core.platform import Platform
    from ...hardware.named import PLATFORMS

    title = Platform.preset(name).name if name in PLATFORMS else name
    try:
        if name in PLATFORMS:
            provider = Roofline(Platform.preset(name))
            bits, own = bits_of(settings.pair, subject.exits)
            costs = {"macs": subject.work.macs(), **provider.costs(subject.work, bits, own)}
            read = Reading(settings, name, title, costs, provider.notes(subject.work, bits, own))
        else:
            read = reading(subject, replace(settings, accelerator=name))
        if records is None:
            return Machine(name, title, read)
        charged = replace(records, costs={settings.cost: read.costs[settings.cost]})
        best = front(charged, settings.cost)
        index = best.reaching(charged_final(charged) - settings.max_drop - 1e-12)
        mean = float(best.mean_cost[index])
        return Machine(name, title, read, 1 - mean / read.costs[settings.cost].static, mean)
    except ValueError as error:
        return Machine(name, title, words=str(error))


def charged_final(records: ExitRecords) -> float:
    """Accuracy of the final classifier."""
    return float(own_accuracy(records)[-1])


def unrounded(subject: Subject) -> Answers:
    """The answers of the records, as they are."""
    return halves(FLOAT, subject.records)


def halves(pair: tuple[str, str], records: ExitRecords) -> Answers:
    """The first MOST samples, every other one for tuning."""
    records = replace(records, logits=None, thumbnails=None)
    index = np.arange(min(len(records), MOST))
    return Answers(pair, _some(records, index[::2]), _some(records, index[1::2]))


def _some(records: ExitRecords, index: np.ndarray) -> ExitRecords:
    parts = {
        name: getattr(records, name)[index]
        for name in ("confidence", "predicted", "label", "weight", "group")
        if getattr(records, name) is not None
    }
    return replace(records, **parts)


def answered(subject: Subject, pair: tuple[str, str]) -> Iterator[tuple[str, float] | Answers]:
    """Round the network to a pair of bits by calibration and have it answer; yields (what, share done), then the Answers.

    Raises ValueError, ImportError in words.
    """
    from ...nn.quantize import answers, quantize

    yield "rounding", 0.0
    data, records = subject.data(), subject.records
    if len(data) != len(records) or not (data.labels == records.label).all():
        raise ValueError("the images of this network's records are not here: its bits cannot be measured.")
    made = quantize(subject.network(), subject.calibration(), *bits_of(pair, subject.exits))
    images, parts = data.images[:MOST], []
    for part in answers(made, images):
        parts.append(part)
        yield "answering", sum(map(len, parts)) / len(images)
    table = ExitRecords.from_logits(
        np.concatenate(parts),
        data.labels[: len(images)],
        records.costs,
        records.measure,
        records.temperature,
        position=records.position,
        exits=records.exits,
        classes=records.classes,
        dataset=records.dataset,
        split=records.split,
    )
    yield halves(pair, table)


def rounded(subject: Subject, plain: Answers, answers: Answers, settings: Settings) -> Rounded:
    """One pair of bits under thresholds tuned for FP32 and held, and tuned again; on samples that tuned nothing."""
    words, costs = "", {"macs": subject.work.macs()}
    widest = charges(subject, replace(settings, bits="8/8", head_bits="8/8"))
    if answers.pair == FLOAT:
        words = "the accelerator multiplies integers of at most 8 bits"
    else:
        try:
            costs = charges(subject, replace(settings, bits=answers.pair[0], head_bits=answers.pair[1]))
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
    )


def charges(subject: Subject, settings: Settings) -> dict:
    """MACs and the accelerator's costs at the bits of the settings."""
    bits, own = bits_of(settings.pair, subject.exits)
    return {"macs": subject.work.macs(), **named(settings.accelerator).costs(subject.work, bits, own)}


def _tuned(records: ExitRecords, costs: Mapping, settings: Settings) -> Policy:
    return tune(
        replace(records, costs={settings.cost: costs[settings.cost]}), max_drop=settings.max_drop, cost=settings.cost
    )


def _outcome(records: ExitRecords, policy: Policy, costs: Mapping) -> Outcome:
    routing = route(replace(records, costs=dict(costs)), policy, "macs")
    means = {
        name: (float(mean_cost_of(routing.count, costs[name].at(routing.kept), len(records))), costs[name].static)
        for name in (*CHARGED, "macs")
        if name in costs
    }
    return Outcome(policy, accuracy_interval(records, routing.right), routing.share, means)


def exploring(
    subject: Subject, shown: Fronts, cost: str, max_drop: float
) -> tuple[ExitRecords, Policy, Callable | None]:
    """Records, policy and report for the explorer, charged with the accelerator's costs."""
    from ..search.opened import one_design_each

    policy = shown.fronts[cost].policy(shown.index(cost, max_drop))
    records, policy = one_design_each(shown.records, policy)
    report = None
    if subject.report is not None and not shown.rounded:
        costs = shown.records.costs
        report = lambda: replace(subject.report(), costs=costs)  # noqa: E731
    return records, policy, report


def platforms() -> tuple[str, ...]:
    """Platforms beside the accelerators."""
    from ...hardware.named import PLATFORMS

    return PLATFORMS
