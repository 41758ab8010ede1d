"""Tables of the lab: layers, pieces on this host, other hardware, pairs of bits. HTML, every string escaped."""

from __future__ import annotations

from html import escape

import numpy as np

from ...core.table import format
from ...hardware.clock import Clocked
from ...labs.hardware.settings import FLOAT, Settings, answers_words, clock_words, word
from ...labs.hardware.state import Machine, Reading, Rounded
from ...labs.hardware.subject import Subject
from .html import amount, head_utilisation, whole_way
from .views.pieces import seconds

ROWS = 14
"""Layers in the table."""


def layers(read: Reading | None, by: str) -> str:
    """The most expensive layers in a table."""
    if read is None or read.layers is None:
        return "<p class='ee-sentence'>No layers to show yet.</p>"
    table = read.layers
    order = table.order(by)[:ROWS]
    energy, cycles, macs = table.energy, table.cycles, table.macs
    rows = []
    for place, i in enumerate(order, 1):
        used = "–" if not macs[i] else format.percent(table.utilisation[i])
        rows.append(
            (
                str(place),
                table.words[i],
                table.piece[i],
                amount(macs[i], "MACs") if macs[i] else "–",
                _share(macs, i),
                amount(cycles[i], "cycles"),
                _share(cycles, i),
                amount(energy[i], "J"),
                _share(energy, i),
                used,
            )
        )
    head = ("", "layer", "part", "MACs", "share", "latency", "share", "energy", "share", "array used")
    shown = order
    sums = ", ".join(
        f"{format.percent(values[shown].sum() / values.sum())} of the {name}"
        for name, values in (("latency", cycles), ("energy", energy), ("MACs", macs))
        if values.sum()
    )
    said = f"The {len(order)} most expensive of {len(table)} layers by {word(by)} take {sums}. A sample that reaches the end meets all."
    return f"<p class='ee-sentence'>{escape(said)}</p>" + _table(head, rows, left=(1, 2))


def pieces(subject: Subject | None, clocked: tuple[Clocked, ...]) -> str:
    """Time of every segment and exit on this host, empty where it was not measured."""
    if subject is None or not clocked:
        return ""
    work = subject.work
    steps = [
        [s for i in part.index for s in (work.heads if part.head else work.segments)[i]] for part in subject.pieces
    ]
    macs = np.array([sum(step.macs for step in own) for own in steps])
    columns = [seconds(subject, one) for one in clocked]
    rows = []
    for row, part in enumerate(subject.pieces):
        cells = [part.name, amount(macs[row], "MACs") if macs[row] else "–", _share(macs, row)]
        for taken in columns:
            cells += [amount(taken[row], "s"), _share(taken, row)]
        rows.append(tuple(cells))
    sums = [("all", amount(macs.sum(), "MACs"), "", *(c for taken in columns for c in (amount(taken.sum(), "s"), "")))]
    head = ("part", "MACs", "share", *(cell for one in clocked for cell in (clock_words(one), "share")))
    said = "Time of a sample on one thread, median of warm repeats, in the order in which a sample meets the parts."
    return f"<p class='ee-sentence'>{escape(said)}</p>" + _table(head, rows + sums, left=(0,))


def _share(values: np.ndarray, i: int) -> str:
    total = values.sum()
    return format.percent(values[i] / total) if total else "–"


def machines(found: tuple[Machine, ...], settings: Settings) -> str:
    """The same network on every provider."""
    if not found:
        return "<p class='ee-sentence'>Not computed yet.</p>"
    rows, told = [], []
    for one in found:
        read = one.reading
        if read is None:
            told.append(f"{one.title}: {one.words}")
            rows.append((one.title, *["–"] * 6))
            continue
        saved = "–" if one.saved is None else format.saved(one.saved).removesuffix(" saved")
        heads = head_utilisation(read.layers)
        rows.append(
            (
                one.title,
                *(_static(read, name) for name in ("latency", "energy", settings.cost)),
                saved,
                _heads_share(read),
                "–" if heads is None else heads[0],
            )
        )
        told += [note for note in read.notes if one.name != settings.accelerator]
    name = word(settings.cost)
    head = ("hardware", "latency", "energy", name, f"{name} saved", "exits' latency", "array used by exits")
    products = [m.reading.costs["energy x latency"].static for m in found if m.reading and m.reading.layers is not None]
    said = "Latency, energy and cost of the whole network without exits; what exits save is chosen on these samples."
    if len(products) > 1:
        said += (
            f" Between the accelerators energy x latency differs by a factor of {max(products) / min(products):.3g}"
            " (cycles of each one's own clock)."
        )
    body = f'<p class="ee-sentence" role="note">{escape(" ".join(told))}</p>' if told else ""
    return f"<p class='ee-sentence'>{escape(said)}</p>{_table(head, rows, left=(0,))}{body}"


def _static(read: Reading, name: str) -> str:
    """A cost of the network without exits; a dash where it is not measured."""
    return amount(read.costs[name].static, read.costs[name].unit) if name in read.costs else "–"


def _heads_share(read: Reading) -> str:
    """Early heads' share of the latency of the longest way."""
    cost = read.costs["latency"]
    return (
        format.percent(float(cost.heads[:-1].sum()) / whole_way(read, "latency")) if whole_way(read, "latency") else "–"
    )


def bits(rounded: tuple[Rounded, ...], settings: Settings, exits: tuple[str, ...]) -> str:
    """Accuracy of every exit at every pair of bits, and what the thresholds make of it."""
    if not rounded:
        return ""
    name = word(settings.cost)
    head = ("bits", *exits, "held: accuracy", name, "tuned again: accuracy", name)
    rows, told = [], []
    for one in rounded:
        cells = [answers_words(one.pair, one.learnt), *(format.percent(a, 2) for a in one.accuracy)]
        for outcome in (one.held, one.again):
            mean = outcome.costs.get(settings.cost)
            cells += [
                format.percent(outcome.accuracy.value, 2),
                "–" if mean is None else amount(mean[0], _unit(settings)),
            ]
        rows.append(tuple(cells))
        if one.words and one.pair != FLOAT:
            told.append(f"{answers_words(one.pair, one.learnt)}: {one.words}")
    body = "".join(f'<p class="ee-sentence" role="note">{escape(line)}</p>' for line in told)
    return _table(head, rows, left=(0,)) + body


def _unit(settings: Settings) -> str:
    return "s" if settings.batch and settings.cost == "latency" else _UNITS[settings.cost]


_UNITS = {"macs": "MACs", "energy": "J", "latency": "cycles", "energy x latency": "J·cycles"}


def _table(head, rows, left=(0,)) -> str:
    align = [' style="text-align:left"' if i in left else "" for i in range(len(head))]
    top = "".join(f"<th scope='col'{a}>{escape(cell)}</th>" for a, cell in zip(align, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{a}>{escape(cell)}</td>" for a, cell in zip(align, row, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        "<div class='ee-scroll'><table class='ee-table'><thead><tr>"
        f"{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )
