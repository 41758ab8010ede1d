"""How each search comes along: its error at the budgets, over time."""

from __future__ import annotations

import numpy as np

from ....core.table import format
from ....labs.search.settings import METHODS
from ....labs.search.summary import course, reached_by_all
from ...charts.traces import Drawing, scatter
from ...charts.view import Chart
from ..palette import MARKS


def draw(app) -> Drawing:
    state, style = app.state, app.style
    budget, shared = None if state.budget < 0 else state.budget, reached_by_all(state.lanes)
    traces = []
    for method in METHODS:
        lane, look = state.lanes.get(method), MARKS[method]
        color = look.color(style.theme)
        errors = np.zeros(0) if lane is None else course(lane, budget, shared)
        x = np.zeros(0) if lane is None else lane.seconds
        traces.append(
            scatter(
                x=x,
                y=100 * errors,
                customdata=np.zeros(0, int) if lane is None else lane.evaluations,
                name=method,
                mode="lines+markers",
                showlegend=lane is not None,
                connectgaps=False,
                line={"color": color, "dash": look.dash, "width": 2, "shape": "hv"},
                marker={"symbol": look.symbol, "size": 6, "color": color},
                hovertemplate="%{y:.2f} % after %{customdata} evaluations, %{x:.1f} s<extra>" + method + "</extra>",
            )
        )
    layout = style.layout(
        340,
        xaxis={"title": {"text": "time this search has had (s)"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "error (%), lower is better"}, "rangemode": "normal"},
        hovermode="closest",
        showlegend=True,
        margin={"l": 64, "r": 16, "t": 40, "b": 52},
    )
    return Drawing(traces, layout)


def describe(app) -> str:
    state = app.state
    if not state.lanes:
        return "Nothing has been searched yet."
    shared = reached_by_all(state.lanes)
    if state.budget >= 0:
        lane = next(iter(state.lanes.values()))
        what = f"Error of the best network of at most {format.quantity(lane.snapshot.budgets[state.budget], state.unit)} on average"
        index = state.budget
    else:
        what = f"Mean error over the {int(shared.sum())} of {len(shared)} budgets that every method has reached"
        index = None
    ends = []
    for name, lane in state.lanes.items():
        errors = course(lane, index, shared)
        reached = len(errors) and np.isfinite(errors[-1])
        now = format.percent(errors[-1], 2) if reached else "none yet"
        ends.append(f"{name} {now}, hypervolume {lane.snapshot.hypervolume:.3f}")
    return f"{what}: {'; '.join(ends)}. On search-validation, where the networks were chosen."


CHART = Chart("Error at budgets", draw, describe)
