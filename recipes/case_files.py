"""The files of a use case that ships: records that choose and that report, static networks' answers, segments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eeviz.core.table.metrics import own_accuracy
from eeviz.core.table.records import ExitRecords
from eeviz.nn.count.describe import describe
from recipes.manifest import note

SPLITS = ("validation", "test")
"""The part that chooses, and the part that reports."""


def write_part(records: ExitRecords, static: np.ndarray, out: Path, split: str) -> None:
    """Records without their logits, which are large, and the static networks' predicted classes (S, N) beside them."""
    replace(records, logits=None, split=split).save(out / f"{split}.npz")
    label = records.label.astype(np.uint8)
    np.savez_compressed(out / f"static_{split}.npz", predicted=static.astype(np.uint8), label=label)


def write_networks(network, static: Sequence[Mapping], out: Path) -> None:
    """segments.json of an EarlyExitNetwork, and what the static networks are: name, macs, width each."""
    out.mkdir(parents=True, exist_ok=True)
    segments = describe(network, 1, 1).to_dict()  # as int8, what the presets' processors compute in
    (out / "segments.json").write_text(json.dumps(segments) + "\n", encoding="utf-8")
    (out / "static.json").write_text(json.dumps([*static], indent=2) + "\n", encoding="utf-8")


def note_all(out: Path, command: str, licence: str, further: Mapping | None = None) -> None:
    """Enter every file under `out` into the manifest, of records the accuracy per exit and `further` too."""
    for file in sorted(out.rglob("*.*")):
        figures = {}
        if file.name in [f"{split}.npz" for split in SPLITS]:
            figures = {"accuracy per exit": percent(own_accuracy(ExitRecords.load(file))), **(further or {})}
        note(file, command, licence, figures)


def percent(shares) -> list[float]:
    """Shares in per cent, to two digits."""
    return [round(100 * float(share), 2) for share in shares]
