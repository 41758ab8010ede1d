"""Fashion-MNIST: the official idx files, or the part of it that ships with eeviz."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..launch import paths
from .base import Dataset, Remote, absent, cache_folder, fetch, split_indices


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
    catalogue = CATALOGUES[name]
    files = _files(catalogue, split)
    folder = _find(catalogue, files)
    if folder is None and download:
        folder = fetch(NAME, catalogue.folder, _remote(catalogue, files))
    if folder is None:
        return _embedded(split, catalogue)
    images, labels = (read_idx(_path(folder, file), expected=file.content) for file in files)
    if split != "test":
        chosen = split_indices(labels, catalogue.validation)[split]
        images, labels = images[chosen], labels[chosen]
    return Dataset(images, labels.astype(np.int64), catalogue.classes, NAME, split, str(folder))


def read_idx(path, expected: str | None = None) -> np.ndarray:
    """The uint8 array in an idx file, packed (.gz) or not; `expected` is the sha256 of its unpacked bytes.

    Raises ValueError naming the file when it is damaged, truncated, of another type, or not the expected one.
    Format: two zero bytes, type code (8 = uint8), number of dimensions, sizes as big-endian uint32, then the values.
    """
    path = Path(path)
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: damaged or truncated gzip ({error}); remove it and get it again.") from error
    if len(raw) < 4 or raw[:2] != b"\0\0":
        raise ValueError(f"{path}: not an idx file (it must begin with two zero bytes).")
    if raw[2] != 8:
        raise ValueError(f"{path}: idx type code {raw[2]}, only 8 (unsigned bytes) is supported.")
    header = 4 + 4 * raw[3]
    if raw[3] == 0 or len(raw) < header:
        raise ValueError(f"{path}: the idx header is truncated; remove the file and get it again.")
    shape = struct.unpack(f">{raw[3]}I", raw[4:header])
    size = int(np.prod(shape, dtype=object))
    if len(raw) - header != size:
        raise ValueError(
            f"{path}: the header promises {size} bytes of shape {shape}, the file holds {len(raw) - header}; "
            "remove the file and get it again."
        )
    if expected is not None and hashlib.sha256(raw).hexdigest() != expected:
        raise ValueError(f"{path}: its content is not the official one (sha256 differs); remove it and get it again.")
    return np.frombuffer(raw, dtype=np.uint8, offset=header).reshape(shape).copy()


def _path(folder: Path, file: _File) -> Path | None:
    for name in (f"{file.name}.gz", file.name):
        if (folder / name).is_file():
            return folder / name
    return None


def _find(catalogue: _Catalogue, files: list[_File]) -> Path | None:
    for folder in (cache_folder() / catalogue.folder, cache_folder(), *map(Path, catalogue.system)):
        if all(_path(folder, file) for file in files):
            return folder
    return None


def _files(catalogue: _Catalogue, split: str) -> list[_File]:
    part = "test" if split == "test" else "train"
    return [catalogue.files[f"{part} images"], catalogue.files[f"{part} labels"]]


def _remote(catalogue: _Catalogue, files: list[_File]) -> list[Remote]:
    return [Remote(f"{file.name}.gz", f"{catalogue.url}{file.name}.gz", f"md5:{file.md5}") for file in files]


def _embedded(split: str, catalogue: _Catalogue) -> Dataset:
    path = paths.data() / "fashion" / f"{split}.npz"
    if split == "train" or not path.is_file():
        raise absent(f"{NAME} {split}", catalogue.folder, _remote(catalogue, _files(catalogue, split)))
    with np.load(path, allow_pickle=False) as stored:
        images, labels = stored["thumbnails"], stored["label"]
    return Dataset(images, labels.astype(np.int64), catalogue.classes, NAME, split, "the subset that ships with eeviz")
