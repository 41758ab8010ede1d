"""Drawing: architectures as one picture to a common scale of MACs, with a text form."""

from __future__ import annotations

from collections.abc import Sequence

import anywidget
from traitlets import Bool, Dict, List, Unicode

from ...core.table import format
from ...labs.search.state import Selection
from ..charts.theme import exit_colors
from ..page.assets import module, style

KINDS = ("layer", "inverted 3x3", "dense 3x3", "inverted 5x5")
"""Block types with a look of their own; others follow them."""


class Drawing(anywidget.AnyWidget):
    """Stages, blocks and branches of the architectures in `items`, as `drawn` makes them; widths are MACs.

    empty : said while there is none. projector : large type.
    """

    _esm = module("drawing.js")
    _css = style("drawing.css")

    items = List().tag(sync=True)
    empty = Unicode("").tag(sync=True)
    kinds = List(Unicode(), list(KINDS)).tag(sync=True)
    projector = Bool(False).tag(sync=True)
    _colors = Dict().tag(sync=True)

    def show(self, selections: Sequence[Selection], titles: Sequence[str] = ()) -> None:
        """Draw these, one under the other; titles : one each, or none."""
        items = [drawn(s, t) for s, t in zip(selections, titles or [""] * len(selections), strict=True)]
        count = max((len(item["stages"]) for item in items), default=1)
        with self.hold_sync():
            self._colors = {theme: list(exit_colors(count, theme)) for theme in ("light", "dark")}
            self.items = items


def early_exits(count: int) -> str:
    """ "1 early exit", "2 early exits"."""
    return f"{count} early exit{'' if count == 1 else 's'}"


def drawn(selection: Selection, title: str = "") -> dict:
    """The item of a selection: plain values, with what is known about its branches beside them."""
    drawing, shares = selection.drawing, selection.shares
    thresholds = (*selection.own_policy.thresholds, None)
    branches = []
    for k, branch in enumerate(drawing["branches"]):
        final = k == len(drawing["branches"]) - 1
        notes = []
        if not final and len(thresholds) == len(drawing["branches"]) and thresholds[k] is not None:
            notes.append(f"≥ {thresholds[k]:.3g}")
        if shares is not None and len(shares) == len(drawing["branches"]):
            notes.append(f"{format.percent(shares[k], 0)} leave")
        branches.append(
            {
                "label": branch["name"].replace(", ", ": ", 1),
                "position": branch["position"],
                "color": branch["position"],
                "macs": branch["macs"],
                "layers": list(branch["layers"]),
                "notes": notes,
            }
        )
    stages = [
        {
            "name": stage["name"],
            "shape": list(stage["shape"]),
            "blocks": [
                {
                    **{n: block[n] for n in ("kind", "words", "macs")},
                    "shape": list(block["shape"]),
                    "layers": list(block["layers"]),
                }
                for block in stage["blocks"]
            ],
        }
        for stage in drawing["stages"]
    ]
    summary = (
        f"{title or selection.name}: {len(stages)} stages, {early_exits(len(branches) - 1)}, "
        f"{format.quantity(drawing['macs'])} with every exit"
    )
    return {"title": title, "stages": stages, "branches": branches, "words": selection.words, "summary": summary}
