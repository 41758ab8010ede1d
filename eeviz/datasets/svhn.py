"""Street View House Numbers, cropped digits, from the official MATLAB files (Netzer et al. 2011)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .base import Dataset, split_indices
from .files import Candidate, Remote, incomplete, survey, verify
from .matlab import read_arrays
from .obtain import Source, obtain

VALIDATION = 6_000
SIDE, MOST = 32, 100_000  # images at most: a file that promises more is refused unread
URL = "http://ufldl.stanford.edu/housenumbers/"
FILES = {
    "train": Remote("train_32x32.mat", f"{URL}train_32x32.mat", "md5:e26dedcc434d2e4c54c9b2d4a06d8373"),
    "test": Remote("test_32x32.mat", f"{URL}test_32x32.mat", "md5:eb5a983be6a315427106f1b164d9cef3"),
}
CLASSES = tuple("0123456789")


def load(name: str, split: str, download: bool) -> Dataset:
    """67,257 / 6,000 / 26,032 images (N, 32, 32, 3) uint8; validation has 600 of each digit."""
    (images, labels), source = obtain(name, split, download, SOURCE)
    if split != "test":
        chosen = split_indices(labels, VALIDATION)[split]
        images, labels = images[chosen], labels[chosen]
    return Dataset(images, labels, CLASSES, name, split, source)


def remotes(name: str, split: str) -> list[Remote]:
    """The file of the split's half."""
    return [FILES["test" if split == "test" else "train"]]


def candidates(name: str, split: str) -> Iterator[Candidate]:
    """Every copy of that file."""
    (file,) = remotes(name, split)
    for path in (path for folder in survey(name) for path in folder.copies(file.name)):
        yield Candidate(path, lambda path=path: (_read(path, file), str(path.parent)))


def instead(name: str, split: str) -> str:
    """The other half, where it is there."""
    return incomplete(survey(name), [file.name for file in FILES.values()])


SOURCE = Source(candidates, remotes, instead)


def _read(path: Path, file: Remote) -> tuple[np.ndarray, np.ndarray]:
    verify(path, file.known_hash)
    return read_mat(path)


def read_mat(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 32, 32, 3) uint8 and labels (N,) int64 of X (32, 32, 3, N) and y (N, 1), where 10 means the digit 0.

    Raises ValueError naming the file when it is damaged or holds something else.
    """
    content = read_arrays(path, {"X": MOST * SIDE * SIDE * 3, "y": MOST})
    images, labels = content["X"], content["y"]
    if images.shape[:3] != (SIDE, SIDE, 3) or images.ndim != 4 or images.dtype != np.uint8 or not images.size:
        raise ValueError(f"{path}: X is {images.shape} {images.dtype}, expected (32, 32, 3, N) uint8.")
    if labels.size not in labels.shape or labels.size != images.shape[3]:
        raise ValueError(f"{path}: y is {labels.shape} for {images.shape[3]} images, expected (N, 1).")
    labels = labels.reshape(-1)
    if not np.isin(labels, np.arange(1, 11)).all():
        raise ValueError(f"{path}: y holds {labels.min()} to {labels.max()}, expected whole numbers from 1 to 10.")
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels.astype(np.int64) % 10
