"""Marks of a chart: symbol, dash and colour together, each enough to tell things apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """A thing's symbol and dash in plotly's spelling, its sign in text, and its colour in a theme."""

    symbol: str
    dash: str
    sign: str
    light: str
    dark: str

    def color(self, theme: str) -> str:
        return self.light if theme == "light" else self.dark
