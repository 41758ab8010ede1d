"""Data sets as plain arrays: found on disk or downloaded with known hashes, split the same way everywhere."""

from __future__ import annotations

from importlib import import_module

from .base import SPLITS, Dataset, cache_folder, held_out, split_indices
from .fashion import read_idx

__all__ = ["NAMES", "SPLITS", "Dataset", "cache_folder", "held_out", "load_dataset", "read_idx", "split_indices"]

_HOME = {
    "fashion-mnist": "fashion",
    "cifar10": "cifar",
    "cifar100": "cifar",
    "svhn": "svhn",
    "speech-commands": "speech",
    "mit-bih": "mitbih",
}
NAMES = tuple(_HOME)


def load_dataset(name: str, split: str = "train", download: bool = False) -> Dataset:
    """One split of a data set.

    name                train / validation / test    samples
    "fashion-mnist"     54,000 / 6,000 / 10,000      uint8 (28, 28)
    "cifar10", "cifar100" 45,000 / 5,000 / 10,000    uint8 (32, 32, 3)
    "svhn"              67,257 / 6,000 / 26,032      uint8 (32, 32, 3)
    "speech-commands"   4,890 clips, by speaker      float16 (49, 40, 1): log-mel
    "mit-bih"           beats, by patient            int16 (256, 1), ADC units; extra "rr" s, "record"
    The test split is the official one where there is one; validation is held out of the official training data, always
    the same. Looked for in EEVIZ_DATA or the user's cache, there also as prepared arrays (see `prepared`), then
    (download=True) fetched from the official source and verified. Of Fashion-MNIST a part ships with eeviz.

    Raises ValueError for an unknown name or split, and for a file that is damaged or not the official one;
    FileNotFoundError, saying what to put where, when the data cannot be had.

    >>> images = ee.load_dataset("fashion-mnist", split="test")
    >>> images.images.shape[1:], len(images.classes)
    ((28, 28), 10)
    """
    if name not in _HOME:
        raise ValueError(f"no data set {name!r}: choose one of {', '.join(NAMES)}.")
    if split not in SPLITS:
        raise ValueError(f"no split {split!r} of {name}: choose one of {', '.join(SPLITS)}.")
    module = import_module(f".{_HOME[name]}", __package__)
    return module.load(name, split, download)
