"""Choosing by another cost: the fronts of all costs, charged with the one asked for."""

from __future__ import annotations

import numpy as np

from ....core.solve.front import undominated
from ....labs.hardware.settings import COSTS, word
from ...charts.traces import Drawing, scatter
from ...charts.view import Chart
from ..palette import MARKS
from .fronts import reach


def draw(app) -> Drawing:
    state, style = app.state, app.style
    fronts, charged = state.fronts, state.settings.cost
    traces = []
    for cost in (*(c for c in COSTS if c != charged), charged):
        look = MARKS[cost]
        x = y = np.zeros(0)
        if fronts is not None and cost in fronts.fronts and charged in fronts.fronts:
            x, y = envelope(fronts.means[cost][charged], fronts.fronts[cost].accuracy)
            x, y = 100 * x / fronts.records.cost(charged).static, 100 * y
        traces.append(
            scatter(
                x=x, y=y, name=f"chosen by {word(cost)}", mode="lines+markers", showlegend=bool(len(x)),
                line={"color": look.color(style.theme), "dash": look.dash, "shape": "hv", "width": 3 if cost == charged else 1.8},
                marker={"symbol": look.symbol, "size": 6},
                hovertemplate="%{y:.2f} % at %{x:.1f} %<extra>chosen by " + word(cost) + "</extra>",
            )
        )  # fmt: skip
    layout = style.layout(
        400,
        xaxis={"title": {"text": f"mean {word(charged)} (% of the network without exits)"}, "range": [0, 106]},
        yaxis={"title": {"text": "accuracy on the samples that tune (%)"}, "range": reach(fronts)},
        hovermode="closest",
        showlegend=fronts is not None and charged in fronts.fronts,
        legend=style.legend("bottom"),
        margin={"l": 64, "r": 16, "t": 12, "b": 112 if style.projector else 96},
    )
    return Drawing(traces, layout)


def envelope(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points that no other one beats, by rising x."""
    keep = undominated(x, y)
    return x[keep], y[keep]


def describe(app) -> str:
    fronts, asked = app.state.fronts, app.state.settings
    if fronts is None or asked.cost not in fronts.fronts:
        return "What it costs to choose thresholds by another cost than the one that counts will be drawn here."
    others = [cost for cost in fronts.fronts if cost != asked.cost]
    told = ", ".join(
        f"by {word(cost)} {100 * fronts.extra(cost, asked.cost, asked.max_drop):+.1f} %".replace("-", "−")
        for cost in others
    )
    return (
        f"Every line is charged with {word(asked.cost)}. At the drop asked for, thresholds chosen by another cost take so "
        f"much more {word(asked.cost)} than those chosen by it: {told}."
    )


CHART = Chart("Chosen by another cost", draw, describe)
