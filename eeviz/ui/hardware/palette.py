"""Colours of the parts of a network and of its costs, the same in every chart of the lab."""

from __future__ import annotations

from ..charts.marks import Mark
from ..charts.theme import exit_colors, exit_patterns

BACKBONE = {"light": ("#8a8f98", "#a9aeb6"), "dark": ("#868c96", "#666c76")}
"""Segments, in turn."""

ENERGY = {
    "light": ("#1b1b1b", "#cfe3f5", "#9fc6e8", "#6aa5d8", "#3c82bd", "#1f5f99", "#0d3f70", "#B85C00"),
    "dark": ("#e8e8e8", "#0f3a5f", "#1b5586", "#2a72ad", "#4b92cc", "#7fb6e2", "#b5d6f0", "#F0A04B"),
}
"""Multiplications, then memories from the inner to the outer ones; the last is DRAM."""

MARKS = {
    "macs": Mark("circle", "dot", "●", "#5F6B6B", "#9AA8A8"),
    "latency": Mark("square", "dash", "■", "#B85C00", "#F0A04B"),
    "energy": Mark("diamond", "dashdot", "◆", "#8A2F6B", "#E08BC0"),
    "energy x latency": Mark("triangle-up", "solid", "▲", "#0072B2", "#56B4E9"),
}
"""Marks of the costs."""


def of_piece(piece: str, exits: int, theme: str) -> str:
    """Colour of "segment 2", "exit 1" or "final"."""
    kind, _, number = piece.partition(" ")
    if kind == "segment":
        return BACKBONE[theme][(int(number) - 1) % 2]
    return exit_colors(exits, theme)[exits - 1 if kind == "final" else int(number) - 1]


def pattern_of(piece: str, exits: int) -> str:
    """Pattern of a piece: segments are plain."""
    kind, _, number = piece.partition(" ")
    if kind == "segment":
        return ""
    return exit_patterns(exits)[exits - 1 if kind == "final" else int(number) - 1]


def of_memory(index: int, count: int, name: str, theme: str) -> str:
    """Colour of a memory level."""
    levels = ENERGY[theme][1:-1]
    if name == "dram":
        return ENERGY[theme][-1]
    return levels[min(len(levels) - 1, round(index * (len(levels) - 1) / max(1, count - 2)))]
