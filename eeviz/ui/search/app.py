"""SearchApp: assembles the search lab around one state and keeps its parts in step. Nothing is computed or drawn here."""

from __future__ import annotations

from functools import cached_property

import ipywidgets as widgets

from ...core.solve.tradeoff import Point
from ...labs.search import exports
from ...labs.search.openings import Openings
from ...labs.search.state import SearchState
from ...labs.search.tuner import Tuner, archive
from ...labs.settings import to_code
from ..charts.app import columns
from ..explorer.controls import button, heading, row
from ..lab.app import LabApp
from ..lab.view import LabView
from .below import Below
from .candidate import CandidatePanel
from .compare import Compare
from .driver import Driver
from .form import Form
from .runline import RunLine
from .table import Candidates, key_of
from .views import front, progress, surrogates

PARTS = ("form", "saved", "run", "network", "tabs", "explorer", "code")
"""What `hide` can take away, for teachers."""

TAB_TITLES = ("Candidates", progress.CHART.title, surrogates.CHART.title, "A and B")


class SearchApp(LabApp):
    """Everything on the lab's page. state is the only thing its parts share."""

    def __init__(self, state: SearchState, openings: Openings, *, hide=(), complaint: str = "", inline: bool = False):
        super().__init__(state, hide)
        self.store = openings.given
        self.missing = openings.missing()
        self.driver = Driver(state, self.status, openings, inline=inline)
        self.tuner = Tuner(self, inline=inline)
        self.form, self.runline = Form(self), RunLine(self)
        self.panel, self.below, self.compare = CandidatePanel(self), Below(self), Compare(self)
        self.chart = LabView(self, front.CHART)
        self.charts = [LabView(self, progress.CHART), LabView(self, surrogates.CHART)]
        self.table = Candidates()
        self.box = self._box()
        self._wire()
        self.chart.show()
        self._dress()
        self._link()
        if self.missing:
            self.status.fail(ImportError(self.missing))
        elif complaint:
            self.status.fail(ValueError(complaint))

    # -- what parts ask of the app ----------------------------------------------------------------------------------
    @property
    def spaces(self) -> dict:
        """method -> SearchSpace of the search on show."""
        return {} if self.driver.race is None else {name: run.space for name, run in self.driver.race.runs.items()}

    @cached_property
    def _trained_alone(self) -> tuple[Point, ...]:
        return exports.static_points()

    @property
    def static_points(self) -> tuple[Point, ...]:
        """The demo's static networks, where they share data and cost with the search."""
        asked = self.state.running or self.state.settings
        fits = (asked.dataset, asked.cost, self.state.unit) == ("fashion-mnist", "macs", "MACs")
        return self._trained_alone if fits else ()

    def open_last(self) -> None:
        """Show the newest search of the store for what the form asks: closing the page loses nothing.

        One for another cost, hardware or bound would stand under a form that says something else.
        """
        asked = self.state.settings
        fits = [one for one in self.state.saved if one.settings.question == asked.question]
        if fits and not self.missing and self.status.level != "error":
            self.driver.show(fits[0], keep_form=True)

    # -- buttons ----------------------------------------------------------------------------------------------------
    def step(self) -> None:
        if self.driver.race is None:
            self.driver.start(self.form.read(), rounds=1)
        else:
            self.driver.step()

    def pause(self) -> None:
        self.driver.pause()

    def resume(self) -> None:
        self.state.settings = self.form.read()
        self.driver.resume()

    def explore(self) -> None:
        """Open the selected candidate's records in the explorer below."""
        self.below.open(self._chosen())
        self.status.info("The explorer is open below, at this network's thresholds.")

    def fine_tune(self) -> None:
        """Train the selected network on."""
        self.tuner.start(self._chosen(), self.panel.epochs.value)

    def download_weights(self) -> None:
        """The selected network's weights as a file."""
        chosen = self._chosen()
        run = self.driver.run_of(chosen.method)
        data = archive(self.driver.network(chosen), chosen, run.space, self.driver.measure(chosen))
        self.page.download(f"{chosen.name.replace(', ', '-').replace(' ', '-')}.zip", data, "application/zip")

    def download_csv(self) -> None:
        self.page.download("candidates.csv", exports.to_csv(self.state, self._open_spaces()).encode(), "text/csv")

    def download_json(self) -> None:
        self.page.download(
            "candidates.json", exports.to_json(self.state, self._open_spaces()).encode(), "application/json"
        )

    def _chosen(self):
        if self.state.selected is None:
            raise ValueError("nothing is selected yet: click a point of the chart or a row of the table first.")
        return self.state.selected

    def _open_spaces(self) -> dict:
        if not self.state.lanes:
            raise ValueError("there is nothing to export yet: start a search, or open a saved one.")
        return self.spaces

    # -- the page ---------------------------------------------------------------------------------------------------
    def _box(self) -> widgets.VBox:
        part = self._shown_unless
        chart = [heading("Accuracy against cost, live"), self.chart.box]
        children = [*part("form", self.form.box), *part("run", self.runline), *part("saved", self.form.saved_row)]
        children += [self.status, columns(chart, *part("network", [self.panel.box]))]
        children += [] if "tabs" in self.hide else [self._tabs()]
        children += [*part("explorer", self.below.box), *self._foot()]
        return self._frame(children, "ee-lab")

    def _tabs(self) -> widgets.Tab:
        csv = button(
            self, "Download CSV", "Every operating point of every candidate", self.download_csv, "writing the table"
        )
        json = button(
            self, "Download JSON", "Settings, genomes, points and fronts", self.download_json, "writing the file"
        )
        table = widgets.VBox([self.table, row(csv, json)])
        self.budget = widgets.Dropdown(
            options=[("all budgets (mean)", -1)],
            value=-1,
            description="Error at",
            layout=widgets.Layout(width="320px"),
            style={"description_width": "56px"},
        )
        self.budget.observe(self.guarded(lambda c: setattr(self.state, "budget", c.new), "choosing a budget"), "value")
        pages = [table, widgets.VBox([row(self.budget), self.charts[0].box]), self.charts[1].box, self.compare.box]
        self.tabs = widgets.Tab(children=pages, titles=TAB_TITLES, selected_index=0)
        self.tabs.observe(self.guarded(lambda _: self._turn(), "opening a tab"), "selected_index")
        return self.tabs

    def _turn(self) -> None:
        index = self.tabs.selected_index
        for k, view in enumerate(self.charts, start=1):
            if k == index:
                view.show()
            else:
                view.hide()
        if index == 0:
            self.table.show(self.state)

    def _wire(self) -> None:
        state, g = self.state, self.guarded
        state.observe(g(lambda _: self._news(), "showing the search"), ["lanes"])
        state.observe(g(lambda _: self._moved(), "showing the search's state"), ["phase", "running"])
        state.observe(g(lambda _: self._chosen_changed(), "showing the selection"), ["selected"])
        state.observe(g(lambda _: self.chart.changed(), "drawing the pins"), ["pins", "tuned"])
        state.observe(g(lambda _: self.charts[0].changed(), "drawing the errors"), ["budget"])
        self._follow_page()
        self.table.observe(g(lambda c: self._row_chosen(c.new), "selecting a candidate"), "chosen")

    def _news(self) -> None:
        """A new snapshot."""
        self.chart.changed()
        for view in self.charts:
            view.changed()
        if "tabs" not in self.hide:
            if self.tabs.selected_index == 0:
                self.table.show(self.state)
            self._offer_budgets()
        self.runline.follow()
        if self.driver.race is not None:
            self.form.offer_costs(self.driver.costs)

    def _offer_budgets(self) -> None:
        lane = next(iter(self.state.lanes.values()), None)
        options = [("all budgets (mean)", -1)]
        if lane is not None:
            options += [
                (words, k) for k, words in enumerate(exports.budgets_in_words(lane.snapshot.budgets, self.state.unit))
            ]
        if list(self.budget.options) != options:
            kept = self.state.budget if self.state.budget < len(options) - 1 else -1
            self.budget.options = options
            self.budget.value = kept

    def _moved(self) -> None:
        self.runline.follow()
        if not self.state.busy and self.state.selected is None and self.state.lanes:
            self.driver.select_default()

    def _chosen_changed(self) -> None:
        chosen = self.state.selected
        self.chart.changed()
        key = "" if chosen is None else f"{chosen.method} {chosen.candidate} "
        rows = [row["key"] for row in self.table.rows if row["key"].startswith(key)] if key else []
        self.table.selected = rows[0] if rows else ""

    def _row_chosen(self, key: str) -> None:
        if not key:
            return
        method, candidate, point = key_of(key)
        if point < 0:
            raise ValueError(f"candidate {candidate} has no network to show: it failed, or breaks a constraint.")
        self.driver.select(method, candidate, point)

    def _code(self) -> str:
        return to_code(self.state.settings, store=self.store)

    def _views(self) -> list[LabView]:
        return [self.chart, *self.charts]

    def _large(self) -> list:
        return [self.runline, self.panel.drawing, self.table, self.compare.drawing]
