"""The strip of figures for the report split, the comparison of pins, and the table that is exported: text only."""

from __future__ import annotations

import csv
import io
from html import escape

import numpy as np

from ...core.table import format, metrics
from ...core.table.policy import Routing, route
from ...core.table.records import ExitRecords


def strip(records: ExitRecords, routing: Routing, static: float, reference=None) -> str:
    """HTML strip: accuracy with interval, mean and worst cost, saving, shares; reference: (name, right (N,) bool)."""
    interval = metrics.accuracy_interval(records, routing.right)
    cells = [
        (
            "accuracy",
            format.percent(routing.accuracy, 2),
            f"95 % interval {format.interval_percent(interval)}, {interval.method}",
        ),
        (
            "mean cost",
            format.quantity(routing.mean_cost, routing.unit),
            _beside(-metrics.saving(routing.mean_cost, static)),
        ),
        (
            "worst case",
            format.quantity(routing.worst_cost, routing.unit),
            _beside(routing.worst_cost / static - 1),
        ),
        ("95 % pay at most", format.quantity(routing.cost_quantile(0.95), routing.unit), ""),
        ("leave at", " · ".join(format.percent(s, 0) for s in routing.share), " · ".join(records.exits)),
    ]
    if reference is not None:
        name, right = reference
        paired = metrics.paired_interval(records, routing.right, right)
        cells.insert(
            1,
            (
                f"against {name}",
                format.interval_points(paired).split(" (")[0],
                f"95 % interval {_ends(paired)}, paired",
            ),
        )
    inside = "".join(
        f'<div class="ee-datum"><span>{escape(a)}</span><b>{escape(b)}</b><small>{escape(c)}</small></div>'
        for a, b, c in cells
    )
    return f'<div class="ee-strip">{inside}</div>'


def _beside(more: float) -> str:
    """A cost against the static network's, more of it as a share."""
    return f"{format.percent(abs(more))} {'above' if more > 0 else 'below'} static"


def _ends(interval: metrics.Interval) -> str:
    return f"{100 * interval.low:+.2f} to {100 * interval.high:+.2f} pp".replace("-", "−")


def report(app) -> str:
    """The report split at the current policy, with the paired difference from the static network."""
    state = app.state
    records = state.report_records
    routing = route(records, state.policy, state.cost)
    static = _static_cost(app)
    words = (
        f"<p class='ee-sentence'>{escape(records.split or 'report')} split, {len(records):,} samples, look {len(state.looks)}. "
        "Thresholds chosen after looking here would be tuned on it: each look is counted and logged.</p>"
    )
    own = ("its own final exit", records.correct[:, -1])
    trained = [(n.name, n.right(records.split)) for n in state.static if len(n.right(records.split)) == len(records)]
    html = strip(records, routing, static, trained[-1] if trained else own)
    if trained:
        paired = metrics.paired_interval(records, routing.right, own[1])
        html += f"<p class='ee-sentence'>Against its own final exit: {escape(format.interval_points(paired))}.</p>"
    return html + words


def _static_cost(app) -> float:
    return app.state.records.cost(app.state.cost).static


def comparison(app) -> str:
    """HTML table of the current setting beside pins A and B, on the tuning split."""
    state = app.state
    if not state.pins:
        return "<p class='ee-sentence'>Pin a setting as A, change something, and both appear here side by side.</p>"
    static = _static_cost(app)
    rows = [("now", state.routing, state.records)]
    here = {name for name, setting in state.pins.items() if setting == state.setting}
    for name, setting in sorted(state.pins.items()):
        records = state.made(setting)
        rows.append((name, route(records, setting.policy, state.cost), records))
    body, differences = "", ""
    for name, routing, records in rows:
        cells = (
            name,
            format.percent(routing.accuracy, 2),
            format.quantity(routing.mean_cost, routing.unit),
            format.quantity(routing.worst_cost, routing.unit),
            format.percent(metrics.saving(routing.mean_cost, static)),
        )
        body += "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        if name in here:
            differences += f"<p class='ee-sentence'>Now is the setting pinned as {escape(name)}.</p>"
        elif name != "now":
            paired = metrics.paired_interval(records, state.routing.right, routing.right)
            differences += (
                f"<p class='ee-sentence'>Now minus {escape(name)}: {escape(format.interval_points(paired))}.</p>"
            )
    head = "".join(f"<th scope='col'>{h}</th>" for h in ("", "accuracy", "mean", "worst case", "saving"))
    return f"<table class='ee-table'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{differences}"


def exit_rows(app) -> list[dict]:
    """One row per exit: what the table and the CSV show."""
    state = app.state
    records, routing = state.records, state.routing
    own = metrics.own_accuracy(records)
    cost = records.cost(state.cost)
    return [
        {
            "exit": records.exits[k],
            "threshold": None if k == len(own) - 1 else state.policy.thresholds[k],
            "samples": int(routing.count[k]),
            "share": float(routing.share[k]),
            "accuracy_of_those_leaving": float(routing.exit_accuracy[k]),
            "accuracy_on_all": float(own[k]),
            f"cost_{routing.unit}": float(routing.cost_at[k]),
            f"head_{routing.unit}": float(np.prod([term.heads[k] for term in cost.terms])),
            "ece": metrics.reliability(records, k).ece,
        }
        for k in range(records.exits_count)
    ]


def table(app) -> str:
    """HTML of `exit_rows`."""
    unit = app.state.routing.unit
    head = (
        "exit",
        "threshold",
        "samples",
        "share",
        "right of those leaving",
        "right on all",
        "cost",
        "its own head",
        "ECE",
    )
    body = ""
    for k, r in enumerate(exit_rows(app)):
        last = k == len(app.state.policy.thresholds)
        threshold = "takes all" if last else "removed" if r["threshold"] is None else f"{r['threshold']:.4g}"
        cells = (
            r["exit"],
            threshold,
            f"{r['samples']:,}",
            format.percent(r["share"]),
            format.percent(r["accuracy_of_those_leaving"], 2),
            format.percent(r["accuracy_on_all"], 2),
            format.quantity(r[f"cost_{unit}"], unit),
            format.quantity(r[f"head_{unit}"], unit),
            format.percent(r["ece"]),
        )
        body += "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    return (
        "<table class='ee-table'><thead><tr>"
        + "".join(f"<th scope='col'>{h}</th>" for h in head)
        + f"</tr></thead><tbody>{body}</tbody></table>"
    )


def to_csv(app) -> str:
    """`exit_rows` as CSV text; removed exits have an empty threshold."""
    rows = exit_rows(app)
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
