"""AugmentApp: assembles the augment lab around one state and keeps its parts in step. Nothing is computed or drawn here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets

from ...core.solve.tradeoff import Point
from ...labs.augment import session
from ...labs.augment.files import Files
from ...labs.augment.shipped import has_result
from ...labs.augment.state import AugmentState
from ..charts.app import columns
from ..explorer.controls import heading, row
from ..lab.app import LabApp, missing
from ..lab.embedded import Embedded
from ..lab.view import LabView
from . import html
from .driver import Driver
from .form import Form
from .panel import Panel
from .runline import RunLine
from .views import branches, front, sensitivity

PARTS = ("form", "run", "platform", "tabs", "explorer", "code")
"""What `hide` can take away, for teachers."""


class AugmentApp(LabApp):
    """Everything on the lab's page. state is the only thing its parts share."""

    def __init__(
        self,
        state: AugmentState,
        source: session.Source | None = None,
        *,
        folder: Path | None = None,
        hide=(),
        complaint: str = "",
        inline: bool = False,
    ):
        super().__init__(state, hide)
        self.missing = missing("augmenting")
        self.files = Files(state, source)
        self.driver = Driver(state, self.status, self.files, folder, inline=inline)
        self.form, self.runline = Form(self), RunLine(self)
        self.panel, self.below = Panel(self), Embedded(self)
        self.depth, self.chart = LabView(self, branches.CHART), LabView(self, front.CHART)
        self.figures = LabView(self, sensitivity.CHART)
        self.locations = widgets.HTML(html.table(None))
        self.box = self._box()
        self._wire()
        self.depth.show()
        self.chart.show()
        if "tabs" not in hide:
            self.figures.show()
        self._dress()
        self._link()
        self.complaint = ImportError(self.missing) if self.missing else ValueError(complaint) if complaint else None
        if self.complaint:
            self.status.fail(self.complaint)

    # -- what parts ask of the app ----------------------------------------------------------------------------------
    @property
    def static_points(self) -> tuple[Point, ...]:
        """Static networks trained alone, where the demo has them for this model; none until they are placed."""
        return () if self.state.static is None else self.state.static.points

    def stale(self) -> bool:
        """Whether the form has moved on from what was decided, in what “Decide again” takes."""
        decision, asked = self.state.decision, self.state.settings
        return (
            decision is not None
            and replace(decision.settings, claim=asked.claim) != asked
            and decision.settings.trained == asked.trained
        )

    # -- buttons ----------------------------------------------------------------------------------------------------
    def resume(self) -> None:
        self.driver.resume(self.form.read())

    def decide(self) -> None:
        self.driver.decide(self.form.read())

    def begin(self) -> None:
        """A finished result at once, where one ships with the settings' model."""
        if self.files.given is None and has_result(self.state.settings):
            self.driver.open_shipped(self.state.settings)
            if self.complaint:
                self.status.fail(self.complaint)

    def shipped(self) -> None:
        self.driver.open_shipped(self.form.read())

    def explore(self) -> None:
        """Open the records of the network on show in the explorer below."""
        one, trained = self._shown()
        records, policy = session.chosen_alone(one.mapping.records(trained.records), one)
        training, report = self.driver.training, None
        if training is not None:
            records = training.with_pictures(records)
            read = training.report(one.mapping)
            report = None if read is None else lambda: session.chosen_alone(read(), one)[0]
        self.below.show("the network decided on", records, policy, report, one.mapping.cost)
        self.status.info("The explorer is open below, at this network's thresholds and with the platform's costs.")

    def export(self) -> None:
        self.driver.export(lambda data: self.page.download("early-exit-network.zip", data, "application/zip"))

    def download_records(self) -> None:
        """The records of every branch, with the costs of the mapping on show."""
        one, trained = self._shown()
        self.download_table(one.mapping.records(trained.records))

    def _shown(self):
        if self.state.selected is None or self.state.trained is None:
            raise ValueError("nothing is decided yet: Start first.")
        return self.state.selected, self.state.trained

    # -- the page ---------------------------------------------------------------------------------------------------
    def _box(self) -> widgets.VBox:
        part = self._shown_unless
        charts = columns(*([heading(view.title), view.box] for view in (self.depth, self.chart)), even=True)
        children = [*part("form", self.form.box), *part("run", self.runline), self.status, charts]
        children += part("platform", self.panel.box)
        children += [] if "tabs" in self.hide else [self._tabs()]
        children += [*part("explorer", self.below.box), *self._foot()]
        return self._frame(children, "ee-lab")

    def _tabs(self) -> widgets.Tab:
        self.claim = widgets.BoundedFloatText(
            value=100 * self.state.settings.claim,
            min=0,
            max=99,
            step=5,
            description="Claimed saving, %",
            layout=widgets.Layout(width="190px"),
            style={"description_width": "initial"},
        )
        self.claim.observe(self.guarded(lambda c: self._claimed(c.new), "reading the claim"), "value")
        shown = widgets.VBox([row(self.claim), self.figures.box])
        titles = (self.figures.title, "Locations")
        self.tabs = widgets.Tab(children=[shown, self.locations], titles=titles, selected_index=0)
        return self.tabs

    def _claimed(self, percent: float) -> None:
        self.driver.claim(round(percent / 100, 10))

    def _wire(self) -> None:
        state, g = self.state, self.guarded
        run = g(lambda _: self.runline.follow(), "showing the state")
        state.observe(run, ["phase", "learning", "settings", "trained", "decision", "beside", "exporting"])
        state.observe(g(lambda _: self.depth.changed(), "drawing the branches"), ["anatomy", "learning", "trained"])
        state.observe(
            g(lambda _: self.chart.changed(), "drawing the front"), ["decision", "selected", "beside", "static"]
        )
        state.observe(g(lambda _: self.figures.changed(), "drawing the sensitivity"), ["sensitivity", "selected"])
        state.observe(g(lambda _: self._list(), "listing the locations"), ["anatomy"])
        self._follow_page()

    def _list(self) -> None:
        self.locations.value = html.table(self.state.anatomy)

    def _views(self) -> list[LabView]:
        return [self.depth, self.chart, self.figures]

    def _large(self) -> list:
        return [self.runline, self.panel.drawing]
