"""Exit branches for features of any shape, in three designs, each as wide as its share of the model's MACs allows.

    "mlp"    features averaged to a few cells, one hidden layer
    "light"  two depthwise-separable modules (Howard et al. 2017, arXiv:1704.04861; one where features are small), global
             average, linear
    "deep"   four of them, those that keep the shape with a shortcut

All read the same digest of a location (`memory.Digest`), averaged further for designs that cannot make use of its cells:
at few cells a multiplication buys more accuracy than in most backbones' own layers at full resolution. Channels double
where the cells are halved; "deep" halves twice where there are cells enough.
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
from .memory import CELLS, COARSE, MIDDLE, Digest, pooled

DESIGNS: Mapping[str, float] = {"mlp": 0.01, "light": 0.025, "deep": 0.06}
"""Design -> share of the model's MACs that a branch may cost at most."""

_WIDTHS = (8, 12, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_MOST = {"mlp": 384, "light": 160, "deep": 128}  # wider was no better, only slower to train


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
    chosen = None
    for width in _WIDTHS:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # layers draw from the global generator, which is put back as it was
            module = _module(Digest(location, coarse), design, classes, width).eval()
        macs = count_macs(module, example)
        if chosen is None or (macs <= most_macs and width <= _MOST[design]):
            chosen = Sized(location.index, design, width, macs), module
        if macs > most_macs:
            break
    return chosen


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
    pool, cells = pooled(cells, {"mlp": COARSE, "light": MIDDLE}.get(design, CELLS))
    if design == "mlp":
        hidden = [nn.Linear(channels * prod(cells), width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
        return Branch(digest, pool, cells, nn.Sequential(nn.Flatten(), *hidden, nn.Linear(width, classes)))
    room = max(cells) >= 6
    plan = [(width, 1), (2 * width, 2)] if room else [(2 * width, 1)]
    if design == "deep":
        first = 2 if len(cells) == 2 and max(cells) >= 12 else 1
        plan = [(width, first), (width, 1), (2 * width, 2 if room else 1), (2 * width, 1)]
    layers: list[nn.Module] = []
    for out, stride in plan:
        layers.append(Separable(channels, out, stride, len(cells)))
        channels = out
    return Branch(digest, pool, cells, nn.Sequential(*layers, Mean(len(cells)), nn.Linear(channels, classes)))


class Separable(nn.Module):
    """Depthwise convolution, then pointwise; a shortcut where the shape stays."""

    def __init__(self, channels: int, out: int, stride: int, dimensions: int):
        super().__init__()
        convolution = {1: nn.Conv1d, 2: nn.Conv2d}[dimensions]
        norm = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}[dimensions]
        kernel = 5 if dimensions == 1 else 3
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
