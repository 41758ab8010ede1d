"""Text about what is shown: figures, warnings, tables. HTML, every string escaped."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

import numpy as np

from ...core.table import format
from ...hardware.layer_table import LayerTable
from ...labs.hardware.settings import FLOAT, Settings, drop_words, own_words, pair_words, word
from ...labs.hardware.state import Fronts, HardwareState, Reading
from ...labs.hardware.subject import Subject
from ...labs.search.settings import Settings as SearchSettings
from ...labs.settings import to_code as search_code
from ...labs.settings import to_query as search_query

SEARCHED = 24
"""Evaluations of the short search that the page leads to."""
SEARCHED_BITS = ("8/8", "8/8")
"""Bits that such a search charges."""


def amount(value: float, unit: str) -> str:
    """A quantity with its unit; cycles and MACs are counted."""
    if unit == "cycles":
        return format.quantity(value, "MACs").replace("MACs", "cycles")
    if unit.startswith("J·"):
        return format.quantity(value, unit)
    return format.quantity(value, unit)


def headline(state: HardwareState) -> str:
    """Strip of figures of the network, and of what its exits save."""
    read, fronts, asked = state.reading, state.fronts, state.settings
    if read is None:
        return ""
    cells = [
        (name, amount(read.costs[name].static, read.costs[name].unit), "without exits")
        for name in ("latency", "energy")
        if name in read.costs
    ]
    cells += [] if "energy" in read.costs else [("energy", "–", "not measured on this host")]
    cells.append(("memory", amount(whole_way(read, "memory"), "B"), "weights and activations"))
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
        said = "mean; chosen here, so optimistic"
        if cost != asked.cost:
            extra = fronts.extra(cost, asked.cost, asked.max_drop)
            said = f"choosing by {word(cost)}: {format.percent(extra)} more expensive"
        share, word_ = format.saved(fronts.saved(asked.cost, cost, index)).rsplit(" ", 1)
        cells.append((f"{word(cost)} saved" if word_ == "saved" else f"more {word(cost)}", share, said))
    front = fronts.fronts[asked.cost]
    cells.append(("accuracy", format.percent(front.accuracy[index], 2), drop_words(asked)))
    return cells


def _strip(cells) -> str:
    inside = "".join(
        f'<div class="ee-datum"><span>{escape(a)}</span><b>{escape(b)}</b><small>{escape(c)}</small></div>'
        for a, b, c in cells
    )
    return f'<div class="ee-strip">{inside}</div>'


def whole_way(read: Reading, name: str) -> float:
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
    span = format.percent(low) if format.percent(low) == format.percent(high) else f"{100 * low:.1f}–{100 * high:.1f} %"
    return span, format.percent(whole)


def notes(state: HardwareState) -> str:
    """Warnings, and what kind of answers are shown."""
    if state.trouble:
        return f'<p class="ee-sentence" role="note"><b>No costs.</b> {escape(state.trouble)}</p>'
    read = state.reading
    if read is None:
        return ""
    if read.settings.batch:
        said = f'<p class="ee-sentence" role="note"><b>On this host.</b> {escape(" ".join(read.notes))}</p>'
    else:
        said = "".join(
            f'<p class="ee-sentence" role="note"><b>Beyond the model.</b> {escape(n)}</p>' for n in read.notes
        )
    fronts, subject = state.fronts, state.subject
    if subject is not None and subject.own_bits is not None:
        return said + f'<p class="ee-sentence">{escape(_own(subject, state.settings))}</p>'
    if fronts is not None and not fronts.rounded and state.settings.pair != FLOAT:
        said += (
            '<p class="ee-sentence">Costs are those at '
            f"{escape(pair_words(state.settings.pair))}, answers those of the unrounded network until you measure them "
            "below.</p>"
        )
    return said


def _own(subject: Subject, settings: Settings) -> str:
    """At which bits a network with bits of its own answers, and is charged."""
    own = own_words(*subject.own_bits)
    if settings.batch:
        at = subject.bits_words(settings)
        return f"This network has bits of its own: its answers are those at {own}; this host runs it at {at}."
    answers = "costs" if subject.records is None else "costs and answers"
    return f"This network has bits of its own: {answers} are those at {own}."


def onward(settings: Settings, host: str, subject: Subject | None = None) -> str:
    """The way to the search lab with this hardware and cost: a link in Voila, a line of code elsewhere.

    Other bits than a search's are told: it charges 8/8 and rounds nothing. Nothing on this host, which a search does not
    measure.
    """
    if settings.batch:
        return ""
    asked = SearchSettings(
        cost=settings.cost, hardware="" if settings.cost == "macs" else settings.accelerator, evaluations=SEARCHED
    )
    words = f"Search for networks with the least {word(settings.cost)} on {settings.accelerator}"
    shown = pair_words(settings.pair) if subject is None else subject.bits_words(settings)
    if shown not in (pair_words(SEARCHED_BITS), "8 bits"):
        words += f", at {pair_words(SEARCHED_BITS)} and with unrounded answers, not at {shown} as here"
    if host == "voila":
        address = escape(f"search.ipynb?{urlencode(search_query(asked))}", quote=True)
        return (
            f'<a style="text-decoration:underline" href="{address}" target="_blank" rel="noopener">{escape(words)}</a>'
        )
    return f'<span class="ee-sentence">{escape(words)}: <code>{escape(search_code(asked))}</code></span>'
