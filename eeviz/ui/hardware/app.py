"""HardwareApp: assembles the hardware lab around one state and keeps its parts in step. Nothing is computed or drawn here."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets

from ...labs.hardware import session
from ...labs.hardware.bits import AMOUNTS
from ...labs.hardware.networks import Networks
from ...labs.hardware.settings import COSTS, hardware_words, word
from ...labs.hardware.state import HardwareState
from ..charts.app import columns
from ..explorer.controls import button, heading, row
from ..lab.app import LabApp, missing
from ..lab.embedded import Embedded
from ..lab.view import LabView
from ..page.errors import in_words
from . import html, tables
from .driver import Driver
from .form import Form
from .hostline import HostLine
from .rounding import EIGHT
from .runline import RunLine
from .views import bits, chosen, depth, fronts, shares

PARTS = ("form", "bits", "tabs", "explorer", "code")
"""What `hide` can take away, for teachers."""


class HardwareApp(LabApp):
    """Everything on the lab's page. state is the only thing its parts share."""

    def __init__(self, state: HardwareState, networks: Networks, *, hide=(), complaint: str = "", inline: bool = False):
        super().__init__(state, hide)
        self.networks, self.missing = networks, missing("measuring bits")
        self.networks_offered, unread = _offered(networks)
        self.driver = Driver(state, self.status, networks, inline=inline)
        self.form, self.runline, self.hostline, self.below = Form(self), RunLine(self), HostLine(self), Embedded(self)
        self.amount = widgets.Dropdown(
            options=[(f"{count:,} training images" if count else "all training images", count) for count in AMOUNTS],
            description="Fine-tune on",
            layout=widgets.Layout(width="300px", max_width="100%"),
            style={"description_width": "initial"},
        )
        self.strip, self.notes, self.doing, self.onward = (widgets.HTML() for _ in range(4))
        self.depth, self.shares = LabView(self, depth.CHART), LabView(self, shares.CHART)
        self.fronts, self.bits = LabView(self, fronts.CHART), LabView(self, bits.CHART)
        self.chosen = LabView(self, chosen.CHART)
        self.layers, self.machines, self.pairs = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.box = self._box()
        self._wire()
        for view in self._views():
            view.show()
        self._dress()
        self._link()
        if complaint or unread:
            self.status.fail(ValueError(complaint or unread))

    # -- what parts ask of the app ----------------------------------------------------------------------------------
    # -- buttons ----------------------------------------------------------------------------------------------------
    def measure(self) -> None:
        self.driver.rounding.measure()

    def measure_all(self) -> None:
        self.driver.rounding.measure_all()

    def fine_tune(self) -> None:
        self.driver.rounding.fine_tune(self.amount.value)

    def clock(self) -> None:
        self.driver.clock_again()

    def stop_clock(self) -> None:
        self.driver.stop_looking()

    def explore(self) -> None:
        """Open the records of the network in the explorer below, charged with the accelerator's costs."""
        records, policy, report = self._shown()
        asked = self.state.settings
        subject = self.state.subject
        whose = "of the rounded network" if self.state.fronts.rounded else "of the network as it was trained"
        if subject.own_bits is not None:
            whose = "of the network at its own bits"
        note = f"Costs: {hardware_words(asked.accelerator)}, {subject.bits_words(asked)}. Answers {whose}."
        self.below.show(self.state.subject.title, records, policy, report, asked.cost, note)
        self.status.info("The explorer is open below, at these thresholds and with the accelerator's costs.")

    def download_records(self) -> None:
        """What every exit answers, with the accelerator's costs."""
        records, _, _ = self._shown()
        self.download_table(records)

    def export(self) -> None:
        """The network as int8 files, compared with the rounding on show."""
        self.driver.rounding.export(self._deliver)

    def _deliver(self, made) -> None:
        self.page.download("early-exit-int8.zip", made.data, "application/zip")
        self.status.info(made.words())

    def _shown(self):
        state = self.state
        if state.fronts is None or state.subject is None:
            raise ValueError("there are no answers with costs to open: wait, or choose a network that has answers.")
        asked = state.settings
        return session.exploring(state.subject, state.fronts, asked.pair, asked.cost, asked.max_drop)

    # -- the page ---------------------------------------------------------------------------------------------------
    def _views(self) -> list[LabView]:
        views = [self.depth, self.shares, self.fronts]
        views += [] if "bits" in self.hide else [self.bits]
        return views + ([] if "tabs" in self.hide else [self.chosen])

    def _box(self) -> widgets.VBox:
        self.explore_button = button(
            self, "Open in the explorer", "Its records and thresholds, charged with these costs, below", self.explore,
            "opening the explorer",
        )  # fmt: skip
        self.records_button = button(
            self, "Download records", "What every exit answers, with the accelerator's costs", self.download_records,
            "writing the records",
        )  # fmt: skip
        self.int8_button = button(
            self, "Download int8 (ONNX)", "Segments and exits for onnxruntime, compared with the network rounded to 8/8",
            self.export, "writing int8 files",
        )  # fmt: skip
        part = self._shown_unless
        children = [*part("form", self.form.box), self.hostline, self.status, self.doing, self.strip, self.notes]
        children += [columns([heading(self.depth.title), self.depth.box]).children[0]]
        children += [columns(*([heading(view.title), view.box] for view in (self.shares, self.fronts)), even=True)]
        children += [row(self.explore_button, self.records_button, self.int8_button, self.onward)]
        children += part("bits", heading("Fewer bits"), self.runline, row(self.amount), self.bits.box, self.pairs)
        children += [] if "tabs" in self.hide else [self._tabs()]
        children += [*part("explorer", self.below.box), *self._foot()]
        return self._frame(children, "ee-lab")

    def _tabs(self) -> widgets.Tab:
        self.sort = widgets.Dropdown(
            options=[("latency", "cycles") if c == "latency" else (word(c), c) for c in COSTS],
            description="Sorted by",
            layout=widgets.Layout(width="230px"),
            style={"description_width": "initial"},
        )
        self.sort.observe(self.guarded(lambda _: self._list(), "sorting the layers"), "value")
        layers = widgets.VBox([row(self.sort), self.layers])
        self.tabs = widgets.Tab(
            children=[layers, self.machines, self.chosen.box],
            titles=("Layers by cost", "On other hardware", "By another cost"),
            selected_index=0,
        )
        return self.tabs

    def _wire(self) -> None:
        state, g = self.state, self.guarded
        run = g(lambda _: self._say(), "showing the state")
        state.observe(
            run,
            [
                "phase",
                "words",
                "rounding",
                "clocking",
                "answers",
                "subject",
                "settings",
                "reading",
                "trouble",
                "fronts",
            ],
        )
        depth_, shares_ = (g(lambda _, v=v: v.changed(), "drawing") for v in (self.depth, self.shares))
        fronts_, chosen_ = (g(lambda _, v=v: v.changed(), "drawing") for v in (self.fronts, self.chosen))
        state.observe(depth_, ["reading", "clocks"])
        state.observe(shares_, ["reading", "machines", "clocks"])
        state.observe(fronts_, ["fronts", "settings", "subject"])
        state.observe(chosen_, ["fronts", "settings"])
        state.observe(g(lambda _: self.bits.changed(), "drawing the bits"), ["rounded"])
        state.observe(g(lambda _: self._list(), "listing"), ["reading", "machines", "rounded"])
        state.observe(g(lambda _: self._link(), "writing the link"), ["subject"])
        self._follow_page()
        self.page.observe(g(lambda _: self._again(), "sending the page again"), "href")
        self.page.observe(g(lambda _: self.depth.changed(), "following the width"), "width")
        self.page.observe(g(lambda _: self._link(), "writing the link"), ["host"])

    def _again(self) -> None:
        """The page has been drawn: what was set while it was on its way may have been lost, so it is sent once more."""
        for widget in (
            *self._texts,
            self.runline,
            self.hostline,
            self.explore_button,
            self.records_button,
            self.int8_button,
        ):
            widget.send_state()
        for view in self._views():
            if view.figure is not None:
                view.figure.refresh()
            view.sentence.send_state()

    @property
    def _texts(self) -> tuple[widgets.HTML, ...]:
        return self.strip, self.notes, self.doing, self.onward, self.layers, self.machines, self.pairs

    def _say(self) -> None:
        state = self.state
        self.runline.follow()
        self.hostline.follow()
        self.strip.value, self.notes.value = html.headline(state), html.notes(state)
        words = f'<span class="ee-sentence">{escape(state.words)}</span>' if state.words else ""
        self.doing.value = f'<div role="status" aria-live="polite" style="min-height:20px">{words}</div>'
        none = state.fronts is None
        self.explore_button.disabled = self.records_button.disabled = none
        eight = not none and state.settings.pair == EIGHT and state.subject is not None and state.subject.can_round
        self.int8_button.disabled = not eight or bool(state.rounding) or bool(self.missing)

    def _list(self) -> None:
        state = self.state
        if "tabs" not in self.hide:
            clocked = state.clocked if state.settings.batch else ()
            self.layers.value = tables.pieces(state.subject, clocked) or tables.layers(state.reading, self.sort.value)
            self.sort.disabled = bool(clocked)
            self.machines.value = tables.machines(state.machines, state.settings)
        exits = () if state.subject is None or state.subject.records is None else state.subject.records.exits
        self.pairs.value = tables.bits(state.rounded, state.settings, exits)

    def _link(self) -> None:
        super()._link()
        self.onward.value = html.onward(self.state.settings, self.page.host, self.state.subject)

    def _large(self) -> list:
        return [self.runline, self.hostline]


def _offered(networks: Networks) -> tuple[list[tuple[str, str]], str]:
    """What the menu offers, and why the stored searches cannot be read, in words."""
    try:
        return networks.options(), ""
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        networks.forget()
        return networks.options(), f"The stored searches cannot be read. {in_words(error)}"
