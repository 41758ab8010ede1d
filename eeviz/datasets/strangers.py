"""Files of other makers under names like a data set's: what they are, in words, so that nobody wonders why they are not read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .files import Folder

_KNOWN: dict[str, tuple[tuple[str, str], ...]] = {
    "fashion-mnist": (
        (
            r"fashion-mnist_test\.csv",
            "Kaggle's table of the test images alone; the training images are in fashion-mnist_train.csv",
        ),
        (r"(emnist|kmnist)-.*", "another data set in the same format"),
    ),
    "cifar10": (
        (
            r"(train|test)\.7z|trainLabels\.csv",
            "Kaggle's competition: PNG pictures, and test images whose classes are not published",
        ),
        (r"cifar-10-matlab\.tar\.gz", "the official archive for MATLAB; eeviz reads the binary and the Python one"),
        (r"cifar10\.tgz", "fast.ai's folders of PNG pictures, which have lost the official order"),
    ),
    "cifar100": (
        (r"cifar-100-matlab\.tar\.gz", "the official archive for MATLAB; eeviz reads the binary and the Python one"),
    ),
    "svhn": (
        (
            r"(train|test|extra)\.tar\.gz|digitStruct\.mat",
            "whole house numbers (format 1); eeviz reads the cropped digits (format 2)",
        ),
        (r"extra_32x32\.mat", "the extra training digits, which the usual split leaves out"),
    ),
    "speech-commands": (
        (r"speech_commands_v0\.01\.tar\.gz", "version 0.01, with 30 words; eeviz reads version 0.02, with 35"),
        (r"train\.7z|tensorflow-speech-recognition-challenge\.zip", "Kaggle's competition, version 0.01"),
    ),
    "mit-bih": (
        (
            r"mitbih_(train|test)\.csv",
            "Kaggle's beats, resampled to 125 Hz and scaled one by one, without records or intervals: they cannot be "
            "split by patient",
        ),
        (r"ptbdb_(normal|abnormal)\.csv", "Kaggle's beats of another database, PTB"),
        (r"\d{3}annotations\.txt", "Kaggle's copy of the records as text; eeviz reads PhysioNet's .hea, .dat and .atr"),
    ),
}


def strangers(name: str, folders: Iterable[Folder]) -> list[str]:
    """A sentence on each kind of file that looks like the data set `name` and is not what is read."""
    folders = list(folders)
    said = []
    for pattern, words in _KNOWN.get(name, ()):
        found = next(
            (folder.path / own for folder in folders for own in sorted(folder.names) if re.fullmatch(pattern, own)),
            None,
        )
        if found:
            said.append(f"{found} is {words}.")
    return said
