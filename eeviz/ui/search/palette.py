"""Marks of the methods: symbol, dash and colour, each enough to tell them apart, the same in every chart and the table."""

from __future__ import annotations

from ...labs.search.settings import METHODS
from ..charts.figures import ink
from ..charts.marks import Mark

MARKS = dict(
    zip(
        METHODS,
        (
            Mark("circle", "solid", "●", ink("light")["text"], ink("dark")["text"]),
            Mark("square", "dash", "■", "#0072B2", "#56B4E9"),
            Mark("diamond", "dot", "◆", "#B85C00", "#F0A04B"),
            Mark("triangle-up", "dashdot", "▲", "#8A2F6B", "#E08BC0"),
            Mark("x", "longdash", "✕", "#5F6B6B", "#9AA8A8"),
        ),
        strict=True,
    )
)
