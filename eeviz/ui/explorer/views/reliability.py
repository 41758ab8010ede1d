"""Reliability of each exit: accuracy against confidence, and the expected calibration error."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ....core.table import metrics
from ...charts.style import exit_labels
from ...charts.view import Chart

BINS = 15


def draw(app) -> go.Figure:
    records, style = app.state.records, app.style
    exits = records.exits_count
    made = [metrics.reliability(records, k, BINS) for k in range(exits)]
    titles = [f"{name}: ECE {100 * r.ece:.1f} %" for name, r in zip(exit_labels(records), made, strict=True)]
    figure = make_subplots(1, exits, shared_yaxes=True, horizontal_spacing=0.02, subplot_titles=titles)
    colors, patterns = style.colors(exits), style.patterns(exits)
    axes = {}
    for k, r in enumerate(made):
        bar = go.Bar(
            x=(r.edges[:-1] + r.edges[1:]) / 2,
            y=r.accuracy,
            width=1 / BINS,
            customdata=r.count,
            showlegend=False,
            marker={
                "color": colors[k],
                "pattern": {"shape": patterns[k], "fgcolor": style.paper, "fillmode": "overlay", "size": 5},
            },
            hovertemplate="confidence about %{x:.2f}: right on %{y:.1%} of %{customdata} samples<extra></extra>",
        )
        perfect = go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            line={"color": style.soft, "dash": "dash", "width": 1.5},
            name="perfectly calibrated",
            showlegend=k == 0,
            hoverinfo="skip",
        )
        figure.add_trace(bar, 1, k + 1)
        figure.add_trace(perfect, 1, k + 1)
        suffix = "" if k == 0 else str(k + 1)
        axes[f"xaxis{suffix}"] = {"range": [0, 1], "tickvals": [0, 0.5, 1], "title": {"text": "confidence"}}
        axes[f"yaxis{suffix}"] = dict(range=[0, 1], **({"title": {"text": "share right"}} if k == 0 else {}))
    notes = [
        {**n.to_plotly_json(), "font": {"color": c, "size": style.size}}
        for n, c in zip(figure.layout.annotations, colors, strict=True)
    ]
    layout = style.layout(
        380,
        bargap=0,
        annotations=notes,
        margin={"l": 64, "r": 16, "t": 84, "b": 52},
    )
    figure.layout.update({key: value for key, value in layout.items() if key not in ("xaxis", "yaxis")})
    figure.layout.update(axes)
    return figure


def describe(app) -> str:
    records = app.state.records
    made = [metrics.reliability(records, k, BINS) for k in range(records.exits_count)]
    worst = max(range(len(made)), key=lambda k: made[k].ece)
    scaled = "temperatures fitted on this split" if records.temperature is not None else "no temperature scaling"
    measure = (
        ""
        if records.measure in ("", "max_probability")
        else " This measure is no probability: read the bars, not the ECE."
    )
    return (
        f"Bars on the dashed line would be perfectly calibrated. {records.exits[worst]} is the furthest off: on average "
        f"{100 * made[worst].ece:.1f} percentage points between confidence and accuracy ({BINS} bins of equal width; {scaled}).{measure}"
    )


CHART = Chart("Calibration", draw, describe)
