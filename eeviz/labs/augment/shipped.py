"""Results that ship with eeviz, opened in the lab as if they had just been trained: no data and no PyTorch needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...catalogue import BASES, load_demo
from ...core.network.segments import Piece, Segments
from ...core.platform.mapping import Mapping
from ...core.table.metrics import own_accuracy
from ...core.table.records import ExitRecords
from .settings import BITS, UPLOADED, Settings
from .state import Anatomy, Branch, Place, Trained


def has_result(settings: Settings) -> bool:
    """Whether a result of the settings' model ships."""
    return settings.model != UPLOADED and bool(BASES[settings.model].result)


class Shipped:
    """Stands where a `work.Training` would. Raises ValueError where no result of the model ships."""

    begun = complete = True

    def __init__(self, settings: Settings):
        if not has_result(settings):
            raise ValueError("no result of this model ships with eeviz: Start makes one.")
        self.settings, self.base = settings, BASES[settings.model]
        self.demo = load_demo(self.base.result)

    def fits(self, settings: Settings) -> bool:
        """Whether it may be decided on again under these settings."""
        return settings.model == self.settings.model

    def anatomy(self) -> Anatomy:
        """Locations and branches as far as records tell: tensors and widths they do not."""
        records = self.demo.validation
        cost = records.cost()
        names = [name.rsplit(" ", 1) for name in records.exits[:-1]]  # "location design"
        positions = sorted(set(records.position[:-1].tolist()))
        first = [records.position.tolist().index(p) for p in positions]
        places = (Place(names[k][0], (), cost.backbone[k], cost.backbone[k] / cost.static, True) for k in first)
        branches = (
            Branch(positions.index(records.position[k]), design, 0, cost.heads[k])
            for k, (_, design) in enumerate(names)
        )
        return Anatomy(
            self.base.title, cost.static, len(records.classes or ()), tuple(places), tuple(branches), 0, len(records),
            (self.base.told,),
        )  # fmt: skip

    def finish(self) -> Trained:
        """Its records on the samples that decide, and its segments."""
        records = self.demo.validation
        segments = Segments.from_dict(json.loads((self.demo.folder / "segments.json").read_text("utf-8")))
        accuracy = own_accuracy(records)
        sizes = {name: _with_bytes(segments, size) for name, size in BITS.items()}
        given = self.demo.static[-1]  # the model before
        return Trained(records, sizes, True, accuracy[:-1], given.right("validation"), 0.0)

    def report(self, mapping: Mapping) -> Callable[[], ExitRecords]:
        """A function that gives the records of the report split with the mapping's costs."""
        return lambda: mapping.records(self.demo.test)

    def clocked(self) -> None:
        """There is no network to run here."""

    def with_pictures(self, records: ExitRecords) -> ExitRecords:
        """The records: these samples are no pictures."""
        return records

    def archive(self, configuration, classes=()) -> bytes:
        raise ValueError("of this result the records alone ship: Start trains branches that can be exported.")


def _with_bytes(segments: Segments, size: int) -> Segments:
    """Segments counted with `size` bytes a number, from those with one."""
    if size == 1:
        return segments

    def scaled(piece: Piece) -> Piece:
        names = ("weight_bytes", "input_bytes", "output_bytes", "moved_bytes", "peak_bytes")
        return replace(piece, **{name: size * getattr(piece, name) for name in names})

    return replace(
        segments,
        pieces=tuple(map(scaled, segments.pieces)),
        heads=tuple(map(scaled, segments.heads)),
        position=np.array(segments.position),
        input_bytes=size * segments.input_bytes,
    )
