"""The explorer below the lab, on the selected candidate's records. It hears of a candidate through its state alone."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets

from ..app import ExplorerApp
from ..controls import heading
from ..state import ExplorerState
from .opened import one_design_each
from .state import Selection

HIDDEN = ("open", "code")


class Below:
    """Nothing until the first candidate is opened; then one explorer that changes its records."""

    def __init__(self, app):
        self.lab = app
        self.explorer: ExplorerApp | None = None
        self.title = widgets.HTML()
        self.box = widgets.VBox([], layout=widgets.Layout(width="100%"))

    def open(self, selection: Selection) -> None:
        """Show the records of a candidate under its policy."""
        driver = self.lab.driver
        records, policy = one_design_each(driver.records(selection), selection.policy)
        records = driver.with_pictures(selection, records)
        report = driver.report(selection, lambda table: one_design_each(table, selection.policy)[0])
        if self.explorer is None:
            state = ExplorerState(records, report_source=report, policy=policy, projector=self.lab.state.projector)
            self.explorer = ExplorerApp(state, hide=HIDDEN)
            self.explorer.state.theme = self.lab.state.theme
            inside = self.explorer.box
            # the lab's own page widget speaks for the address and the connection
            inside.children = [child for child in inside.children if child is not self.explorer.page]
            self.box.children = (self.title, inside)
        else:
            state = self.explorer.state
            state.open_records(records, report)
            state.set_policy(policy, remember=False)
        self.title.value = heading(f"Explorer: {escape(selection.name)}").value

    def dress(self) -> None:
        """Follow theme and type size of the lab."""
        if self.explorer is not None:
            state = self.explorer.state
            state.theme, state.projector = self.lab.state.theme, self.lab.state.projector
