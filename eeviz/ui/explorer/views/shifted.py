"""Shifted inputs: the thresholds stay, the shares move. Shares need no labels, so they are always on show."""

from __future__ import annotations

from ....core.table import format
from ....core.table.policy import route
from ...charts.style import escape_plotly, exit_labels
from ...charts.traces import Drawing, bar
from ...charts.view import Chart


def _routings(app):
    state = app.state
    rows = [(f"{state.records.split or 'tuning'} (clean)", state.routing)]
    rows += [(label, route(records, state.policy, state.cost)) for label, records in state.shifted]
    return rows[::-1]


def draw(app) -> Drawing:
    style, records = app.style, app.state.records
    labels = exit_labels(records)
    rows = _routings(app)
    colors, patterns = style.colors(records.exits_count), style.patterns(records.exits_count)
    traces = [
        bar(
            y=[escape_plotly(label) for label, _ in rows],
            x=[100 * r.share[k] for _, r in rows],
            orientation="h",
            name=labels[k],
            marker={
                "color": colors[k],
                "pattern": {"shape": patterns[k], "fgcolor": style.paper, "fillmode": "overlay", "size": 6},
            },
            text=[f"{100 * r.share[k]:.0f}" if r.share[k] >= 0.04 else "" for _, r in rows],
            textposition="inside",
            insidetextanchor="middle",
            textfont={"color": style.paper},
            textangle=0,
            hovertemplate="%{y}: %{x:.1f} % leave here<extra></extra>",
        )
        for k in range(records.exits_count)
    ]
    layout = style.layout(
        70 * len(rows) + 100,
        barmode="stack",
        xaxis={"title": {"text": "share of the samples leaving at each exit (%)"}, "range": [0, 100]},
        yaxis={"type": "category"},
    )
    return Drawing(traces, layout)


def describe(app) -> str:
    rows = _routings(app)[::-1]
    if len(rows) == 1:
        return "These records come without shifted inputs."
    (_, clean), (label, worst) = rows[0], rows[-1]
    cost = f"{format.quantity(clean.mean_cost, clean.unit)} to {format.quantity(worst.mean_cost, worst.unit)}"
    words = (
        f"At the same thresholds, “{label}” moves the share of the final classifier from {format.percent(clean.share[-1])} to "
        f"{format.percent(worst.share[-1])} and the mean cost from {cost}."
    )
    if not app.state.report_open:
        return words + " How the accuracy fares is report data: open the report to see it."
    return words + " Accuracies: " + ", ".join(f"{name} {format.percent(r.accuracy)}" for name, r in rows[1:]) + "."


CHART = Chart("Shifted inputs", draw, describe)
