"""Where costs disagree: the parts' shares of MACs, latency and energy, on every accelerator."""

from __future__ import annotations

import numpy as np

from ....core.table import format
from ....labs.hardware.settings import clock_words
from ...charts.style import escape_plotly
from ...charts.traces import Drawing, bar, scatter
from ...charts.view import Chart
from ..palette import of_piece, pattern_of


def draw(app) -> Drawing:
    state, style = app.state, app.style
    rows = _rows(state)
    if not rows:
        return Drawing([scatter(x=[], y=[], showlegend=False)], style.layout(430, **_axes([], style)))
    exits = state.subject.exits
    names = _pieces(exits)
    table = np.array([shares(cost) for _, cost in rows])  # (R, 2 E)
    labels = [label for label, _ in rows]
    traces = [
        bar(
            x=100 * table[:, i],
            y=labels,
            orientation="h",
            name=name,
            showlegend=bool(table[:, i].any()),
            marker={
                "color": of_piece(name, exits, style.theme),
                "pattern": {
                    "fillmode": "overlay",
                    "shape": pattern_of(name, exits),
                    "fgcolor": style.paper,
                    "fgopacity": 0.5,
                    "size": 6,
                },
                "line": {"color": style.paper, "width": 1},
            },
            hovertemplate="%{y}<br>%{x:.1f} %<extra>" + name + "</extra>",
        )
        for i, name in enumerate(names)
    ]
    heads = [100 * sum(row[1:-1:2]) for row in table]
    traces.append(
        scatter(
            x=np.full(len(rows), 101.0), y=labels, mode="text", text=[f"{share:.1f} %" for share in heads],
            textposition="middle right", textfont={"size": style.size, "color": style.ink}, cliponaxis=False,
            hoverinfo="skip", showlegend=False,
        )
    )  # fmt: skip
    return Drawing(traces, style.layout(430, **_axes(labels, style)))


def _axes(labels, style) -> dict:
    return {
        "barmode": "stack",
        "bargap": 0.28,
        "xaxis": {"range": [0, 112], "tickvals": [0, 25, 50, 75, 100], "title": {"text": "share of the whole way (%)"}},
        "yaxis": {"autorange": "reversed", "type": "category", "showgrid": False},
        "showlegend": bool(labels),
        "legend": style.legend("bottom"),
        "margin": {"l": 64, "r": 16, "t": 12, "b": 112 if style.projector else 100},
        "hovermode": "closest",
    }


def _rows(state) -> list[tuple[str, object]]:
    """(label, cost) of every bar."""
    read = state.reading
    if read is None:
        return []
    rows = [("MACs", read.costs["macs"])]
    found = [one.reading for one in state.machines if one.reading is not None and one.reading.layers is not None]
    known = {one.name for one in found}
    for one in ([] if read.name in known or read.layers is None else [read]) + found:
        name = escape_plotly(one.title)
        rows += [(f"{name}<br>{cost}", one.costs[cost]) for cost in ("latency", "energy")]
    position = state.subject.work.position
    return rows + [(f"this host<br>{clock_words(one)}", one.latency(position)) for one in state.clocked]


def shares(cost) -> np.ndarray:
    """(2 E,) shares of the whole way's cost: backbone up to each tap, then its head, in turn."""
    own = np.diff(cost.backbone, prepend=0.0)
    parts = np.stack([own, cost.heads], axis=1).ravel()
    return parts / parts.sum() if parts.sum() else parts


def _pieces(exits: int) -> list[str]:
    names = []
    for k in range(exits):
        names += [f"segment {k + 1}", "final" if k == exits - 1 else f"exit {k + 1}"]
    return names


def describe(app) -> str:
    rows = _rows(app.state)
    if not rows:
        return "The same network by MACs, latency and energy will be compared here."
    early = {label: float(shares(cost)[1:-1:2].sum()) for label, cost in rows}
    least, most = min(early, key=early.get), max(early, key=early.get)
    words = lambda label: label.replace("<br>", ", ").replace("&amp;", "&")  # noqa: E731
    return (
        "Everything that a sample pays for which passes all exits, up to the final classifier; at the right the part that "
        f"early exits take: from {format.percent(early[least])} ({words(least)}) to {format.percent(early[most])} ({words(most)})."
    )


CHART = Chart("Where MACs, latency and energy disagree", draw, describe)
