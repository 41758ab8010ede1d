"""Tables as people have them: read rightly, or refused in words that say what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np

MOST_CLASSES = 100_000
FLOOR = 1e4
"""A class that cannot be (a logit of -inf) lies so far below the row's largest logit."""
_LEAST = 30  # right and wrong answers each, for a verdict on a confidence


def plain(values: Any, name: str) -> np.ndarray:
    """An array of numbers, a framework's tensor included; bfloat16, which files cannot hold, as float32.

    Raises ValueError for what holds no plain numbers.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    if "bfloat16" in str(getattr(values, "dtype", "")):
        values = values.astype(np.float32) if isinstance(values, np.ndarray) else values.float()
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name}: no array of numbers can be made of it ({error}).") from error
    if array.dtype.kind not in "biufO":
        raise ValueError(f"{name}: expected plain numbers, got {array.dtype}; float32 or float16 can be kept.")
    return array


def labels(values: Any) -> np.ndarray:
    """Labels (N,) from (N,) or (N, 1). Raises ValueError for one-hot rows, naming the remedy."""
    array = plain(values, "label")
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim == 2 and len(array) and np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all():
        raise ValueError(f"label: one-hot rows of {array.shape[1]} classes; give label.argmax(axis=1).")
    return array


def check_labels(label: np.ndarray, classes: int, predicted: np.ndarray) -> None:
    """Raises ValueError where labels (N,) cannot be those of `classes` classes counted from 0; predicted (N, E)."""
    outside = (label < 0) | (label >= classes)
    counted_from_1 = label.min() == 1 and label.max() <= classes
    if counted_from_1 and (outside.any() or _one_lower_is_right(label, predicted)):
        raise ValueError(
            f"label: lies in 1 to {label.max()}, but {classes} classes are counted from 0: subtract 1 (label - 1)?"
        )
    if outside.any():
        value, count = label[outside][0], int(outside.sum())
        raise ValueError(
            f"label: class {value} ({count} sample{'s' if count > 1 else ''}) lies outside the {classes} classes (0 to "
            f"{classes - 1}). If it marks samples without a class, leave them out."
        )


def _one_lower_is_right(label: np.ndarray, predicted: np.ndarray) -> bool:
    final = predicted[:, -1]
    return bool((final == label - 1).mean() > max(0.5, 2 * (final == label).mean()))


def check_classes(label: np.ndarray, predicted: np.ndarray) -> None:
    """Raises ValueError for classes that are negative, or too many to be numbers of classes."""
    if min(label.min(), predicted.min()) < 0:
        raise ValueError("label and predicted: classes are counted from 0, got a negative one.")
    for name, values in (("label", label), ("predicted", predicted)):
        if values.max() >= MOST_CLASSES:
            raise ValueError(
                f"{name}: class {values.max():,} lies above {MOST_CLASSES:,}; are these identifiers? Number the classes from 0."
            )


def logits(values: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Logits (N, E, C), and what had to be done to have them, in sentences.

    Probabilities (no value below 0, every row sums to 1) become their logarithms; classes masked by -inf a finite floor.
    Raises ValueError for another shape, and says where a NaN or +inf is.
    """
    array = plain(values, "logits")
    if array.dtype == object or array.ndim != 3 or array.size == 0:
        raise ValueError(
            f"logits: expected numbers of shape (samples, exits, classes), got {array.shape}, {array.dtype}."
        )
    notes: list[str] = []
    bad = np.isnan(array) | (array == np.inf)
    if bad.any():
        n, k, c = np.argwhere(bad)[0]
        raise ValueError(
            f"logits: {array[n, k, c]} at sample {n}, exit {k + 1}, class {c}; every logit must be finite."
        )
    masked = np.isneginf(array)
    if masked.any():
        if masked.all(axis=2).any():
            n, k = np.argwhere(masked.all(axis=2))[0]
            raise ValueError(f"logits: every class is masked (-inf) at sample {n}, exit {k + 1}.")
        floor = array.max(axis=2, keepdims=True, initial=-np.inf) - FLOOR
        array = np.where(masked, floor, array).astype(array.dtype)
        notes.append("Logits of -inf were taken as classes that cannot be.")
    if (
        array.dtype.kind == "f"
        and (array >= 0).all()
        and np.allclose(array.sum(axis=2, dtype=np.float64), 1, atol=2e-3)
    ):
        array = np.log(np.maximum(array.astype(np.float32), np.finfo(np.float32).tiny))
        notes.append("The values given as logits are probabilities (none below 0, every row sums to 1): taken as such.")
    return array, tuple(notes)


def falling(confidence: np.ndarray, correct: np.ndarray, exits: tuple[str, ...]) -> list[str]:
    """Sentences on exits whose surest answers are the least right: confidence (N, E), correct (N, E) bool.

    The area under the ROC curve of confidence against rightness lies below 1/2 by more than three standard errors (Hanley
    and McNeil 1982, at 1/2).
    """
    told = []
    for k, name in enumerate(exits):
        right = correct[:, k]
        yes, no = int(right.sum()), int((~right).sum())
        if min(yes, no) < _LEAST:
            continue
        _, rank, count = np.unique(confidence[:, k], return_inverse=True, return_counts=True)
        middle = np.cumsum(count) - (count - 1) / 2  # mean rank of ties
        area = (middle[rank][right].sum() - yes * (yes + 1) / 2) / (yes * no)
        if area < 0.5 - 3 * np.sqrt((yes + no + 1) / (12 * yes * no)):
            told.append(
                f"At {name} the surest answers are the least right (area under the ROC curve {area:.2f}): is this an entropy or "
                "an error? A confidence must rise with certainty; ExitRecords.from_logits makes one."
            )
    return told


def meant(name: str, known: Iterable[str]) -> str:
    """“; did you mean ...?” for a misspelled name, "" where nothing is near."""
    near = difflib.get_close_matches(name, list(known), 1, 0.7)
    return f"; did you mean {near[0]!r}?" if near else ""
