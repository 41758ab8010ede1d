"""The chosen network: its figures, its picture on the platform, the shortest path beside it, and what can be done."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets

from ..explorer.controls import button, heading, row
from . import html
from .drawing import MappingDrawing, drawn

EMPTY = "When everything is decided, the network is drawn here on its processors: click any point of the chart above."


class Panel:
    """Follows `state.selected` and `state.beside`; buttons act on what is shown."""

    def __init__(self, app):
        self.app, self.state = app, app.state
        state = self.state
        self.figures, self.gap = widgets.HTML(), widgets.HTML()
        self.drawing = MappingDrawing(empty=EMPTY)
        self.undo = button(app, "↶ Undo", "Back to the network shown before", app.driver.undo, "undoing")
        self.redo = button(app, "↷ Redo", "Forward again", app.driver.redo, "redoing")
        self.cheaper = button(app, "◀ Cheaper", "The next cheaper point of the front", lambda: self.move(-1), "moving")
        self.costlier = button(
            app, "More accurate ▶", "The next more accurate point of the front", lambda: self.move(1), "moving"
        )
        self.asked = button(
            app,
            "As asked for",
            "The cheapest within the accuracy asked for",
            self.back,
            "going back to what was asked for",
        )
        self.explore = button(
            app,
            "Open in the explorer",
            "Its records, its thresholds, below on this page",
            app.explore,
            "opening the explorer",
        )
        self.onnx = button(
            app, "Export ONNX", "Segments, thresholds, mapping and a runner, zipped", app.export, "exporting"
        )
        self.records = button(
            app, "Download records", "What every branch answers, with the platform's costs", app.download_records,
            "writing the records",
        )  # fmt: skip
        self.actions = row(
            self.cheaper, self.costlier, self.asked, self.undo, self.redo, self.explore, self.onnx, self.records
        )
        self.box = widgets.VBox(
            [heading("On the platform"), self.figures, self.actions, self.drawing, self.gap],
            layout=widgets.Layout(width="100%"),
        )
        state.observe(app.guarded(lambda _: self.follow(), "showing the network"), ["selected", "beside"])
        state.observe(
            app.guarded(lambda _: self.flags(), "showing what is possible"),
            ["can_undo", "can_redo", "phase", "exporting", "selected"],
        )
        self.follow()
        self.flags()

    def move(self, by: int) -> None:
        """To a neighbour on the front."""
        one, decision = self.state.selected, self.state.decision
        if one is None or decision is None:
            raise ValueError("nothing is decided yet: Start first.")
        self.app.driver.select(min(max(one.index + by, 0), len(decision.front) - 1))

    def back(self) -> None:
        """To the point that was asked for."""
        if self.state.decision is None:
            raise ValueError("nothing is decided yet: Start first.")
        self.app.driver.select(self.state.decision.index)

    def follow(self) -> None:
        """Show the selection."""
        state = self.state
        one, beside = state.selected, state.beside
        if one is None or state.trained is None:
            self.figures.value = self.gap.value = ""
            self.drawing.show([])
            return
        records = state.trained.records
        self.figures.value = html.headline(one, state.trained.final)
        items = [drawn(one, records, "ours", "Decided together")]
        if beside is not None and beside.configuration is not None and beside.decision is state.decision:
            items.append(drawn(beside.configuration, records, "path", "Shortest path", html.gap(state)))
            self.gap.value = ""
        else:
            self.gap.value = f'<p class="ee-sentence">{escape(html.gap(state))}</p>'
        self.drawing.show(items)

    def flags(self) -> None:
        """Which buttons may be pressed now."""
        state = self.state
        none = state.selected is None or state.decision is None
        self.undo.disabled, self.redo.disabled = not state.can_undo, not state.can_redo
        last = -1 if none else len(state.decision.front) - 1
        self.cheaper.disabled = none or state.selected.index <= 0
        self.costlier.disabled = none or state.selected.index >= last
        self.asked.disabled = none or state.selected.index == state.decision.index
        self.explore.disabled = self.records.disabled = none
        self.onnx.disabled = none or state.busy or bool(state.exporting)
        self.actions.layout.display = "none" if none and not state.can_undo else None
