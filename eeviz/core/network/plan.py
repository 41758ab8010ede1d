"""Plan: a network as plain values, so that its shapes, MACs and parameters are known before it is built.

`eeviz.nn.build.build` makes the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ..table.cost import Cost
from .bits import Bits
from .layers import Convolution, Layers, Linear, Shape, SqueezeExcite, macs, parameters, through, weighted


@dataclass(frozen=True)
class Head:
    """An exit branch that reads the output of segment `position`; design : which of a space's designs it is.

    bits : of its weights and activations, None: those of the backbone.
    """

    position: int
    name: str
    layers: Layers
    design: str = ""
    bits: Bits | None = None

    def __repr__(self) -> str:
        return f"Head({self.name}, at position {self.position}, {len(self.layers)} layers)"


@dataclass(frozen=True)
class Plan:
    """Backbone segments with the heads that tap them; the last head is the final classifier.

    input : (channels, height, width). Heads never fall in position; heads of one position are alternatives.
    learned_confidence : every head but the final one gives one more output, the logit of its confidence.
    bits : of the backbone, None where a space leaves them open.
    Raises ValueError for heads out of order, outside the backbone, or with another number of outputs.
    """

    input: Shape
    classes: int
    segments: tuple[Layers, ...]
    heads: tuple[Head, ...]
    learned_confidence: bool = False
    bits: Bits | None = None

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.input))
        return f"Plan({shape} input, {self.classes} classes, {len(self.segments)} segments, {len(self.heads)} heads)"

    def __post_init__(self):
        position = self.position
        last = len(self.segments) - 1
        if not position or list(position) != sorted(position) or position[0] < 0 or position[-1] != last:
            raise ValueError(
                f"heads at positions {list(position)}: they must not fall and the last must read segment {last}."
            )
        for head, shape in zip(self.heads, self.taps, strict=True):
            expected = self.classes + (self.learned_confidence and head is not self.heads[-1])
            if through(head.layers, shape) != (expected, 1, 1):
                raise ValueError(f"{head.name}: gives {through(head.layers, shape)}, expected {expected} outputs.")

    @property
    def position(self) -> tuple[int, ...]:
        """(E,) segment that each head reads."""
        return tuple(head.position for head in self.heads)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape that comes into each segment, and at last the one that leaves the backbone."""
        shapes = [self.input]
        for segment in self.segments:
            shapes.append(through(segment, shapes[-1]))
        return tuple(shapes)

    @property
    def taps(self) -> tuple[Shape, ...]:
        """(E,) shape that each head reads."""
        return tuple(self.shapes[position + 1] for position in self.position)

    def macs(self) -> Cost:
        """Cost in MACs: backbone (E,) cumulative up to each head's tap, heads (E,) each head's own."""
        cumulative, total = [], 0
        for segment, shape in zip(self.segments, self.shapes, strict=False):
            total += macs(segment, shape)
            cumulative.append(total)
        heads = [macs(head.layers, shape) for head, shape in zip(self.heads, self.taps, strict=True)]
        return Cost([cumulative[p] for p in self.position], heads, unit="MACs")

    def parameters(self) -> int:
        """Trainable parameters of backbone and heads."""
        backbone = sum(parameters(s, shape) for s, shape in zip(self.segments, self.shapes, strict=False))
        return backbone + sum(parameters(h.layers, shape) for h, shape in zip(self.heads, self.taps, strict=True))

    def weighted(self) -> Iterator[tuple[Convolution | SqueezeExcite | Linear, Shape]]:
        """Every layer that has weights, with the shape that comes in: backbone first, then the heads."""
        for segment, shape in zip(self.segments, self.shapes, strict=False):
            yield from weighted(segment, shape)
        for head, shape in zip(self.heads, self.taps, strict=True):
            yield from weighted(head.layers, shape)
