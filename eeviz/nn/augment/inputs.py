"""What augmentation reads: labelled samples of any kind, how they become the model's input, how they are varied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..train.joint import augment as mirrored_and_moved

Prepare = Callable[[np.ndarray], Tensor]
Vary = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True, eq=False, repr=False)
class Samples:
    """Labelled samples: values (N, ...), labels (N,) int64, how a batch of values becomes the model's input.

    classes : names, or None. group : (N,) patient, speaker, ..., or None. weight : (N,) or None, as in ExitRecords.
    """

    values: np.ndarray
    labels: np.ndarray
    prepare: Prepare
    classes: tuple[str, ...] | None = None
    group: np.ndarray | None = None
    name: str = ""
    split: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Samples({len(self)} of shape {self.values.shape[1:]}, {self.values.dtype})"

    def batch(self, index) -> Tensor:
        """Model input of the samples at `index`."""
        return self.prepare(self.values[index]).contiguous()

    def some(self, count: int = 8) -> Tensor:
        """Model input of a few samples, spread over all."""
        return self.batch(np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(int)))

    def part(self, index: np.ndarray) -> Samples:
        """The samples at `index` (M,)."""
        group = None if self.group is None else self.group[index]
        return replace(self, values=self.values[index], labels=self.labels[index], group=group)

    def halves(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Two disjoint index arrays of about half the samples each, drawn from `seed`; groups stay together."""
        rng = np.random.default_rng(seed)
        if self.group is None:
            order = rng.permutation(len(self))
            return np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
        names, inverse = np.unique(self.group, return_inverse=True)
        first = np.zeros(len(names), dtype=bool)
        first[rng.permutation(len(names))[: len(names) // 2]] = True
        return np.flatnonzero(first[inverse]), np.flatnonzero(~first[inverse])


def samples_of(data: Any, mean=None, std=None, prepare: Prepare | None = None) -> Samples:
    """Samples from a Dataset (samples, H, W[, channels]) or a pair (values, labels) of arrays or tensors.

    uint8 values are pictures, channels last, scaled to [0, 1]; a Dataset's other values too have their channels last;
    a pair's floats are the model's input as they are. mean, std : numbers, or one per channel, that then standardise.
    prepare : does all of it instead: array (n, ...) -> tensor as the model takes it.
    Raises ValueError for lengths that disagree, labels that are no classes, and values that are not finite.
    """
    fields: dict[str, Any] = {}
    if hasattr(data, "images") and hasattr(data, "labels"):
        values, labels, last = np.asarray(data.images), data.labels, True
        fields = {"classes": data.classes, "name": data.name, "split": data.split}
        fields["group"] = getattr(data, "groups", None)
    elif isinstance(data, (tuple, list)) and len(data) == 2:
        values, labels = (_array(part) for part in data)
        last = values.dtype == np.uint8
    else:
        raise ValueError(
            f"data: expected a Dataset or a pair (values, labels) of arrays, got {type(data).__name__}. "
            "From a torch Dataset: torch.stack the inputs, and the labels."
        )
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) != len(values) or len(labels) == 0:
        raise ValueError(
            f"values {values.shape} and labels {labels.shape}: expected one label per sample, at least one."
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError("labels: expected classes counted from 0, as integers.")
    if values.dtype == object or (np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all()):
        raise ValueError("values: expected finite numbers.")
    return Samples(values, labels.astype(np.int64), prepare or _standard(values, last, mean, std), **fields)


def _array(values: Any) -> np.ndarray:
    """Values of a tensor too, whatever it lies on, learns or is rounded to."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return np.asarray(values)


@dataclass(frozen=True, eq=False)
class Standard:
    """Arrays (n, ...) to the model's input: channels first, pictures in [0, 1], then (x - mean) / std per channel."""

    picture: bool
    dimensions: int  # of an array with its samples
    channels_last: bool
    mean: Tensor | None = None
    std: Tensor | None = None

    def described(self) -> dict | None:
        """Mean and std, for every channel or each, of pictures; None for other values."""
        parts = (("mean", self.mean, 0.0), ("std", self.std, 1.0))
        return (
            {name: [usual] if t is None else t.flatten().tolist() for name, t, usual in parts} if self.picture else None
        )

    def __call__(self, batch: np.ndarray) -> Tensor:
        x = torch.as_tensor(np.array(batch)).to(torch.float32)  # a copy: read-only arrays are welcome
        if self.channels_last:
            x = x[:, None] if self.picture and self.dimensions == 3 else x.movedim(-1, 1)
        if self.picture:
            x = x / 255.0
        x = x if self.mean is None else x - self.mean
        x = x if self.std is None else x / self.std
        return x.contiguous()  # else pictures lie channels last, which a `view` inside a model does not take


def _standard(values: np.ndarray, channels_last: bool, mean, std) -> Standard:
    picture = values.dtype == np.uint8
    after = values.ndim + (channels_last and picture and values.ndim == 3)  # dimensions of the model's input

    def column(number, name: str) -> Tensor | None:
        if number is None:
            return None
        made = torch.as_tensor(number, dtype=torch.float32)
        if made.ndim > 1 or not bool(torch.isfinite(made).all()):
            raise ValueError(f"{name}: expected a number, or one per channel; got {number!r}.")
        return made.reshape([-1] + [1] * (after - 2))

    mean, std = column(mean, "mean"), column(std, "std")
    if std is not None and not bool((std > 0).all()):
        raise ValueError("std: expected positive numbers, one or one per channel.")
    return Standard(picture, values.ndim, channels_last, mean, std)


def variation(
    samples: Samples, kind: str | Vary | None = "auto"
) -> Callable[[np.ndarray, torch.Generator], np.ndarray]:
    """How training samples are varied: "mirror and move" (up to an eighth of the height), "move" or None.

    "auto" mirrors and moves colour pictures, moves grey ones and leaves everything else as it is. A callable takes
    (values (n, ...) tensor, generator) and gives values of the same shape.
    """
    values = samples.values
    picture = values.dtype == np.uint8 and values.ndim in (3, 4)
    if kind == "auto":
        kind = ("mirror and move" if values.ndim == 4 and values.shape[-1] == 3 else "move") if picture else None
    if kind is None:
        return lambda batch, generator: batch
    if callable(kind):
        return lambda batch, generator: np.asarray(kind(torch.as_tensor(batch), generator))
    if kind not in ("mirror and move", "move") or not picture:
        raise ValueError(
            f"variation {kind!r}: expected 'auto', None, a callable, or for pictures 'mirror and move', 'move'."
        )
    shift = max(1, values.shape[1] // 8)
    mirrored = kind == "mirror and move"
    return lambda batch, generator: mirrored_and_moved(torch.as_tensor(batch), shift, generator, mirrored).numpy()


def classes_of(*parts: Samples | None) -> int | None:
    """Number of classes the data names, or None where only labels tell."""
    named: Sequence[int] = [len(part.classes) for part in parts if part is not None and part.classes]
    return max(named) if named else None
