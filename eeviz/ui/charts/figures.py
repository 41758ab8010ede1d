"""Plotly figures that share one copy of plotly.js on the page, follow its theme and fit their place.

A stock FigureWidget carries plotly.js (5 MB) each; several of them on a page also stop following updates, because
anywidget gives a module two seconds to start. Here one Carrier takes it along once, compressed, and figures wait.
"""

from __future__ import annotations

import gzip
import sys
from copy import deepcopy
from functools import lru_cache
from pathlib import Path

import anywidget
import plotly
import plotly.graph_objects as go
from plotly.serializers import custom_serializers
from traitlets import Bytes, Dict, Unicode, observe

from ..page.assets import module
from .theme import exit_colors

BUNDLE = Path(plotly.__file__).parent / "package_data" / "widgetbundle.js"
CONFIG = {
    "displaylogo": False,
    "showSendToCloud": False,  # plotly 7 offers to upload every chart, data included, unless told otherwise
    "plotlyServerURL": "",
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg"},
}

_PLAIN = {"font": 13, "title": 15, "line": 2, "marker": 8}
_PROJECTED = {"font": 19, "title": 22, "line": 3, "marker": 12}
_INK = {
    "light": {"text": "#1b1b1b", "quiet": "#5c5c5c", "rule": "#e2e2e2", "page": "#ffffff"},
    "dark": {"text": "#e8e8e8", "quiet": "#ababab", "rule": "#3a3a3a", "page": "#1e1e1e"},
}


class Carrier(anywidget.AnyWidget):
    """plotly.js for every figure of the page; invisible. One per kernel: see `carrier`."""

    _esm = module("carrier.js").replace("@VERSION@", plotly.__version__)

    bundle = Bytes(b"", help="gzip of plotly's widget module").tag(sync=True)


@lru_cache(maxsize=1)
def _bundle() -> bytes:
    return gzip.compress(BUNDLE.read_bytes(), compresslevel=6, mtime=0)


_carriers: list[Carrier] = []


def carrier() -> Carrier:
    """The kernel's one Carrier, made on first use. It need not be displayed."""
    if not _carriers or _carriers[0].comm is None:  # None: closed, as Widget.close_all() does
        _carriers[:] = [Carrier(bundle=_bundle())]
    return _carriers[0]


def _figure_widget() -> type[go.FigureWidget]:
    """go.FigureWidget, imported the light way.

    plotly imports nbformat and with it jsonschema, which builds a grammar of internationalised addresses: 17 MB and
    over a second for a check that nothing in a kernel asks for. jsonschema goes without it where it is missing.
    """
    grammar = "rfc3987_syntax"
    if grammar in sys.modules:
        return go.FigureWidget
    sys.modules[grammar] = None
    try:
        return go.FigureWidget
    finally:
        del sys.modules[grammar]


class Figure(_figure_widget()):
    """A FigureWidget without its own plotly.js, as wide as its place; otherwise go.FigureWidget.

    Whoever looks first (a late page, a reload) gets the figure as it is now, not as it was made.
    """

    if BUNDLE.exists():  # else: stock behaviour, the whole module in every figure
        _esm = module("figure.js").replace("@VERSION@", plotly.__version__)

    problem = Unicode("", help="why the page could not draw the figure").tag(sync=True)

    # After every redraw the page reports the defaults that plotly.js filled in. Nothing here asks for them, and
    # plotly 7.1 stumbles over them where a trace holds NumPy arrays, so they are neither echoed nor taken in.
    _js2py_traceDeltas = Dict(allow_none=True).tag(sync=True, echo_update=False, **custom_serializers)
    _js2py_layoutDelta = Dict(allow_none=True).tag(sync=True, echo_update=False, **custom_serializers)

    def __init__(self, *args, **kwargs):
        if BUNDLE.exists():
            carrier()
        super().__init__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Figure({len(self.data)} traces)"

    def get_state(self, key=None, drop_defaults=False):
        """Traits as the page asks for them. plotly leaves data and layout as constructed; here they are today's."""
        state = super().get_state(key=key, drop_defaults=drop_defaults)
        to_json = custom_serializers["to_json"]
        if key is None and "_widget_data" in state and hasattr(self, "_layout_obj"):
            state["_widget_layout"] = to_json(deepcopy(self._layout_obj._props), self)
            state["_widget_data"] = to_json(deepcopy(self._data), self)
        return state

    @observe("_js2py_traceDeltas")
    def _handler_js2py_traceDeltas(self, change):
        self._trace_edit_in_process = False
        self._defaults_came()

    @observe("_js2py_layoutDelta")
    def _handler_js2py_layoutDelta(self, change):
        self._layout_edit_in_process = False
        self._defaults_came()

    def _defaults_came(self) -> None:
        while not (self._trace_edit_in_process or self._layout_edit_in_process) and self._waiting_edit_callbacks:
            self._waiting_edit_callbacks.pop()()

    def refresh(self) -> None:
        """Send the whole figure again, for a page that may have missed a change."""
        with self.hold_trait_notifications():
            self._widget_layout = deepcopy(self._layout_obj._props)
            self._widget_data = deepcopy(self._data)


def figure(data=(), layout=None, *, theme: str = "light", projector: bool = False, exits: int = 4) -> Figure:
    """A Figure with everything in it from the start, in the house style.

    data : traces. layout : dict of plotly layout properties; `height` (CSS pixels) should be among them.
    What is set before the page has loaded a figure must be set at construction: later changes could be lost.
    """
    complete = go.Figure(
        list(data), {"template": template(theme, projector, exits), "autosize": True, **(layout or {})}
    )
    made = Figure(complete)
    made._config = CONFIG
    return made


def dress(fig: go.Figure, theme: str, projector: bool = False, exits: int = 4) -> None:
    """Change the look of a figure in place: theme "light" or "dark", type for reading or for a projector."""
    fig.layout.template = template(theme, projector, exits)


@lru_cache(maxsize=32)
def template(theme: str = "light", projector: bool = False, exits: int = 4) -> go.layout.Template:
    """The house style: no frame, faint grid, direct room for labels, one colour per exit."""
    if theme not in _INK:
        raise ValueError(f'theme {theme!r}: choose "light" or "dark".')
    ink, size = _INK[theme], _PROJECTED if projector else _PLAIN
    axis = {
        "automargin": True,
        "gridcolor": ink["rule"],
        "linecolor": ink["quiet"],
        "showline": True,
        "ticks": "outside",
        "tickcolor": ink["quiet"],
        "ticklen": 4,
        "title": {"standoff": 8, "font": {"size": size["font"]}},
        "zeroline": False,
    }
    hover = {"bgcolor": ink["page"], "bordercolor": ink["quiet"], "font": {"size": size["font"], "color": ink["text"]}}
    clear = "rgba(0,0,0,0)"
    layout = {
        "font": {
            "family": "system-ui, -apple-system, Segoe UI, sans-serif",
            "size": size["font"],
            "color": ink["text"],
        },
        "title": {"font": {"size": size["title"]}, "x": 0, "xref": "paper", "xanchor": "left", "yanchor": "top"},
        "colorway": list(exit_colors(exits, theme)),
        "paper_bgcolor": clear,
        "plot_bgcolor": clear,
        "hoverlabel": hover,
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom", "bgcolor": clear},
        "margin": {"l": 48, "r": 16, "t": 40, "b": 44},
        "xaxis": axis,
        "yaxis": axis,
        "bargap": 0.18,
        "modebar": {"bgcolor": clear, "color": ink["quiet"], "activecolor": ink["text"]},
        "annotationdefaults": {"font": {"size": size["font"], "color": ink["text"]}, "arrowcolor": ink["quiet"]},
        "shapedefaults": {"line": {"color": ink["quiet"]}},
    }
    lines = {"line": {"width": size["line"]}, "marker": {"size": size["marker"]}}
    return go.layout.Template(layout=layout, data={"scatter": [lines]})


def ink(theme: str) -> dict[str, str]:
    """Colours that are no exit's: text, quiet (secondary text), rule (grid), page."""
    return dict(_INK[theme])
