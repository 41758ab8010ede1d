"""Per-exit accuracy: what each exit knows, beside how it does on the samples that left there."""

from __future__ import annotations

from functools import lru_cache

from ....core.table import format, metrics
from ....core.table.ranking import risk_coverage_area
from ....core.table.records import ExitRecords
from ...charts.style import exit_labels
from ...charts.traces import Drawing, bar
from ...charts.view import Chart


def draw(app) -> Drawing:
    state, style = app.state, app.style
    records, routing = state.records, state.routing
    own = 100 * metrics.own_accuracy(records)
    left = 100 * routing.exit_accuracy
    colors, patterns = style.colors(records.exits_count), style.patterns(records.exits_count)
    names = [
        f"{name}<br>{format.percent(share)} leave here"
        for name, share in zip(exit_labels(records), routing.share, strict=True)
    ]
    traces = [
        bar(
            x=names,
            y=own,
            name="on all samples",
            marker={"color": "rgba(128,128,128,0.25)", "line": {"color": list(colors), "width": 2}},
            text=[f"{v:.1f}" for v in own],
            textposition="outside",
            cliponaxis=False,
        ),
        bar(
            x=names,
            y=left,
            name="on the samples that left here",
            marker={
                "color": list(colors),
                "pattern": {"shape": list(patterns), "fgcolor": style.paper, "fillmode": "overlay", "size": 6},
            },
            text=[format.percent(v / 100).removesuffix(" %") for v in left],
            textposition="outside",
            cliponaxis=False,
        ),
    ]
    low = min([v for v in (*own, *left) if v == v])
    layout = style.layout(
        380,
        barmode="group",
        yaxis={"title": {"text": "accuracy (%)"}, "range": [max(0, 10 * int((low - 5) // 10)), 104]},
        xaxis={"type": "category"},
    )
    return Drawing(traces, layout)


def describe(app) -> str:
    records, routing = app.state.records, app.state.routing
    own = metrics.own_accuracy(records)
    parts = [
        f"{name} answers {format.percent(share)} of the samples and is right on {format.percent(left)} of them "
        f"(on all samples it would be right on {format.percent(all_)})"
        for name, share, left, all_ in zip(records.exits, routing.share, routing.exit_accuracy, own, strict=True)
        if share > 0
    ]
    areas = ", ".join(f"{name} {format.percent(a, 2)}" for name, a in zip(records.exits, _areas(records), strict=True))
    return (
        "; ".join(parts).capitalize()
        + ". The axis does not start at 0. How well confidences rank an exit's own failures, as "
        f"the area under its risk-coverage curve (its mean error when it answers only the surest; lower is better): {areas}."
    )


@lru_cache(maxsize=4)
def _areas(records: ExitRecords) -> tuple[float, ...]:
    return tuple(risk_coverage_area(records).tolist())


CHART = Chart("Accuracy per exit", draw, describe)
