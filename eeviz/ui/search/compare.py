"""A beside B: figures, the genes that differ, the paired difference, and both drawn to one scale."""

from __future__ import annotations

import ipywidgets as widgets

from ..explorer.controls import button, row
from . import html
from .drawing import Drawing


class Compare:
    """Follows `state.pins`."""

    def __init__(self, app):
        self.app, self.state = app, app.state
        self.words, self.drawing = widgets.HTML(), Drawing()
        self.go = {
            name: button(
                app, f"Go to {name}", f"Select what is pinned as {name}", lambda n=name: self._go(n), "going to a pin"
            )
            for name in ("A", "B")
        }
        self.box = widgets.VBox([row(*self.go.values()), self.words, self.drawing])
        self.state.observe(app.guarded(lambda _: self.follow(), "comparing A and B"), ["pins"])
        self.follow()

    def follow(self) -> None:
        """Show the pins."""
        pins = self.state.pins
        for name, made in self.go.items():
            made.disabled = name not in pins
        self.words.value = html.comparison(pins, self.app.spaces, self.app.driver.records)
        names = sorted(pins) if len(pins) == 2 else []
        self.drawing.show([pins[n] for n in names], [f"{n}: {pins[n].name}" for n in names])

    def _go(self, name: str) -> None:
        self.state.select(self.state.pins[name])
