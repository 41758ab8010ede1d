"""Exit branches for features of any shape, in three designs, each as wide as its share of the model's MACs allows.

    "mlp"    features averaged to a few cells, one hidden layer
    "light"  two convolutions (one where features are small), then one hidden layer
    "deep"   two convolutions and a residual block (He et al. 2015, arXiv:1512.03385), global average, linear

All read the same digest of a location (`memory.Digest`), averaged further for designs that cannot make use of its cells:
at few cells a multiplication buys more accuracy than in most backbones' own layers at full resolution. Channels double
where the cells are halved. The convolutions are dense: depthwise ones took up to four times as long to train a MAC on a
processor, and cost accelerators more than their MACs say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..count.macs import count_macs
from .graph import Location
from .memory import CELLS, COARSE, Digest, pooled

DESIGNS: Mapping[str, float] = {"mlp": 0.01, "light": 0.025, "deep": 0.06}
"""Design -> share of the model's MACs that a branch may cost at most."""

_WIDTHS = (4, 6, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_MOST = {"mlp": 384, "light": 96, "deep": 96}  # wider was no better, only slower to train
_WEIGHTS = 1_000_000  # of the first layer of "mlp" at most: training keeps four numbers for each
_HIDDEN = 128  # units behind the convolutions of "light" at most, four for a channel


@dataclass(frozen=True)
class Sized:
    """A branch as built: its location, design, width (hidden units, or channels of the first module) and MACs."""

    location: int
    design: str
    width: int
    macs: int


def build(
    location: Location, design: str, classes: int, most_macs: float, seed: int = 0, coarse: bool = False
) -> tuple[Sized, Branch]:
    """The widest branch of a design at a location within `most_macs`, initialised from `seed`; the narrowest if none is.

    coarse : it reads a digest of fewer cells, as all branches of the location must. Raises ValueError for an unknown design.
    """
    if design not in DESIGNS:
        raise ValueError(f"branch design {design!r} is unknown: choose among {', '.join(DESIGNS)}.")
    example = torch.zeros(1, *location.shape)
    allowed = [width for width in _WIDTHS if width <= _MOST[design]]
    if design == "mlp":
        channels, *cells = Digest(location, coarse).shape
        inputs = channels * prod(pooled(cells, COARSE)[1])
        allowed = [width for width in allowed if width >= 8 and (width == 8 or width * inputs <= _WEIGHTS)]

    def sized(width: int) -> tuple[Sized, Branch]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # layers draw from the global generator, which is put back as it was
            module = _module(Digest(location, coarse), design, classes, width).eval()
        return Sized(location.index, design, width, count_macs(module, example)), module

    best, low, high = sized(allowed[0]), 1, len(allowed)
    while low < high:  # wider costs more: bisection
        middle = (low + high) // 2
        made = sized(allowed[middle])
        if made[0].macs <= most_macs:
            best, low = made, middle + 1
        else:
            high = middle
    return best


def designs_for(location: Location, designs) -> list[str]:
    """Those of `designs` that make sense on the location's features: convolutions need an extent."""
    cells = Digest(location).shape[1:]
    return [d for d in designs if prod(cells) >= 4 or d == "mlp"] or ["mlp"]


class Branch(nn.Module):
    """digest and pool, without parameters, then body; (N, *shape of the location) -> logits (N, C).

    cells : those that the body reads, along each axis.
    """

    def __init__(self, digest: Digest, pool: nn.Module, cells: tuple[int, ...], body: nn.Module):
        super().__init__()
        self.digest, self.pool, self.cells, self.body = digest, pool, cells, body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.pool(self.digest(x)))


def _module(digest: Digest, design: str, classes: int, width: int) -> Branch:
    channels, *cells = digest.shape
    if design == "mlp":
        pool, cells = pooled(cells, COARSE)
        return Branch(digest, pool, cells, nn.Sequential(*_perceptron(channels * prod(cells), width, classes)))
    pool, cells = pooled(cells, CELLS)
    dimensions, most = len(cells), max(cells)
    if design == "light":
        layers = [Convolution(channels, width, 1 if most <= 8 else 2, dimensions)] if most >= 6 else []
        layers.append(Convolution(width if layers else channels, 2 * width, 2, dimensions))
        left = prod(_after(cell, [layer.stride for layer in layers]) for cell in cells)
        return Branch(
            digest,
            pool,
            cells,
            nn.Sequential(*layers, *_perceptron(2 * width * left, min(4 * width, _HIDDEN), classes)),
        )
    layers = [
        Convolution(channels, width, 1 if most <= 16 else 2, dimensions),
        Convolution(width, 2 * width, 2 if most >= 6 else 1, dimensions),
        Residual(2 * width, dimensions),
    ]
    return Branch(digest, pool, cells, nn.Sequential(*layers, Mean(dimensions), nn.Linear(2 * width, classes)))


def _after(cells: int, strides) -> int:
    for stride in strides:
        cells = -(-cells // stride)
    return cells


def _perceptron(inputs: int, hidden: int, classes: int) -> list[nn.Module]:
    first = nn.Linear(inputs, hidden, bias=False)
    return [nn.Flatten(), first, nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, classes)]


class Convolution(nn.Module):
    """Convolution over 3 cells (5 along one axis), batch norm, ReLU unless told."""

    def __init__(self, channels: int, out: int, stride: int, dimensions: int, active: bool = True):
        super().__init__()
        convolution = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
        kernel = 5 if dimensions == 1 else 3
        self.convolution = convolution(channels, out, kernel, stride, kernel // 2, bias=False)
        self.norm = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[dimensions](out)
        self.stride, self.active = stride, active

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.convolution(x))
        return F.relu(x) if self.active else x


class Residual(nn.Module):
    """Two convolutions and a shortcut around them."""

    def __init__(self, channels: int, dimensions: int):
        super().__init__()
        self.first = Convolution(channels, channels, 1, dimensions)
        self.second = Convolution(channels, channels, 1, dimensions, active=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class Mean(nn.Module):
    """Mean over the last `dimensions` axes."""

    def __init__(self, dimensions: int):
        super().__init__()
        self.axes = tuple(range(-dimensions, 0))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.axes)
