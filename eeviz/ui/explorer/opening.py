"""“Open my records”: an .npz by upload or path becomes the network under view, its report split, or a second network."""

from __future__ import annotations

import ipywidgets as widgets

from ...core.table.records import ExitRecords
from ..page.upload import Upload
from .controls import heading, row

ROLES = (
    ("explore it: tune on it", "tuning"),
    ("compare it on the chart (mine against yours)", "mine"),
    ("use it as report split", "report"),
)


class Opening:
    """Reads a file, checks it, hands it to the state. When anything is wrong the previous view stands."""

    def __init__(self, app):
        self.app, self.state = app, app.state
        self.role = widgets.Dropdown(
            options=ROLES,
            description="What for",
            layout=widgets.Layout(width="420px"),
            style={"description_width": "64px"},
        )
        self.upload = Upload(
            status=app.status, on_file=self.from_bytes, on_path=self.from_path, label="Open my records", accept=".npz"
        )
        words = (
            "<p class='ee-sentence'>A table saved with <code>ExitRecords.save(path)</code>, or a plain <code>.npz</code> with the "
            "arrays <code>logits</code>, <code>label</code>, <code>backbone</code> and <code>heads</code>; the README has ten-line "
            "examples.</p>"
        )
        self.box = widgets.VBox([heading("Open my records"), widgets.HTML(words), self.upload, row(self.role)])

    def from_bytes(self, name: str, data: bytes) -> None:
        """Take an uploaded file. Raises ValueError in words."""
        self._take(name, ExitRecords.load(data, name))

    def from_path(self, path: str) -> None:
        """Take a file on the kernel's machine. Raises ValueError in words."""
        self._take(path, ExitRecords.load(path))

    def _take(self, name: str, records: ExitRecords) -> None:
        state = self.state
        if self.role.value == "mine":
            if state.cost not in records.costs:
                raise ValueError(f"{name} has no cost {state.cost!r}, so it cannot share this chart.")
            state.mine_source = records
        elif self.role.value == "report":
            if records.exits_count != state.records.exits_count:
                raise ValueError(
                    f"{name} has {records.exits_count} exits, the network under view {state.records.exits_count}."
                )
            state.report_source = records
            state.report_open = False
        else:
            state.open_records(records)
            self.app.name = ""
        self.app.status.info(f"Opened {name}: {len(records):,} samples, {records.exits_count} exits.")
