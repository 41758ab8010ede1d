"""Candidate locations along the model's cost, and how well a branch at each of them answers, live while it learns."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ....core.table import format
from ....core.table.metrics import own_accuracy
from ....core.table.ranking import risk_coverage_area
from ....core.table.records import ExitRecords
from ...charts.style import escape_plotly
from ...charts.traces import Drawing, scatter
from ...charts.view import Chart
from ..palette import DESIGNS


def draw(app) -> Drawing:
    state, style = app.state, app.style
    anatomy = state.anatomy
    shown = _accuracy(state)
    final = None if state.trained is None else 100 * state.trained.final
    low, high = _range(shown, final)
    traces = [_rug(app, chosen, low) for chosen in (False, True)]
    traces += [_design(app, design, shown) for design in DESIGNS]
    traces.append(
        scatter(
            x=np.array([] if final is None else [0.0, 100.0]),
            y=np.array([] if final is None else [final, final]),
            name="the model itself",
            mode="lines",
            showlegend=final is not None,
            line={"color": style.ink, "dash": "dash", "width": 1.5},
            hovertemplate="the model itself: %{y:.2f} %<extra></extra>",
        )
    )
    places = () if anatomy is None else anatomy.chosen
    layout = style.layout(
        430,
        xaxis={
            "title": {"text": "MACs up to the location (% of the model)"},
            "range": [0, 102],
            "ticksuffix": "",
        },
        yaxis={"title": {"text": "accuracy of a branch (%)"}, "range": [low, high]},
        shapes=[_line(app, place.share) for place in places],
        annotations=[_label(app, k, place) for k, place in enumerate(places)],
        showlegend=True,
        legend=style.legend("bottom"),
        margin={"l": 64, "r": 16, "t": 30, "b": 112 if style.projector else 96},
    )
    return Drawing(traces, layout)


def describe(app) -> str:
    """Where it stands, then what a reader should know of this run: missing classes, data divided, weights moved."""
    anatomy = app.state.anatomy
    return " ".join([_stands(app.state), *(() if anatomy is None else anatomy.notes)])


def _stands(state) -> str:
    anatomy, learning, trained = state.anatomy, state.learning, state.trained
    if anatomy is None:
        return (
            "The model's graph will appear here: every point that a single tensor passes is a candidate location, and "
            "branches learn at some of them."
        )
    where = f"{len(anatomy.places)} candidate locations (marks at the foot), branches at {len(anatomy.chosen)} of them."
    if trained is not None:
        best = int(np.nanargmax(trained.accuracy))
        found = anatomy.branches[best]
        own = own_accuracy(trained.records)[-1]
        moved = f" ({format.percent(own, 2)} after fine-tuning)" if trained.moved else ""
        stopped = "" if trained.complete else " Stopped early: Resume trains on."
        return (
            f"{where} Measured on the {len(trained.records):,} samples that decide: the model {format.percent(trained.final, 2)}{moved}, "
            f"the best branch {format.percent(trained.accuracy[best], 2)} ({found.design} at location {found.place + 1}).{stopped}"
        )
    if learning is None or not np.isfinite(learning.accuracy).any():
        return f"{where} {anatomy.learn:,} samples to learn on, {anatomy.tune:,} others decide."
    return (
        f"{where} Moving averages over training samples: deep branches look better here than on new ones; they are "
        "measured on others at the end."
    )


CHART = Chart("Branches along the depth", draw, describe)


def _accuracy(state) -> np.ndarray | None:
    """(B,) accuracy to show of each branch, None before training."""
    if state.trained is not None:
        return state.trained.accuracy
    return None if state.learning is None else state.learning.accuracy


def _design(app, design: str, shown) -> dict:
    anatomy, look = app.state.anatomy, DESIGNS[design]
    own = [] if anatomy is None else [b for b, branch in enumerate(anatomy.branches) if branch.design == design]
    places = () if anatomy is None else anatomy.chosen
    color = look.color(app.style.theme)
    return scatter(
        x=np.array([100 * places[anatomy.branches[b].place].share for b in own]),
        y=np.array([np.nan if shown is None else 100 * shown[b] for b in own]),
        customdata=[_words(anatomy, b) + _ranking(app.state, b) for b in own],
        name=f"branch: {design}",
        mode="lines+markers",
        showlegend=bool(own),
        line={"color": color, "dash": look.dash, "width": 1.6},
        marker={"symbol": look.symbol, "size": 9, "color": color},
        hovertemplate="%{y:.2f} %<br>%{customdata}<extra>" + design + "</extra>",
    )


def _rug(app, chosen: bool, foot: float) -> dict:
    """Marks at the foot: every candidate location."""
    anatomy, style = app.state.anatomy, app.style
    places = [] if anatomy is None else [place for place in anatomy.places if place.chosen == chosen]
    return scatter(
        x=np.array([100 * place.share for place in places]),
        y=np.full(len(places), foot),
        yaxis="y",
        customdata=[_place(place) for place in places],
        name="location with branches" if chosen else "candidate location",
        mode="markers",
        cliponaxis=False,
        showlegend=bool(places),
        marker={
            "symbol": "triangle-up" if chosen else "triangle-up-open",
            "size": 10,
            "color": style.ink if chosen else style.soft,
        },
        hovertemplate="%{customdata}<extra></extra>",
    )


def _place(place) -> str:
    gives = f"gives {' × '.join(map(str, place.shape))}, " if place.shape else ""
    return f"{escape_plotly(place.name)}<br>{gives}{format.quantity(place.macs)} up to here ({format.percent(place.share)})"


def _words(anatomy, b: int) -> str:
    branch = anatomy.branches[b]
    place = anatomy.chosen[branch.place]
    width = f"width {branch.width}, " if branch.width else ""
    return f"{_place(place)}<br>branch: {width}{format.quantity(branch.macs)}"


def _ranking(state, b: int) -> str:
    """How well a measured branch's confidence ranks its own failures."""
    if state.trained is None or len(state.trained.accuracy) != len(state.anatomy.branches):
        return ""
    return f"<br>risk-coverage area {format.percent(_areas(state.trained.records)[b], 2)} (lower ranks failures better)"


@lru_cache(maxsize=4)
def _areas(records: ExitRecords) -> tuple[float, ...]:
    return tuple(risk_coverage_area(records).tolist())


def _line(app, share: float) -> dict:
    return {
        "type": "line", "x0": 100 * share, "x1": 100 * share, "yref": "y domain", "y0": 0, "y1": 1, "layer": "below",
        "line": {"color": app.style.soft, "width": 1, "dash": "dot"},
    }  # fmt: skip


def _label(app, k: int, place) -> dict:
    return {
        "x": 100 * place.share, "yref": "y domain", "y": 1, "yanchor": "bottom", "showarrow": False, "text": str(k + 1),
        "font": {"size": app.style.size, "color": app.style.soft}, "hovertext": escape_plotly(place.name),
    }  # fmt: skip


def _range(shown, final) -> list[float]:
    if final is None:
        return [0.0, 100.0]  # while branches learn, nothing but their points moves
    known = 100 * shown[np.isfinite(shown)]
    low = 10 * np.floor((min(final, known.min(initial=final)) - 5) / 10)
    return [float(max(0.0, low)), float(min(104.0, max(final, known.max(initial=0)) + 4))]
