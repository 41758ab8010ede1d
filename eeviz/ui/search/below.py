"""The explorer below the lab, on the selected candidate's records. It hears of a candidate through its state alone."""

from __future__ import annotations

from ...core.table import format
from ...core.table.policy import route
from ...labs.explorable import branches_in_words, one_design_each, short_names
from ...labs.search.state import Selection
from ..lab.embedded import Embedded
from .html import SAME


class Below(Embedded):
    """The explorer of the selected candidate."""

    def open(self, selection: Selection) -> None:
        """Show the records of a candidate under its policy."""
        driver = self.lab.driver
        cost = driver.run_of(selection.method).goal.cost
        records, policy = one_design_each(driver.records(selection), selection.policy)
        note = f"{branches_in_words(records, policy)} {_why_other(selection, route(records, policy, cost))}".strip()
        records = driver.with_pictures(selection, short_names(records))
        report = driver.report(selection, lambda table: short_names(one_design_each(table, selection.policy)[0]))
        self.show(selection.name, records, policy, report, cost, note)


def _why_other(selection: Selection, routing) -> str:
    """Why its figures are other ones here; "" where they are not."""
    if abs(routing.accuracy - selection.accuracy) < SAME:
        return ""
    return (
        f"Here all samples follow one set of thresholds, which they also chose: {format.percent(routing.accuracy, 2)}. The "
        f"search says {format.percent(selection.accuracy, 2)}: each half of them under thresholds chosen on the other half."
    )
