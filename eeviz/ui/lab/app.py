"""LabApp: what the app of every lab has around its state, driver and form."""

from __future__ import annotations

from ...labs.settings import to_code, to_query
from ...launch import packages
from ..charts.app import App

NEEDED = ("torch", "fvcore", "safetensors")
"""Packages that labs need which train."""


class LabApp(App):
    """The page of one lab. Subclasses have a driver with start, stop, resume; a form; the explorer `below`; `views`."""

    def start(self) -> None:
        self.driver.start(self.form.read())

    def stop(self) -> None:
        self.driver.stop()

    def _views(self) -> list:
        """The charts to draw again with another theme."""
        return []

    def _large(self) -> list:
        """The widgets that draw themselves and follow the size of type."""
        return []

    def _code(self) -> str:
        return to_code(self.state.settings)

    def _link(self) -> None:
        query = to_query(self.state.settings) | ({"projector": "1"} if self.state.projector else {})
        self.foot.link(self._code(), query)

    def _dress(self) -> None:
        self.foot.dress()
        for part in self._large():
            part.projector = self.state.projector
        for view in self._views():
            view.changed()
        self.below.dress()

    def _follow_page(self) -> None:
        super()._follow_page()
        state, g = self.state, self.guarded
        state.observe(g(lambda _: self._link(), "writing the link"), ["settings", "projector"])
        state.observe(g(lambda _: self._dress(), "following the look"), ["theme", "projector"])


def missing(doing: str) -> str:
    """Which packages are missing for `doing`, in words; "" for none."""
    try:
        packages.require(*NEEDED, for_=doing)
    except ImportError as error:
        return str(error)
    return ""
