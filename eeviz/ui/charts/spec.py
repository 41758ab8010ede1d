"""What a page must know of records beside their arrays: names, colours, costs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from ...core.table.records import ExitRecords
from .theme import exit_colors, exit_patterns


def router_spec(
    records: ExitRecords, cost: str, names=None, colors=None, static_cost=None, split_note: str = ""
) -> dict:
    """All that router.js needs of records besides their arrays, as JSON. Raises ValueError for what does not fit."""
    exits = records.exits_count
    charge = records.cost(cost)
    static = charge.static if static_cost is None else float(static_cost)
    if not np.isfinite(static) or static <= 0:
        raise ValueError(f"static_cost: expected a cost above 0 {charge.unit}, got {static!r}.")
    return {
        "samples": len(records),
        "exits": exits,
        "names": _per_exit(names or [_capital(name) for name in records.exits], "names", exits),
        "colors": _colors(colors, exits),
        "patterns": list(exit_patterns(exits)),
        "positions": records.position.tolist(),
        "removable": records.removable,
        "terms": [{"backbone": term.backbone.tolist(), "heads": term.heads.tolist()} for term in charge.terms],
        "unit": charge.unit,
        "static": static,
        "note": split_note,
        "wilson": records.weight is None and records.group is None,
    }


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _per_exit(values: Sequence[str], what: str, exits: int) -> list[str]:
    if isinstance(values, str) or len(values) != exits:
        raise ValueError(f"{what}: expected {exits}, one per exit and one for the final classifier.")
    return [str(value) for value in values]


def _colors(colors: Sequence[str] | Mapping[str, Sequence[str]] | None, exits: int) -> dict[str, list[str]]:
    if colors is None:
        return {theme: list(exit_colors(exits, theme)) for theme in ("light", "dark")}
    both = colors if isinstance(colors, Mapping) else {"light": colors, "dark": colors}
    if set(both) != {"light", "dark"}:
        raise ValueError('colors: expected E colours, or a mapping with "light" and "dark".')
    checked = {theme: _per_exit(values, "colors", exits) for theme, values in both.items()}
    for color in (*checked["light"], *checked["dark"]):
        if not re.fullmatch(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]+|(rgb|hsl)a?\([\d\s.,%/]+\)", color):
            raise ValueError(f"colors: {color!r} is not a CSS colour such as #0072B2.")
    return checked
