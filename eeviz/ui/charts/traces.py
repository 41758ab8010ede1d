"""What a chart draws, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...core.table import format


@dataclass(frozen=True)
class Drawing:
    """What a chart shows: traces (properties with "type") and layout, as plain dicts.

    plotly checks them when they reach a figure, and then only what changed: building graph objects for every redraw
    takes longer than everything else that a moved slider asks for.
    """

    data: Sequence[dict]
    layout: Mapping


def amounts(values, unit: str, words: Sequence[str] | None = None) -> list[str]:
    """Costs as people read them, for a hover: plotly's own "s" format makes 0.211 J "211mJ", and 0.211 of MACs "211m".

    words : what follows each on the next line.
    """
    told = [format.quantity(float(value), unit) for value in values]
    return told if words is None else [f"{one}<br>{more}" for one, more in zip(told, words, strict=True)]


def scatter(**properties) -> dict:
    """A trace of points or lines for a Drawing; what is None is left out."""
    return _trace("scatter", properties)


def bar(**properties) -> dict:
    """A trace of bars for a Drawing; what is None is left out."""
    return _trace("bar", properties)


def _trace(kind: str, properties: dict) -> dict:
    return {"type": kind, **{name: value for name, value in properties.items() if value is not None}}
