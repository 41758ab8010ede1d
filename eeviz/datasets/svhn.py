"""Street View House Numbers, cropped digits, from the official MATLAB files (Netzer et al. 2011)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..launch.packages import require
from .base import Dataset, Remote, absent, fetch, located, split_indices, verify

VALIDATION = 6_000
URL = "http://ufldl.stanford.edu/housenumbers/"
FILES = {
    "train": Remote("train_32x32.mat", f"{URL}train_32x32.mat", "md5:e26dedcc434d2e4c54c9b2d4a06d8373"),
    "test": Remote("test_32x32.mat", f"{URL}test_32x32.mat", "md5:eb5a983be6a315427106f1b164d9cef3"),
}
CLASSES = tuple("0123456789")


def load(name: str, split: str, download: bool) -> Dataset:
    """67,257 / 6,000 / 26,032 images (N, 32, 32, 3) uint8; validation has 600 of each digit."""
    file = FILES["test" if split == "test" else "train"]
    folder = located(name, [file.name])
    if folder is None:
        if not download:
            raise absent(f"{name} {split}", name, [file])
        folder = fetch(name, name, [file])
    verify(folder / file.name, file.known_hash)
    images, labels = read_mat(folder / file.name)
    if split != "test":
        chosen = split_indices(labels, VALIDATION)[split]
        images, labels = images[chosen], labels[chosen]
    return Dataset(images, labels, CLASSES, name, split, str(folder))


def read_mat(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 32, 32, 3) uint8 and labels (N,) int64 of X (32, 32, 3, N) and y (N, 1), where 10 means the digit 0.

    Raises ValueError naming the file when it is damaged or holds something else.
    """
    require("scipy", for_="reading SVHN")
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, variable_names=("X", "y"))
        images, labels = content["X"], content["y"].reshape(-1)
    except (MatReadError, ValueError, TypeError, KeyError, OSError, EOFError, NotImplementedError) as error:
        raise ValueError(f"{path}: not a MATLAB file with X and y ({error}); remove it and get it again.") from error
    if images.ndim != 4 or images.shape[2] != 3 or images.dtype != np.uint8 or images.shape[3] != len(labels):
        raise ValueError(
            f"{path}: X is {images.shape} {images.dtype} with {len(labels)} labels, expected (H, W, 3, N) uint8."
        )
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels.astype(np.int64) % 10
