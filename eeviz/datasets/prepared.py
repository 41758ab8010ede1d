"""Arrays prepared beforehand in the data folder (EEVIZ_DATA): faster to read than the official files they came from.

cifar10/{train_1..5,test}.webp : lossless mosaics of 100 x 100 images, row by row, in the official order;
cifar10/labels.npz : y_train, y_test, label_names.
speech_commands12.npz : x_train, x_test (N, 49, 40, 1) float16, y_*, spk_* (speaker, "" where there is none), label_names.
mitbih.npz : x_train, x_test (N, 256, 1) int16, y_*, rec_* (record), rr_* (N, 2) s, label_names.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ..launch.packages import require
from .base import cache_folder

_SIDE, _ACROSS = 32, 100


def cifar(name: str, split: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], str] | None:
    """All official training images, or the test images, with labels, class names and source; None where absent."""
    folder = cache_folder() / name
    parts = ["test"] if split == "test" else [f"train_{i}" for i in range(1, 6)]
    if not all((folder / file).is_file() for file in ("labels.npz", *(f"{part}.webp" for part in parts))):
        return None
    with arrays(folder / "labels.npz") as stored:
        labels = stored["y_test" if split == "test" else "y_train"].astype(np.int64)
        classes = tuple(map(str, stored["label_names"]))
    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter
        images = np.concatenate(list(pool.map(lambda part: mosaic(folder / f"{part}.webp"), parts)))
    if len(images) != len(labels):
        raise ValueError(f"{folder}: {len(images)} images but {len(labels)} labels.")
    return images, labels, classes, f"{folder} (prepared)"


def mosaic(path: Path) -> np.ndarray:
    """(N, 32, 32, 3) uint8 of a picture of 32 x 32 tiles. Raises ValueError for another size or a damaged file."""
    require("pillow", for_="reading prepared images")
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{path}: not a picture ({error}).") from error
    rows, across = (side // _SIDE for side in pixels.shape[:2])
    if pixels.shape[:2] != (rows * _SIDE, across * _SIDE):
        raise ValueError(f"{path}: {pixels.shape[:2]} pixels are no whole number of tiles of {_SIDE} x {_SIDE}.")
    tiles = pixels.reshape(rows, _SIDE, across, _SIDE, 3).transpose(0, 2, 1, 3, 4)
    return tiles.reshape(-1, _SIDE, _SIDE, 3)


def arrays(path: Path):
    """An open .npz. Raises ValueError when it is none."""
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path}: not an .npz file ({error}).") from error


def table(file: str, wanted: tuple[str, ...]) -> tuple[dict[str, np.ndarray], Path] | None:
    """The arrays of <data folder>/`file`; None where absent. Raises ValueError when one of `wanted` is missing."""
    path = cache_folder() / file
    if not path.is_file():
        return None
    with arrays(path) as stored:
        missing = [name for name in wanted if name not in stored.files]
        if missing:
            raise ValueError(f"{path}: arrays {', '.join(missing)} are missing.")
        return {name: stored[name] for name in wanted}, path
