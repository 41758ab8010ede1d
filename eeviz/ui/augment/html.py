"""Text about the chosen network and the shortest path beside it: HTML, every string escaped."""

from __future__ import annotations

from html import escape

from ...core.table import format
from ...labs.augment.state import AugmentState, Configuration


def headline(one: Configuration, final: float) -> str:
    """Strip of figures of a configuration."""
    figures = one.figures
    latency, energy = figures["latency"], figures["energy"]

    def saved(name: str) -> str:
        return f"{format.saved(figures[name]['saving'])}; the model {_q(figures[name]['static'], figures[name]['unit'])}"

    cells = [
        (
            "accuracy",
            format.percent(one.accuracy, 2),
            f"the model {format.percent(final, 2)}; chosen here, so optimistic",
        ),
        ("mean energy", _q(energy["mean"], energy["unit"]), saved("energy")),
        ("mean latency", _q(latency["mean"], latency["unit"]), saved("latency")),
        ("95 % within", _q(latency["p95"], latency["unit"]), "latency of one sample"),
        ("worst latency", _q(latency["worst"], latency["unit"]), f"worst energy {_q(energy['worst'], energy['unit'])}"),
    ]
    inside = "".join(
        f'<div class="ee-datum"><span>{escape(a)}</span><b>{escape(b)}</b><small>{escape(c)}</small></div>'
        for a, b, c in cells
    )
    difference = f"Accuracy against the model on the same samples: {format.interval_points(one.difference)}."
    if one.expected is not None:
        difference += (
            f" On new samples expect a drop of {format.interval_points(one.expected)} (cross-validated); asked for: at most "
            f"{100 * one.asked:g} pp."
        )
    return f'<div class="ee-strip">{inside}</div><p class="ee-sentence">{escape(difference)}</p>'


def gap(state: AugmentState) -> str:
    """The shortest path beside the decision, in one sentence."""
    beside, decision = state.beside, state.decision
    if decision is None:
        return ""
    if beside is None or beside.decision is not decision:
        return "The shortest path's configuration is being computed …"
    if beside.configuration is None:
        return f"The published shortest path finds nothing here: {beside.words}"
    records, cost = state.trained.records, decision.settings.cost
    theirs = beside.configuration.mapping.route(records, cost)
    ours = decision.front.mean_cost[decision.index]
    if theirs.mean_cost <= 0:
        return ""
    less = 1 - ours / theirs.mean_cost
    found = f"{format.percent(abs(less))} {'less' if less > 0 else 'more'}" if abs(less) >= 0.0005 else "the same"
    more = beside.configuration.policy.kept.sum() > decision.settings.max_exits
    return (
        f"The published method's choice for the same drop, on the processors that suit it best: "
        f"{format.percent(theirs.accuracy, 2)} at {_q(theirs.mean_cost, theirs.unit)} mean {_name(cost)}. Deciding everything "
        f"together needs {_q(float(ours), theirs.unit)}, {found}."
        + (" It knows no limit on the number of exits." if more else "")
    )


def table(anatomy) -> str:
    """The candidate locations in a table."""
    if anatomy is None:
        return "<p class='ee-sentence'>No model has been read yet.</p>"
    head = ("location", "tensor", "MACs up to it", "share", "branches")
    chosen = {place.name: k for k, place in enumerate(anatomy.chosen)}
    rows = []
    for place in anatomy.places:
        branches = [
            f"{b.design} {format.quantity(b.macs)}"
            for b in anatomy.branches
            if place.chosen and b.place == chosen[place.name]
        ]
        name = f"{chosen[place.name] + 1}: {place.name}" if place.chosen else place.name
        shape = " × ".join(map(str, place.shape))
        rows.append(
            (name, shape or "–", format.quantity(place.macs), format.percent(place.share), ", ".join(branches) or "–")
        )
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    top = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    notes = "".join(f"<p class='ee-sentence'>{escape(note)}</p>" for note in anatomy.notes)
    said = f"<p class='ee-sentence'>{escape(anatomy.title)}: {format.quantity(anatomy.macs)}, {anatomy.classes} classes.</p>"
    return f"{said}{notes}<div class='ee-scroll'><table class='ee-table'><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _name(cost: str) -> str:
    return "MACs" if cost == "macs" else cost


def _q(value: float, unit: str) -> str:
    return format.quantity(value, unit)
