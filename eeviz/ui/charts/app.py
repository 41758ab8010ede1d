"""What the app of every page has: status line, theme, callbacks that cannot fail silently, a frame around its parts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets as widgets

from ..page.assets import style as stylesheet
from ..page.errors import Status, guarded
from ..page.footer import Foot
from ..page.page import Page
from .style import Style


class App:
    """One page around one state. `_link` writes its address and line of code, `_dress` follows theme and size of type."""

    def __init__(self, state, hide: Sequence[str] = ()):
        self.state, self.hide = state, tuple(hide)
        self.status, self.page = Status(), Page()
        state.theme = self.page.theme

    def guarded(self, fn: Callable, doing: str = "") -> Callable:
        """`fn` as a callback whose exceptions appear in the page."""
        return guarded(self.status, fn, doing)

    @property
    def style(self) -> Style:
        """Theme and size of type, for charts."""
        return Style(self.state.theme, self.state.projector)

    def download_table(self, records) -> None:
        """Hand records to the browser as records.npz."""
        with tempfile.TemporaryDirectory(prefix="eeviz-") as folder:
            path = Path(folder) / "records.npz"
            records.save(path)
            self.page.download("records.npz", path.read_bytes())

    def _shown_unless(self, part: str, *children) -> list:
        return [] if part in self.hide else list(children)

    def _foot(self) -> list:
        self.foot = Foot(self)
        self.code_line, self.url_line = self.foot.code_line, self.foot.url_line
        return self._shown_unless("code", self.foot)

    def _frame(self, children: Sequence, *names: str) -> widgets.VBox:
        """The page's box. names : classes of the style sheet."""
        css = widgets.HTML(f"<style>{stylesheet('app.css')}</style>")
        box = widgets.VBox([css, self.page, *children], layout=widgets.Layout(width="100%"))
        for name in ("ee-app", *names):
            box.add_class(name)
        return box

    def _follow_page(self) -> None:
        """Follow the theme and the address of the page."""
        state, g = self.state, self.guarded
        self.page.observe(g(lambda c: setattr(state, "theme", c.new), "following the theme"), "theme")
        self.page.observe(g(lambda _: self._link(), "writing the link"), ["href", "query"])


def columns(*contents: Sequence, even: bool = False) -> widgets.Box:
    """Columns side by side, one below the other where the page is narrow."""
    layout = widgets.Layout(width="100%", min_width="0", overflow="hidden")
    box = widgets.Box([], layout=widgets.Layout(width="100%", display="grid"))
    box.add_class("ee-first")
    if even:
        box.add_class("ee-even")
    box.children = tuple(widgets.VBox(list(content), layout=layout) for content in contents)
    return box
