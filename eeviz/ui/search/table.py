"""The candidates as a table."""

from __future__ import annotations

import anywidget
from traitlets import Bool, List, Unicode

from ...core.table import format
from ...labs.search.summary import FEW_ROWS, rows
from ..page.assets import module, style
from .palette import MARKS

COLUMNS = ("method", "candidate", "generation", "points on the front", "best accuracy", "its mean cost", "its worst case", "cheapest point", "evaluated in", "")  # fmt: skip


class Candidates(anywidget.AnyWidget):
    """A table of `rows`: {key, cells (text), values (what is sorted by)}; chosen: key of the row that was picked."""

    _esm = module("candidates.js")
    _css = style("candidates.css")

    columns = List(Unicode(), list(COLUMNS)).tag(sync=True)
    rows = List().tag(sync=True)
    selected = Unicode("").tag(sync=True)
    chosen = Unicode("").tag(sync=True)
    note = Unicode("").tag(sync=True)
    projector = Bool(False).tag(sync=True)

    def show(self, state) -> None:
        """The candidates of the state's lanes, those on a front first."""
        made = rows(state.lanes)
        with self.hold_sync():
            self.rows = [_row(row, state.unit) for row in made[:FEW_ROWS]]
            self.note = (
                f"The first {FEW_ROWS} of {len(made)} candidates; the files hold all." if len(made) > FEW_ROWS else ""
            )


def _row(row: dict, unit: str) -> dict:
    def cost(value):
        return "–" if value is None else format.quantity(value, unit)

    cells = [
        f"{MARKS[row['method']].sign} {row['method']}",
        str(row["candidate"]),
        str(row["generation"]),
        str(row["on_front"] or "–"),
        "–" if row["accuracy"] is None else format.percent(row["accuracy"], 2),
        cost(row["mean_cost"]),
        cost(row["worst_cost"]),
        cost(row["cheapest"]),
        f"{row['seconds']:.2f} s",
        (row["failed"] and f"failed: {row['failed']}") or ("" if row["point"] is not None else "breaks a constraint"),
    ]
    values = [row[name] for name in ("method", "candidate", "generation", "on_front", "accuracy", "mean_cost", "worst_cost", "cheapest", "seconds", "failed")]  # fmt: skip
    point = -1 if row["point"] is None else row["point"]
    return {"key": f"{row['method']} {row['candidate']} {point}", "cells": cells, "values": values}


def key_of(text_: str) -> tuple[str, int, int]:
    """The inverse of a row's key."""
    method, candidate, point = text_.rsplit(" ", 2)
    return method, int(candidate), int(point)
