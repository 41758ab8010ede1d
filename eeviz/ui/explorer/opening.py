"""“Open my records”: an .npz by upload or path becomes the network under view, its report split, or a second network."""

from __future__ import annotations

import ipywidgets as widgets

from ...catalogue import Demo, demos, load_demo
from ...core.table.records import ExitRecords
from ..page.upload import Upload
from .controls import heading, row

ROLES = (
    ("explore it: tune on it", "tuning"),
    ("compare it on the chart (mine against yours)", "mine"),
    ("use it as report split", "report"),
)


def demo_parts(demo: Demo) -> dict:
    """What a demo brings beside its tuning split; tables that the first chart does not need are read when asked for."""
    return {"report": lambda: demo.test, "static": demo.static, "shifted": lambda: demo.shifted}


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
        self.demo = widgets.Dropdown(
            options=[("choose …", ""), *((load_demo(name).title, name) for name in demos())],
            value=app.name if app.name in demos() else "",
            description="Demo",
            layout=widgets.Layout(width="420px"),
            style={"description_width": "64px"},
        )
        self.demo.observe(app.guarded(lambda change: self.show_demo(change.new), "opening the demo"), "value")
        self.box = widgets.VBox(
            [
                heading("Another network"),
                row(self.demo),
                heading("Open my records"),
                widgets.HTML(words),
                self.upload,
                row(self.role),
            ]
        )

    def show_demo(self, name: str) -> None:
        """Show the demo of that name; "" is what the list says of a table that is none."""
        if name and name != self.app.name:
            self.app.open_demo(load_demo(name))
            self.app.status.info(f"Opened the demo: {load_demo(name).title}.")

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
            self.app.name = self.demo.value = ""
            state.open_records(records)
            self.app._link()
        self.app.status.info(f"Opened {name}: {len(records):,} samples, {records.exits_count} exits.")
