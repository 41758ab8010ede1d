"""ExplorerApp: assembles the explorer's widgets around one state and keeps them in step. No figures are made here."""

from __future__ import annotations

import time
from html import escape

import ipywidgets as widgets

from ...core.solve import tradeoff
from ...core.table import format, metrics
from ...core.table.policy import Policy
from ..charts.app import App, columns
from ..charts.view import View
from . import report as strips
from .analysis import Analysis
from .controls import Tuning, button, confidence_row, heading, history_row, pins_row, row
from .gallery import Gallery
from .link import Link, to_code, to_query
from .opening import Opening, demo_parts
from .router import HIDEABLE, Router
from .saving import Saving
from .state import ExplorerState
from .views import classes, confidence, exits, reliability, shifted
from .views import tradeoff as tradeoff_view

BURST_SECONDS = 1.0
TABS = (exits.CHART, confidence.CHART, classes.CHART, reliability.CHART, shifted.CHART)


class LinkOf:
    """The current view as code and as an address."""

    def __init__(self, app: ExplorerApp):
        self._app = app

    @property
    def value(self) -> Link:
        state = self._app.state
        return Link(
            state.policy, state.measure or None, state.calibrated, state.cost, tuple(self._app.hide), state.projector,
            self._app.name if self._app.name != self._app.given else "",
        )  # fmt: skip

    @property
    def code(self) -> str:
        return to_code(self.value, repr(self._app.name) if self._app.name else "records")

    @property
    def query(self) -> dict[str, str]:
        return to_query(self.value)

    @property
    def url(self) -> str:
        return self._app.page.address(self.query)


def _fix(part: widgets.Widget) -> None:
    """Leave the controls within a part visible but out of use, whatever would free them."""
    if part.has_trait("disabled"):
        part.disabled = True
        part.observe(lambda change: setattr(change.owner, "disabled", True), "disabled")
    for child in getattr(part, "children", ()):
        _fix(child)


class ExplorerApp(App):
    """Everything on the explorer's page. state is the only thing its parts share."""

    def __init__(self, state: ExplorerState, *, name="", given=None, hide=(), complaint="", inline: bool = False):
        """name : of the demo on show, "" for none. given : of the one that the notebook asks for. complaint : to tell."""
        super().__init__(state, hide)
        self.name, self.given, self._inline = name, name if given is None else given, inline
        self._last_moved: tuple[int, ...] = ()
        self._last_time = 0.0
        self.link = LinkOf(self)
        self.analysis = Analysis(
            state, inline=inline, on_error=lambda error: self.status.fail(error, "refining the front")
        )
        self._compute_points()
        self.router = self._router()
        self.chart = View(self, tradeoff_view.CHART)
        self.tabs_views = [View(self, chart) for chart in TABS]
        self.gallery = (
            None
            if "tabs" in hide
            else Gallery(state.records, state.policy, state.cost, routing=state.routing, status=self.status)
        )
        self.table, self.notes = widgets.HTML(), widgets.HTML()
        self.box = self._box()
        self._wire()
        self._settle()
        self._note_records()
        self.chart.show()
        if complaint:
            self.status.fail(ValueError(complaint))

    @property
    def now(self) -> tradeoff.Point:
        routing = self.state.routing
        return tradeoff.Point("now", routing.accuracy, routing.mean_cost, self.state.policy)

    def _compute_points(self) -> None:
        state = self.state
        records = state.records
        self.static_points = tradeoff.static_curve(state.static, records, state.cost)
        self.pin_points = tradeoff_view.pin_points(self)
        self.shifted_points = tradeoff_view.shifted_points(self)

    def _router(self) -> Router:
        state = self.state
        hidden = [part for part in HIDEABLE if part in self.hide]
        return Router(
            state.records,
            state.policy,
            cost=state.cost,
            hide=hidden,
            projector=state.projector,
            split_note=self._note(),
        )

    def _note(self) -> str:
        split = self.state.records.split or "these samples"
        return f"{split}: thresholds are chosen here, so optimistic"

    def _box(self) -> widgets.VBox:
        hide = self.hide
        self.comparison, self.report_html = widgets.HTML(), widgets.HTML()
        self.tuning = Tuning(self)
        self.report_button = button(
            self,
            "Open the report",
            "Read the report split once, at this setting",
            self.state.look,
            "opening the report",
        )
        self.report_row = row(self.report_button)
        panel = [history_row(self), confidence_row(self)]
        if "tuning" not in hide:
            panel += [heading("Find thresholds"), self.tuning.box]
        if "pins" not in hide:
            panel += [heading("Compare"), pins_row(self), self.comparison]
        if "report" not in hide:
            panel += [heading("Report"), self.report_row, self.report_html]
        chart = self._shown_unless("chart", [heading("Accuracy against cost"), self.chart.box])
        children = [self.router, self.status, self.notes, columns(*chart, panel)]
        children += [] if "tabs" in hide else [self._tabs()]
        self.saving = Saving(self, inline=self._inline)
        children += [*self._foot(), *self._shown_unless("code", self.saving.box)]
        if "open" not in hide and "lock" not in hide:
            self.opening = Opening(self)
            children.append(self.opening.box)
        if "lock" in hide:
            _fix(widgets.VBox([part for part in panel if part is not self.report_row]))
        return self._frame(children)

    def open_demo(self, demo) -> None:
        """Show another demo, with its report split, static networks and shifted inputs."""
        self.name = demo.name
        self.state.open_records(demo.validation, **demo_parts(demo))
        self._link()

    def _tabs(self) -> widgets.Tab:
        download = button(self, "Download as CSV", "This table as a file", self._download, "writing the table")
        table = widgets.VBox([self.table, row(download)])
        self._pages = [self.gallery, *(view.box for view in self.tabs_views), table]
        titles = ["Samples", *(view.title for view in self.tabs_views), "Table"]
        self.tabs = widgets.Tab(children=self._pages, titles=titles, selected_index=0)
        self.tabs.observe(self.guarded(lambda change: self._turn(change.new), "opening a tab"), "selected_index")
        return self.tabs

    def _turn(self, index: int | None) -> None:
        for k, view in enumerate(self.tabs_views, start=1):
            if k == index:
                view.show()
            else:
                view.hide()

    def _download(self) -> None:
        self.page.download("exits.csv", strips.to_csv(self).encode(), "text/csv")

    def _wire(self) -> None:
        state, g = self.state, self.guarded
        self.router.observe(g(lambda c: self._moved(Policy(c.new)), "moving a threshold"), "thresholds")
        state.observe(g(lambda _: self._settle(), "updating the page"), ["policy", "pins", "report_open", "cost"])
        state.observe(lambda _: self.status.clear() if self.status.level == "info" else None, ["policy"])
        state.observe(g(lambda _: self._reload(), "showing the records"), ["records", "cost"])
        state.observe(g(lambda _: self._report(), "showing the report"), ["report_source", "looks"])
        state.observe(g(lambda _: self._redraw(), "updating the charts"), ["theme", "projector", "mine_source"])
        state.observe(g(lambda _: self._dress(), "changing the type size"), ["projector"])
        self.analysis.observe(
            g(lambda _: self.chart.changed(), "drawing the front"), ["front", "baselines", "mine_front"]
        )
        self._follow_page()
        if self.gallery is not None:
            self.gallery.observe(g(lambda c: setattr(state, "selected", c.new), "selecting a sample"), "selected")
        self._dress()

    def _moved(self, policy: Policy) -> None:
        """A threshold moved under the hand: several key presses on one slider in a row are one step for undo."""
        pairs = zip(policy.thresholds, self.state.policy.thresholds, strict=True)
        moved = tuple(k for k, (new, old) in enumerate(pairs) if new != old)
        goes_on = moved == self._last_moved and time.monotonic() - self._last_time < BURST_SECONDS
        self._last_moved = moved
        if moved:
            self.state.set_policy(policy, remember=not goes_on)
        self._last_time = time.monotonic()  # after the redraw, which on a slow machine takes longer than a key press

    def _note_records(self) -> None:
        """What whoever reads figures of this table should know, in the page."""
        told = [f"<li>{escape(note)}</li>" for note in self.state.source.notes]
        self.notes.value = f'<ul class="ee-sentence" role="note">{"".join(told)}</ul>' if told else ""

    def _reload(self) -> None:
        state = self.state
        self._note_records()
        self.router.set_records(state.records, state.policy, cost=state.cost, split_note=self._note())
        if self.gallery is not None:
            self.gallery.set_records(state.records, state.policy, state.cost)
        self._settle()

    def _settle(self) -> None:
        """Everything that follows a change at rest."""
        state = self.state
        if self.router.records is not state.records:
            return  # _reload comes next and ends here again
        self.router.thresholds = list(state.policy.thresholds)
        if state.records.weight is not None or state.records.group is not None:
            interval = metrics.accuracy_interval(state.records, state.routing.right)
            self.router.interval = f"95 % interval {format.interval_percent(interval)}, {interval.method}"
        self._compute_points()
        self._redraw()
        if self.gallery is not None:
            self.gallery.update(state.policy, state.routing)
        self.comparison.value = f'<div class="ee-scroll">{strips.comparison(self)}</div>'
        self.table.value = f'<div class="ee-scroll">{strips.table(self)}</div>'
        self._report()
        self._link()

    def _redraw(self) -> None:
        self.chart.changed()
        for view in self.tabs_views:
            view.changed()

    def _report(self) -> None:
        state = self.state
        self.report_button.disabled = state.report_source is None
        if state.report_open:
            self.report_html.value = strips.report(self)
            return
        looks = (
            f" Looked at {len(state.looks)} time{'s' if len(state.looks) != 1 else ''} so far." if state.looks else ""
        )
        words = (
            f"Shut: figures on samples that chose nothing.{looks} It shuts again when a threshold moves."
            if state.report_source is not None
            else "These records have no report split. Open one below, or call explore(records, report=...)."
        )
        self.report_html.value = f'<p class="ee-sentence">{words}</p>'

    def _link(self) -> None:
        self.foot.link(self.link.code, self.link.query)

    def _dress(self) -> None:
        self.foot.dress()
        self.router.projector = self.state.projector
        if self.gallery is not None:
            self.gallery.projector = self.state.projector
