"""The explorer inside a lab, on records that the lab hands it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as widgets

from ...core.table.policy import Policy
from ...core.table.records import ExitRecords
from ..explorer.app import ExplorerApp
from ..explorer.controls import heading
from ..explorer.state import ExplorerState

HIDDEN = ("open", "code")


class Embedded:
    """Nothing until something is opened; then one explorer that changes its records. lab : an app with state and style."""

    def __init__(self, lab):
        self.lab = lab
        self.explorer: ExplorerApp | None = None
        self.title = widgets.HTML()
        self.box = widgets.VBox([], layout=widgets.Layout(width="100%"))

    def show(
        self,
        title: str,
        records: ExitRecords,
        policy: Policy,
        report: Callable | None = None,
        cost: str = "",
        note: str = "",
    ) -> None:
        """Show records under a policy. report : makes the records of the report split; cost : charged, "" for the first;
        note : a sentence below the title.
        """
        costs = {"cost": cost} if cost else {}
        if self.explorer is None:
            state = ExplorerState(
                records, report_source=report, policy=policy, projector=self.lab.state.projector, **costs
            )
            self.explorer = ExplorerApp(state, hide=HIDDEN)
            self.explorer.state.theme = self.lab.state.theme
            inside = self.explorer.box
            # the lab's own page widget speaks for the address and the connection
            inside.children = [child for child in inside.children if child is not self.explorer.page]
            self.box.children = (self.title, inside)
        else:
            state = self.explorer.state
            state.open_records(records, report)
            if cost:
                state.set_cost(cost)
            state.set_policy(policy, remember=False)
        below = f'<p class="ee-sentence ee-quiet">{escape(note)}</p>' if note else ""
        self.title.value = heading(f"Explorer: {escape(title)}").value + below

    def dress(self) -> None:
        """Follow theme and type size of the lab."""
        if self.explorer is not None:
            state = self.explorer.state
            state.theme, state.projector = self.lab.state.theme, self.lab.state.projector
