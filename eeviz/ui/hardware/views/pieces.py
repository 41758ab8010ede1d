"""Where time goes along the depth on this host: the measured time of every segment and exit, in floats and in int8."""

from __future__ import annotations

import numpy as np

from ....core.network.bits import Bits
from ....core.table import format
from ....hardware.clock import Clocked
from ....labs.hardware.settings import clock_words
from ...charts.traces import Drawing, bar, scatter
from ..palette import of_piece, pattern_of

HEIGHT = 360
MICRO = 1e6


def shown(state) -> tuple[Clocked | None, Clocked | None]:
    """What was clocked at the bits and batch on show, and at the other bits in the same batch; None for what was not."""
    if state.reading is None or not state.reading.settings.batch:
        return None, None
    asked = state.reading.settings
    same = [one for one in state.clocked if one.batch == asked.batch]
    bits = Bits.of(asked.bits)
    return (
        next((one for one in same if one.bits == bits), None),
        next((one for one in same if one.bits != bits), None),
    )


def seconds(subject, one: Clocked) -> np.ndarray:
    """Of every piece in the order in which a sample meets them."""
    return np.array([(one.heads if part.head else one.segments)[list(part.index)].sum() for part in subject.pieces])


def draw(app) -> Drawing:
    """Three traces: the readings asked for, those at the other bits, what each piece takes in words."""
    state, style = app.state, app.style
    subject = state.subject
    asked, other = shown(state)
    names = [part.name for part in subject.pieces]
    taken = MICRO * seconds(subject, asked)
    x = np.arange(1, len(names) + 1)
    beside = np.zeros(0) if other is None else MICRO * seconds(subject, other)
    traces = [
        bar(
            x=x, y=taken, name=clock_words(asked), customdata=names, showlegend=False,
            marker={
                "color": [of_piece(part.look, subject.exits, style.theme) for part in subject.pieces],
                "pattern": {
                    "fillmode": "overlay",
                    "shape": [pattern_of(part.look, subject.exits) for part in subject.pieces],
                    "fgcolor": style.paper,
                    "fgopacity": 0.5,
                    "size": 6,
                },
            },
            hovertemplate="%{customdata}<br>%{y:.1f} µs<extra>" + clock_words(asked) + "</extra>",
        ),
        scatter(
            x=x[: len(beside)], y=beside, mode="markers", name="" if other is None else clock_words(other),
            customdata=names[: len(beside)], showlegend=other is not None,
            marker={"symbol": "line-ew-open", "size": 30, "line": {"width": 3, "color": style.ink}, "color": style.ink},
            hovertemplate="%{customdata}<br>%{y:.1f} µs<extra>%{fullData.name}</extra>",
        ),
        scatter(
            x=x, y=np.maximum(taken, beside) if len(beside) else taken, mode="text", text=[f"{value:.0f}" if value >= 9.5 else f"{value:.1f}" for value in taken],
            textposition="top center", textfont={"size": style.size, "color": style.ink}, cliponaxis=False,
            hoverinfo="skip", showlegend=False,
        ),
    ]  # fmt: skip
    return Drawing(traces, style.layout(HEIGHT, **_axes(names, taken, beside, style)))


def _axes(names, taken, beside, style) -> dict:
    highest = max(taken.max(initial=0.0), beside.max(initial=0.0))
    return {
        "bargap": 0.35,
        "xaxis": {
            "range": [0.4, len(names) + 0.6],
            "tickmode": "array",
            "tickvals": list(range(1, len(names) + 1)),
            "ticktext": names,
            "showgrid": False,
        },
        "yaxis": {"title": {"text": "latency of a sample (µs)"}, "range": [0, 1.14 * highest or 1.0]},
        "showlegend": True,
        "legend": style.legend("top"),
        "margin": {"l": 74, "r": 16, "t": 60 if style.projector else 44, "b": 60 if style.projector else 44},
        "hovermode": "closest",
    }


def describe(app) -> str:
    state = app.state
    asked, other = shown(state)
    taken = seconds(state.subject, asked)
    early = float(asked.heads[:-1].sum() / taken.sum()) if taken.sum() else 0.0
    macs = state.reading.costs["macs"]
    whole = macs.at(np.ones(len(macs) - 1, dtype=bool))[-1]
    said = (
        f"Measured on this host, {clock_words(asked)}, for each sample: segments and exits in the order in which a sample "
        f"meets them. The early exits take {format.percent(early)} of the latency and "
        f"{format.percent(float(macs.heads[:-1].sum() / whole))} of the MACs."
    )
    if other is not None:
        ratio = float(taken.sum() / seconds(state.subject, other).sum())
        said += f" The lines: {clock_words(other)}, which takes {1 / ratio:.2f} times as long in all."
    return said
