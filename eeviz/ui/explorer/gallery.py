"""Gallery: the samples leaving at each exit, easy to hard, and beside them why the chosen one left where it did."""

from __future__ import annotations

from dataclasses import asdict

import anywidget
import numpy as np
from traitlets import Bool, Dict, Int, List, Unicode, observe, validate

from ...core.solve.explain import apart, class_name, explain, leaving, spread
from ...core.table.policy import Policy, Routing, route
from ...core.table.records import ExitRecords
from ..charts.theme import exit_colors
from ..page.assets import module, style
from ..page.errors import Status, guarded

FEW, MANY = 24, 240
"""Pictures per exit at first, and at most."""

PACK = 500
"""Pictures per message: 28 x 28 grey ones make 0.4 MB."""

OUTCOMES = {"all": None, "right": True, "wrong": False}


class Gallery(anywidget.AnyWidget):
    """Thumbnails of the samples leaving at each exit, and a card that explains the selected one.

    records : ExitRecords (with thumbnails, else numbers are shown); policy : Policy that fits; routing : as routed
    already, else made here. status : where errors are shown.

    selected : index of a sample, or None. of_class : only this true class, None for all. outcome : "all", "right" or
    "wrong". shown : pictures per exit, spread evenly from easy to hard. projector : large type.

    A picture travels once, when it is first on show, as plain bytes; after that the page has it.
    """

    _esm = module("gallery.js")
    _css = style("status.css", "gallery.css")

    selected = Int(None, allow_none=True).tag(sync=True)
    of_class = Int(None, allow_none=True).tag(sync=True)
    outcome = Unicode("all").tag(sync=True)
    shown = Int(FEW).tag(sync=True)
    projector = Bool(False).tag(sync=True)
    _spec = Dict().tag(sync=True)
    _rows = List().tag(sync=True)
    _card = Dict().tag(sync=True)

    def __init__(
        self,
        records: ExitRecords,
        policy: Policy,
        cost: str = "macs",
        *,
        routing: Routing | None = None,
        status: Status | None = None,
        **traits,
    ):
        self.records: ExitRecords | None = None
        self._revision = 0
        super().__init__(**traits)
        self.set_records(records, policy, cost, routing=routing)
        self.on_msg(guarded(status or Status(), lambda _, message, __: self._hear(message), "showing the pictures"))

    def __repr__(self) -> str:
        return f"Gallery({self.records!r}, {self.policy!r})"

    def set_records(
        self, records: ExitRecords, policy: Policy, cost: str = "macs", *, routing: Routing | None = None
    ) -> None:
        """Show other records; the selection and the class go. Raises ValueError, and then shows what it showed."""
        routing = routing if routing is not None else route(records, policy, cost)
        same_samples = self.records is not None and _same_pictures(records, self.records)
        with self.hold_sync():
            self._revision += 0 if same_samples else 1
            keep = self.selected if same_samples else None
            self.records, self.policy, self.cost, self.routing = records, policy, cost, routing
            if not same_samples:
                self.selected = self.of_class = None
            self._spec = self._described()
            self._refill()
            if keep is not None:
                self._explain()

    def update(self, policy: Policy, routing: Routing | None = None) -> None:
        """Follow another policy; filters and selection stay. Raises ValueError when it does not fit."""
        routing = routing if routing is not None else route(self.records, policy, self.cost)
        with self.hold_sync():
            self.policy, self.routing = policy, routing
            self._refill()
            self._explain()

    def _described(self) -> dict:
        records = self.records
        pictures, exits = records.thumbnails, records.exits_count
        largest = max(records.label.max(), records.predicted.max())
        classes = len(records.classes) if records.classes else int(largest) + 1
        return {
            "revision": self._revision,
            "samples": len(records),
            "picture": None if pictures is None else [*pictures.shape[1:3], 3 if pictures.ndim == 4 else 1],
            "exits": list(records.exits),
            "classes": [class_name(records, k) for k in range(classes)],
            "light": list(exit_colors(exits, "light")),
            "dark": list(exit_colors(exits, "dark")),
            "pack": PACK,
        }

    def _refill(self) -> None:
        records, routing = self.records, self.routing
        right = OUTCOMES[self.outcome]
        rows = []
        for k in range(records.exits_count):
            index = leaving(records, routing, k, self.of_class, right)
            chosen = spread(index, self.shown)
            rows.append(
                {
                    "kept": bool(k == records.exits_count - 1 or routing.kept[k]),
                    "total": len(index),
                    "right": int(routing.right[index].sum()),
                    "right_share": _share_right(records, routing, index),
                    "index": chosen.tolist(),
                    "true": records.label[chosen].tolist(),
                    "said": records.predicted[chosen, k].tolist(),
                    "ends": list(apart(*records.confidence[chosen[[0, -1]], k])) if len(chosen) else [],
                }
            )
        self._rows = rows

    @observe("of_class", "outcome", "shown")
    def _filtered(self, _) -> None:
        if self.records is not None:
            self._refill()

    @observe("selected")
    def _explain(self, _=None) -> None:
        if self.records is None or self.selected is None:
            self._card = {}
            return
        told = explain(self.records, self.policy, self.selected, self.cost)
        self._card = {**asdict(told), "samples": len(self.records)}

    @validate("selected")
    def _exists(self, proposal):
        if proposal.value is not None and self.records is not None and not 0 <= proposal.value < len(self.records):
            raise ValueError(f"sample {proposal.value} does not exist: choose one from 0 to {len(self.records) - 1}.")
        return proposal.value

    @validate("of_class")
    def _class_exists(self, proposal):
        classes = len(self._spec.get("classes", ()))
        if proposal.value is not None and self.records is not None and not 0 <= proposal.value < classes:
            raise ValueError(f"class {proposal.value} does not exist: there are {classes}.")
        return proposal.value

    @validate("outcome")
    def _known_outcome(self, proposal):
        if proposal.value not in OUTCOMES:
            raise ValueError(f"outcome {proposal.value!r}: choose one of {', '.join(OUTCOMES)}.")
        return proposal.value

    @validate("shown")
    def _few_enough(self, proposal):
        return min(max(proposal.value, 1), MANY)

    def _hear(self, message: object) -> None:
        """The page asks for pictures it has not seen: {"kind": "pictures", "index": [...]}; they go as one buffer."""
        if not isinstance(message, dict) or message.get("kind") != "pictures" or self.records.thumbnails is None:
            return
        index = np.asarray(message.get("index", []))
        if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer) or not 0 < len(index) <= PACK:
            raise ValueError(f"the page asked for pictures that cannot be told: at most {PACK} whole numbers.")
        if index.min() < 0 or index.max() >= len(self.records):
            raise ValueError(f"the page asked for a picture outside 0 to {len(self.records) - 1}.")
        pictures = np.ascontiguousarray(self.records.thumbnails[index])
        self.send({"kind": "pictures", "revision": self._revision, "index": index.tolist()}, buffers=[pictures.data])


def _share_right(records: ExitRecords, routing: Routing, index: np.ndarray) -> float | None:
    """Of the samples `index`, answered right as their weights count; None where they count nothing."""
    units = records.units[index]
    return float(routing.right[index] @ units / units.sum()) if units.sum() else None


def _same_pictures(a: ExitRecords, b: ExitRecords) -> bool:
    """Whether two tables are of the same samples: the page may keep its pictures and its selection."""
    if (
        len(a) != len(b)
        or a.classes != b.classes
        or a.exits != b.exits
        or (a.thumbnails is None) != (b.thumbnails is None)
    ):
        return False
    same = a.thumbnails is None or np.may_share_memory(a.thumbnails, b.thumbnails)
    return same and np.array_equal(a.label, b.label)
