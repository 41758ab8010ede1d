"""Drawing: configurations on their processors as one picture each, in plain values for the page."""

from __future__ import annotations

from collections.abc import Sequence

import anywidget
import numpy as np
from traitlets import Bool, Dict, List, Unicode

from ...core.platform.cost import homes
from ...core.table import format
from ...core.table.records import ExitRecords
from ...labs.augment.state import Configuration
from ..charts.theme import exit_colors
from ..page.assets import module, style


class MappingDrawing(anywidget.AnyWidget):
    """Processors, links, segments and exits of the configurations in `items`, as `drawn` makes them.

    empty : said while there is none. projector : large type.
    """

    _esm = module("mapping.js")
    _css = style("mapping.css")

    items = List().tag(sync=True)
    empty = Unicode("").tag(sync=True)
    projector = Bool(False).tag(sync=True)
    _colors = Dict().tag(sync=True)

    def show(self, items: Sequence[dict]) -> None:
        """Draw these, one under the other."""
        count = max((len(item["exits"]) for item in items), default=1)
        with self.hold_sync():
            self._colors = {theme: list(exit_colors(count, theme)) for theme in ("light", "dark")}
            self.items = list(items)


def drawn(one: Configuration, records: ExitRecords, key: str, title: str, told: str = "") -> dict:
    """The item of a configuration: plain values. told : a sentence under the title."""
    mapping, figures = one.mapping, one.figures
    steps, exits = _steps(one, records)
    processors = []
    for r, processor in enumerate(mapping.platform.processors):
        own = [step for step in steps if step["processor"] == r]
        held, room = figures["memory"][processor.name], processor.memory
        unused = "not used" if r else "samples arrive"
        note = unused if not own else _bytes(held) + (f" of {_bytes(room)}" if room else " held")
        processors.append(
            {
                "name": processor.name,
                "used": bool(own),
                "macs": sum(step["macs"] for step in own if step["kind"] == "piece"),
                "steps": own,
                "fill": held / room if room else None,
                "note": note,
            }
        )
    links = []
    for link in mapping.platform.links:
        share, sent = figures["crossing"][link.name], figures["traffic"][link.name]
        words = [f"{format.percent(share)} cross", f"{_bytes(sent / share)} each"] if share else ["nothing crosses"]
        links.append({"name": link.name, "share": share, "words": words})
    return {
        "key": key, "title": title, "told": told, "processors": processors, "links": links, "exits": exits,
        "summary": f"{title}. {summary(one)}",
    }  # fmt: skip


def summary(one: Configuration) -> str:
    """The picture in words."""
    mapping, figures = one.mapping, one.figures
    parts = []
    for r, processor in enumerate(mapping.platform.processors):
        own = [p + 1 for p, at in enumerate(mapping.assignment) if at == r]
        if own:
            which = f"segment {own[0]}" if len(own) == 1 else f"segments {own[0]} to {own[-1]}"
            parts.append(f"{processor.name} runs {which}")
    crossing = [f"{format.percent(share)} cross {name}" for name, share in figures["crossing"].items() if share]
    leaving = [f"{format.percent(s)}" for s, k in zip(figures["share"], [*one.policy.kept, True], strict=True) if k]
    return f"{'; '.join([*parts, *crossing])}. Leaving at the exits in order: {', '.join(leaving)}."


def _steps(one: Configuration, records: ExitRecords) -> tuple[list[dict], list[dict]]:
    """Pieces and exits in the order in which a sample meets them, and the exits as a list in words.

    Segments that neither a kept exit nor a processor parts are one piece. reach : share of samples that run it.
    """
    mapping, segments = one.mapping, one.mapping.segments
    home = homes(segments, mapping.assignment, mapping.heads)
    kept, share = [*one.policy.kept.tolist(), True], np.array(one.figures["share"])
    thresholds = (*one.policy.thresholds, None)
    steps: list[dict] = []
    exits: list[dict] = []
    reach = 1.0
    for p, piece in enumerate(segments.pieces):
        last = steps[-1] if steps else None
        if last and last["kind"] == "piece" and last["processor"] == mapping.assignment[p]:
            last["macs"] += piece.macs
            last["last"] = p + 1
        else:
            steps.append({"kind": "piece", "processor": mapping.assignment[p], "macs": piece.macs, "reach": reach, "first": p + 1, "last": p + 1})  # fmt: skip
        for k in np.flatnonzero(segments.position == p):
            if not kept[k]:
                continue
            final = k == len(kept) - 1
            name = "final" if final else f"exit {len(exits) + 1}"
            words = f"{name}: {records.exits[k]}" if not final else "final: the model's own classifier"
            words += f", {format.percent(share[k])} of the samples leave"
            words += "" if thresholds[k] is None else f" at confidence ≥ {thresholds[k]:.4g}"
            exits.append({"color": len(exits), "words": words})
            steps.append(
                {
                    "kind": "exit",
                    "processor": home[k],
                    "share": float(share[k]),
                    "reach": reach,
                    "color": len(exits) - 1,
                    "name": name,
                    "leave": format.percent(share[k]),
                    "words": words,
                }
            )
            reach = max(0.0, reach - float(share[k]))
    for step in steps:
        if step["kind"] == "piece":
            first, last = step.pop("first"), step.pop("last")
            which = f"segment {first}" if first == last else f"segments {first} to {last}"
            macs = format.quantity(step["macs"])
            step["label"], step["short"] = macs, macs.removesuffix(" MACs")
            step["words"] = f"{which}: {macs}, run by {format.percent(step['reach'])} of the samples"
    return steps, exits


def _bytes(size: float) -> str:
    return format.quantity(float(size), "B")
