"""What branches read of a location, and a bounded memory of it.

A digest is the tapped tensor averaged to few cells: a hundredth of the features, enough for branches, and small enough
to remember, so that a branch can take several steps on what one pass through the backbone has cost.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from .graph import Location

CELLS = {0: 1, 1: 32, 2: 8, 3: 4}
"""Dimensions of the extent -> cells along each that a digest keeps at least, where there are as many."""
COARSE = {0: 1, 1: 8, 2: 4, 3: 2}
"""The same for what a branch without convolutions reads, and for all where none convolves: less to remember."""

LARGEST = torch.finfo(torch.float16).max


class Digest(nn.Module):
    """(N, *shape of the location) -> (N, channels, *cells): channels first, averaged over windows of one size."""

    def __init__(self, location: Location, coarse: bool = False):
        super().__init__()
        least = COARSE if coarse else CELLS
        self.last = location.layout == "tokens"
        extent = location.shape[:-1] if self.last else location.shape[1:]
        channels = location.shape[-1] if self.last else location.shape[0]
        self.pool, cells = pooled(extent, least)
        self.shape = (channels, *cells)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x.movedim(x.ndim - 1, 1) if self.last else x)  # counted from the end ONNX gets it wrong


def pooled(extent: Sequence[int], least: Mapping[int, int]) -> tuple[nn.Module, tuple[int, ...]]:
    """Average over windows of one size that leaves `least` cells along each axis or more, and the cells it leaves."""
    window = tuple(max(1, size // least[len(extent)]) for size in extent)
    cells = tuple(size // w for size, w in zip(extent, window, strict=True))
    pools = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
    return (nn.Identity() if prod(window) == 1 else pools[len(extent)](window)), cells


class Memory:
    """The digests (of any keys), labels and final logits of the last samples, as many as `megabytes` hold.

    In 16 bits: bfloat16 where branches compute in it, and float16 else.
    """

    def __init__(
        self, shapes: Mapping[Hashable, Sequence[int]], classes: int, samples: int, megabytes: float, half: bool = False
    ):
        each = 2 * sum(prod(shape) for shape in shapes.values()) + 4 * classes
        self.room = int(min(samples, megabytes * 1e6 // each))
        self.half, self.kind = half, torch.bfloat16 if half else torch.float16
        self.digests = {k: torch.zeros(self.room, *shape, dtype=self.kind) for k, shape in shapes.items()}
        self.logits = torch.zeros(self.room, classes, dtype=torch.float32)
        self.labels = torch.zeros(self.room, dtype=torch.int64)
        self.since = self.seen = 0  # the first sample known, and the next: sample t lies in row t % room

    def __len__(self) -> int:
        return min(self.seen - self.since, self.room)

    def add(self, digests: Mapping[Hashable, Tensor], logits: Tensor, labels: Tensor) -> None:
        """Remember a batch; the oldest samples make room."""
        if not self.room:
            return
        rows = torch.from_numpy(np.arange(self.seen, self.seen + len(labels)) % self.room)
        for k, kept in self.digests.items():
            kept[rows] = digests[k].to(self.kind) if self.half else digests[k].clamp(-LARGEST, LARGEST).to(self.kind)
        self.logits[rows], self.labels[rows] = logits, labels
        self.seen += len(labels)

    def draw(self, count: int, generator: torch.Generator, wanted: Sequence[Hashable]):
        """Digests {key: (count, ...)} of the `wanted` keys, logits and labels of remembered samples."""
        ages = torch.randint(len(self), (count,), generator=generator)
        rows = (self.seen - 1 - ages) % self.room
        digests = {}
        for k in wanted:
            digest = self.digests[k].index_select(0, rows)
            digest = digest if self.half else digest.to(torch.float32)
            digests[k] = digest.contiguous(memory_format=torch.channels_last) if digest.ndim == 4 else digest
        return digests, self.logits[rows], self.labels[rows]

    def take_over(self, other: Memory) -> None:
        """Remember the last samples of a memory that holds these keys, too."""
        self.seen, self.since = other.seen, other.seen - min(len(other), self.room)
        known = torch.arange(self.since, self.seen)
        for k, kept in self.digests.items():
            kept[known % self.room] = other.digests[k][known % other.room]
        self.logits[known % self.room] = other.logits[known % other.room]
        self.labels[known % self.room] = other.labels[known % other.room]
