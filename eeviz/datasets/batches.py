"""CIFAR's Python batches, which are pickles: their constants are read, nothing in them is ever carried out."""

from __future__ import annotations

import pickletools

from .files import in_words

_KEYS = {
    "batch_label", "coarse_label_names", "coarse_labels", "data", "filenames", "fine_label_names", "fine_labels",
    "label_names", "labels", "num_cases_per_batch", "num_vis",
}  # fmt: skip
MOST = 50_000 * 3_072
"""Bytes of the largest batch, CIFAR-100's training images."""


def constants(raw: bytes, where: object) -> dict[str, list]:
    """The integers and byte strings that follow each known key of the pickled dictionary, in their order.

    `pickletools` names the steps of a pickle without taking any: no class is imported, no object built, no code run.
    Raises ValueError naming the file when it is no pickle.
    """
    found: dict[str, list] = {}
    key = None
    with in_words(where, "a CIFAR batch"):
        for step, value, _ in pickletools.genops(raw):
            if "PUT" in step.name or "GET" in step.name or step.name in ("PROTO", "FRAME"):
                continue  # their numbers are places in the pickle's memory
            if isinstance(value, int) and key is not None:
                found[key].append(int(value))
            elif isinstance(value, str | bytes) and step.name not in ("GLOBAL", "INST", "PERSID"):
                value = value.encode("latin-1") if isinstance(value, str) else value
                if len(value) < 32 and (word := value.decode("latin-1")) in _KEYS:
                    if word in found:
                        raise ValueError(f"{word} is there twice")
                    key, found[word] = word, []
                elif key is not None:
                    found[key].append(value)
    return found


def labels(found: dict[str, list], key: str) -> list[int]:
    """The integers under `key`."""
    return [value for value in found.get(key, ()) if isinstance(value, int)]


def pixels(found: dict[str, list]) -> bytes:
    """The longest byte string under "data": the values of the array of images."""
    return max((value for value in found.get("data", ()) if isinstance(value, bytes)), key=len, default=b"")


def names(found: dict[str, list], key: str) -> tuple[str, ...]:
    """The strings under `key`."""
    return tuple(value.decode("ascii", "replace") for value in found.get(key, ()) if isinstance(value, bytes))
