"""Text about the selected candidate and about A beside B: HTML, every string escaped."""

from __future__ import annotations

from html import escape

from ...core.table import format, metrics
from ...core.table.policy import route
from ...labs.search.state import Selection
from .drawing import early_exits

SAME = 0.0003
"""Difference of accuracies from which on it is explained."""


def headline(selection: Selection) -> str:
    """Strip of figures of the selected operating point."""
    cells = [
        ("accuracy", format.percent(selection.accuracy, 2), "on search-validation, so optimistic"),
        ("mean cost", format.quantity(selection.mean_cost, selection.unit), "per sample"),
        ("worst case", format.quantity(selection.worst_cost, selection.unit), "of the deepest exit within reach"),
        (
            "parameters",
            _count(selection.drawing["parameters"]),
            early_exits(len(selection.drawing["branches"]) - 1),
        ),
    ]
    inside = "".join(
        f'<div class="ee-datum"><span>{escape(a)}</span><b>{escape(b)}</b><small>{escape(c)}</small></div>'
        for a, b, c in cells
    )
    return f'<div class="ee-strip">{inside}</div>'


def comparison(pins: dict[str, Selection], spaces, records_of) -> str:
    """HTML of A beside B: figures, the paired difference where both have records, and the genes that differ.

    spaces : method -> SearchSpace. records_of(selection) -> ExitRecords; raises ValueError where there are none.
    """
    if len(pins) < 2:
        have = (
            f"{next(iter(pins))} is pinned; pin another point as {'B' if 'A' in pins else 'A'}."
            if pins
            else ("Select a point and pin it as A, another as B: both appear here side by side.")
        )
        return f"<p class='ee-sentence'>{escape(have)}</p>"
    a, b = pins["A"], pins["B"]
    lines = [
        ("network", a.name, b.name),
        ("accuracy", format.percent(a.accuracy, 2), format.percent(b.accuracy, 2)),
        ("mean cost", format.quantity(a.mean_cost, a.unit), format.quantity(b.mean_cost, b.unit)),
        ("worst case", format.quantity(a.worst_cost, a.unit), format.quantity(b.worst_cost, b.unit)),
        ("parameters", _count(a.drawing["parameters"]), _count(b.drawing["parameters"])),
        ("early exits", *(str(len(s.drawing["branches"]) - 1) for s in (a, b))),
    ]
    genes = _genes(a, b, spaces)
    words = f"{len(genes)} gene{'' if len(genes) == 1 else 's'} differ{'s' if len(genes) == 1 else ''}"
    more = (
        f"<details><summary>{words}</summary>{_table(genes)}</details>"
        if genes
        else "<p class='ee-sentence'>No gene differs.</p>"
    )
    difference = f"<p class='ee-sentence'>{escape(_difference(a, b, records_of))}</p>"
    return f"<div class='ee-scroll'>{_table(lines)}</div>{difference}{more}"


def _table(lines: list[tuple[str, str, str]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    head = "<tr><th></th><th scope='col'>A</th><th scope='col'>B</th></tr>"
    return f"<table class='ee-table'><thead>{head}</thead><tbody>{body}</tbody></table>"


def _difference(a: Selection, b: Selection, records_of) -> str:
    try:
        tables = [records_of(selection) for selection in (a, b)]
    except ValueError as error:
        return f"No paired difference: {error}"
    if len(tables[0]) != len(tables[1]) or (tables[0].label != tables[1].label).any():
        return "No paired difference: the two were evaluated on different samples."
    routed = [route(t, s.policy, next(iter(t.costs))) for t, s in zip(tables, (a, b), strict=True)]
    right = [one.right for one in routed]
    paired = metrics.paired_interval(tables[0], right[1], right[0])
    said = (
        f"B minus A on the same {len(right[0]):,} samples: {format.interval_points(paired)}. Both were chosen on them."
    )
    if all(abs(one.accuracy - s.accuracy) < SAME for one, s in zip(routed, (a, b), strict=True)):
        return said
    whole = " and ".join(format.percent(one.accuracy, 2) for one in routed)
    return (
        f"{said} This compares one set of thresholds each for all samples ({whole}); the accuracies in the table are of "
        "each half of them under thresholds chosen on the other half."
    )


def _genes(a: Selection, b: Selection, spaces) -> list[tuple[str, str, str]]:
    if spaces[a.method] != spaces[b.method]:
        return []
    space = spaces[a.method]
    values = [space.decode(selection.genome).values for selection in (a, b)]
    return [
        (gene.name, *(_option(v.get(gene.name)) for v in values))
        for gene in space.genes
        if gene.group != "thresholds" and values[0].get(gene.name) != values[1].get(gene.name)
    ]


def _option(value) -> str:
    return "–" if value is None else str(value)


def _count(number: float) -> str:
    return format.quantity(number, "").strip()
