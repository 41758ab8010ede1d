"""Whether the saving survives when a figure of the platform is half, or twice, what is believed."""

from __future__ import annotations

import numpy as np

from ....core.table import format
from ...charts.style import escape_plotly
from ...charts.traces import Drawing, scatter
from ...charts.view import Chart


def draw(app) -> Drawing:
    found, style = app.state.sensitivity, app.style
    rows = _rows(found)
    names = [escape_plotly(name) for name in rows]
    traces = [_spans(style, rows, names)]
    for factor, symbol, words in ((0.5, "triangle-left", "figure halved"), (2.0, "triangle-right", "figure doubled")):
        own = [rows[name].get(factor) for name in rows]
        traces.append(
            scatter(
                x=np.array([np.nan if row is None else 100 * row.saving for row in own]),
                y=names,
                customdata=["" if row is None else _words(row) for row in own],
                name=words,
                mode="markers",
                showlegend=bool(rows),
                marker={
                    "symbol": symbol,
                    "size": 11,
                    "color": [style.wrong if row is not None and row.open else style.ink for row in own],
                },
                hovertemplate="%{x:.1f} %<br>%{customdata}<extra>" + words + "</extra>",
            )
        )
    line = {"type": "line", "yref": "y domain", "y0": 0, "y1": 1}
    shapes = []
    if found is not None:
        shapes = [
            {**line, "x0": 100 * found.saving, "x1": 100 * found.saving, "line": {"color": style.soft, "width": 1.5}},
            {**line, "x0": 100 * found.claim, "x1": 100 * found.claim, "line": {"color": style.wrong, "width": 1.5, "dash": "dash"}},
        ]  # fmt: skip
    layout = style.layout(
        110 + 24 * max(len(rows), 4),
        xaxis={
            "title": {"text": f"saving of {found.cost if found else 'the cost'} against the model itself (%)"},
            "range": _range(found),
        },
        yaxis={"autorange": "reversed", "type": "category"},
        shapes=shapes,
        showlegend=True,
        legend=style.legend("top"),
        margin={"l": 64, "r": 16, "t": 40, "b": 52},
    )
    return Drawing(traces, layout)


def describe(app) -> str:
    state = app.state
    found = state.sensitivity
    if found is None:
        return "Computing …" if state.selected is not None else "Nothing is decided yet."
    holds = found.saving >= found.claim
    said = f"Claim: at least {format.percent(found.claim, 0)} of the {found.cost} saved (dashed); as the platform is described: {format.saved(found.saving)} (solid), so the claim {'holds' if holds else 'does not hold'}."
    flips = [
        f"{row.owner}: {_figure(row.figure)} × {row.factor:g} ({format.saved(row.saving)})"
        for row in found.rows
        if row.open
    ]
    moved = sum(row.moved for row in found.rows)
    again = f" In {moved} of {len(found.rows)} cases the segments would be placed otherwise." if moved else ""
    if flips:
        return f"{said} OPEN: it flips with {'; '.join(flips)} (red).{again}"
    return f"{said} It stays so with every figure halved and doubled ({len(found.rows)} cases).{again}"


CHART = Chart("Sensitivity", draw, describe)

_FIGURES = {
    "macs_per_s": "MACs/s",
    "operators": "MACs/s by operator",
    "bytes_per_s": "bytes/s",
    "pj_per_mac": "pJ per MAC",
    "pj_per_byte": "pJ per byte",
    "active_power": "active power",
    "idle_power": "idle power",
    "wake_latency": "wake-up time",
    "wake_energy": "wake-up energy",
    "latency": "latency",
    "energy_per_byte": "energy per byte",
}


def _figure(name: str) -> str:
    return _FIGURES.get(name, name)


def _rows(found) -> dict[str, dict]:
    """Name of the figure -> factor -> Row; the widest first."""
    rows: dict[str, dict] = {}
    for row in () if found is None else found.rows:
        rows.setdefault(f"{row.owner}: {_figure(row.figure)}", {})[row.factor] = row
    spans = {
        name: max(r.saving for r in own.values()) - min(r.saving for r in own.values()) for name, own in rows.items()
    }
    return {name: rows[name] for name in sorted(rows, key=lambda n: -spans[n])}


def _spans(style, rows, names) -> dict:
    xs, ys = [], []
    for name, own in zip(names, rows.values(), strict=True):
        savings = [100 * row.saving for row in own.values()]
        xs += [min(savings), max(savings), None]
        ys += [name, name, None]
    return scatter(x=xs, y=ys, mode="lines", showlegend=False, hoverinfo="skip", line={"color": style.soft, "width": 3})


def _words(row) -> str:
    words = [f"placed again: {format.saved(row.saving_remapped)}"] if row.moved else []
    words += ["the conclusion flips"] if row.open else []
    if row.source:
        short = row.source if len(row.source) < 90 else f"{row.source[:87]}…"
        words.append(f"as described: {escape_plotly(short)}")
    return "<br>".join(words)


def _range(found) -> list[float]:
    """From the least of savings and claim to the most, with room for marks and lines at both ends."""
    if found is None:
        return [0.0, 100.0]
    seen = [100 * value for value in (found.saving, found.claim, *(row.saving for row in found.rows))]
    margin = max(0.03 * (max(seen) - min(seen)), 0.5)
    return [min(seen) - margin, max(seen) + margin]
