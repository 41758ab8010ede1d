"""Records as blocks of text inside an HTML file: gzip in base64, decoded by page_data.js."""

from __future__ import annotations

import base64
import gzip

import numpy as np

from ...core.table.metrics import accuracy_of
from ...core.table.records import ExitRecords

PICTURE_BYTES = 1_500_000
"""Compressed; above it pictures lose grey levels, and then some samples lose their picture."""

SAMPLED = 500
LEVELS = (256, 32, 16)
"""Values a picture's pixels may take."""


class Blocks:
    """Arrays on their way into the file. `add` returns the block's number, by which the page finds it."""

    def __init__(self):
        self.texts: list[str] = []

    def add(self, array: np.ndarray, order: str = "F") -> int:
        """order : of its bytes, "F" for column by column."""
        self.texts.append(base64.b64encode(pack(array.tobytes(order=order))).decode("ascii"))
        return len(self.texts) - 1


def pack(data: bytes) -> bytes:
    """Its gzip, the same for the same data."""
    return gzip.compress(data, compresslevel=9, mtime=0)


def thinned(records: ExitRecords, samples: int | None) -> tuple[ExitRecords, np.ndarray | None]:
    """At most `samples` of the records, evenly spaced, and which (M,); None where all stay."""
    if samples is None or len(records) <= samples:
        return records, None
    index = np.linspace(0, len(records) - 1, samples).round().astype(np.int64)
    return records.subset(index), index


def table_of(records: ExitRecords, blocks: Blocks, static=(), index: np.ndarray | None = None, whole: int = 0) -> dict:
    """One split: its arrays as blocks.

    static : networks with name, macs and right(split), measured on `whole` samples of which the records are those at `index`.
    """
    kind = np.uint8 if max(records.predicted.max(), records.label.max()) < 256 else np.uint16
    told = {
        "samples": len(records),
        "of": whole or len(records),
        "split": records.split,
        "confidence": blocks.add(records.confidence),
        "predicted": blocks.add(records.predicted.astype(kind)),
        "label": blocks.add(records.label.astype(kind)),
        "wide": kind is np.uint16,
        "units": None,
        "group": None,
        "static": [],
    }
    if records.weight is not None:
        told["units"] = blocks.add(records.units.astype(np.float64))
    if records.group is not None:
        told["group"] = blocks.add(np.unique(records.group, return_inverse=True)[1].astype(np.uint32))
    for network in sorted(static, key=lambda network: network.macs):
        right = network.right(records.split)
        if len(right) == (whole or len(records)):
            right = right if index is None else right[index]
            told["static"].append(
                {
                    "name": network.name,
                    "mean": float(network.macs),
                    "accuracy": accuracy_of(records, right),
                    "right": blocks.add(np.asarray(right, dtype=np.uint8)),
                }
            )
    return told


def pictures_of(records: ExitRecords, blocks: Blocks, most: int = PICTURE_BYTES) -> dict | None:
    """The samples' pictures in as many grey levels as fit into `most` bytes; None where there are none."""
    pictures = records.thumbnails
    if pictures is None:
        return None
    height, width, channels = *pictures.shape[1:3], 3 if pictures.ndim == 4 else 1
    levels = next((n for n in LEVELS if _estimate(pictures, n) <= most), LEVELS[-1])
    step = max(1, int(np.ceil(_estimate(pictures, levels) / most)))
    block = blocks.add(_stored(pictures[::step], levels), order="C")
    return {"size": [height, width, channels], "levels": levels, "step": step, "block": block}


def _stored(pictures: np.ndarray, levels: int) -> np.ndarray:
    return ((pictures.astype(np.uint16) * (levels - 1) + 127) // 255).astype(np.uint8)


def _estimate(pictures: np.ndarray, levels: int) -> float:
    """Bytes that all pictures would take, compressed, from some of them."""
    some = pictures[:: max(1, len(pictures) // SAMPLED)]
    return len(pack(_stored(some, levels).tobytes())) * len(pictures) / len(some)
