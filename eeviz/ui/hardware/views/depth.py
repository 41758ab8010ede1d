"""Where time and energy go along the depth: energy by memory, latency, and how much of the array every layer uses."""

from __future__ import annotations

import numpy as np

from ....core.network.workload import Operation, Step
from ....core.table import format
from ...charts.style import escape_plotly
from ...charts.traces import Drawing, bar, scatter
from ...charts.view import Chart
from ..html import amount
from ..palette import ENERGY, of_memory, of_piece, pattern_of
from . import pieces as host

SCALES = ((1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"), (1e-12, "pJ"))
HEIGHT = 640
NARROW = 72
"""Pixels below which a part is named in short."""


def draw(app) -> Drawing:
    read, style = app.state.reading, app.style
    table = None if read is None else read.layers
    if host.shown(app.state)[0] is not None:
        return host.draw(app)
    if table is None:
        return Drawing([scatter(x=[], y=[], showlegend=False)], style.layout(120, **_empty()))
    x = np.arange(1, len(table) + 1)
    scale, unit = _scale(table.energy.max(initial=0.0))
    exits = app.state.subject.exits
    words = _words(read)
    traces = [_bands(table, style, exits), _names(table, style, app)]
    traces.append(_energy(x, table.compute / scale, "multiplying", ENERGY[style.theme][0], unit, words))
    for m, name in enumerate(table.memories):
        color = of_memory(m, len(table.memories), name, style.theme)
        traces.append(_energy(x, table.levels[:, m] / scale, escape_plotly(name), color, unit, words))
    piece = np.array(table.piece)
    for k, name in enumerate(["backbone", *[p for p in table.pieces if not p.startswith("segment")]]):
        own = np.array([p.startswith("segment") for p in piece]) if k == 0 else piece == name
        look = {
            "color": of_piece("segment 1" if k == 0 else name, exits, style.theme),
            "pattern": {
                "fillmode": "overlay",
                "shape": "" if k == 0 else pattern_of(name, exits),
                "fgcolor": style.paper,
                "fgopacity": 0.5,
                "size": 6,
            },
        }
        traces.append(
            bar(
                x=x[own], y=table.cycles[own], yaxis="y3", name=name, showlegend=False, marker=look,
                customdata=words[own], hovertemplate="%{customdata}<extra>" + name + "</extra>",
            )
        )  # fmt: skip
        used = own & (table.macs > 0)
        traces.append(
            bar(
                x=x[used], y=100 * table.utilisation[used], yaxis="y4", name=name, showlegend=False,
                marker=look, customdata=words[used],
                hovertemplate="%{customdata}<br>%{y:.1f} % of the array<extra>" + name + "</extra>",
            )
        )  # fmt: skip
    told = (("y2", table.energy / scale, unit), ("y3", table.cycles, "cycles"))
    traces += [_told(table, app, *each) for each in told]
    return Drawing(traces, style.layout(HEIGHT, **_axes(table, read, style, unit)))


def _axes(table, read, style, unit: str) -> dict:
    count = len(table)
    panel = {"anchor": "x", "rangemode": "tozero", "nticks": 5}
    top, bottom = (110, 124) if style.projector else (74, 92)
    return {
        "barmode": "stack",
        "bargap": 0.15,
        "xaxis": {
            "range": [0.4, count + 0.6],
            "tickmode": "array",
            "tickvals": list(range(1, count + 1)),
            "ticktext": [short(step) for step in read.steps],
            "tickangle": -90,
            "tickfont": {"size": style.size - 2},
            "anchor": "y4",
            "showgrid": False,
        },
        "yaxis": {"domain": [0, 1], "range": [0, 1], "visible": False, "fixedrange": True, "anchor": "x"},
        "yaxis2": {**panel, "domain": [0.68, 0.95], "title": {"text": f"energy ({unit})"}},
        "yaxis3": {**panel, "domain": [0.35, 0.62], "title": {"text": "latency (cycles)"}, "tickformat": "~s"},
        "yaxis4": {**panel, "domain": [0.0, 0.27], "title": {"text": "array used (%)"}, "range": [0, 100]},
        "legend": {**style.legend("top"), "title": {"text": "energy: "}},
        "margin": {"l": 74, "r": 16, "t": top, "b": bottom},
        "hovermode": "closest",
        "showlegend": True,
    }


def _empty() -> dict:
    off = {"visible": False}
    return {"xaxis": off, "yaxis": off, "showlegend": False}


def _energy(x, y, name: str, color: str, unit: str, words) -> dict:
    return bar(
        x=x, y=y, yaxis="y2", name=name, marker={"color": color}, customdata=words,
        hovertemplate="%{customdata}<br>%{y:.3g} " + unit + "<extra>" + name + "</extra>",
    )  # fmt: skip


def _runs(table) -> list[tuple[str, int, int]]:
    """(piece, first, last) of layers in a row, from 1."""
    runs: list[tuple[str, int, int]] = []
    for place, name in enumerate(table.piece, 1):
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1], place)
        else:
            runs.append((name, place, place))
    return runs


def _bands(table, style, exits: int) -> dict:
    """Behind everything: the layers that belong to an exit."""
    runs = [run for run in _runs(table) if not run[0].startswith("segment")]
    return bar(
        x=np.array([(first + last) / 2 for _, first, last in runs]),
        y=np.ones(len(runs)),
        width=np.array([last - first + 1.0 for _, first, last in runs]),
        marker={"color": [of_piece(name, exits, style.theme) for name, *_ in runs], "opacity": 0.13},
        hoverinfo="skip",
        showlegend=False,
    )


def _names(table, style, app) -> dict:
    """Names of the parts above them, in short where they are narrow."""
    room = _room(table, app)
    said = [
        name
        if room * (last - first + 1) >= NARROW * style.size / 13
        else name.replace("segment ", "S").replace("exit ", "E")
        for name, first, last in _runs(table)
    ]
    return scatter(
        x=np.array([(first + last) / 2 for _, first, last in _runs(table)]),
        y=np.full(len(said), 0.985),
        text=said,
        mode="text",
        textfont={"size": style.size - 1, "color": style.ink},
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
    )


def _told(table, app, axis: str, values: np.ndarray, unit: str) -> dict:
    """Lines over the bars: what each layer would take if the cost followed its MACs."""
    style = app.style
    busy = np.flatnonzero(table.macs > 0)
    parts = table.macs[busy] / (table.macs.sum() or 1.0) * values.sum()
    return scatter(
        x=busy + 1, y=parts, yaxis=axis, mode="markers",
        name="if MACs told it", legendgroup="told", showlegend=axis == "y2",
        marker={"symbol": "line-ew-open", "size": min(22, max(5, 0.8 * _room(table, app))), "color": style.ink,
                "line": {"width": 2, "color": style.ink}},
        customdata=[f"{value:.3g} {unit}" for value in parts],
        hovertemplate="%{customdata}: this layer’s part by its MACs<extra></extra>",
    )  # fmt: skip


def elsewhere(table, values: np.ndarray) -> float:
    """Share of a cost (L,) that would have to move between layers to follow the MACs."""
    if not table.macs.sum() or not values.sum():
        return 0.0
    return float(np.abs(values / values.sum() - table.macs / table.macs.sum()).sum() / 2)


def _room(table, app) -> float:
    """Pixels of a layer."""
    return max(320, (app.page.width or 1200) - 100) / len(table)


def _words(read) -> np.ndarray:
    """(L,) what a layer is, for its hover."""
    table = read.layers
    energy, cycles = table.energy, table.cycles
    return np.array(
        [
            f"{escape_plotly(table.piece[i])}: {escape_plotly(table.words[i])}<br>"
            f"{amount(energy[i], 'J')} ({format.percent(energy[i] / energy.sum())}), "
            f"{amount(cycles[i], 'cycles')} ({format.percent(cycles[i] / cycles.sum())})"
            for i in range(len(table))
        ]
    )


def short(step: Step) -> str:
    """A layer in a word: "3×3", "dw 5×5", "linear", "add"."""
    if not isinstance(step, Operation):
        return step.kind
    if step.kind == "linear":
        return "linear"
    size = "×".join(map(str, step.kernel))
    return f"dw {size}" if step.kind == "depthwise" else size


def _scale(largest: float) -> tuple[float, str]:
    return next((pair for pair in SCALES if largest >= pair[0]), SCALES[-1])


def describe(app) -> str:
    read = app.state.reading
    if host.shown(app.state)[0] is not None:
        return host.describe(app)
    if read is None or read.layers is None:
        return app.state.words or "Nothing to show: see the message above."
    table = read.layers
    sums, pieces = table.sums(), table.pieces
    early = np.array([piece.startswith("exit") for piece in pieces])
    dear = table.order("energy x latency")[0]
    shares = [(name, sums[key][early].sum() / sums[key].sum()) for name, key in
              (("MACs", "macs"), ("latency", "cycles"), ("energy", "energy"))]  # fmt: skip
    told = ", ".join(f"{format.percent(float(share))} of the {name}" for name, share in shares)
    return (
        f"{len(table)} layers in the order in which a sample meets them; coloured bands are exits. The early exits take {told}. "
        f"The lines show what each layer would take if costs followed its MACs: {format.percent(elsewhere(table, table.cycles))} "
        f"of the latency and {format.percent(elsewhere(table, table.energy))} of the energy lie elsewhere. "
        f"The most expensive layer by energy x latency: {table.words[dear]} ({table.piece[dear]}). dw: depthwise."
    )


CHART = Chart("Along the depth", draw, describe)
