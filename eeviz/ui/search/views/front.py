"""Accuracy against mean cost of everything found so far: a front for each method, their other candidates, what is known."""

from __future__ import annotations

import numpy as np

from ....core.table import format
from ....labs.search.settings import METHODS
from ....labs.search.summary import best_of_all
from ...charts.style import escape_plotly
from ...charts.traces import Drawing, amounts, scatter
from ...charts.view import Chart
from ..palette import MARKS

DEEPEST = 0.30
"""How far below the best accuracy the chart reaches down at most."""
TUNED = 2 * len(METHODS) + 1
"""Number of the trace of fine-tuned networks."""
EXPECTED = [1e5, 1e7]
"""MACs between which points are to come, before there are any."""


def draw(app) -> Drawing:
    state, style = app.state, app.style
    traces = [_others(app, method) for method in METHODS]
    traces += [_front(app, method) for method in METHODS]
    traces += [_static(app), _tuned(app), _pins(app), _selected(app)]
    unit = state.unit
    layout = style.layout(
        440,
        xaxis={
            "type": "log",
            "title": {"text": f"mean cost per sample ({unit}, log scale)"},
            **_ticks(app),
            "range": _across(app),
        },
        yaxis={"title": {"text": "accuracy on search-validation (%)"}, "range": _range(app)},
        hovermode="closest",
        hoverlabel={"align": "left"},
        showlegend=True,
        legend=style.legend("bottom"),
        margin={"l": 64, "r": 16, "t": 12, "b": 112 if style.projector else 96},
    )
    return Drawing(traces, layout)


def describe(app) -> str:
    lanes = app.state.lanes
    best = best_of_all(lanes)
    if not best:
        return "Each point will be one network at one policy: further left is cheaper, further up is more accurate."
    first, last = best[0], best[-1]
    done = ", ".join(f"{name} {one.snapshot.evaluations}" for name, one in lanes.items())
    return (
        f"Found so far ({done} evaluations): from {format.percent(first.accuracy, 2)} at "
        f"{format.quantity(first.mean_cost, app.state.unit)} to {format.percent(last.accuracy, 2)} at "
        f"{format.quantity(last.mean_cost, app.state.unit)}. Chosen on these samples, so optimistic. Click a point to draw it."
    )


def clicked(app, trace: int, point: int) -> None:
    if trace == TUNED:
        app.state.select(app.state.tuned[point].selection)
    if trace >= 2 * len(METHODS):
        return
    lane = app.state.lanes.get(METHODS[trace % len(METHODS)])
    marks = () if lane is None else lane.others if trace < len(METHODS) else lane.front
    if point < len(marks):
        app.driver.select(*marks[point].key)


CHART = Chart("Accuracy against cost", draw, describe, clicked)


def _others(app, method: str) -> dict:
    lane, look = app.state.lanes.get(method), MARKS[method]
    marks = () if lane is None else lane.others
    return scatter(
        **_places(marks, app.state.unit),
        name=f"{method}: others",
        mode="markers",
        showlegend=False,
        opacity=0.4,
        marker={"symbol": f"{look.symbol}-open", "size": 7, "color": look.color(app.style.theme)},
        hovertemplate=_hover(app, f"{method}, off the front"),
    )


def _front(app, method: str) -> dict:
    lane, look = app.state.lanes.get(method), MARKS[method]
    marks = () if lane is None else lane.front
    color, large = look.color(app.style.theme), app.style.projector
    return scatter(
        **_places(marks, app.state.unit),
        name=method,
        mode="lines+markers",
        showlegend=bool(marks),
        line={"color": color, "dash": look.dash, "width": 2 if large else 1.4, "shape": "hv"},
        marker={"symbol": look.symbol, "size": 10 if large else 7, "color": color},
        hovertemplate=_hover(app, method),
    )


def _places(marks, unit: str) -> dict:
    return {
        "x": np.array([mark.mean_cost for mark in marks]),
        "y": np.array([100 * mark.accuracy for mark in marks]),
        "customdata": [
            f"{format.quantity(mark.mean_cost, unit)}<br>"
            f"candidate {mark.candidate}, worst case {format.quantity(mark.worst_cost, unit)}<br>{escape_plotly(mark.words)}"
            for mark in marks
        ],
    }


def _hover(app, name: str) -> str:
    return "%{y:.2f} % at %{customdata}<extra>" + name + "</extra>"


def _static(app) -> dict:
    points = app.static_points
    return scatter(
        x=np.array([point.mean_cost for point in points]),
        y=np.array([100 * point.accuracy for point in points]),
        customdata=amounts([p.mean_cost for p in points], app.state.unit, [escape_plotly(p.name) for p in points]),
        name="static networks, trained alone",
        mode="lines+markers",
        showlegend=bool(points),
        line={"color": app.style.soft, "dash": "dash", "width": 1.2},
        marker={"symbol": "hexagon-open", "size": 9, "color": app.style.soft, "line": {"width": 2}},
        hovertemplate="%{y:.2f} % at %{customdata}<extra></extra>",
    )


def _tuned(app) -> dict:
    points = _trained_on(app)
    return scatter(
        x=np.array([one.mean_cost for one in points]),
        y=np.array([100 * one.accuracy for one in points]),
        customdata=amounts([p.mean_cost for p in points], app.state.unit, [escape_plotly(p.name) for p in points]),
        name="fine-tuned",
        mode="markers",
        showlegend=bool(points),
        marker={"symbol": "star", "size": 13, "color": app.style.right},
        hovertemplate="%{y:.2f} % at %{customdata}<extra></extra>",
    )


def _pins(app) -> dict:
    pins = sorted(app.state.pins.items())
    return scatter(
        x=np.array([pin.mean_cost for _, pin in pins]),
        y=np.array([100 * pin.accuracy for _, pin in pins]),
        text=[name for name, _ in pins],
        name="pins",
        mode="markers+text",
        textposition="top center",
        textfont={"size": app.style.size + 2, "color": app.style.ink},
        showlegend=False,
        hoverinfo="skip",
        marker={"symbol": "circle-open", "size": 17, "color": app.style.ink, "line": {"width": 2}},
    )


def _selected(app) -> dict:
    chosen = app.state.selected
    return scatter(
        x=np.array([] if chosen is None else [chosen.mean_cost]),
        y=np.array([] if chosen is None else [100 * chosen.accuracy]),
        name="selected",
        mode="markers",
        showlegend=chosen is not None,
        hoverinfo="skip",
        marker={"symbol": "circle-open", "size": 15, "color": app.style.wrong, "line": {"width": 3}},
    )


def _ticks(app) -> dict:
    return {"tickformat": "~s", "dtick": "D2"} if app.state.unit == "MACs" else {"tickformat": "~s"}


def _shown(app) -> list:
    lanes = app.state.lanes
    return [mark for lane in lanes.values() for mark in (*lane.front, *lane.others)]


def _trained_on(app) -> list:
    return [one.selection for one in app.state.tuned]


def _across(app) -> list[float]:
    found = [mark.mean_cost for mark in (*_shown(app), *_trained_on(app))]
    costs = found + [point.mean_cost for point in app.static_points]
    if not found and app.state.unit == "MACs":
        costs += EXPECTED
    costs = [cost for cost in costs if cost > 0] or EXPECTED
    low, high = np.log10(min(costs)), np.log10(max(costs))
    return [float(low - 0.06), float(max(high, low + 0.3) + 0.06)]


def _range(app) -> list[float]:
    """From the worst point on a front, though not deeper than `DEEPEST` below the best, to just above the best."""
    fronts = [100 * mark.accuracy for lane in app.state.lanes.values() for mark in lane.front]
    if not fronts:
        return [75.0, 100.0]
    fronts += [100 * point.accuracy for point in (*app.static_points, *_trained_on(app))]
    low, high = max(min(fronts), max(fronts) - 100 * DEEPEST), max(fronts)
    margin = max(0.06 * (high - low), 0.3)
    return [max(0.0, low - margin), min(101.0, high + margin)]
