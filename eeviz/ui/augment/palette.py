"""Marks of the branch designs: symbol, dash and colour, each enough to tell them apart."""

from __future__ import annotations

from ..charts.marks import Mark

DESIGNS = {
    "mlp": Mark("circle", "solid", "●", "#0072B2", "#56B4E9"),
    "light": Mark("square", "dash", "■", "#B85C00", "#F0A04B"),
    "deep": Mark("diamond", "dot", "◆", "#8A2F6B", "#E08BC0"),
}
