"""zniber: a fixed backbone of 12 inverted residual blocks; which exits it has, one threshold for all, and its bits.

After Zniber et al. (arXiv:2512.04705): exits A to K behind the blocks, each a pooled linear classifier; bits of the
backbone and of the exits are chosen as a pair. Where its dimensions are not published, they are MobileNetV2's (Sandler et
al. 2018, arXiv:1801.04381) with fewer blocks, for images of 32 x 32. `width` scales the channels: 1.0 comes to 196 M
MACs (the paper's network to 195 M), the default of 0.35 to 30 M, which can be trained on two CPU cores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ...network.bits import Bits
from ...network.layers import AveragePool, Block, Convolution, Layers, Linear, Shape, through
from ...network.plan import Head, Plan
from ..genome import Gene
from ..space import PRESETS, SearchSpace
from .mobilenet import divisible

STEM, FINAL = 32, 1280
BLOCKS = (  # expansion, channels, stride of each block
    (1, 16, 1),
    (6, 24, 1),
    (6, 24, 1),
    (6, 32, 1),
    (6, 32, 1),
    (6, 64, 2),
    (6, 64, 1),
    (6, 96, 1),
    (6, 96, 1),
    (6, 160, 2),
    (6, 160, 1),
    (6, 256, 1),
)
EXITS = "ABCDEFGHIJK"
PAIRS = ("8/8", "4/8", "4/4")
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def zniber(
    input: Shape = (3, 32, 32), classes: int = 10, width: float = 0.35, pairs: Sequence[str] = PAIRS
) -> SearchSpace:
    """13 genes: the pair of bits ("backbone/exits"), an exit or none behind blocks 1 to 11, the threshold of all exits.

    Raises ValueError for a width that is not positive, images smaller than 16 pixels, or pairs that are none.
    """
    shape = tuple(int(v) for v in input)
    if len(shape) != 3 or min(shape[1:]) < 16 or not 0 < float(width) <= 4:
        raise ValueError(
            f"zniber: expected images of at least 16 pixels and a width in (0, 4], got {input} and {width}."
        )
    pairs = tuple(_pair(pair) for pair in ([pairs] if isinstance(pairs, str | int) else pairs))
    exits = tuple(f"exit{name}" for name in EXITS)
    genes = [Gene("bits", pairs, "backbone")]
    genes += [Gene(name, ("none", "linear"), "exits") for name in exits]
    genes.append(Gene("threshold", THRESHOLDS, "thresholds"))
    arguments = {"input": shape, "classes": int(classes), "width": float(width), "pairs": pairs}
    return SearchSpace("zniber", tuple(genes), partial(_plan, **arguments), tuple(arguments.items()))


def _pair(pair: str) -> str:
    """A pair as the gene holds it. Raises ValueError for anything else, also for a single number."""
    if not isinstance(pair, str) or pair.count("/") != 1:
        raise ValueError(
            f'zniber: a pair is the bits of backbone and exits as in "4/8", of one number as in "8/8"; got {pair!r}.'
        )
    return str(Bits.of(pair))


def _plan(
    values: Mapping[str, Any], offered: bool, input: Shape, classes: int, width: float, pairs: Sequence[str]
) -> Plan:
    """offered : an exit behind every block, once for each number of bits that some pair gives to exits."""
    backbone, exits = (int(number) for number in values["bits"].split("/"))
    choices = sorted({int(pair.split("/")[1]) for pair in pairs}, reverse=True) if offered else [exits]
    segments: list[Layers] = []
    heads: list[Head] = []
    shape = input
    for b, (expansion, channels, stride) in enumerate(BLOCKS, 1):
        stem: Layers = (Convolution("stem", _channels(STEM, width)),) if b == 1 else ()
        entering = through(stem, shape)
        block = _block(f"block{b}", entering, expansion, _channels(channels, width), stride)
        segments.append((*stem, block))
        shape = block.out(entering)
        if b > len(EXITS):
            break
        name = EXITS[b - 1]
        if offered or values[f"exit{name}"] != "none":
            layers = (AveragePool(), Linear(f"exit{name}.classifier", classes))
            heads += [
                Head(b - 1, f"exit {name}, {bits} bits", layers, f"linear, {bits} bits", Bits(bits, bits))
                for bits in choices
            ]
    final: Layers = (
        Convolution("final.mix", _channels(FINAL, width), kernel=1),
        AveragePool(),
        Linear("final.classifier", classes),
    )
    heads.append(Head(len(BLOCKS) - 1, "final", final, "final", Bits(backbone, backbone)))
    return Plan(input, classes, tuple(segments), tuple(heads), bits=Bits(backbone, backbone))


def _block(name: str, shape: Shape, expansion: int, channels: int, stride: int) -> Block:
    inner = shape[0] * expansion
    expand = (Convolution(f"{name}.expand", inner, 1),) if expansion > 1 else ()
    layers = (
        *expand,
        Convolution(f"{name}.depthwise", inner, 3, stride, depthwise=True),
        Convolution(f"{name}.project", channels, 1, activation=None),
    )
    return Block(name, "inverted 3x3", layers, residual=stride == 1 and shape[0] == channels)


def _channels(channels: int, width: float) -> int:
    return divisible(channels * width) if width != 1 else channels


PRESETS["zniber"] = zniber
