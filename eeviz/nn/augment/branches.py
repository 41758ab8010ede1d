"""Exit branches for features of any shape, in three designs, each as wide as its share of the model's MACs allows.

    "mlp"    features pooled to a few cells, one hidden layer (BranchyNet's branches with the convolutions left out)
    "light"  one or two depthwise-separable modules (Howard et al. 2017, arXiv:1704.04861), global pooling, linear
    "deep"   four of them, those that keep the shape with a shortcut

Depthwise-separable modules work at a quarter of the resolution or less: there a multiplication buys more accuracy than
in most backbones' own layers at full resolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..macs import count_macs
from .graph import Location

DESIGNS: Mapping[str, float] = {"mlp": 0.01, "light": 0.03, "deep": 0.08}
"""Design -> share of the model's MACs that a branch may cost at most."""

_WIDTHS = (8, 12, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 512)
_MOST = {"mlp": 256, "light": 256, "deep": 192}  # wider was no better, only slower to train


@dataclass(frozen=True)
class Sized:
    """A branch as built: its location, design, width (channels or hidden units) and MACs."""

    location: int
    design: str
    width: int
    macs: int


def build(location: Location, design: str, classes: int, most_macs: float, seed: int = 0) -> tuple[Sized, nn.Module]:
    """The widest branch of a design at a location within `most_macs`, initialised from `seed`; the narrowest if none is.

    Flat features know only the MLP. Raises ValueError for an unknown design.
    """
    if design not in DESIGNS:
        raise ValueError(f"branch design {design!r} is unknown: choose among {', '.join(DESIGNS)}.")
    example = torch.zeros(1, *location.shape)
    chosen = None
    for width in _WIDTHS:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # layers draw from the global generator, which is put back as it was
            module = _module(location, design, classes, width).eval()
        macs = count_macs(module, example)
        if chosen is None or (macs <= most_macs and width <= _MOST[design]):
            chosen = Sized(location.index, design, width, macs), module
        if macs > most_macs:
            break
    return chosen


def designs_for(location: Location, designs) -> list[str]:
    """Those of `designs` that make sense on the location's features: convolutions need an extent."""
    extended = location.layout != "flat" and prod(_extent(location)) >= 4
    return [d for d in designs if extended or d == "mlp"] or ["mlp"]


def _extent(location: Location) -> tuple[int, ...]:
    return location.shape[:-1] if location.layout == "tokens" else location.shape[1:]


def _channels(location: Location) -> int:
    return location.shape[-1] if location.layout == "tokens" else location.shape[0]


def _module(location: Location, design: str, classes: int, width: int) -> nn.Sequential:
    channels, extent = _channels(location), _extent(location)
    first: list[nn.Module] = [ChannelsFirst()] if location.layout == "tokens" else []
    if design == "mlp":
        pool, cells = _cells(extent)
        inner = [nn.Linear(channels * prod(cells), width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
        return nn.Sequential(*first, *pool, *inner, nn.Linear(width, classes))
    strides = _strides(extent, 4 if design == "deep" else 2)
    layers: list[nn.Module] = []
    for stride in strides:
        layers.append(Separable(channels, width, stride, len(extent)))
        channels = width
    return nn.Sequential(*first, *layers, Mean(len(extent)), nn.Linear(channels, classes))


def _cells(extent: tuple[int, ...]) -> tuple[list[nn.Module], list[int]]:
    """Pooling to about 4 cells a side (8 along a signal), by windows of one size, which every runtime knows."""
    if not extent:
        return [], []
    kernel = [max(1, round(size / (8 if len(extent) == 1 else 4))) for size in extent]
    pool = nn.AvgPool1d(kernel[0]) if len(extent) == 1 else nn.AvgPool2d(tuple(kernel))
    return [pool, nn.Flatten()], [size // k for size, k in zip(extent, kernel, strict=True)]


def _strides(extent: tuple[int, ...], modules: int) -> list[int]:
    """Halve (32 and more: quarter first) down to about 4 cells a side; a second module only where it has room."""
    side = max(extent)
    if modules == 2:
        if side >= 32:
            return [4, 2]
        return [2, 2] if side >= 12 else [2 if side >= 6 else 1]
    if side >= 32:
        return [4, 1, 2, 1]
    return [2, 1, 2, 1] if side >= 12 else [2 if side >= 6 else 1, 1, 1, 1]


class Separable(nn.Module):
    """Depthwise convolution, then pointwise; a shortcut where the shape stays."""

    def __init__(self, channels: int, out: int, stride: int, dimensions: int):
        super().__init__()
        convolution = {1: nn.Conv1d, 2: nn.Conv2d}[dimensions]
        norm = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}[dimensions]
        kernel = 5 if stride >= 4 or dimensions == 1 else 3
        self.depthwise = convolution(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
        self.norm1 = norm(channels)
        self.pointwise = convolution(channels, out, 1, bias=False)
        self.norm2 = norm(out)
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm2(self.pointwise(self.norm1(self.depthwise(x)))))
        return x + y if self.shortcut else y


class Mean(nn.Module):
    """Mean over the last `dimensions` axes."""

    def __init__(self, dimensions: int):
        super().__init__()
        self.axes = tuple(range(-dimensions, 0))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.axes)


class ChannelsFirst(nn.Module):
    """(N, ..., channels) -> (N, channels, ...)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(-1, 1)
