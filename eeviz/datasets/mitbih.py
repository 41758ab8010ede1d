"""MIT-BIH Arrhythmia Database: beats with their RR intervals, split by patient.

Moody and Mark 2001, PhysioNet, ODC-By. DS1 and DS2 as in de Chazal, O'Dwyer, Reilly 2004: records with paced beats are
left out, DS2 is the test split. Five patients of DS1, fixed, with every class among them, are the validation split.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from . import prepared
from .base import Dataset, Remote, absent, fetch, located, verify
from .wfdb import read_annotations, read_header, read_signal

DS1 = (101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230)
DS2 = (100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210, 212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234)
VALIDATION = (116, 124, 205, 220, 223)
SAME_PERSON = {202: 201}  # of the database's own notes; they lie in DS2 and DS1
CLASSES = ("N", "S", "V", "F")
AAMI = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}  # EC57 classes by beat symbol
BEFORE, LENGTH = 100, 256  # samples before the R peak, and in all, at 360 Hz
LEAD = "MLII"
URL = "https://physionet.org/files/mitdb/1.0.0/"
PREPARED = "mitbih.npz"


def load(name: str, split: str, download: bool) -> Dataset:
    """Beats (N, 256, 1) int16 of lead MLII in ADC units less their zero (200 = 1 mV), the R peak at sample 100.

    extra: "rr" (N, 2) float32, seconds from the beat before and to the beat after; "record" (N,). groups: the patient;
    records 201 (training) and 202 (test) are one person. Beats of class Q (8 and 7) are left out, as `source` says.
    """
    records = {"test": DS2, "validation": VALIDATION}.get(split, tuple(r for r in DS1 if r not in VALIDATION))
    part = "test" if split == "test" else "train"
    keys = tuple(f"{key}_{part}" for key in ("x", "y", "rec", "rr"))
    files = remote(records)
    folder = located(name, [file.name for file in files])
    found = None if folder else prepared.table(PREPARED, (*keys, "label_names"))
    if folder is None and found is None:
        if not download:
            raise absent(f"{name} {split}", name, files)
        folder = fetch(name, name, files)
    if found:
        stored, path = found
        x, y, record, rr = (stored[key] for key in keys)
        chosen = np.isin(record, records)
        x, y, record, rr, source = x[chosen], y[chosen], record[chosen], rr[chosen], f"{path} (prepared)"
    else:
        for file in files:
            verify(folder / file.name, file.known_hash)
        beats = [read_record(folder, r) for r in records]
        x, y, rr = (np.concatenate(arrays) for arrays in zip(*beats, strict=True))
        record, source = np.repeat(records, [len(b[1]) for b in beats]), str(folder)
    kept = y < len(CLASSES)
    source += f", without {int((~kept).sum())} beats of class Q"
    x, y, record, rr = x[kept], y[kept], record[kept].astype(np.int64), rr[kept].astype(np.float32)
    groups = np.array([SAME_PERSON.get(r, r) for r in record.tolist()])
    return Dataset(x, y.astype(np.int64), CLASSES, name, split, source, groups, {"rr": rr, "record": record})


@cache
def _sums() -> dict[str, str]:
    lines = (Path(__file__).parent / "mitdb.sha256").read_text("ascii").split("\n")
    return {name: digest for digest, name in (line.split() for line in lines if line)}


def remote(records) -> list[Remote]:
    """The official files of these records, with the sha256 that PhysioNet publishes beside them."""
    names = [f"{r}.{kind}" for r in records for kind in ("hea", "dat", "atr")]
    return [Remote(name, URL + name, f"sha256:{_sums()[name]}") for name in names]


def read_record(folder: Path, record: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Beats (n, 256, 1) int16, classes (n,) with Q as 4, and rr (n, 2) s of one record.

    Beats too close to either end for a whole window are left out; the interval that the first and the last beat lack is
    taken to be their other one.
    Raises ValueError naming the file for anything that is not as expected.
    """
    header = read_header(folder / f"{record}.hea")
    lead = next((i for i, signal in enumerate(header.signals) if signal.name == LEAD), None)
    if lead is None:
        raise ValueError(f"{folder / f'{record}.hea'}: no lead {LEAD}.")
    signal = read_signal(folder, header)[:, lead].astype(np.int32) - header.signals[lead].zero
    at, symbol = read_annotations(folder / f"{record}.atr")
    index = {s: number for number, symbols in enumerate(AAMI.values()) for s in symbols}
    kind = np.array([index.get(s, -1) for s in symbol])
    at, kind = at[kind >= 0], kind[kind >= 0]
    if len(at) < 2:
        raise ValueError(f"{folder / f'{record}.atr'}: {len(at)} beats have no intervals.")
    interval = np.pad(np.diff(at) / header.rate, 1, mode="edge")
    rr = np.column_stack([interval[:-1], interval[1:]])
    inside = (at >= BEFORE) & (at + LENGTH - BEFORE <= len(signal))
    at, kind, rr = at[inside], kind[inside], rr[inside]
    beats = signal[at[:, None] + np.arange(-BEFORE, LENGTH - BEFORE)]  # (n, LENGTH)
    return beats[..., None].astype(np.int16), kind, rr
