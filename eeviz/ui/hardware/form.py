"""The form: network, accelerator, bits of backbone and exits, and what to trade accuracy for."""

from __future__ import annotations

import ipywidgets as widgets

from ...labs.hardware.settings import HOSTS, Settings, accelerators, fitting, hardware_words, word
from ..explorer.controls import button, row
from ..lab.data_row import DataRow


class Form:
    """Widgets over `state.settings`; a change is a new question."""

    def __init__(self, app):
        self.app, self.state = app, app.state
        asked = self.state.settings
        networks = app.networks_offered
        if asked.network not in [name for _, name in networks]:
            networks = [*networks, (asked.network, asked.network)]
        self.network = _dropdown(networks, asked.network, "Network", 470)
        hardware = [(hardware_words(name), name) for name in (*accelerators(), *HOSTS)]
        self.accelerator = _dropdown(hardware, asked.accelerator, "Accelerator", 320)
        self.bits = _dropdown(_bits(asked), asked.bits, "Weights/activations: backbone", 270)
        self.head_bits = _dropdown(_bits(asked), asked.head_bits, "exits", 115)
        for field in (self.bits, self.head_bits):
            field.tooltip = (
                "Bits of weights/activations, 4/8: weights 4, activations 8; the final classifier has the backbone's"
            )
        self.own_bits = widgets.Label()
        self.cost = _dropdown(_costs(asked), asked.cost, "Least", 220)
        self.drop = widgets.BoundedFloatText(
            value=100 * asked.max_drop, min=0, max=50, step=0.1, **_look("with at most", 150)
        )
        self.undo = button(app, "↶ Undo", "Back to the settings before", app.driver.undo, "undoing")
        self.redo = button(app, "↷ Redo", "Forward again", app.driver.redo, "redoing")
        self.data = DataRow(app, self._needed)
        self.box = widgets.VBox(
            [
                row(self.network, self.accelerator),
                self.data.box,
                row(self.bits, self.head_bits, self.own_bits, self.cost, self.drop, widgets.Label("pp below the final classifier"),
                    self.undo, self.redo),
            ]
        )  # fmt: skip
        self._writing = False
        for field in (self.network, self.accelerator, self.bits, self.head_bits, self.cost, self.drop):
            field.observe(app.guarded(lambda _: self._changed(), "reading the form"), "value")
        state = self.state
        state.observe(app.guarded(lambda _: self.follow(), "showing the settings"), ["settings", "subject"])
        state.observe(app.guarded(lambda _: self._flags(), "updating undo"), ["can_undo", "can_redo"])
        self._flags()
        self._show_bits(asked)

    def _needed(self) -> str:
        """The data set of the network that is shown; "" where it has none of ours, or brought its own."""
        subject = self.state.subject
        return subject.records.dataset if subject is not None and subject.records is not None and subject.data else ""

    def read(self) -> Settings:
        """The settings as written, changed to what the hardware offers. Raises ValueError in words."""
        return fitting(
            network=self.network.value,
            accelerator=self.accelerator.value,
            bits=self.bits.value,
            head_bits=self.head_bits.value,
            cost=self.cost.value,
            max_drop=round(self.drop.value / 100, 10),
        )

    def follow(self) -> None:
        """Write the state's settings into the fields."""
        asked = self.state.settings
        self._writing = True
        try:
            self.network.value, self.accelerator.value = asked.network, asked.accelerator
            for field, options in (
                (self.bits, _bits(asked)),
                (self.head_bits, _bits(asked)),
                (self.cost, _costs(asked)),
            ):
                if list(field.options) != options:
                    field.options = options
            self.head_bits.disabled = bool(asked.batch)
            self.cost.value = asked.cost
            self.bits.value, self.head_bits.value = asked.bits, asked.head_bits
            self.drop.value = round(100 * asked.max_drop, 8)
            self._show_bits(asked)
        finally:
            self._writing = False
        self.data.follow()

    def _changed(self) -> None:
        if not self._writing:
            self.app.driver.look(self.read())

    def _show_bits(self, asked: Settings) -> None:
        """The menus of bits, or in words the bits that a network has of its own."""
        subject = self.state.subject
        own = subject is not None and subject.own_bits is not None and not asked.batch
        self.own_bits.value = f"Its own: {subject.bits_words(asked)}" if own else ""
        self.bits.layout.display = self.head_bits.layout.display = "none" if own else None
        self.own_bits.layout.display = None if own else "none"

    def _flags(self) -> None:
        self.undo.disabled, self.redo.disabled = not self.state.can_undo, not self.state.can_redo


def _bits(asked: Settings) -> list[tuple[str, str]]:
    return [("FP32" if bits == "32/32" else bits, bits) for bits in asked.bits_offered]


def _costs(asked: Settings) -> list[tuple[str, str]]:
    return [(word(cost), cost) for cost in asked.costs_offered]


def _look(label: str, width: int) -> dict:
    return {
        "description": label, "layout": widgets.Layout(width=f"{width}px"), "style": {"description_width": "initial"},
    }  # fmt: skip


def _dropdown(options, value, label: str, width: int) -> widgets.Dropdown:
    made = widgets.Dropdown(options=options, value=value, **_look(label, width))
    made.layout.max_width = "100%"
    return made
