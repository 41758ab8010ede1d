"""CIFAR-10 and CIFAR-100 from their official binary archives (Krizhevsky 2009), whose pickled twins are never opened."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import prepared
from .base import Dataset, Remote, absent, fetch, located, split_indices, verify

SIDE = 32
VALIDATION = 5_000
URL = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True)
class _Archive:
    file: Remote
    inside: str
    train: tuple[str, ...]
    test: str
    label_bytes: int  # the last of them is the class
    names: str


def _remote(name: str, md5: str) -> Remote:
    return Remote(name, URL + name, f"md5:{md5}")


ARCHIVES = {
    "cifar10": _Archive(
        _remote("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
        "cifar-10-batches-bin",
        tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        "test_batch.bin",
        1,
        "batches.meta.txt",
    ),
    "cifar100": _Archive(
        _remote("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),
        "cifar-100-binary",
        ("train.bin",),
        "test.bin",
        2,
        "fine_label_names.txt",
    ),
}


def load(name: str, split: str, download: bool) -> Dataset:
    """45,000 / 5,000 / 10,000 images (N, 32, 32, 3) uint8; validation stratified, out of the official training images."""
    archive = ARCHIVES[name]
    folder = located(name, [archive.file.name])
    found = None if folder else prepared.cifar(name, split)
    if folder is None and found is None:
        if not download:
            raise absent(f"{name} {split}", name, [archive.file])
        folder = fetch(name, name, [archive.file])
    if found is None:
        found = *read_archive(folder / archive.file.name, archive, split == "test"), str(folder)
    images, labels, classes, source = found
    if split != "test":
        chosen = split_indices(labels, VALIDATION)[split]
        images, labels = images[chosen], labels[chosen]
    return Dataset(images, labels, classes, name, split, source)


def read_archive(path: Path, archive: _Archive, test: bool) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Images (N, 32, 32, 3) uint8, labels (N,) int64 and class names, read without unpacking to disk.

    Raises ValueError naming the file when it is damaged, not the official one, or lacks a part.
    """
    verify(path, archive.file.known_hash)
    parts = (archive.test,) if test else archive.train
    try:
        with tarfile.open(path) as tar:
            raw = [_member(tar, f"{archive.inside}/{name}") for name in (*parts, archive.names)]
    except (tarfile.TarError, EOFError, KeyError, OSError) as error:
        raise ValueError(f"{path}: not a complete archive ({error}); remove it and get it again.") from error
    records = [
        read_records(part, archive.label_bytes, f"{path}: {name}") for part, name in zip(raw, parts, strict=False)
    ]
    images, labels = (np.concatenate(arrays) for arrays in zip(*records, strict=True))
    classes = tuple(raw[-1].decode("ascii").split())
    if labels.max() >= len(classes):
        raise ValueError(f"{path}: class {labels.max()} but {len(classes)} class names.")
    return images, labels, classes


def read_records(raw: bytes, label_bytes: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of one binary part: label bytes, then 1,024 red, green and blue values, row by row.

    Raises ValueError for a part that does not divide into records.
    """
    size = label_bytes + 3 * SIDE * SIDE
    if not raw or len(raw) % size:
        raise ValueError(f"{where}: {len(raw)} bytes are no whole number of records of {size} bytes.")
    records = np.frombuffer(raw, dtype=np.uint8).reshape(-1, size)
    images = records[:, label_bytes:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, label_bytes - 1].astype(np.int64)


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(f"{name} is no file")
    return file.read()
