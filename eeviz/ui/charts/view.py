"""View: one chart with the sentence under it. It draws only while it is on show, and always into the same figure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from .figures import dress, figure
from .traces import Drawing

LETTING_GO = 5.0
"""Seconds after which a figure that another one replaced is closed."""


@dataclass(frozen=True)
class Chart:
    """What makes a view: title of its tab, draw(app) -> what it shows, with a fixed list of traces, describe(app) -> text."""

    title: str
    draw: Callable[[object], Drawing | go.Figure]  # go.Figure: where plotly lays out subplots
    describe: Callable[[object], str]
    click: Callable[[object, int, int], None] | None = None  # app, trace, point


class View:
    """A chart on the page. `show` builds it the first time and refreshes it when something changed meanwhile."""

    def __init__(self, app, chart: Chart):
        self.app, self.chart, self.title = app, chart, chart.title
        self.box = widgets.VBox(layout=widgets.Layout(width="100%", min_width="0"))
        self.sentence = widgets.HTML()
        self.figure = None
        self._shown = self._stale = False

    def show(self) -> None:
        self._shown = True
        if self.figure is None:
            self._build(self.chart.draw(self.app))
        elif self._stale:
            self.redraw()
        self._stale = False

    def hide(self) -> None:
        self._shown = False

    def changed(self) -> None:
        """Something this view depends on is new: redraw now, or when next shown."""
        if self._shown and self.figure is not None:
            self.redraw()
        else:
            self._stale = True

    def redraw(self) -> None:
        """Bring the figure up to date; another number of traces (another number of exits) makes a new one."""
        fresh = self.chart.draw(self.app)
        if len(fresh.data) != len(self.figure.data):
            old = self.figure
            self._build(fresh)
            _retire(old)
            return
        with self.figure.batch_update():
            if self._look != self._wanted_look():
                dress(self.figure, **self._wanted_look())
                self._look = self._wanted_look()
            drawn, self._drawn = self._drawn, _plain(fresh)
            parts = (*self.figure.data, self.figure.layout)
            for part, old, new in zip(parts, drawn, self._drawn, strict=True):
                _bring(part, old, new)
        self._say()

    def _wanted_look(self) -> dict:
        style = self.app.style
        return {"theme": style.theme, "projector": style.projector, "exits": self.app.state.records.exits_count}

    def _build(self, fresh: Drawing | go.Figure) -> None:
        self._look = self._wanted_look()
        self._drawn = _plain(fresh)
        self.figure = figure(fresh.data, _layout(fresh), **self._look)
        if self.chart.click is not None:
            for number, trace in enumerate(self.figure.data):
                trace.on_click(self.app.guarded(self._clicked(number), f"reading a click on “{self.title}”"))
        self._say()
        self.box.children = (self.figure, self.sentence)

    def _say(self) -> None:
        self.sentence.value = f'<p class="ee-sentence">{escape(self.chart.describe(self.app))}</p>'

    def _clicked(self, number: int):
        def clicked(trace, points, _):
            if points.point_inds:
                self.chart.click(self.app, number, points.point_inds[0])

        return clicked


def _retire(old: go.FigureWidget) -> None:
    """Close a figure when the page has let go of it: until then plotly.js may still report to it."""
    timer = threading.Timer(LETTING_GO, old.close)
    timer.daemon = True
    timer.start()


def _bring(part, old: dict, new: dict) -> None:
    """Set what differs between two states of a trace or layout; plotly validates whatever it is given, changed or not."""
    changed = {name: value for name, value in new.items() if not _same(old.get(name), value)}
    for name in old.keys() - new.keys():
        part[name] = None
    for name in [name for name, value in changed.items() if _count(value) != _count(old.get(name))]:
        # An update would pair shapes and annotations one by one: it leaves what is too many, and a batch that holds
        # both new ones and parts of old ones is refused.
        part[name] = changed.pop(name)
    if changed:
        part.update(changed)


def _count(value) -> int:
    """How many shapes, annotations and the like a property lists; -1 for any other property."""
    listed = isinstance(value, list | tuple) and all(isinstance(one, dict) for one in value)
    return len(value) if listed else -1


def _plain(drawn: Drawing | go.Figure) -> list[dict]:
    """The properties of each trace, then of the layout."""
    if isinstance(drawn, Drawing):
        return [*drawn.data, dict(drawn.layout)]
    return [*(trace.to_plotly_json() for trace in drawn.data), _layout(drawn)]


def _same(a, b) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and bool((a == b).all())
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    return type(a) is type(b) and not isinstance(a, np.ndarray) and bool(a == b)


def _layout(drawn: Drawing | go.Figure) -> dict:
    if isinstance(drawn, Drawing):
        return dict(drawn.layout)
    return {name: value for name, value in drawn.layout.to_plotly_json().items() if name != "template"}
