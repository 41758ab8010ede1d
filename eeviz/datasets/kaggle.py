"""Kaggle's table of Fashion-MNIST's training images: the official images in another order."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from .files import in_words

FILE = "fashion-mnist_train.csv"
ROWS, SIDE = 60_000, 28
_MOST = ROWS * (1 + SIDE * SIDE) * 4 + 20_000  # bytes: at most three digits and a comma a value, and a header
CONTENT = "56016b2341e99c383df5cc0ed736f4afb12a6c90855d9f3d69981b294a0159ad"
"""sha256 of the official training set whatever its order: of its rows, a label and 784 pixels each, sorted."""


def read(path: Path, held: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images (N, 28, 28), labels (N,) and which (N,) bool are not among the images `held` out for validation.

    Raises ValueError naming the file when it is not a table of exactly the official training images.
    """
    with in_words(path, "Kaggle's table of Fashion-MNIST"):
        if path.stat().st_size > _MOST:
            raise ValueError(f"{path.stat().st_size:,} bytes, at most {_MOST:,} are expected")
        with path.open("r", encoding="ascii") as file:
            header = file.readline(20_000).strip().split(",")
            if header[:2] != ["label", "pixel1"] or len(header) != 1 + SIDE * SIDE:
                raise ValueError(f"its first line has {len(header)} names, not label, pixel1 ... pixel784")
            rows = np.loadtxt(file, dtype=np.uint8, delimiter=",", ndmin=2, max_rows=ROWS + 1)
        if rows.shape != (ROWS, 1 + SIDE * SIDE):
            raise ValueError(f"it is a table of {rows.shape[0]:,} x {rows.shape[1]:,} values")
        if hashlib.sha256(b"".join(sorted(map(bytes, rows)))).hexdigest() != CONTENT:
            raise ValueError("its rows are not the official training images")
        images = rows[:, 1:].reshape(-1, SIDE, SIDE).copy()
        known = set(map(bytes, held))
        return images, rows[:, 0].copy(), np.array([bytes(image) not in known for image in images])
