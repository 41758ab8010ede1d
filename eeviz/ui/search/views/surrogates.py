"""How well the surrogates rank networks they have not seen: Kendall tau, generation by generation."""

from __future__ import annotations

import numpy as np

from ....labs.search.settings import METHODS, UNLIMITED
from ...charts.traces import Drawing, scatter
from ...charts.view import Chart
from ..palette import MARKS


def draw(app) -> Drawing:
    state, style = app.state, app.style
    traces = []
    for method in METHODS:
        lane, look = state.lanes.get(method), MARKS[method]
        color = look.color(style.theme)
        known = np.zeros(0, bool) if lane is None else np.isfinite(lane.tau)
        traces.append(
            scatter(
                x=np.zeros(0) if lane is None else lane.evaluations[known],
                y=np.zeros(0) if lane is None else lane.tau[known],
                name=method,
                mode="lines+markers",
                showlegend=bool(known.any()),
                line={"color": color, "dash": look.dash, "width": 2, "shape": "hv"},
                marker={"symbol": look.symbol, "size": 6, "color": color},
                hovertemplate="tau %{y:.2f} after %{x} evaluations<extra>" + method + "</extra>",
            )
        )
    last = max((_last(lane.snapshot) for lane in state.lanes.values()), default=1)
    layout = style.layout(
        340,
        xaxis={"title": {"text": "evaluations"}, "range": [0, 1.02 * last]},
        yaxis={"title": {"text": "Kendall tau, left-out networks"}, "range": [-0.35, 1.05]},
        shapes=[
            {
                "type": "line",
                "xref": "x domain",
                "x0": 0,
                "x1": 1,
                "y0": 0,
                "y1": 0,
                "line": {"color": style.soft, "dash": "dot", "width": 1.5},
            }
        ],
        showlegend=True,
        margin={"l": 64, "r": 16, "t": 40, "b": 52},
    )
    return Drawing(traces, layout)


def _last(snapshot) -> int:
    """The evaluations that the axis reaches to: the whole budget, unless seconds bound it."""
    return max(snapshot.evaluations, 1) if snapshot.total >= UNLIMITED else snapshot.total


def describe(app) -> str:
    parts = []
    for name, lane in app.state.lanes.items():
        tau = lane.snapshot.tau
        if tau:
            parts.append(f"{name}: " + ", ".join(f"{model} {value:.2f}" for model, value in tau.items()))
    if not parts:
        return (
            "No surrogate has been fitted yet: the first generation is spread over the space, and random search never "
            "fits any."
        )
    return f"1 ranks perfectly, 0 (dotted) is guessing. Newest fits: {'; '.join(parts)}."


CHART = Chart("Surrogates", draw, describe)
