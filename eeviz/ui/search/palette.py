"""Marks of the methods: symbol, dash and colour, each enough to tell them apart, the same in every chart and the table."""

from __future__ import annotations

from dataclasses import dataclass

from ...labs.search.settings import METHODS
from ..charts.figures import ink


@dataclass(frozen=True)
class Look:
    """A method's symbol and dash in plotly's spelling, its sign in text, and its colour in a theme."""

    symbol: str
    dash: str
    sign: str
    light: str
    dark: str

    def color(self, theme: str) -> str:
        return self.light if theme == "light" else self.dark


LOOKS = dict(
    zip(
        METHODS,
        (
            Look("circle", "solid", "●", ink("light")["text"], ink("dark")["text"]),
            Look("square", "dash", "■", "#0072B2", "#56B4E9"),
            Look("diamond", "dot", "◆", "#B85C00", "#F0A04B"),
            Look("triangle-up", "dashdot", "▲", "#8A2F6B", "#E08BC0"),
            Look("x", "longdash", "✕", "#5F6B6B", "#9AA8A8"),
        ),
        strict=True,
    )
)
