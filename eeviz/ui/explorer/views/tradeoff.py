"""Accuracy against mean cost: front, static networks, oracle, single exits, baselines, pins and the current policy."""

from __future__ import annotations

import numpy as np

from ....core.solve import tradeoff
from ....core.table import format
from ....core.table.policy import route
from ...charts.style import escape_plotly
from ...charts.traces import Drawing, amounts, scatter
from ...charts.view import Chart

FRONT = 0


def draw(app) -> Drawing:
    state, analysis, style = app.state, app.analysis, app.style
    records, cost, unit = state.records, state.cost, state.routing.unit
    colors = style.colors(records.exits_count)
    traces = [
        _line(analysis.front, "best thresholds (front)", style.ink, unit, "solid"),
        _line(analysis.mine_front, "mine: best thresholds", style.wrong, unit, "dot"),
        _marks(
            "static networks",
            app.static_points,
            style,
            unit,
            symbol="square",
            color=style.soft,
            mode="lines+markers+text",
            labels=[point.name.removeprefix("static, ") for point in app.static_points],
            place=_static_places(len(app.static_points)),
        ),
        _marks(
            "one exit alone",
            tradeoff.single_exits(records, cost),
            style,
            unit,
            symbol="circle-open",
            color=list(colors),
            place=[*["bottom center"] * (records.exits_count - 1), "top center"],
        ),
        _marks(
            "baselines at 1 pp drop", analysis.baselines, style, unit, symbol="x-thin", color=style.soft, labels=None
        ),
        _marks(
            "oracle",
            (tradeoff.oracle_point(records, state.policy, cost),),
            style,
            unit,
            symbol="star",
            color=style.right,
        ),
        _shifted(app, unit),
        _marks("pins", app.pin_points, style, unit, symbol="triangle-up", color=style.ink, size=12),
        _marks("now", (app.now,), style, unit, symbol="circle", color=style.wrong, size=15, labels=["now"]),
    ]
    layout = style.layout(
        420,
        xaxis={"title": {"text": f"mean cost per sample ({unit})"}, "tickformat": "~s", "rangemode": "tozero"},
        yaxis={"title": {"text": f"accuracy on {records.split or 'these samples'} (%)"}, "range": _range(app)},
        hovermode="closest",
        showlegend=True,
        legend=style.legend("bottom"),
        margin={"l": 64, "r": 16, "t": 16, "b": 112},
    )
    return Drawing(traces, layout)


def describe(app) -> str:
    state, analysis = app.state, app.analysis
    now, unit = app.now, state.routing.unit
    index = analysis.front.within(now.mean_cost) if analysis.front is not None else None
    kind = "the refined front" if analysis.refined else "the grid front (being refined)"
    here = f"Now: {format.percent(now.accuracy, 2)} at {format.quantity(now.mean_cost, unit)} per sample."
    if index is None:
        return f"{here} No policy on {kind} is as cheap."
    best = analysis.front.accuracy[index]
    if best <= now.accuracy:
        return f"{here} No policy on {kind} does better at this cost. Click any point of the front to go there."
    return (
        f"{here} {kind.capitalize()} reaches {format.percent(best, 2)} at no more cost, "
        f"{format.points(best - now.accuracy)}. Click any point of the front to go there."
    )


def clicked(app, trace: int, point: int) -> None:
    if trace == FRONT and "lock" not in app.hide:
        app.state.set_policy(app.analysis.front.policy(point))


CHART = Chart("Accuracy against cost", draw, describe, clicked)


def shifted_points(app) -> tuple[tradeoff.Point, ...]:
    """Where the current thresholds lie on shifted inputs; accuracies are report data, so only while the report is open."""
    state = app.state
    if not state.report_open:
        return ()
    return tuple(tradeoff.current_point(records, state.policy, state.cost, label) for label, records in state.shifted)


def pin_points(app) -> tuple[tradeoff.Point, ...]:
    state = app.state
    points = []
    for name, setting in sorted(state.pins.items()):
        records = state.made(setting)
        routing = route(records, setting.policy, state.cost)
        points.append(tradeoff.Point(name, routing.accuracy, routing.mean_cost, setting.policy))
    return tuple(points)


def _static_places(count: int) -> list[str]:
    """Where labels are clear of the front (above the first), of exits beside the curve and of the chart's edge."""
    return ["bottom right", *["top left"] * (count - 2), "bottom left"][:count]


def _line(front, name: str, color: str, unit: str, dash: str) -> dict:
    if front is None:
        return scatter(x=[], y=[], name=name, mode="lines+markers", showlegend=False)
    return scatter(
        x=front.mean_cost,
        y=100 * front.accuracy,
        name=name,
        mode="lines+markers",
        showlegend=True,
        line={"color": color, "width": 1.8, "dash": dash, "shape": "hv"},
        marker={"size": 3.5, "color": color},
        customdata=amounts(front.mean_cost, unit, _thresholds(front.thresholds)),
        hovertemplate="%{y:.2f} % at %{customdata}<extra>" + name + "</extra>",
    )


def _thresholds(rows: np.ndarray) -> list[str]:
    return ["thresholds " + " · ".join("off" if np.isnan(t) else f"{t:.4g}" for t in row) for row in rows]


def _marks(name, points, style, unit, *, symbol, color, labels=(), size=10, mode="markers+text", place="top center"):
    if labels == ():
        labels = [point.name for point in points]
    return scatter(
        x=[point.mean_cost for point in points],
        y=[100 * point.accuracy for point in points],
        name=name,
        mode=mode if labels is not None else "markers",
        text=None if labels is None else [escape_plotly(label) for label in labels],
        textposition=place,
        textfont={"size": style.size - 1, "color": style.ink},
        line={"color": style.soft, "dash": "dash", "width": 1.5},
        marker={"symbol": symbol, "size": size, "color": color, "line": {"width": 2, "color": color}},
        customdata=[
            f"{escape_plotly(point.name)}: {format.percent(point.accuracy, 2)} at {format.quantity(point.mean_cost, unit)}"
            for point in points
        ],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=bool(points),
        cliponaxis=False,
    )


def _shifted(app, unit: str) -> dict:
    """Where shifted inputs lie; those below the chart stand at its foot, pointing down, with their accuracy."""
    style, points, foot = app.style, app.shifted_points, _range(app)[0]
    below = [100 * point.accuracy < foot for point in points]
    marks = _marks(
        "shifted inputs",
        points,
        style,
        unit,
        symbol=["triangle-down-open" if low else "diamond-open" for low in below] or "diamond-open",
        color=style.wrong,
        labels=[
            f"{point.name}, {format.percent(point.accuracy)}" if low else point.name
            for point, low in zip(points, below, strict=True)
        ],
        place=["top center"] * len(points) or "top center",
    )
    return {**marks, "y": [foot if low else y for y, low in zip(marks["y"], below, strict=True)]}


def _range(app) -> list[float]:
    """From just under the lowest of exits, static networks, pins and current point to just over the oracle.

    Badly shifted inputs may lie below: the chart would flatten into a line if it reached down to them.
    """
    state = app.state
    shown = [app.now, *tradeoff.single_exits(state.records, state.cost), *app.static_points, *app.pin_points]
    low = min(100 * point.accuracy for point in shown)
    high = 100 * tradeoff.oracle_point(state.records, state.policy, state.cost).accuracy
    lowest = min((100 * point.accuracy for point in app.shifted_points), default=low)
    low = min(low, max(lowest, low - (high - low)))
    margin = max(0.08 * (high - low), 0.3)
    return [max(0.0, low - margin), min(101.0, high + margin)]
