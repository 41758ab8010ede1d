"""What the lab's workers do about costs, without widgets: clocking this host, readings, fronts under each cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from ...core.network.bits import FP32, INT8, Bits
from ...core.network.workload import Operation
from ...core.solve.thresholds import front
from ...core.table.metrics import own_accuracy
from ...core.table.policy import Policy, mean_cost_of, route
from ...core.table.records import ExitRecords
from ...hardware import Accelerator, Roofline, named
from ...hardware.clock import Clocked, clock
from ...hardware.host import Clocks
from .settings import COSTS, FLOAT, HOSTS, Settings, bits_of, fitting, hardware_words
from .state import Fronts, Machine, Reading
from .subject import Subject

BOTH = (FP32, INT8)
"""Bits at which this host runs networks."""


def provider(settings: Settings, clocks: Iterable[Clocked] = ()):
    """What gives the costs. clocks : of the network on this host."""
    return Clocks(tuple(clocks), settings.batch) if settings.batch else named(settings.accelerator)


def clocked(subject: Subject, settings: Settings, known: Iterable[Clocked]) -> Iterator[tuple[str, float] | Clocked]:
    """Clock the network on this host at the bits of the settings, then at the others, but for those known.

    Yields (what, share done) and a Clocked for each bits and batch. Raises ValueError in words, also without onnxruntime.
    """
    first = Bits.of(settings.bits)
    done = {one.bits for one in known}
    todo = [bits for bits in (first, *(b for b in BOTH if b != first)) if bits not in done]
    for number, bits in enumerate(todo):
        said = "FP32" if bits == FP32 else f"{bits} bits"
        try:
            for event in clock(subject.runnable(), bits, tuple(HOSTS.values())):
                if isinstance(event, Clocked):
                    yield event
                else:
                    yield f"{said}, {event[0]}", (number + event[1]) / len(todo)
        except ImportError as error:
            raise ValueError(f"This host cannot be measured: {error}") from error
        except ValueError:
            if bits == first:
                raise
            continue  # said when these bits are asked for


def unknown_layers(subject: Subject, settings: Settings) -> list[tuple[Operation, Bits]]:
    """Layers that no table holds, each once."""
    core = provider(settings)
    if not isinstance(core, Accelerator):
        return []
    bits, own = subject.bits_at(settings)
    pieces = [(steps, bits) for steps in subject.work.segments] + list(zip(subject.work.heads, own, strict=True))
    asked = [(step, b) for steps, b in pieces for step in steps if isinstance(step, Operation)]
    return [(step, b) for step, b in dict.fromkeys(asked) if core.table.find(step, b) is None]


def computed(subject: Subject, settings: Settings) -> Iterator[tuple[int, int]]:
    """Have zigzag-dse compute what no table holds; yields (done, to do). Raises ValueError in words without it."""
    core, todo = provider(settings), unknown_layers(subject, settings)
    for done, (step, bits) in enumerate(todo, 1):
        core.row(step, bits)
        yield done, len(todo)


def reading(subject: Subject, settings: Settings, clocks: Iterable[Clocked] = ()) -> Reading:
    """What the network costs. Raises ValueError in words for what the provider cannot cost."""
    core, work = provider(settings, clocks), subject.work
    bits, own = subject.bits_at(settings)
    costs = {"macs": work.macs(), **core.costs(work, bits, own)}
    is_core = isinstance(core, Accelerator)
    return Reading(
        settings,
        settings.accelerator,
        hardware_words(settings.accelerator),
        costs,
        core.notes(work, bits, own),
        core.layers(work, bits, own) if is_core else None,
        tuple(step for _, step in work.steps()) if is_core else (),
    )


def fronts(records: ExitRecords, costs: Mapping, rounded: bool) -> Fronts:
    """The best thresholds under every cost, and what each choice costs in the others."""
    known = [name for name in COSTS if name in costs]
    charged = replace(records, costs={name: costs[name] for name in (*known, "memory")})
    found = {cost: front(charged, cost) for cost in known}
    means = {}
    for cost, best in found.items():
        rows = [route(charged, best.policy(i), cost) for i in range(len(best))]
        means[cost] = {
            name: np.array([mean_cost_of(r.count, costs[name].at(r.kept), len(charged)) for r in rows])
            for name in known
        }
    return Fronts(charged, found, means, rounded)


def machine(
    subject: Subject, settings: Settings, records: ExitRecords | None, name: str, clocks: Iterable[Clocked] = ()
) -> Machine:
    """The network on the provider of that name, with what exits save there; words where it cannot be.

    Where it does not run the bits on show, it is shown at 8/8.
    """
    from ...core.platform.platform import Platform
    from ...hardware.named import PLATFORMS

    title = Platform.preset(name).name if name in PLATFORMS else hardware_words(name)
    try:
        if name in PLATFORMS:
            provider = Roofline(Platform.preset(name))
            bits, own = subject.own_bits or bits_of(settings.pair, subject.exits)
            costs = {"macs": subject.work.macs(), **provider.costs(subject.work, bits, own)}
            read = Reading(settings, name, title, costs, provider.notes(subject.work, bits, own))
        else:
            asked = fitting(**{**vars(settings), "accelerator": name})
            at = subject.bits_words(asked)
            title += "" if at == subject.bits_words(settings) else f", {at}"
            read = reading(subject, asked, clocks)
        if records is None or settings.cost not in read.costs:
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


def charges(subject: Subject, settings: Settings, clocks: Iterable[Clocked] = ()) -> dict:
    """MACs and the hardware's costs at the bits of the settings."""
    bits, own = subject.bits_at(settings)
    return {"macs": subject.work.macs(), **provider(settings, clocks).costs(subject.work, bits, own)}


def exploring(
    subject: Subject, shown: Fronts, pair: tuple[str, str], cost: str, max_drop: float
) -> tuple[ExitRecords, Policy, Callable | None]:
    """Records, policy and report for the explorer, charged with the accelerator's costs. pair : bits of the answers."""
    from ..explorable import one_design_each

    policy = shown.fronts[cost].policy(shown.index(cost, max_drop))
    records, policy = one_design_each(shown.records, policy)
    if shown.rounded and pair != FLOAT:  # each threshold stands beside the bits of its exit
        bits = (*[pair[1]] * (records.exits_count - 1), pair[0])
        names = (f"{name.split(', ', 1)[0]} {b}" for name, b in zip(records.exits, bits, strict=True))
        records = replace(records, exits=tuple(names))
    report = None
    if subject.report is not None and not shown.rounded:
        costs = shown.records.costs
        report = lambda: replace(subject.report(), costs=costs)  # noqa: E731
    return records, policy, report


def platforms() -> tuple[str, ...]:
    """Platforms beside the accelerators."""
    from ...hardware.named import PLATFORMS

    return PLATFORMS
