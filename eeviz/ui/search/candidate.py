"""The selected network: its figures, its drawing, and what can be done with it."""

from __future__ import annotations

import ipywidgets as widgets

from ..explorer.controls import button, heading, row
from . import html
from .drawing import Drawing

EMPTY = "Click a point of the chart, or a row of the table below it, and its network is drawn here to scale."


class CandidatePanel:
    """Follows `state.selected`; buttons act on it."""

    def __init__(self, app):
        self.app, self.state = app, app.state
        self.title = heading("Network")
        self.figures = widgets.HTML()
        self.drawing = Drawing(empty=EMPTY)
        state = self.state
        self.undo = button(app, "↶ Undo", "Back to the network selected before", state.undo, "undoing")
        self.redo = button(app, "↷ Redo", "Forward again", state.redo, "redoing")
        pins = [
            button(app, f"Pin {n}", f"Keep this network as {n}", lambda n=n: state.pin(n), "pinning")
            for n in ("A", "B")
        ]
        self.explore = button(
            app,
            "Open in the explorer",
            "Its records, its thresholds, below on this page",
            app.explore,
            "opening the explorer",
        )
        self.epochs = widgets.BoundedIntText(
            value=1,
            min=1,
            max=100,
            description="Epochs",
            layout=widgets.Layout(width="110px"),
            style={"description_width": "48px"},
        )
        self.tune = button(app, "Fine-tune", "Train it on, from the weights it inherited", app.fine_tune, "fine-tuning")
        self.stop_tuning = button(app, "Stop fine-tuning", "Ends after this epoch", app.tuner.stop, "stopping")
        self.weights = button(
            app,
            "Download weights",
            "weights.safetensors and architecture.json, zipped",
            app.download_weights,
            "writing the weights",
        )
        self.progress = widgets.FloatProgress(min=0, max=1, layout=widgets.Layout(width="160px"))
        self.words = widgets.HTML()
        self.tuning_row = row(self.progress, self.words, self.stop_tuning)
        self.needs = (*pins, self.explore, self.tune, self.weights)
        self.actions = widgets.VBox(
            [
                row(self.undo, self.redo, *pins),
                row(self.explore, self.weights),
                row(self.tune, self.epochs),
                self.tuning_row,
            ]
        )
        self.box = widgets.VBox([self.title, self.figures, self.drawing, self.actions])
        state.observe(app.guarded(lambda _: self.follow(), "showing the network"), ["selected"])
        state.observe(app.guarded(lambda _: self.flags(), "showing what is possible"), ["can_undo", "can_redo", "tuning", "tuning_share", "phase"])  # fmt: skip
        self.follow()

    def follow(self) -> None:
        """Show the selection."""
        chosen = self.state.selected
        self.title.value = heading(f"Network: {chosen.name}" if chosen else "Network").value
        self.figures.value = html.headline(chosen) if chosen else ""
        self.drawing.show([chosen] if chosen else [])
        self.flags()

    def flags(self) -> None:
        """Which buttons may be pressed now."""
        state = self.state
        self.undo.disabled, self.redo.disabled = not state.can_undo, not state.can_redo
        for control in self.needs:
            control.disabled = state.selected is None
        self.tune.disabled = state.selected is None or bool(state.tuning)
        self.actions.layout.display = None if state.selected or state.can_undo or state.can_redo else "none"
        self.tuning_row.layout.display = None if state.tuning else "none"
        self.progress.value = state.tuning_share
        self.words.value = f"<div role='status' aria-live='polite'>{state.tuning}</div>"
