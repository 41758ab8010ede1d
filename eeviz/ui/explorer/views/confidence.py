"""Confidence histograms of the samples that reach each exit, right and wrong, with the threshold."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ....core.table import format, metrics
from ...charts.style import exit_labels
from ...charts.view import Chart

BINS = 20
FOOT = 0.03
"""Percent of an exit's samples at which the logarithmic axis ends below."""


def draw(app) -> go.Figure:
    state, style = app.state, app.style
    records, routing, policy = state.records, state.routing, state.policy
    exits = records.exits_count
    figure = make_subplots(1, exits, shared_yaxes=True, horizontal_spacing=0.02, subplot_titles=exit_labels(records))
    centres = (np.arange(BINS) + 0.5) / BINS
    for k in range(exits):
        reach = routing.exit_of >= k
        right, wrong = (100 * part / max(int(reach.sum()), 1) for part in metrics.histogram(records, k, BINS, reach))
        for values, name, color, pattern in ((right, "right", style.right, ""), (wrong, "wrong", style.wrong, "/")):
            bar = go.Bar(
                x=centres,
                y=values,
                name=name,
                legendgroup=name,
                showlegend=k == 0,
                marker={
                    "color": color,
                    "pattern": {"shape": pattern, "fgcolor": style.paper, "fillmode": "overlay", "size": 4},
                },
                hovertemplate="confidence %{x:.3f}: %{y:.3g} % of those reaching " + name + "<extra></extra>",
            )
            figure.add_trace(bar, 1, k + 1)
    shapes, notes = _thresholds(policy.thresholds, style)
    titles = [
        {**note.to_plotly_json(), "font": {"color": color, "size": style.size + 1}}
        for note, color in zip(figure.layout.annotations, style.colors(exits), strict=True)
    ]
    axes = {}
    for k in range(exits):
        suffix = "" if k == 0 else str(k + 1)
        axes[f"xaxis{suffix}"] = {"range": [0, 1.0], "tickvals": [0, 0.5, 1], "title": {"text": "confidence"}}
        axes[f"yaxis{suffix}"] = {
            "type": "log",  # most samples are very sure: on a plain axis all bars but the last would vanish
            "range": [np.log10(FOOT), 2.5],  # above the bars, for the words
            "tickvals": [0.1, 1, 10, 100],
            **({"title": {"text": "share of those reaching the exit (%)"}} if k == 0 else {}),
        }
    layout = style.layout(
        380,
        barmode="group",
        bargap=0,
        bargroupgap=0,
        shapes=shapes,
        annotations=[*titles, *notes],
        margin={"l": 64, "r": 16, "t": 84, "b": 52},
    )
    figure.layout.update({key: value for key, value in layout.items() if key not in ("xaxis", "yaxis")})
    figure.layout.update(axes)
    return figure


def _thresholds(thresholds, style) -> tuple[list[dict], list[dict]]:
    shapes, notes = [], []
    for k, threshold in enumerate(thresholds):
        axis = "" if k == 0 else str(k + 1)
        at = 0 if threshold is None else threshold
        line = {"color": style.ink, "width": 0 if threshold is None else 2, "dash": "dash"}
        shapes.append(
            {
                "type": "line",
                "xref": f"x{axis}",
                "yref": f"y{axis} domain",
                "x0": at,
                "x1": at,
                "y0": 0,
                "y1": 1,
                "line": line,
            }
        )
        words = "removed" if threshold is None else f"≥ {threshold:.3g} leaves"
        notes.append(
            {
                "xref": f"x{axis} domain",
                "yref": f"y{axis} domain",
                "x": 0.03,
                "y": 0.98,
                "text": words,
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "top",
                "font": {"size": style.size - 1, "color": style.soft},
            }
        )
    return shapes, notes


def describe(app) -> str:
    records, routing, policy = app.state.records, app.state.routing, app.state.policy
    parts = []
    for k, threshold in enumerate(policy.thresholds):
        if threshold is None:
            parts.append(f"{records.exits[k]} is removed")
            continue
        reach = int((routing.exit_of >= k).sum())
        wrong = int((routing.exit_of == k).sum() - routing.right[routing.exit_of == k].sum())
        parts.append(
            f"{reach:,} samples reach {records.exits[k]}, {int(routing.count[k]):,} leave, {wrong:,} of them wrong"
        )
    return f"{'; '.join(parts)}; {format.percent(routing.share[-1])} go on to {records.exits[-1]}. {BINS} bins of equal width; the scale is logarithmic."


CHART = Chart("Confidence", draw, describe)
