"""Per-class flow: where the samples of each class leave, the classes in the order of their mean exit."""

from __future__ import annotations

import numpy as np

from ....core.table import format, metrics
from ...charts.style import escape_plotly, exit_labels
from ...charts.traces import Drawing, bar
from ...charts.view import Chart


def _flow(app) -> tuple[list[str], np.ndarray, np.ndarray]:
    records = app.state.records
    flow = metrics.class_flow(records, app.state.routing)  # (C, E)
    names = list(records.classes) if records.classes else [f"class {c}" for c in range(len(flow))]
    seen = flow.sum(axis=1) > 0
    share = flow[seen] / flow[seen].sum(axis=1, keepdims=True)
    order = np.argsort(-(share @ np.arange(share.shape[1])), kind="stable")  # the hardest first: plotly draws upwards
    return [name for name, here in zip(names, seen, strict=True) if here], share[order], order


def draw(app) -> Drawing:
    style, records = app.style, app.state.records
    labels = exit_labels(records)
    names, share, order = _flow(app)
    ordered = [escape_plotly(names[i]) for i in order]
    colors, patterns = style.colors(records.exits_count), style.patterns(records.exits_count)
    traces = [
        bar(
            y=ordered,
            x=100 * share[:, k],
            orientation="h",
            name=labels[k],
            marker={
                "color": colors[k],
                "pattern": {"shape": patterns[k], "fgcolor": style.paper, "fillmode": "overlay", "size": 6},
            },
            text=[f"{100 * v:.0f}" if v >= 0.06 else "" for v in share[:, k]],
            textposition="inside",
            insidetextanchor="middle",
            textfont={"color": style.paper},
            textangle=0,
            hovertemplate="%{y}: %{x:.1f} % leave at " + labels[k] + "<extra></extra>",
        )
        for k in range(records.exits_count)
    ]
    layout = style.layout(
        max(300, 34 * len(ordered) + 90),
        barmode="stack",
        xaxis={"title": {"text": "share of the class leaving at each exit (%)"}, "range": [0, 100]},
        yaxis={"type": "category", "categoryorder": "array", "categoryarray": ordered},
    )
    return Drawing(traces, layout)


def describe(app) -> str:
    names, share, order = _flow(app)
    hard, easy = names[order[0]], names[order[-1]]
    return (
        f"“{easy}” is the easiest class here: {format.percent(share[-1, 0])} of it leaves at the first exit; “{hard}” is the "
        f"hardest: {format.percent(share[0, -1])} of it goes to the final classifier."
    )


CHART = Chart("Classes", draw, describe)
