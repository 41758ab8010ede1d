"""The explorer below the lab, on the selected candidate's records. It hears of a candidate through its state alone."""

from __future__ import annotations

from ..embedded import Embedded
from .opened import one_design_each
from .state import Selection


class Below(Embedded):
    """The explorer of the selected candidate."""

    def open(self, selection: Selection) -> None:
        """Show the records of a candidate under its policy."""
        driver = self.lab.driver
        records, policy = one_design_each(driver.records(selection), selection.policy)
        records = driver.with_pictures(selection, records)
        report = driver.report(selection, lambda table: one_design_each(table, selection.policy)[0])
        self.show(selection.name, records, policy, report)
