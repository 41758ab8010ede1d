"""The tool panel: undo and pins, confidence measure, tuning under a budget, baselines' policies."""

from __future__ import annotations

import ipywidgets as widgets

from ...core.solve.baselines import POLICIES
from ...core.solve.thresholds import tune
from ...core.table import format
from ...core.table.calibration import MEASURES
from .analysis import BASELINE_DROP
from .state import default_policy

_WORDS = {"max_probability": "max probability", "margin": "margin (top − second)", "entropy": "entropy"}


def button(app, label: str, tooltip: str, act, doing: str, **layout) -> widgets.Button:
    """A button whose callback passes the guard."""
    made = widgets.Button(description=label, tooltip=tooltip, layout=widgets.Layout(width="auto", **layout))
    made.on_click(app.guarded(lambda _: act(), doing))
    return made


def row(*children) -> widgets.HBox:
    """Controls side by side, wrapping where the page is narrow."""
    return widgets.HBox(children, layout=widgets.Layout(flex_flow="row wrap", align_items="center", grid_gap="6px"))


def heading(words: str) -> widgets.HTML:
    return widgets.HTML(f'<h3 class="ee-heading">{words}</h3>')


def history_row(app) -> widgets.HBox:
    """Undo, redo, reset."""
    state = app.state
    undo = button(app, "↶ Undo", "Back to the setting before the last change", state.undo, "undoing")
    redo = button(app, "↷ Redo", "Forward again", state.redo, "redoing")
    reset = button(
        app,
        "Reset",
        "Every exit open for its most confident half",
        lambda: state.set_policy(default_policy(state.records)),
        "resetting",
    )

    def follow(_=None):
        undo.disabled, redo.disabled = not state.can_undo, not state.can_redo

    state.observe(app.guarded(follow, "updating undo"), ["can_undo", "can_redo"])
    follow()
    return row(undo, redo, reset)


def pins_row(app) -> widgets.HBox:
    """Keep a setting as A or B, and come back to it."""
    state = app.state
    children, returns = [], {}
    for name in ("A", "B"):
        children.append(
            button(app, f"Pin {name}", f"Remember this setting as {name}", lambda n=name: state.pin(n), "pinning")
        )
        returns[name] = button(
            app, f"Go to {name}", f"Return to {name}", lambda n=name: state.go_to_pin(n), "going to a pin"
        )
        children.append(returns[name])

    def follow(_=None):
        for name, made in returns.items():
            made.disabled = name not in state.pins

    state.observe(app.guarded(follow, "updating pins"), ["pins"])
    follow()
    return row(*children)


def confidence_row(app) -> widgets.HBox:
    """Confidence measure, temperature scaling, and which cost is charged."""
    state = app.state
    own = state.source.measure or "as recorded"
    measures = list(dict.fromkeys([own, *MEASURES]))
    measure = widgets.Dropdown(
        options=[(_WORDS.get(m, m), m) for m in measures],
        value=state.measure or own,
        description="Confidence",
        layout=widgets.Layout(width="250px"),
        style={"description_width": "76px"},
    )
    scaled = widgets.Checkbox(
        value=state.calibrated,
        description="temperature scaling",
        indent=False,
        layout=widgets.Layout(width="auto"),
        tooltip="One temperature per exit, fitted on this split, never on training images",
    )
    cost = widgets.Dropdown(
        options=sorted(state.records.costs),
        value=state.cost,
        description="Cost",
        layout=widgets.Layout(width="200px"),
        style={"description_width": "40px"},
    )
    cost.layout.display = None if len(state.records.costs) > 1 else "none"

    def show(_=None):
        measure.value, scaled.value, cost.value = state.measure or own, state.calibrated, state.cost

    def set_measure(change):
        try:
            state.set_confidence(measure="" if change.new == "as recorded" else change.new)
        finally:
            show()

    def set_scaled(change):
        try:
            state.set_confidence(calibrated=change.new)
        finally:
            show()

    def options(_=None):
        cost.options = sorted(state.records.costs)
        cost.layout.display = None if len(state.records.costs) > 1 else "none"
        show()

    measure.observe(app.guarded(set_measure, "changing the confidence measure"), "value")
    scaled.observe(app.guarded(set_scaled, "changing temperature scaling"), "value")
    cost.observe(app.guarded(lambda change: state.set_cost(change.new), "changing the cost"), "value")
    state.observe(app.guarded(show, "showing the confidence"), ["measure", "calibrated", "cost"])
    state.observe(app.guarded(options, "showing the costs"), ["source"])
    return row(measure, scaled, cost)


class Tuning:
    """“At most so much cost” and “at most so much accuracy lost”: the best thresholds, exactly."""

    def __init__(self, app):
        self.app, self.state = app, app.state
        self.budget = widgets.BoundedFloatText(
            min=0,
            max=1e30,
            step=0.05,
            description="At most",
            layout=widgets.Layout(width="170px"),
            style={"description_width": "56px"},
        )
        self.unit = widgets.Label()
        self.which = widgets.Dropdown(
            options=[("mean", "max_cost"), ("worst case", "max_worst")],
            description="of the",
            layout=widgets.Layout(width="150px"),
            style={"description_width": "40px"},
        )
        self.drop = widgets.BoundedFloatText(
            value=1.0,
            min=0,
            max=100,
            step=0.1,
            description="At most",
            layout=widgets.Layout(width="150px"),
            style={"description_width": "56px"},
        )
        self.budget_button = button(
            app,
            "Best under this budget",
            "The thresholds with the highest accuracy within the budget, exact",
            self.under_budget,
            "tuning under a budget",
        )
        self.drop_button = button(
            app,
            "Cheapest within this drop",
            "The cheapest thresholds within this drop from the final classifier, exact",
            self.within_drop,
            "tuning within an accuracy drop",
        )
        self.preset = widgets.Dropdown(
            options=list(POLICIES),
            description="Baseline",
            layout=widgets.Layout(width="250px"),
            style={"description_width": "66px"},
        )
        self.preset_button = button(
            app,
            "Apply",
            f"This method's policy for a drop of {100 * BASELINE_DROP:.0f} pp",
            self.apply_preset,
            "applying a baseline",
        )
        self.state.observe(app.guarded(lambda _: self._scale(), "showing the budget"), ["source", "cost"])
        self._scale()
        self.box = widgets.VBox(
            [
                row(self.budget, self.unit, self.which, self.budget_button),
                row(self.drop, widgets.Label("pp below the final exit"), self.drop_button),
                row(self.preset, self.preset_button),
            ]
        )

    def _scale(self) -> None:
        cost = self.state.records.cost(self.state.cost)
        self._factor, self.unit.value = format.prefixed(cost.static / 2, cost.unit)
        self.budget.value = float(format.quantity(cost.static / 2, cost.unit).split(" ", 1)[0])

    def under_budget(self) -> None:
        records, cost, which = self.state.records, self.state.cost, self.which.value
        limit = float(f"{self.budget.value * self._factor:.12g}")  # 1.1 M is 1100000, not 1100000.0000000002
        most = format.shown_within(limit, records.cost(cost).unit)
        try:
            policy = tune(records, cost=cost, **{which: most})
        except ValueError:
            policy = tune(records, cost=cost, **{which: limit})  # says what was typed
        self._found(policy, "Best under this budget")

    def within_drop(self) -> None:
        self._found(
            tune(self.state.records, max_drop=self.drop.value / 100, cost=self.state.cost), "Cheapest within this drop"
        )

    def apply_preset(self) -> None:
        method = POLICIES[self.preset.value]
        self._found(method(self.state.records, cost=self.state.cost, max_drop=BASELINE_DROP), self.preset.value)

    def _found(self, policy, name: str) -> None:
        self.state.set_policy(policy)
        routing = self.state.routing
        self.app.status.info(
            f"{name}: {format.percent(routing.accuracy, 2)} at {format.quantity(routing.mean_cost, routing.unit)}, worst case "
            f"{format.quantity(routing.worst_cost, routing.unit)}, on this split, chosen here, so optimistic."
        )
