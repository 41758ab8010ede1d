"""The backbone that EDANAS, NACHOS and AEBNAS share: OFA-MobileNetV3 at width 1.0.

Dimensions: Once-for-all (Cai et al. 2020, arXiv:1908.09791), MobileNetV3-Large (Howard et al. 2019, arXiv:1905.02244).
Five stages, each of 2 to 4 inverted residual blocks with kernel 3, 5 or 7 and expansion 3, 4 or 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...network.layers import AveragePool, Block, Convolution, Layers, Linear, Resize, Shape, SqueezeExcite, through
from ..genome import Gene

DEPTHS, KERNELS, EXPANSIONS = (2, 3, 4), (3, 5, 7), (3, 4, 6)
STAGES = (  # width, stride, activation, squeeze-excite
    (24, 2, "relu", False),
    (40, 2, "relu", True),
    (80, 2, "hswish", False),
    (112, 1, "hswish", True),
    (160, 2, "hswish", True),
)
EXITS = range(1, len(STAGES))
"""Stages with an exit at their end; the last stage's end is the final classifier."""

STEM, EXPAND, MIX = 16, 960, 1280


def backbone_genes() -> tuple[Gene, ...]:
    """45 genes: for each stage its depth, the kernels of four blocks, the expansions of four blocks."""
    genes: list[Gene] = []
    for s in range(1, len(STAGES) + 1):
        blocks = range(1, max(DEPTHS) + 1)
        needs = {
            b: ((f"stage{s}.depth", tuple(d for d in DEPTHS if d >= b)),) if b > min(DEPTHS) else () for b in blocks
        }
        genes.append(Gene(f"stage{s}.depth", DEPTHS, "backbone"))
        genes += [Gene(f"stage{s}.block{b}.kernel", KERNELS, "backbone", needs[b]) for b in blocks]
        genes += [Gene(f"stage{s}.block{b}.expansion", EXPANSIONS, "backbone", needs[b]) for b in blocks]
    return tuple(genes)


def resolution_genes(resolutions: Sequence[int]) -> tuple[Gene, ...]:
    """One gene, none where there is a single resolution. Raises ValueError for resolutions that cannot be used."""
    resolutions = tuple(int(r) for r in resolutions)
    if not resolutions or min(resolutions) < 16:
        raise ValueError(f"resolutions: expected sizes of at least 16 pixels, got {resolutions}.")
    return (Gene("resolution", resolutions, "resolution"),) if len(resolutions) > 1 else ()


def segments(values: Mapping[str, Any], shape: Shape, resolution: int) -> tuple[Layers, ...]:
    """The five stages; the first one begins with the resizing, the stem and its fixed block."""
    stem: Layers = (
        Resize(values.get("resolution", resolution)),
        Convolution("stem", STEM, 3, 2, activation="hswish"),
        Block(
            "stem.block",
            "separable 3x3",
            (
                Convolution("stem.block.depthwise", STEM, 3, depthwise=True),
                Convolution("stem.block.project", STEM, 1, activation=None),
            ),
            residual=True,
        ),
    )
    shape = through(stem, shape)
    made = []
    for s, (width, stride, activation, squeeze) in enumerate(STAGES, 1):
        blocks: list[Block] = []
        for b in range(1, values[f"stage{s}.depth"] + 1):
            name = f"stage{s}.block{b}"
            kernel, expansion = values[f"{name}.kernel"], values[f"{name}.expansion"]
            blocks.append(_block(name, shape, width, stride if b == 1 else 1, kernel, expansion, activation, squeeze))
            shape = blocks[-1].out(shape)
        made.append((*stem, *blocks) if s == 1 else tuple(blocks))
    return tuple(made)


def final(classes: int) -> Layers:
    """The final classifier: 1x1 to 960, global average pool, 960 to 1280, linear."""
    return (
        Convolution("final.expand", EXPAND, 1, activation="hswish"),
        AveragePool(),
        Convolution("final.mix", MIX, 1, activation="hswish", norm=False),
        Linear("final.classifier", classes),
    )


def divisible(channels: float, by: int = 8) -> int:
    """The multiple of `by` next to `channels`, not more than 10 % below it (MobileNetV2, Sandler et al. 2018)."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


def _block(
    name: str, shape: Shape, width: int, stride: int, kernel: int, expansion: int, activation: str, squeeze: bool
) -> Block:
    inner = divisible(shape[0] * expansion)
    excite = (SqueezeExcite(f"{name}.squeeze", divisible(inner // 4)),) if squeeze else ()
    layers = (
        Convolution(f"{name}.expand", inner, 1, activation=activation),
        Convolution(f"{name}.depthwise", inner, kernel, stride, depthwise=True, activation=activation),
        *excite,
        Convolution(f"{name}.project", width, 1, activation=None),
    )
    kind = f"inverted {kernel}x{kernel}, expansion {expansion}"
    return Block(name, kind, layers, residual=stride == 1 and shape[0] == width)
