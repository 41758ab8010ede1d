"""Fashion-MNIST: the official idx files, or the part of it that ships with eeviz."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..launch import paths
from . import kaggle
from .base import Dataset, split_indices
from .files import DAMAGED, Candidate, Remote, in_words, incomplete, inflated, listed_folder, survey
from .obtain import Source, obtain

_MOST = 1 << 30  # bytes: the largest known set in this format has 638 MB


@dataclass(frozen=True)
class _File:
    """An idx file: name, md5 of the official .gz, sha256 of the unpacked bytes (packers differ, contents must not)."""

    name: str
    md5: str
    content: str


@dataclass(frozen=True)
class _Catalogue:
    url: str
    folder: str
    system: tuple[str, ...]
    classes: tuple[str, ...]
    files: dict[str, _File]
    validation: int


_FASHION = _Catalogue(
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    folder="fashion-mnist",
    system=("/usr/share/datasets/fashion-mnist",),
    classes=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    files={
        "train images": _File(
            "train-images-idx3-ubyte",
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        "train labels": _File(
            "train-labels-idx1-ubyte",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        "test images": _File(
            "t10k-images-idx3-ubyte",
            "bef4ecab320f06d8554ea6380940ec79",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        "test labels": _File(
            "t10k-labels-idx1-ubyte",
            "bb300cfdad3c16e7a12a480ee83cd310",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    },
    validation=6000,
)  # fmt: skip
NAME = "fashion-mnist"
CATALOGUES = {NAME: _FASHION}


def load(name: str, split: str, download: bool) -> Dataset:
    """54,000 / 6,000 / 10,000 images (N, 28, 28) uint8, Xiao et al. 2017, arXiv:1708.07747; MIT licence."""
    try:
        (images, labels, chosen), source = obtain(name, split, download, SOURCE)
    except FileNotFoundError:
        embedded = None if download else _embedded(split)
        if embedded is None:
            raise
        (images, labels, chosen), source = embedded
    if chosen is not None:
        images, labels = images[chosen], labels[chosen]
    return Dataset(images, labels.astype(np.int64), CATALOGUES[name].classes, name, split, source)


def remotes(name: str, split: str) -> list[Remote]:
    """The images and the labels of the split's half."""
    url = CATALOGUES[name].url
    return [Remote(f"{file.name}.gz", f"{url}{file.name}.gz", f"md5:{file.md5}") for file in _files(name, split)]


def candidates(name: str, split: str) -> Iterator[Candidate]:
    """Folders with the idx files, of the same names as MNIST's: those called after this data set first; Kaggle's table."""
    folders = survey(name)
    folders = sorted(folders, key=lambda folder: "fashion" not in str(folder.path).lower())
    folders += [listed_folder(Path(place)) for place in CATALOGUES[name].system]
    files = _files(name, split)
    for folder in folders:
        copies = [[*folder.copies(f"{file.name}.gz"), *folder.copies(file.name)] for file in files]
        for pair in itertools.product(*copies):
            yield Candidate(folder.path, lambda pair=pair, at=folder.path: (_read(name, split, pair), str(at)), pair)
    if split == "train" and (held := _embedded("validation")) is not None:
        for folder in folders:
            for path in folder.copies(kaggle.FILE):
                yield Candidate(path, lambda path=path: (kaggle.read(path, held[0][0]), f"{path}, in its own order"))


def instead(name: str, split: str) -> str:
    """What lies there of the split's half."""
    return incomplete(survey(name), [f"{file.name}{end}" for end in (".gz", "") for file in _files(name, split)])


SOURCE = Source(candidates, remotes, instead)


def _read(name: str, split: str, pair: Sequence[Path]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    images, labels = (
        read_idx(path, expected=file.content) for path, file in zip(pair, _files(name, split), strict=True)
    )
    return images, labels, None if split == "test" else split_indices(labels, CATALOGUES[name].validation)[split]


def read_idx(path, expected: str | None = None) -> np.ndarray:
    """The uint8 array in an idx file, packed (.gz) or not; `expected` is the sha256 of its unpacked bytes.

    Raises ValueError naming the file when it is damaged, truncated, of another type, not the expected one, or said to
    hold more than 1 GiB or, packed, far more than pictures pack to.
    Format: two zero bytes, type code (8 = uint8), number of dimensions, sizes as big-endian uint32, then the values.
    """
    path = Path(path)
    with in_words(path, "an idx file"), path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        size = path.stat().st_size
        try:
            stream = gzip.GzipFile(fileobj=file) if packed else file
            raw, shape = _values(path, stream, max(64 << 20, 100 * size) if packed else size)
        except DAMAGED as error:
            raise ValueError(f"{path}: damaged or truncated gzip ({error}); remove it and get it again.") from error
    if expected is not None and hashlib.sha256(raw).hexdigest() != expected:
        raise ValueError(
            f"{path}: its content is not the official one (sha256 differs; MNIST has files of the same names); remove it "
            "and get it again."
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=len(raw) - math.prod(shape)).reshape(shape).copy()


def _values(path: Path, stream, most: int) -> tuple[bytes, tuple[int, ...]]:
    """All bytes and the shape; nothing is read that the header does not promise."""
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise ValueError(f"{path}: not an idx file (it must begin with two zero bytes).")
    if start[2] != 8:
        raise ValueError(f"{path}: idx type code {start[2]}, only 8 (unsigned bytes) is supported.")
    sizes = stream.read(4 * start[3])
    if not 0 < 4 * start[3] == len(sizes):
        raise ValueError(f"{path}: the idx header is truncated; remove the file and get it again.")
    shape = struct.unpack(f">{start[3]}I", sizes)
    size = math.prod(shape)
    if len(shape) > 8 or size > min(most, _MOST):  # what is there is counted only where that costs little
        there = len(inflated(stream, 1 << 20)) if most < 1 << 20 else f"at most {min(most, _MOST):,}"
        raise ValueError(
            f"{path}: the header promises {size} bytes of shape {shape}, the file holds {there}; remove the file and get it "
            "again."
        )
    values = stream.read(size)
    more = stream.read(1 << 16)
    if len(values) != size or more:
        there = f"{len(values) + len(more)}" + (" or more" if len(more) == 1 << 16 else "")
        raise ValueError(
            f"{path}: the header promises {size} bytes of shape {shape}, the file holds {there}; remove the file and get it "
            "again."
        )
    return start + sizes + values, shape


def _files(name: str, split: str) -> list[_File]:
    part = "test" if split == "test" else "train"
    return [CATALOGUES[name].files[f"{part} images"], CATALOGUES[name].files[f"{part} labels"]]


def _embedded(split: str):
    """Images and labels that ship with eeviz, in the form of a candidate; None where they do not."""
    path = paths.data() / "fashion" / f"{split}.npz"
    if split == "train" or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        return (stored["thumbnails"], stored["label"], None), "the subset that ships with eeviz"
