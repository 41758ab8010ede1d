"""Text about what is shown: figures, warnings, tables. HTML, every string escaped."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

import numpy as np

from ...core import text
from ...hardware.layer_table import LayerTable
from ..search.settings import Settings as SearchSettings
from ..search.settings import to_code as search_code
from ..search.settings import to_query as search_query
from .settings import FLOAT, Settings, drop_words, pair_words, word
from .state import Fronts, HardwareState, Machine, Reading, Rounded

ROWS = 14
"""Layers in the table."""
SEARCHED = 24
"""Evaluations of the short search that the page leads to."""


def amount(value: float, unit: str) -> str:
    """A quantity with its unit; cycles and MACs are counted."""
    if unit == "cycles":
        return text.quantity(value, "MACs").replace("MACs", "cycles")
    if unit.startswith("J·"):
        return text.quantity(value, unit)
    return text.quantity(value, unit)


def headline(state: HardwareState) -> str:
    """Strip of figures of the network, and of what its exits spare."""
    read, fronts, asked = state.reading, state.fronts, state.settings
    if read is None:
        return ""
    cells = [(name, amount(read.costs[name].static, read.costs[name].unit), "without exits") for name in
             ("latency", "energy")]  # fmt: skip
    cells.append(("memory", amount(_whole(read, "memory"), "B"), "weights and activations"))
    heads = head_utilisation(read.layers)
    if heads is not None:
        low, whole = heads
        cells.append(("array used by exits", low, f"whole network {whole}"))
    if fronts is not None:
        cells += _spared(fronts, asked)
    return _strip(cells)


def _spared(fronts: Fronts, asked: Settings) -> list[tuple[str, str, str]]:
    index = fronts.index(asked.cost, asked.max_drop)
    cells = []
    for cost in dict.fromkeys((asked.cost, "macs")):
        saved = fronts.saved(asked.cost, cost, index)
        cells.append((f"{word(cost)} saved", text.percent(saved), "mean; chosen here, so optimistic"))
    front = fronts.fronts[asked.cost]
    cells.append(("accuracy", text.percent(front.accuracy[index], 2), drop_words(asked)))
    return cells


def _strip(cells) -> str:
    inside = "".join(
        f'<div class="ee-datum"><span>{escape(a)}</span><b>{escape(b)}</b><small>{escape(c)}</small></div>'
        for a, b, c in cells
    )
    return f'<div class="ee-strip">{inside}</div>'


def _whole(read: Reading, name: str) -> float:
    """Worst case of a cost with every exit kept."""
    cost = read.costs[name]
    return float(cost.at(np.ones(len(cost) - 1, dtype=bool))[-1])


def head_utilisation(layers: LayerTable | None) -> tuple[str, str] | None:
    """Range over the early exits, and the whole network's, in words."""
    if layers is None:
        return None
    sums = layers.sums()
    early = [u for u, piece in zip(sums["utilisation"], layers.pieces, strict=True) if piece.startswith("exit")]
    if not early:
        return None
    whole = float(layers.macs.sum() / (layers.cycles.sum() * layers.units))
    low, high = min(early), max(early)
    span = text.percent(low) if text.percent(low) == text.percent(high) else f"{100 * low:.1f}–{100 * high:.1f} %"
    return span, text.percent(whole)


def notes(state: HardwareState) -> str:
    """Warnings, and what kind of answers are shown."""
    if state.trouble:
        return f'<p class="ee-sentence" role="note"><b>No costs.</b> {escape(state.trouble)}</p>'
    read = state.reading
    if read is None:
        return ""
    said = "".join(f'<p class="ee-sentence" role="note"><b>Beyond the model.</b> {escape(n)}</p>' for n in read.notes)
    fronts = state.fronts
    if fronts is not None and not fronts.rounded:
        said += (
            '<p class="ee-sentence">Costs are those at '
            f"{escape(pair_words(state.settings.pair))}, answers those of the unrounded network until you measure them "
            "below.</p>"
        )
    return said


def layers(read: Reading | None, by: str) -> str:
    """The dearest layers in a table."""
    if read is None or read.layers is None:
        return "<p class='ee-sentence'>No layers to show yet.</p>"
    table = read.layers
    order = table.order(by)[:ROWS]
    energy, cycles, macs = table.energy, table.cycles, table.macs
    rows = []
    for place, i in enumerate(order, 1):
        used = "–" if not macs[i] else text.percent(table.utilisation[i])
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
        f"{text.percent(values[shown].sum() / values.sum())} of the {name}"
        for name, values in (("latency", cycles), ("energy", energy), ("MACs", macs))
        if values.sum()
    )
    said = f"The {len(order)} dearest of {len(table)} layers by {word(by)} take {sums}. A sample that reaches the end meets all."
    return f"<p class='ee-sentence'>{escape(said)}</p>" + _table(head, rows, left=(1, 2))


def _share(values: np.ndarray, i: int) -> str:
    total = values.sum()
    return text.percent(values[i] / total) if total else "–"


def onward(settings: Settings, host: str) -> str:
    """The way to the search lab with this hardware and cost: a link in Voila, a line of code elsewhere."""
    asked = SearchSettings(
        cost=settings.cost, hardware="" if settings.cost == "macs" else settings.accelerator, evaluations=SEARCHED
    )
    words = f"Search for networks with the least {word(settings.cost)} on {settings.accelerator}"
    if host == "voila":
        address = escape(f"search.ipynb?{urlencode(search_query(asked))}", quote=True)
        return (
            f'<a style="text-decoration:underline" href="{address}" target="_blank" rel="noopener">{escape(words)}</a>'
        )
    return f'<span class="ee-sentence">{escape(words)}: <code>{escape(search_code(asked))}</code></span>'


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
        static = read.costs[settings.cost].static
        spared = "–" if one.saved is None else text.percent(one.saved)
        heads = head_utilisation(read.layers)
        rows.append(
            (
                one.title,
                amount(read.costs["latency"].static, read.costs["latency"].unit),
                amount(read.costs["energy"].static, "J"),
                amount(static, read.costs[settings.cost].unit),
                spared,
                _heads_share(read),
                "–" if heads is None else heads[0],
            )
        )
        told += [note for note in read.notes if one.name != settings.accelerator]
    name = word(settings.cost)
    head = ("hardware", "latency", "energy", name, f"{name} saved", "exits' latency", "array used by exits")
    products = [m.reading.costs["energy x latency"].static for m in found if m.reading and m.reading.layers is not None]
    said = "Latency, energy and cost of the whole network without exits; what exits spare is chosen on these samples."
    if len(products) > 1:
        said += (
            f" Between the accelerators energy x latency differs by a factor of {max(products) / min(products):.3g}"
            " (cycles of each one's own clock)."
        )
    body = f'<p class="ee-sentence" role="note">{escape(" ".join(told))}</p>' if told else ""
    return f"<p class='ee-sentence'>{escape(said)}</p>{_table(head, rows, left=(0,))}{body}"


def _heads_share(read: Reading) -> str:
    """Early heads' share of the latency of the longest way."""
    cost = read.costs["latency"]
    return text.percent(float(cost.heads[:-1].sum()) / _whole(read, "latency")) if _whole(read, "latency") else "–"


def bits(rounded: tuple[Rounded, ...], settings: Settings, exits: tuple[str, ...]) -> str:
    """Accuracy of every exit at every pair of bits, and what the thresholds make of it."""
    if not rounded:
        return ""
    name = word(settings.cost)
    head = ("bits", *exits, "held: accuracy", name, "tuned again: accuracy", name)
    rows, told = [], []
    for one in rounded:
        cells = [pair_words(one.pair), *(text.percent(a, 2) for a in one.accuracy)]
        for outcome in (one.held, one.again):
            mean = outcome.costs.get(settings.cost)
            unit = _UNITS.get(settings.cost, "")
            cells += [text.percent(outcome.accuracy.value, 2), "–" if mean is None else amount(mean[0], unit)]
        rows.append(tuple(cells))
        if one.words and one.pair != FLOAT:
            told.append(f"{pair_words(one.pair)}: {one.words}")
    body = "".join(f'<p class="ee-sentence" role="note">{escape(line)}</p>' for line in told)
    return _table(head, rows, left=(0,)) + body


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
