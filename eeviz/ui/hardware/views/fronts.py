"""The exits' front under each cost: how much of it is saved at which accuracy."""

from __future__ import annotations

import numpy as np

from ....core.table import format
from ....core.table.metrics import own_accuracy
from ....labs.hardware.settings import COSTS, drop_words, word
from ...charts.traces import Drawing, scatter
from ...charts.view import Chart
from ..palette import MARKS

DEEPEST = 6.0
"""Percentage points below the best that the chart reaches down at most."""


def draw(app) -> Drawing:
    state, style = app.state, app.style
    fronts = state.fronts
    traces = []
    for cost in COSTS:
        look = MARKS[cost]
        x = y = np.zeros(0)
        if fronts is not None and cost in fronts.fronts:
            x = 100 * fronts.means[cost][cost] / fronts.records.cost(cost).static
            y = 100 * fronts.fronts[cost].accuracy
        traces.append(
            scatter(
                x=x, y=y, name=word(cost), mode="lines", line={"color": look.color(style.theme), "dash": look.dash, "shape": "hv",
                "width": 3.2 if style.projector else 2.2}, showlegend=bool(len(x)),
                hovertemplate="%{y:.2f} % at %{x:.1f} % of the " + word(cost) + "<extra></extra>",
            )
        )  # fmt: skip
    traces += [_marks(state, style), _final(state, style)]
    layout = style.layout(
        430,
        xaxis={"title": {"text": "mean cost (% of the network without exits)"}, "range": [0, 106]},
        yaxis={"title": {"text": "accuracy on the samples that tune (%)"}, "range": reach(fronts)},
        hovermode="closest",
        showlegend=fronts is not None,
        legend=style.legend("bottom"),
        margin={"l": 64, "r": 16, "t": 12, "b": 112 if style.projector else 100},
    )
    return Drawing(traces, layout)


def _marks(state, style) -> dict:
    """The points within the drop asked for."""
    xs, ys, symbols, colors = [], [], [], []
    if state.fronts is not None:
        for cost in state.fronts.fronts:
            index = state.fronts.index(cost, state.settings.max_drop)
            xs.append(100 * state.fronts.means[cost][cost][index] / state.fronts.records.cost(cost).static)
            ys.append(100 * state.fronts.fronts[cost].accuracy[index])
            symbols.append(MARKS[cost].symbol)
            colors.append(MARKS[cost].color(style.theme))
    return scatter(
        x=np.array(xs), y=np.array(ys), mode="markers", name="within the drop asked for", showlegend=bool(xs),
        marker={"symbol": symbols or "circle", "size": 14 if style.projector else 11, "color": colors or style.ink,
                "line": {"color": style.paper, "width": 1.5}},
        hovertemplate="%{y:.2f} % at %{x:.1f} %<extra>within the drop</extra>",
    )  # fmt: skip


def _final(state, style) -> dict:
    fronts = state.fronts
    y = [] if fronts is None else [100 * final_of(fronts)]
    return scatter(
        x=np.array([100.0] * len(y)), y=np.array(y), mode="markers", name="without exits", showlegend=bool(y),
        marker={"symbol": "hexagon2", "size": 14, "color": style.right}, hovertemplate="%{y:.2f} %<extra>without exits</extra>",
    )  # fmt: skip


def final_of(fronts) -> float:
    """Accuracy of the final classifier on the front's samples."""
    return float(own_accuracy(fronts.records)[-1])


def reach(fronts) -> list[float]:
    """Range of the accuracy axis."""
    if fronts is None:
        return [60.0, 100.0]
    high = max(100 * final_of(fronts), *(100 * front.accuracy[-1] for front in fronts.fronts.values()))
    low = max(min(100 * front.accuracy[0] for front in fronts.fronts.values()), high - DEEPEST)
    return [low - 0.25, high + 0.35]


def describe(app) -> str:
    state = app.state
    fronts = state.fronts
    if fronts is None:
        if state.subject is not None and state.subject.records is None:
            return "This network came without answers: give records to see what its exits save."
        return "The best thresholds under each cost will be drawn here."
    drop = state.settings.max_drop
    saved = ", ".join(
        f"{word(cost)}: {format.saved(fronts.saved(cost, cost, fronts.index(cost, drop)))}"
        for cost in fronts.fronts
    )
    return f"Thresholds solved for each cost, {drop_words(state.settings)}: {saved}. Chosen on these samples, so optimistic."


CHART = Chart("What exits save, by each cost", draw, describe)
