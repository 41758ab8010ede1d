"""Bits and shares: how samples spread over the exits as bits fall, under held thresholds and thresholds tuned again."""

from __future__ import annotations

import numpy as np

from ....core.table import format
from ....labs.hardware.settings import FLOAT, answers_words, pair_words, word
from ...charts.style import escape_plotly
from ...charts.traces import Drawing, bar, scatter
from ...charts.view import Chart
from ..html import amount

ROW = 50


def draw(app) -> Drawing:
    state, style = app.state, app.style
    rounded = state.rounded
    if not rounded:
        return Drawing([scatter(x=[], y=[], showlegend=False)], style.layout(16, **_hidden()))
    exits = [escape_plotly(name) for name in state.subject.records.exits]
    colors, patterns = style.colors(len(exits)), style.patterns(len(exits))
    labels = [answers_words(one.pair, one.learnt).replace(", ", "<br>") for one in rounded]
    traces = []
    for axis, outcomes in (("x", [one.held for one in rounded]), ("x2", [one.again for one in rounded])):
        for k, name in enumerate(exits):
            traces.append(
                bar(
                    x=np.array([100 * outcome.share[k] for outcome in outcomes]),
                    y=labels,
                    xaxis=axis,
                    orientation="h",
                    name=name,
                    legendgroup=name,
                    showlegend=axis == "x",
                    marker={
                        "color": colors[k],
                        "pattern": {
                            "fillmode": "overlay",
                            "shape": patterns[k],
                            "fgcolor": style.paper,
                            "fgopacity": 0.5,
                            "size": 6,
                        },
                        "line": {"color": style.paper, "width": 1},
                    },
                    texttemplate="%{x:.0f}",
                    textposition="inside",
                    insidetextanchor="middle",
                    textfont={"color": style.paper, "size": style.size - 1},
                    textangle=0,
                    hovertemplate="%{y}<br>%{x:.1f} % leave at " + name + "<extra></extra>",
                )
            )
        traces.append(
            scatter(
                x=np.full(len(rounded), 101.5), y=labels, xaxis=axis, mode="text", cliponaxis=False, hoverinfo="skip",
                text=[format.percent(outcome.accuracy.value, 1) for outcome in outcomes], textposition="middle right",
                textfont={"size": style.size, "color": style.ink}, showlegend=False,
            )
        )  # fmt: skip
    height = 150 + ROW * len(rounded)
    return Drawing(traces, style.layout(height, **_axes(style)))


def _axes(style) -> dict:
    ticks = {"range": [0, 118], "tickvals": [0, 50, 100], "anchor": "y"}
    return {
        "barmode": "stack",
        "bargap": 0.25,
        "xaxis": {
            **ticks,
            "domain": [0, 0.48],
            "title": {"text": "held: share (%), accuracy"},
        },
        "xaxis2": {**ticks, "domain": [0.54, 1], "title": {"text": "tuned again: share (%), accuracy"}},
        "yaxis": {"autorange": "reversed", "type": "category", "showgrid": False},
        "showlegend": True,
        "legend": style.legend("top"),
        "margin": {"l": 90, "r": 16, "t": 44 if not style.projector else 60, "b": 60},
        "hovermode": "closest",
    }


def _hidden() -> dict:
    off = {"visible": False}
    return {"xaxis": off, "yaxis": off, "showlegend": False, "margin": {"l": 0, "r": 0, "t": 0, "b": 0}}


def describe(app) -> str:
    state = app.state
    rounded = state.rounded
    if not rounded:
        return (
            "Measure the answers at fewer bits: by calibration on training images, in seconds, without training. Fine-tuning "
            "learns with the rounding, in minutes."
        )
    cost, last = state.settings.cost, rounded[-1]
    samples = len(next(iter(state.answers.values())).shown)
    said = f"Tuned on {samples:,} validation samples, shown are {samples:,} others. "
    plain = next((one for one in rounded if one.pair == FLOAT), rounded[0])
    if last is plain:
        return said
    first = int(np.argmax(np.append(plain.held.policy.kept, True)))
    said += (
        f"Left, the thresholds tuned for FP32 are held: from FP32 to {answers_words(last.pair, last.learnt)}, the share "
        "that leaves at "
        f"{state.subject.records.exits[first]} goes from {format.percent(plain.held.share[first])} to "
        f"{format.percent(last.held.share[first])}, accuracy from {format.percent(plain.held.accuracy.value)} to "
        f"{format.percent(last.held.accuracy.value)}. Right, they are tuned again on the rounded answers."
    )
    if cost in last.held.costs and cost in last.again.costs:
        held, again = last.held.costs[cost], last.again.costs[cost]
        unit = state.reading.costs[cost].unit if state.reading is not None else ""
        said += f" Mean {word(cost)}: held {amount(held[0], unit)}, tuned again {amount(again[0], unit)}."
    return said + _learnt(rounded, state.subject.records.exits)


def _learnt(rounded, exits) -> str:
    """What fine-tuning did to every exit answering all."""
    said = ""
    before = {one.pair: one for one in rounded if not one.learnt}
    for one in rounded:
        if one.learnt and one.pair in before:
            moved = ", ".join(
                f"{name} {format.points(float(after - ago))}"
                for name, after, ago in zip(exits, one.accuracy, before[one.pair].accuracy, strict=True)
            )
            said += f" Fine-tuning at {pair_words(one.pair)} on {one.learnt:,} images moved accuracy: {moved}."
    return said


CHART = Chart("Bits and shares", draw, describe)
