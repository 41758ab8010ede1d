"""Accuracy against mean cost on the platform: every decision worth taking, beside the model itself."""

from __future__ import annotations

import numpy as np

from ....core.table import format
from ...charts.style import escape_plotly
from ...charts.traces import Drawing, amounts, scatter
from ...charts.view import Chart

DEEPEST = 10.0
"""Percentage points below the best that the chart reaches down at most."""


def draw(app) -> Drawing:
    state, style = app.state, app.style
    decision = state.decision
    unit = _unit(state)
    x, y = (np.zeros(0), np.zeros(0)) if decision is None else (decision.front.mean_cost, 100 * decision.front.accuracy)
    traces = [
        scatter(
            x=x,
            y=y,
            customdata=amounts(x, unit, _words(state)),
            name="early-exit networks",
            mode="lines+markers",
            showlegend=bool(len(x)),
            line={"color": style.ink, "width": 1.4, "shape": "hv"},
            marker={"symbol": "circle", "size": 9 if style.projector else 6, "color": style.ink},
            hovertemplate="%{y:.2f} % at %{customdata}<extra></extra>",
        ),
        _static(app),
        _model(app),
        _shortest(app),
        _selected(app),
    ]
    drop = _allowed(state)
    layout = style.layout(
        430,
        xaxis={
            "type": "log",
            "title": {"text": f"mean {_cost(state)} per sample" + (f" ({unit}, log scale)" if unit else "")},
            "range": _across(app),
            "tickformat": "~s",
            **_ticks(_across(app)),
        },
        yaxis={"title": {"text": "accuracy on the samples that decide (%)"}, "range": _range(app)},
        shapes=[_limit(app, drop)] if drop is not None else [],
        hovermode="closest",
        hoverlabel={"align": "left"},
        showlegend=True,
        legend=style.legend("bottom"),
        margin={"l": 64, "r": 16, "t": 30, "b": 112 if style.projector else 96},
    )
    return Drawing(traces, layout)


def describe(app) -> str:
    state = app.state
    decision = state.decision
    if decision is None:
        return "Each point will be one choice of exits, designs, thresholds and processors, taken together."
    front, cost = decision.front, _cost(state)
    alone = " Dashed: networks trained alone, on all of the split, each at its best place." if app.static_points else ""
    return (
        f"{len(front)} operating points, from {format.percent(front.accuracy[0], 2)} at {format.quantity(front.mean_cost[0], front.unit)} "
        f"to {format.percent(front.accuracy[-1], 2)} at {format.quantity(front.mean_cost[-1], front.unit)} mean {cost}. Chosen on "
        f"these samples, so optimistic. The dotted line is the accuracy asked for. Click a point to draw it below.{alone}"
    )


def clicked(app, trace: int, point: int) -> None:
    if trace == 0:
        app.driver.select(point)


CHART = Chart("Accuracy against cost", draw, describe, clicked)


def _cost(state) -> str:
    name = state.settings.cost if state.decision is None else state.decision.settings.cost
    return "cost" if name == "macs" else name


def _unit(state) -> str:
    return "" if state.decision is None else state.decision.front.unit


def _words(state) -> list[str]:
    if state.decision is None:
        return []
    mapping, front = state.decision.mapping, state.decision.front
    processors = [p.name for p in mapping.platform.processors]
    words = []
    for i in range(len(front)):
        exits = int(np.isfinite(front.thresholds[i]).sum())
        used = " + ".join(processors[r] for r in sorted(set(mapping.assignments[i])))
        words.append(f"{exits} early exit{'' if exits == 1 else 's'}, on {used}")
    return words


def static_cost(state) -> float | None:
    """Mean cost of the model itself, placed at its best, in the decision's cost."""
    decision = state.decision
    if decision is None or state.selected is None:
        return None
    name = decision.settings.cost
    if name == "macs":
        return float(state.trained.records.cost("macs").static)
    return float(state.selected.figures[name]["static"])


def _model(app) -> dict:
    x = static_cost(app.state)
    return _mark(
        [] if x is None else [x], [] if x is None else [100 * app.state.trained.final], _unit(app.state), "the model itself",
        {"symbol": "hexagon2", "size": 13, "color": app.style.right},
    )  # fmt: skip


def _static(app) -> dict:
    points, unit = app.static_points, _unit(app.state)
    return scatter(
        x=np.array([point.mean_cost for point in points]),
        y=np.array([100 * point.accuracy for point in points]),
        name="static networks, trained alone",
        mode="lines+markers",
        showlegend=bool(points),
        line={"color": app.style.soft, "dash": "dash", "width": 1.2},
        marker={"symbol": "hexagon-open", "size": 9, "color": app.style.soft, "line": {"width": 2}},
        customdata=amounts([p.mean_cost for p in points], unit, [escape_plotly(point.name) for point in points]),
        hovertemplate="%{y:.2f} % at %{customdata}<extra>trained alone</extra>",
    )


def _shortest(app) -> dict:
    state = app.state
    one = None if state.beside is None else state.beside.configuration
    xs = [] if one is None else [one.mapping.route(state.trained.records).mean_cost]
    marker = {"symbol": "diamond", "size": 12, "color": app.style.wrong}
    return _mark(xs, [] if one is None else [100 * one.accuracy], _unit(state), "shortest path", marker)


def _selected(app) -> dict:
    one, decision = app.state.selected, app.state.decision
    here = one is not None and decision is not None and 0 <= one.index < len(decision.front)
    xs = [decision.front.mean_cost[one.index]] if here else []
    ys = [100 * decision.front.accuracy[one.index]] if here else []
    marker = {"symbol": "circle-open", "size": 16, "color": app.style.wrong, "line": {"width": 3}}
    return _mark(xs, ys, _unit(app.state), "shown below", marker)


def _mark(xs, ys, unit: str, name: str, marker: dict) -> dict:
    return scatter(
        x=np.array(xs, dtype=float),
        y=np.array(ys, dtype=float),
        name=name,
        mode="markers",
        showlegend=bool(len(xs)),
        marker=marker,
        customdata=amounts(xs, unit),
        hovertemplate="%{y:.2f} % at %{customdata}<extra>" + name + "</extra>",
    )


def _allowed(state) -> float | None:
    if state.decision is None:
        return None
    return 100 * (state.trained.final - state.decision.settings.max_drop)


def _limit(app, at: float) -> dict:
    return {
        "type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": at, "y1": at, "layer": "below",
        "line": {"color": app.style.soft, "dash": "dot", "width": 1.5},
    }  # fmt: skip


def _across(app) -> list[float]:
    decision = app.state.decision
    if decision is None:
        return [0.0, 1.0]
    seen = [
        c for c, a in zip(decision.front.mean_cost, decision.front.accuracy, strict=True) if 100 * a >= _range(app)[0]
    ]
    costs = [*seen, static_cost(app.state) or seen[-1], *(point.mean_cost for point in app.static_points)]
    low, high = np.log10(min(costs)), np.log10(max(costs))
    margin = max(0.05 * (high - low), 0.002)
    return [float(low - margin), float(high + margin)]


def _ticks(across: list[float]) -> dict:
    """Ticks of a log axis; where it is too short for 1, 2 and 5, about five round numbers."""
    low, high = 10.0 ** across[0], 10.0 ** across[1]
    if high / low > 5:
        return {"tickmode": "linear", "dtick": "D2"}
    wide = (high - low) / 5
    size = 10.0 ** np.floor(np.log10(wide))
    step = size * next(k for k in (1, 2, 5, 10) if k * size >= wide)
    return {"tickmode": "array", "tickvals": (step * np.arange(np.ceil(low / step), high / step)).tolist()}


def _range(app) -> list[float]:
    state = app.state
    if state.decision is None:
        return [60.0, 100.0]
    front = 100 * state.decision.front.accuracy
    high = max(front[-1], 100 * state.trained.final, *(100 * point.accuracy for point in app.static_points))
    low = max(front[0], min(high - DEEPEST, (_allowed(state) or high) - 1))
    margin = max(0.06 * (high - low), 0.2)
    return [float(max(0.0, low - margin)), float(min(101.0, high + margin))]
