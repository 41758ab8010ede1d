"""Data sets as plain arrays: found on disk or downloaded with known hashes, split the same way everywhere."""

from __future__ import annotations

from .base import SPLITS, Dataset, held_out, split_indices
from .fashion import read_idx
from .files import cache_folder
from .registry import NAMES, did_you_mean, module_of

__all__ = ["NAMES", "SPLITS", "Dataset", "cache_folder", "held_out", "load_dataset", "read_idx", "split_indices"]


def load_dataset(name: str, split: str = "train", download: bool = False) -> Dataset:
    """One split of a data set.

    name                train / validation / test    samples
    "fashion-mnist"     54,000 / 6,000 / 10,000      uint8 (28, 28)
    "cifar10", "cifar100" 45,000 / 5,000 / 10,000    uint8 (32, 32, 3)
    "svhn"              67,257 / 6,000 / 26,032      uint8 (32, 32, 3)
    "speech-commands"   4,890 clips, by speaker      float16 (49, 40, 1): log-mel
    "mit-bih"           beats, by patient            int16 (256, 1), ADC units; extra "rr" s, "record"
    The test split is the official one where there is one; validation is held out of the official training data, always
    the same. Looked for in EEVIZ_DATA or the user's cache and the folders below, packed or unpacked, in the official
    layout, torchvision's, torchaudio's or that of `wget -r`, also as prepared arrays (see `prepared`); then
    (download=True) fetched from the official source and verified. Of Fashion-MNIST a part ships with eeviz.

    Raises ValueError for an unknown name or split, and for a file that is damaged or not the official one;
    FileNotFoundError, saying what was found, what is missing and what to put where, when the data cannot be had.

    >>> images = ee.load_dataset("fashion-mnist", split="test")
    >>> images.images.shape[1:], len(images.classes)
    ((28, 28), 10)
    """
    if name not in NAMES:
        raise ValueError(f"no data set {name!r}: choose one of {', '.join(NAMES)}.{did_you_mean(name)}")
    if split not in SPLITS:
        raise ValueError(f"no split {split!r} of {name}: choose one of {', '.join(SPLITS)}.")
    return module_of(name).load(name, split, download)
