"""compact: small images on CPUs. Elastic resolution, depth, width, kernel and block type, an exit after every stage.

Inverted residual blocks (Sandler et al. 2018, arXiv:1801.04381) need fewer MACs, dense residual ones (two full 3x3
convolutions, He et al. 2016, arXiv:1512.03385) take less time for each: a trade-off to search. Every
block ends without activation and is residual, also the first of a stage, which changes shape: so both types can follow
each other and share what comes before and after them. (After 80 steps of a supernet's training its final classifier was
right on 57 % of the images; on 22 % without these shortcuts.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from itertools import product
from types import MappingProxyType
from typing import Any

from ...network.layers import AveragePool, Block, Convolution, Layers, Linear, MaxPool, Resize, Shape, macs, through
from ...network.plan import Head, Plan
from ..genome import Gene
from ..space import PRESETS, SearchSpace

STEM = 8
STAGES = (  # stride, width options; the stem keeps the resolution
    (2, (8, 12, 16)),
    (1, (12, 16, 24)),
    (2, (24, 32, 40)),
    (1, (32, 40, 56)),
    (2, (40, 56, 80)),
)
DEPTHS = (1, 2)
TYPES = ("inverted 3x3", "inverted 5x5", "dense 3x3")
SIZES = ("small", "large")
EXPANSION = {"small": 2, "large": 4}  # of an inverted block's input channels
INNER = {"small": 0.5, "large": 1}  # of a dense block's output channels
DESIGNS = ("linear", "separable", "separable x2", "module", "module x2", "three convolutions")
THRESHOLDS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
SHARE = 0.5  # of the backbone that all designs at all exits may cost together
FRACTIONS = (1, 3 / 4, 1 / 2, 3 / 8, 1 / 4, 3 / 16, 1 / 8, 1 / 16)  # of the tap's channels, for the branches
FINAL = 128
RESIZING = "bilinear"  # on CPUs 10 to 30 times faster than the bicubic of AEBNAS (7x7 to 8x8, channels_last)


def compact(input: Shape = (1, 28, 28), classes: int = 10) -> SearchSpace:
    """The compact space. Raises ValueError for images that are not square or smaller than 20 pixels."""
    channels, height, width = (int(v) for v in input)
    if height != width or height < 20:
        raise ValueError(f"compact: expected square images of at least 20 pixels, got {height} x {width}.")
    genes = [Gene("resolution", (height - 8, height - 4, height), "resolution")]
    for s, (_, widths) in enumerate(STAGES, 1):
        genes += [Gene(f"stage{s}.depth", DEPTHS, "backbone"), Gene(f"stage{s}.width", widths, "backbone")]
        for b in range(1, max(DEPTHS) + 1):
            needs = ((f"stage{s}.depth", tuple(d for d in DEPTHS if d >= b)),) if b > min(DEPTHS) else ()
            genes.append(Gene(f"stage{s}.block{b}.type", TYPES, "backbone", needs))
            genes.append(Gene(f"stage{s}.block{b}.size", SIZES, "backbone", needs))
    exits = range(1, len(STAGES))
    genes += [Gene(f"exit{k}", ("none", *DESIGNS), "exits") for k in exits]
    genes += [Gene(f"threshold{k}", THRESHOLDS, "thresholds", ((f"exit{k}", DESIGNS),)) for k in exits]
    arguments = {"input": (channels, height, width), "classes": int(classes)}
    return SearchSpace("compact", tuple(genes), partial(_plan, **arguments), tuple(arguments.items()))


def _plan(values: Mapping[str, Any], offered: bool, input: Shape, classes: int) -> Plan:
    segments, heads = [], []
    shape, spare = input, 0
    for s, (stride, _) in enumerate(STAGES, 1):
        layers = _stage(s, stride, values, shape)
        if s == 1:
            resized = (Resize(values["resolution"], RESIZING),) if values["resolution"] != input[1] else ()
            stem = (*resized, Convolution("stem", STEM))
            layers = (*stem, *_stage(s, stride, values, through(stem, shape)))
        spare += SHARE * macs(layers, shape)
        shape = through(layers, shape)
        segments.append(layers)
        if s == len(STAGES):
            break
        branches, cost = _branches(s, shape, classes, spare)
        spare -= cost
        chosen = DESIGNS if offered else tuple(d for d in DESIGNS if d == values[f"exit{s}"])
        heads += [Head(s - 1, f"exit {s}, {design}", branches[design], design) for design in chosen]
    heads.append(Head(len(STAGES) - 1, "final", _final(classes), "final"))
    return Plan(input, classes, tuple(segments), tuple(heads))


def compact_layers(input: Shape = (1, 28, 28), classes: int = 10) -> Iterator[tuple[Layers, Shape]]:
    """Every piece of backbone and every branch that some architecture holds, with the shape that comes in.

    A few branches among them are wider or narrower than their budget ever allows.
    """
    size = input[1]
    shapes: set[Shape] = set()
    for resolution in (size - 8, size - 4, size):
        stem: Layers = (Convolution("stem", STEM),)
        yield stem, (input[0], resolution, resolution)
        shapes.add((STEM, resolution, resolution))
    for s, (stride, widths) in enumerate(STAGES, 1):
        options = {
            "width": widths,
            "block1.type": TYPES,
            "block1.size": SIZES,
            "block2.type": TYPES,
            "block2.size": SIZES,
        }
        taps: set[Shape] = set()
        for shape, chosen in product(shapes, product(*options.values())):
            values = {f"stage{s}.{name}": value for name, value in zip(options, chosen, strict=True)}
            blocks = _stage(s, stride, {**values, f"stage{s}.depth": max(DEPTHS)}, shape)
            taps.add(through(blocks, shape))
            yield blocks, shape
        for tap, fraction in product(taps, FRACTIONS if s < len(STAGES) else ()):
            yield from ((layers, tap) for layers in _designs(s, tap, classes, fraction)[0].values())
        shapes = taps
    yield from ((_final(classes), shape) for shape in shapes)


def _final(classes: int) -> Layers:
    return (Convolution("final.mix", FINAL, kernel=1), AveragePool(), Linear("final.classifier", classes))


def _stage(s: int, stride: int, values: Mapping[str, Any], shape: Shape) -> Layers:
    blocks: list[Block] = []
    for b in range(1, values[f"stage{s}.depth"] + 1):
        name = f"stage{s}.block{b}"
        kind, size, width = values[f"{name}.type"], values[f"{name}.size"], values[f"stage{s}.width"]
        step = stride if b == 1 else 1
        if kind == "dense 3x3":
            inner = int(width * INNER[size])
            layers: Layers = (
                Convolution(f"{name}.dense.first", inner, 3, step),
                Convolution(f"{name}.dense.second", width, 3, activation=None),
            )
        else:
            inner, kernel = shape[0] * EXPANSION[size], 5 if kind == "inverted 5x5" else 3
            layers = (
                Convolution(f"{name}.inverted.expand", inner, 1),
                Convolution(f"{name}.inverted.depthwise{kernel}", inner, kernel, step, True),
                Convolution(f"{name}.inverted.project", width, 1, activation=None),
            )
        blocks.append(Block(name, kind, layers, residual=True))
        shape = blocks[-1].out(shape)
    return tuple(blocks)


def _branches(s: int, shape: Shape, classes: int, budget: float) -> tuple[Mapping[str, Layers], int]:
    """The six designs at the end of stage s and their MACs, as wide as together they cost at most `budget`.

    The budget is a share of what the backbone up to here costs, less the designs at earlier exits, so a branch depends
    on nothing that comes after its tap. Where the narrowest exceeds it they are taken all the same; a test holds that
    all designs at all exits still cost less than the backbone.
    """
    for fraction in FRACTIONS:
        designs, cost = _designs(s, shape, classes, fraction)
        if cost <= budget:
            break
    return designs, cost


@lru_cache(maxsize=4096)
def _designs(s: int, shape: Shape, classes: int, fraction: float) -> tuple[Mapping[str, Layers], int]:
    """The designs with branches of that fraction of the tap's channels, and their MACs together.

    A module resizes to 8 pixels and convolves with stride 2 and no padding, as in AEBNAS (arXiv:2512.10671).

    The three convolutions widen 1 : 2 : 4 as in NACHOS (arXiv:2401.13330), on a pooled tap; what they give is pooled,
    not flattened, so that one linear layer serves all resolutions.
    """
    channels, size, _ = shape
    width = max(2, int(channels * fraction))

    def names(design: str):
        stem = f"exit{s}.{design.replace(' ', '-')}"
        return lambda layer: f"{stem}.{layer}"

    def ending(name, pool: int = 1) -> Layers:
        return (AveragePool(pool), Linear(name("classifier"), classes))

    def separable(name, i: int, inputs: int) -> Layers:
        depthwise = Convolution(name(f"depthwise{i}"), inputs, 3, 2, depthwise=True, activation=None)
        return (depthwise, Convolution(name(f"pointwise{i}"), 2 * width, 1))

    def module(name, i: int, out: int) -> Layers:
        return (Resize(8, RESIZING), Convolution(name(f"convolution{i}"), out, 3, 2, padded=False))

    one, two = names("separable"), names("separable x2")
    single, double, three = names("module"), names("module x2"), names("three convolutions")
    pool = MaxPool(max(2, size // 3))
    widths = (max(1, width // 2), width, 2 * width)
    designs = {
        "linear": ending(names("linear"), 2),
        "separable": (*separable(one, 1, channels), *ending(one)),
        "separable x2": (*separable(two, 1, channels), *separable(two, 2, 2 * width), *ending(two)),
        "module": (*module(single, 1, width), *ending(single)),
        "module x2": (*module(double, 1, width), *module(double, 2, 2 * width), *ending(double)),
        "three convolutions": (
            pool,
            *(Convolution(three(f"convolution{i}"), out) for i, out in enumerate(widths, 1)),
            *ending(three, 2),
        ),
    }
    return MappingProxyType(designs), sum(macs(layers, shape) for layers in designs.values())


PRESETS["compact"] = compact
