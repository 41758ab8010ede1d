"""Arrays prepared beforehand in the data folder (EEVIZ_DATA): faster to read than the official files they came from.

cifar10/{train_1..5,test}.webp : lossless mosaics of 100 x 100 images, row by row, in the official order;
cifar10/labels.npz : y_train, y_test, label_names.
speech_commands12.npz : x_train, x_test (N, 49, 40, 1) float16, y_*, spk_* (speaker, "" where there is none), label_names.
mitbih.npz : x_train, x_test (N, 256, 1) int16, y_*, rec_* (record), rr_* (N, 2) s, label_names.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ..launch.packages import require
from .files import cache_folder, in_words

_SIDE, _ACROSS = 32, 100
_MOST = 1 << 30  # bytes of one array: CIFAR's training images are a seventh of that
Shape = tuple[tuple[int | None, ...], tuple[str, ...]]
"""What an array must be: its sizes, None for any, the first the same for all; and its dtype, by kind or by name."""


def cifar_folder(name: str, split: str) -> Path | None:
    """Where the mosaics of a split's half and the labels are all there."""
    return cache_folder() / name if all(path.is_file() for path in cifar_files(name, split)) else None


def cifar_files(name: str, split: str) -> tuple[Path, ...]:
    """The labels and the mosaics of a split's half."""
    return tuple(cache_folder() / name / file for file in ("labels.npz", *(f"{part}.webp" for part in _parts(split))))


def cifar(name: str, split: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """All official training images, or the test images, with labels and class names.

    Raises ValueError naming the file when one is damaged or does not fit the others.
    """
    folder = cache_folder() / name
    path, key = folder / "labels.npz", "y_test" if split == "test" else "y_train"
    stored = table(path, {key: ((None,), ("i", "u"))}) | table(path, {"label_names": ((None,), ("U",))})
    labels, classes = stored[key].astype(np.int64), tuple(map(str, stored["label_names"]))
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"{path}: classes {labels.min()} to {labels.max()} but {len(classes)} class names.")
    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter
        images = np.concatenate(list(pool.map(lambda part: mosaic(folder / f"{part}.webp"), _parts(split))))
    if len(images) != len(labels):
        raise ValueError(f"{folder}: {len(images)} images but {len(labels)} labels.")
    return images, labels, classes


def _parts(split: str) -> list[str]:
    return ["test"] if split == "test" else [f"train_{i}" for i in range(1, 6)]


def mosaic(path: Path) -> np.ndarray:
    """(N, 32, 32, 3) uint8 of a picture of 32 x 32 tiles. Raises ValueError for another size or a damaged file."""
    require("pillow", for_="reading prepared images")
    from PIL import Image

    with in_words(path, "a picture"), Image.open(path, formats=("WEBP", "PNG")) as picture:
        size = picture.size[::-1]
        if any(side % _SIDE or not 0 < side <= _SIDE * _ACROSS for side in size):
            raise ValueError(
                f"{path}: {size} pixels are no whole number of tiles of {_SIDE} x {_SIDE}, 100 x 100 at most."
            )
        pixels = np.asarray(picture.convert("RGB"))
    rows, across = (side // _SIDE for side in size)
    return pixels.reshape(rows, _SIDE, across, _SIDE, 3).transpose(0, 2, 1, 3, 4).reshape(-1, _SIDE, _SIDE, 3)


def table(path: Path, wanted: Mapping[str, Shape]) -> dict[str, np.ndarray]:
    """The arrays of these names and shapes in an .npz file, each read only once its declared size is right.

    Raises ValueError naming the file when it is damaged, when an array is missing or is not as expected.
    """
    with in_words(path, "an .npz file"), zipfile.ZipFile(path) as archive:
        held = archive.namelist()
        if lacking := [name for name in wanted if f"{name}.npy" not in held]:
            raise ValueError(f"{path}: arrays {', '.join(lacking)} are missing.")
        found = {name: _array(archive, f"{name}.npy", shape, path) for name, shape in wanted.items()}
    lengths = {name: len(array) for name, array in found.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{length:,} of {name}" for name, length in lengths.items())
        raise ValueError(f"{path}: arrays of different lengths: {said}.")
    return found


def _array(archive: zipfile.ZipFile, member: str, shape: Shape, path: Path) -> np.ndarray:
    sizes, kinds = shape
    info = archive.getinfo(member)
    where = f"{path}: {member.removesuffix('.npy')}"
    with archive.open(info) as file:
        start = file.read(1 << 14)
    head = io.BytesIO(start)
    version = np.lib.format.read_magic(head)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{where} is of version {version} of numpy's format")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    real, _, dtype = read(head)
    fits = len(real) == len(sizes) and all(want in (None, is_) for want, is_ in zip(sizes, real, strict=True))
    if not fits or not {dtype.kind, dtype.name} & {*kinds} or not math.prod(real):
        expected = ", ".join("N" if want is None else str(want) for want in sizes)
        raise ValueError(f"{where} is {real} {dtype}, expected ({expected}) of {' or '.join(kinds)}.")
    size = math.prod(real) * dtype.itemsize
    if size > _MOST or info.file_size != head.tell() + size:
        raise ValueError(f"{where} of shape {real} needs {size:,} bytes, {info.file_size - head.tell():,} are there")
    raw = archive.read(info)  # whole, so that its checksum is compared
    array = np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{where} holds values that are not numbers, the first in row {_first(array)}.")
    return array


def _first(array: np.ndarray) -> int:
    return int(np.argmin(np.isfinite(array).reshape(len(array), -1).all(axis=1)))
