"""MIT-BIH Arrhythmia Database: beats with their RR intervals, split by patient.

Moody and Mark 2001, PhysioNet, ODC-By. DS1 and DS2 as in de Chazal, O'Dwyer, Reilly 2004: records with paced beats are
left out, DS2 is the test split. Five patients of DS1, fixed, with every class among them, are the validation split.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from . import prepared
from .base import Dataset
from .files import Candidate, Remote, cache_folder, in_words, incomplete, survey, verify_bytes
from .obtain import Source, obtain
from .wfdb import bounded_bytes, read_annotations, read_header, read_signal

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
ZIPS = ("mit-bih-arrhythmia-database-1.0.0.zip", "mit-bih-arrhythmia-database.zip", "mitdb.zip")


def load(name: str, split: str, download: bool) -> Dataset:
    """Beats (N, 256, 1) int16 of lead MLII in ADC units less their zero (200 = 1 mV), the R peak at sample 100.

    extra: "rr" (N, 2) float32, seconds from the beat before and to the beat after; "record" (N,). groups: the patient;
    records 201 (training) and 202 (test) are one person. Beats of class Q (8 and 7) are left out, as `source` says.
    """
    (x, y, record, rr), source = obtain(name, split, download, SOURCE)
    kept = y < len(CLASSES)
    source += f", without {int((~kept).sum())} beats of class Q"
    x, y, record, rr = x[kept], y[kept], record[kept].astype(np.int64), rr[kept].astype(np.float32)
    groups = np.array([SAME_PERSON.get(r, r) for r in record.tolist()])
    return Dataset(x, y.astype(np.int64), CLASSES, name, split, source, groups, {"rr": rr, "record": record})


def records(split: str) -> tuple[int, ...]:
    """The records of a split."""
    return {"test": DS2, "validation": VALIDATION}.get(split, tuple(r for r in DS1 if r not in VALIDATION))


def remotes(name: str, split: str) -> list[Remote]:
    """Three files a record."""
    return remote(records(split))


def candidates(name: str, split: str) -> Iterator[Candidate]:
    """Folders that hold every file, as downloaded, as `wget -r` leaves them, unpacked; prepared arrays; PhysioNet's zip."""
    wanted, folders = records(split), survey(name)
    files = remote(wanted)
    for folder in folders:
        if all(file.name in folder.names.get(file.name, ()) for file in files):
            own = tuple(folder.path / file.name for file in files)
            yield Candidate(folder.path, lambda at=folder.path: (_read(at, wanted, files), str(at)), own)
    if (path := cache_folder() / PREPARED).is_file():
        yield Candidate(path, lambda: (_prepared(path, split), f"{path} (prepared)"))
    for path in (path for folder in folders for zip_ in ZIPS for path in folder.copies(zip_)):
        yield Candidate(path, lambda path=path: (_zipped(path, wanted, files), str(path)))


def instead(name: str, split: str) -> str:
    """What lies there of the split's records."""
    return incomplete(survey(name), [file.name for file in remote(records(split))])


SOURCE = Source(candidates, remotes, instead)


def _read(folder, wanted: Sequence[int], files: Sequence[Remote]):
    """Of a folder on disk or inside a zip: every file verified, then its beats, classes, records and intervals."""
    for file in files:
        path = folder / file.name
        with in_words(path, "a file of the database"):
            raw = bounded_bytes(path)
        unix = raw.replace(b"\r\n", b"\n") if path.suffix == ".hea" else raw  # as some copies spell their line ends
        verify_bytes(unix, file.known_hash, path)
    beats = [read_record(folder, number) for number in wanted]
    x, y, rr = (np.concatenate(arrays) for arrays in zip(*beats, strict=True))
    return x, y, np.repeat(wanted, [len(b[1]) for b in beats]), rr


def _zipped(path: Path, wanted: Sequence[int], files: Sequence[Remote]):
    with in_words(path, "a complete zip archive"), zipfile.ZipFile(path) as archive:
        inside = next((name for name in archive.namelist() if name.rsplit("/", 1)[-1] == files[0].name), None)
        if inside is None:
            raise ValueError(f"it holds no {files[0].name}")
        return _read(zipfile.Path(archive, inside.removesuffix(files[0].name)), wanted, files)


def _prepared(path: Path, split: str):
    part = "test" if split == "test" else "train"
    whole = ((None,), ("i", "u"))
    shapes = {"x": ((None, LENGTH, 1), ("int16",)), "y": whole, "rec": whole, "rr": ((None, 2), ("f",))}
    stored = prepared.table(path, {f"{key}_{part}": shape for key, shape in shapes.items()})
    x, y, record, rr = (stored[f"{key}_{part}"] for key in shapes)
    known = DS2 if split == "test" else DS1
    for good, words in (
        ((y >= 0) & (y <= len(CLASSES)), f"y_{part}: classes lie between 0 and {len(CLASSES)}"),
        (np.isin(record, known), f"rec_{part}: only records {known[0]} to {known[-1]} of that half are known"),
        ((np.isfinite(rr) & (rr > 0)).all(axis=1), f"rr_{part}: intervals are positive numbers of seconds"),
    ):
        if not good.all():
            raise ValueError(f"{path}: {words}, row {int(np.argmin(good))} differs.")
    chosen = np.isin(record, records(split))
    return x[chosen], y[chosen], record[chosen], rr[chosen]


@cache
def _sums() -> dict[str, str]:
    lines = (Path(__file__).parent / "mitdb.sha256").read_text("ascii").split("\n")
    return {name: digest for digest, name in (line.split() for line in lines if line)}


def remote(records) -> list[Remote]:
    """The official files of these records, with the sha256 that PhysioNet publishes beside them."""
    names = [f"{r}.{kind}" for r in records for kind in ("hea", "dat", "atr")]
    return [Remote(name, URL + name, f"sha256:{_sums()[name]}") for name in names]


def read_record(folder, record: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Beats (n, 256, 1) int16, classes (n,) with Q as 4, and rr (n, 2) s of one record of a folder, on disk or in a zip.

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
    if at[-1] >= len(signal):
        raise ValueError(f"{folder / f'{record}.atr'}: a beat at sample {at[-1]} of {len(signal)}; get it again.")
    inside = (at >= BEFORE) & (at + LENGTH - BEFORE <= len(signal))
    at, kind, rr = at[inside], kind[inside], rr[inside]
    beats = signal[at[:, None] + np.arange(-BEFORE, LENGTH - BEFORE)]  # (n, LENGTH)
    return beats[..., None].astype(np.int16), kind, rr
