"""What every data set shares: the value of a split, and how samples are split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

SPLITS = ("train", "validation", "test")
_SEED = 2026  # of the train/validation split; changing it would move validation images into training


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled samples of one split.

    images (N, ...) : uint8 pictures (N, H, W[, 3]), int16 signals (N, samples, channels), float16 spectra (N, frames,
    bands, 1). labels (N,) int64. classes : their names. source : where the bytes came from, and what was left out.
    groups (N,) : patient or speaker, where there is one: splits never share a group. extra : more arrays of N rows by
    name, e.g. "rr". Arrays are read-only. Raises ValueError for lengths that disagree.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    name: str
    split: str
    source: str
    groups: np.ndarray | None = None
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        if len(self.images) != len(self.labels):
            raise ValueError(f"{len(self.images)} images but {len(self.labels)} labels: they must agree.")
        more = {**self.extra, **({} if self.groups is None else {"groups": self.groups})}
        for name, array in more.items():
            if len(array) != len(self.labels):
                raise ValueError(f"{len(array)} {name} but {len(self.labels)} labels: they must agree.")
        for array in (self.images, self.labels, *more.values()):
            array.flags.writeable = False
        object.__setattr__(self, "extra", MappingProxyType(dict(self.extra)))

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        people = "" if self.groups is None else f", {len(np.unique(self.groups))} groups"
        samples = "images" if self.images.dtype == np.uint8 else "samples"
        return (
            f"Dataset({self.name} {self.split}: {len(self)} {samples} of {self.images.shape[1:]}{people}, "
            f"from {self.source})"
        )

    def head(self, count: int) -> Dataset:
        """The first `count` samples."""
        return self.subset(slice(count))

    def subset(self, index) -> Dataset:
        """Some samples, by integer or boolean index (M,) or slice."""
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            groups=None if self.groups is None else self.groups[index],
            extra={name: array[index] for name, array in self.extra.items()},
        )

    @staticmethod
    def joined(parts: Sequence[Dataset]) -> Dataset:
        """All samples of several splits of one data set, in their order."""
        first = parts[0]
        if len({(part.name, part.classes) for part in parts}) > 1:
            raise ValueError("only splits of one data set can be joined.")
        return replace(
            first,
            images=np.concatenate([part.images for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            split="+".join(part.split for part in parts),
            groups=None if first.groups is None else np.concatenate([part.groups for part in parts]),
            extra={name: np.concatenate([part.extra[name] for part in parts]) for name in first.extra},
        )


def split_indices(labels: np.ndarray, validation: int) -> dict[str, np.ndarray]:
    """Indices {"train", "validation"} into labels (N,): `validation` samples held out, equally many of each class."""
    rng = np.random.default_rng(_SEED)
    classes = np.unique(labels)
    if validation % len(classes):
        raise ValueError(f"{validation} validation samples cannot be shared equally by {len(classes)} classes.")
    each = validation // len(classes)
    held = np.sort(np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:each] for c in classes]))
    return {"train": np.setdiff1d(np.arange(len(labels)), held), "validation": held}


def held_out(groups: np.ndarray, share: float, salt: str = "") -> np.ndarray:
    """(N,) bool: is this sample's group among about `share` of the groups? By the group's name alone, always the same."""
    names, index = np.unique(groups, return_inverse=True)
    digests = [hashlib.sha1(f"{salt}{name}".encode()).digest() for name in names.tolist()]
    return np.array([int.from_bytes(d[:4], "big") < share * 2**32 for d in digests])[index]
