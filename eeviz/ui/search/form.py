"""The form: data, methods, objectives, constraints, budget and seed; below it, what the store offers."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets

from ...hardware import COSTS, names
from ...labs.search.settings import METHODS, Settings, amount, short
from ..explorer.controls import button, row
from ..lab.data_row import DataRow
from .palette import MARKS

DATASETS = ("fashion-mnist",)
"""Data sets with a supernet."""

_MEANING = {
    "two-level": "varies the backbone and solves exits, branches and thresholds exactly",
    "aebnas": "varies backbone, exits, branches and thresholds in one genome (AEBNAS)",
    "edanas": "varies backbone and thresholds, the same branch at every exit (EDANAS)",
    "nachos": "varies backbone and exits, which leave by a learned confidence (NACHOS)",
    "random": "draws backbones blindly and solves the rest as two-level does",
}
_TIME, _COUNT = "seconds", "evaluations"


class Form:
    """Widgets over `state.settings`. `read` is what is written in them now."""

    def __init__(self, app):
        self.app, self.state = app, app.state
        asked = self.state.settings
        datasets = list(dict.fromkeys([*DATASETS, asked.dataset]))
        self.dataset = _dropdown(datasets, asked.dataset, "Data", 190)
        self.methods = {
            name: widgets.Checkbox(
                value=name in asked.methods,
                description=f"{MARKS[name].sign} {name}",
                indent=False,
                layout=widgets.Layout(width="auto", margin="0 10px 0 0"),
            )
            for name in METHODS
        }
        offered = ("macs", *COSTS) if asked.hardware else ("macs",)
        self.cost = _dropdown(list(dict.fromkeys([*offered, asked.cost])), asked.cost, "Error against", 230)
        self.hardware = _dropdown(
            [("MACs alone", ""), *((name, name) for name in names())], asked.hardware, "Costs from", 270
        )
        self.max_cost = _text(short(asked.max_cost), "Mean at most", "no bound", 176)
        self.max_worst = _text(short(asked.max_worst), "Worst case at most", "no bound", 216)
        self.amount = widgets.BoundedFloatText(
            value=asked.seconds or asked.evaluations,
            min=1,
            max=1e6,
            step=1,
            description="Budget",
            layout=widgets.Layout(width="140px"),
            style={"description_width": "initial"},
        )
        self.kind = widgets.Dropdown(
            options=[_COUNT, _TIME],
            value=_COUNT if asked.seconds is None else _TIME,
            layout=widgets.Layout(width="116px"),
            tooltip="Each method gets this much",
        )
        self.seed = widgets.BoundedIntText(
            value=asked.seed,
            min=0,
            max=2**31 - 1,
            description="Seed",
            layout=widgets.Layout(width="110px"),
            style={"description_width": "initial"},
        )
        self.saved = _dropdown([], None, "Saved searches", 620)
        self.open_button = button(
            app, "Open", "Show this search; Resume goes on with it", self.open_saved, "opening a saved search"
        )
        self.store, self.meaning = widgets.HTML(), widgets.HTML()
        methods = widgets.Label("Methods", layout=widgets.Layout(width="auto"))
        self.saved_row = row(self.saved, self.open_button, self.store)
        self.data = DataRow(app, lambda: self.dataset.value)
        self.box = widgets.VBox(
            [
                row(self.dataset, methods, *self.methods.values()),
                self.data.box,
                row(
                    self.hardware,
                    self.cost,
                    self.max_cost,
                    self.max_worst,
                    self.amount,
                    self.kind,
                    widgets.Label("each"),
                    self.seed,
                ),
                self.meaning,
            ]
        )
        fields = (self.dataset, *self.methods.values(), self.hardware, self.cost, self.max_cost, self.max_worst, self.amount, self.kind, self.seed)  # fmt: skip
        for field in fields:
            field.observe(app.guarded(lambda _: self._changed(), "reading the form"), "value")
        self.state.observe(app.guarded(lambda _: self.follow(), "showing the settings"), ["settings"])
        self.state.observe(app.guarded(lambda _: self.follow_saved(), "listing the saved searches"), ["saved"])
        self._writing = False
        self._explain()
        self.follow_saved()

    def read(self) -> Settings:
        """The settings as written. Raises ValueError in words."""
        timed = self.kind.value == _TIME
        return Settings(
            dataset=self.dataset.value,
            space=self.state.settings.space,
            methods=tuple(name for name, box in self.methods.items() if box.value),
            cost=self.cost.value,
            max_cost=amount(self.max_cost.value),
            max_worst=amount(self.max_worst.value),
            evaluations=self.state.settings.evaluations if timed else int(self.amount.value),
            seconds=float(self.amount.value) if timed else None,
            seed=int(self.seed.value),
            hardware=self.hardware.value,
        )

    def _changed(self) -> None:
        if not self._writing:
            self._explain()
            self._offer()
            self.data.follow()
            self.state.settings = self.read()

    def _offer(self) -> None:
        """Costs that the chosen hardware knows; MACs where it does not know the one that was chosen."""
        known = ("macs", *COSTS) if self.hardware.value else ("macs",)
        if self.app.driver.race is None or self.hardware.value != self.state.settings.hardware:
            self._writing = True
            try:
                value = self.cost.value if self.cost.value in known else "macs"
                self.cost.options, self.cost.value = known, value
            finally:
                self._writing = False

    def follow(self) -> None:
        """Write the state's settings into the fields."""
        asked = self.state.settings
        self._writing = True
        try:
            self.hardware.value = asked.hardware
            if asked.cost not in self.cost.options:
                self.cost.options = (*self.cost.options, asked.cost)
            self.dataset.value, self.cost.value, self.seed.value = asked.dataset, asked.cost, asked.seed
            for name, box in self.methods.items():
                box.value = name in asked.methods
            for field, value in ((self.max_cost, asked.max_cost), (self.max_worst, asked.max_worst)):
                if amount(field.value) != value:
                    field.value = short(value)
            self.kind.value = _COUNT if asked.seconds is None else _TIME
            self.amount.value = asked.seconds or asked.evaluations
        finally:
            self._writing = False
        self.data.follow()
        self._explain()

    def _explain(self) -> None:
        """Say in a line what the ticked methods do: ipywidgets shows no tooltip on a field with a label."""
        lines = [f"<b>{name}</b> {_MEANING[name]}" for name, box in self.methods.items() if box.value]
        self.meaning.value = f'<p class="ee-sentence ee-quiet">{"; ".join(lines)}.</p>' if lines else ""

    def offer_costs(self, names) -> None:
        """Offer these costs as objectives, the chosen one kept."""
        wanted = list(dict.fromkeys([*names, self.state.settings.cost]))
        if list(self.cost.options) != wanted:
            self._writing = True
            try:
                value = self.cost.value
                self.cost.options = wanted
                self.cost.value = value
            finally:
                self._writing = False

    def follow_saved(self) -> None:
        """List what the store offers."""
        saved = self.state.saved
        self.saved.options = [(one.words(), k) for k, one in enumerate(saved)]
        if saved:
            self.saved.value = 0
        self.saved_row.layout.display = None if saved else "none"
        path = self.app.driver.openings.path(self.state.settings)
        self.store.value = f'<span class="ee-quiet">kept in {escape(str(path))}</span>'

    def open_saved(self) -> None:
        """Show the chosen saved search."""
        if self.saved.value is None:
            raise ValueError("there is no saved search yet.")
        self.app.driver.show(self.state.saved[self.saved.value])


def _dropdown(options, value, label: str, width: int) -> widgets.Dropdown:
    return widgets.Dropdown(
        options=options,
        value=value,
        description=label,
        layout=widgets.Layout(width=f"{width}px"),
        style={"description_width": "initial"},
    )


def _text(value: str, label: str, placeholder: str, width: int) -> widgets.Text:
    return widgets.Text(
        value=value,
        description=label,
        placeholder=placeholder,
        continuous_update=False,
        layout=widgets.Layout(width=f"{width}px"),
        style={"description_width": "initial"},
    )
