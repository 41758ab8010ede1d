"""Workload: a network as an accelerator sees it: the shape of every layer, segment by segment and head by head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache

import numpy as np

from . import layers as described
from .bits import INT8, AnyBits, Bits, HeadBits, heads_at
from .cost import Cost
from .layers import Layers, Shape
from .plan import Plan
from .segments import Piece, Segments

Pair = tuple[int, int]
RESIZE_READS = {"bilinear": 4, "bicubic": 16, "nearest": 1}  # values read for each one written


@dataclass(frozen=True)
class Operation:
    """A layer with weights on one sample.

    kind : "conv", "depthwise" (one filter a channel) or "linear". inputs, outputs : channels. size : (height, width) that
    comes in, (1, 1) for a linear layer. kernel, stride, padding : (vertical, horizontal), padding on both sides.
    name : for people; layers that differ in nothing else are equal.
    """

    kind: str
    inputs: int
    outputs: int
    size: Pair = (1, 1)
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    name: str = field(default="", compare=False)

    @cached_property
    def key(self) -> tuple:
        """Plain values that name the shape."""
        return (self.kind, self.inputs, self.outputs, *self.size, *self.kernel, *self.stride, *self.padding)

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __hash__(self) -> int:
        return self._hash  # asked for whenever a genome's costs are looked up

    def __reduce__(self):
        return Operation, (*(getattr(self, f.name) for f in fields(self)),)  # hashes differ between processes

    @cached_property
    def out(self) -> Pair:
        """(height, width) that comes out."""
        return tuple(
            (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(self.size, self.padding, self.kernel, self.stride, strict=True)
        )

    @property
    def weights(self) -> int:
        """Weights, without biases."""
        filters = self.outputs if self.kind == "depthwise" else self.inputs * self.outputs
        return filters * self.kernel[0] * self.kernel[1]

    @property
    def macs(self) -> int:
        return self.weights * self.out[0] * self.out[1]

    @property
    def reads(self) -> int:
        """Activations that come in."""
        return self.inputs * self.size[0] * self.size[1]

    @property
    def writes(self) -> int:
        """Activations that go out."""
        return self.outputs * self.out[0] * self.out[1]

    def __str__(self) -> str:
        words = {"conv": "convolution", "depthwise": "depthwise", "linear": "linear"}[self.kind]
        if self.kind == "linear":
            return f"{words} {self.inputs} to {self.outputs}"
        stride = f" stride {self.stride[0]}x{self.stride[1]}" if self.stride != (1, 1) else ""
        return (
            f"{words} {self.kernel[0]}x{self.kernel[1]}{stride}, {self.inputs} to {self.outputs} channels, "
            f"{self.size[0]}x{self.size[1]}"
        )


@dataclass(frozen=True)
class Stream:
    """A layer that moves activations without multiplying them by weights: "add", "multiply", "pool" or "resize".

    reads, writes : activations taken from and given to memory.
    """

    kind: str
    reads: int
    writes: int
    name: str = field(default="", compare=False)

    macs = 0
    weights = 0

    def __str__(self) -> str:
        return f"{self.kind}, {self.reads} values to {self.writes}"


Step = Operation | Stream


@dataclass(frozen=True)
class Workload:
    """Steps of every backbone segment, and of every head with the segment it reads; the last is the final classifier.

    inputs : values of one sample as it enters. bits, head_bits : where a space decides them.
    """

    segments: tuple[tuple[Step, ...], ...]
    heads: tuple[tuple[Step, ...], ...]
    position: tuple[int, ...]
    inputs: int
    bits: Bits | None = field(default=None, compare=False)
    head_bits: tuple[Bits | None, ...] = field(default=(), compare=False)

    def at_bits(self, bits: AnyBits | None, head_bits: HeadBits) -> tuple[Bits, tuple[Bits, ...]]:
        """Bits of the backbone and (E,) of the heads: those given (as `Bits.of` reads them), else the workload's own, else
        8/8.

        Heads that nothing is said of have those of the backbone. Raises ValueError for another number of heads, and for
        bits that are none.
        """
        backbone = (self.bits or INT8) if bits is None else Bits.of(bits)
        if head_bits is None and bits is None and self.head_bits:
            return backbone, tuple(b or backbone for b in self.head_bits)
        return backbone, heads_at(head_bits, backbone, len(self.heads))

    def steps(self) -> Iterator[tuple[str, Step]]:
        """Each step with the name of the piece it belongs to, in the order in which a sample meets them."""
        for index, segment in enumerate(self.segments):
            yield from ((f"segment {index + 1}", step) for step in segment)
            for k, at in enumerate(self.position):
                if at == index:
                    name = "final" if k == len(self.heads) - 1 else f"exit {k + 1}"
                    yield from ((name, step) for step in self.heads[k])

    def cost(self, segments, heads, unit: str) -> Cost:
        """Cost from figures of the P segments and the E heads, each its own."""
        return Cost(np.cumsum(segments)[list(self.position)], heads, unit)

    def macs(self) -> Cost:
        """What leaving at each exit costs in MACs."""
        segments, heads = ([sum(s.macs for s in piece) for piece in part] for part in (self.segments, self.heads))
        return self.cost(segments, heads, "MACs")

    def memory(self, bits: AnyBits | None = None, head_bits: HeadBits = None) -> Cost:
        """Bytes: weights on the way to each exit, and from the start on the most activations that a layer holds at once.

        Its worst case, the deepest exit's, is what the network with those heads takes; means tell what is touched.
        """
        bits, own = self.at_bits(bits, head_bits)
        segments = [_stored(piece, bits) for piece in self.segments]
        heads = [_stored(piece, b) for piece, b in zip(self.heads, own, strict=True)]
        peak = max(held for _, held in (*segments, *heads))
        return self.cost(peak * (np.arange(len(segments)) == 0) + _first(segments), _first(heads), "B")

    def platform_segments(self, bits: AnyBits | None = None, head_bits: HeadBits = None) -> Segments:
        """What a `Platform` needs to know: MACs by kind of operator and bytes of one sample, batch norms folded away."""
        bits, own = self.at_bits(bits, head_bits)
        heads = [_piece(steps, b) for steps, b in zip(self.heads, own, strict=True)]
        pieces = [_piece(steps, bits) for steps in self.segments]
        return Segments(pieces, heads, np.array(self.position), self.inputs * bits.activations / 8)

    def columns(self, index) -> Workload:
        """The same backbone with these of the heads, each as often as it is named (once for each number of bits)."""
        heads = tuple(self.heads[i] for i in index)
        own = tuple(self.head_bits[i] for i in index) if self.head_bits else ()
        return Workload(self.segments, heads, tuple(self.position[i] for i in index), self.inputs, self.bits, own)


def _first(pairs) -> np.ndarray:
    return np.array([first for first, _ in pairs])


@lru_cache(maxsize=65536)
def _stored(steps: tuple[Step, ...], bits: Bits) -> tuple[float, float]:
    """Bytes of the weights, and of the most activations that a layer holds at once."""
    weights = sum(step.weights for step in steps) * bits.weights / 8
    return weights, max((step.reads + step.writes for step in steps), default=0) * bits.activations / 8


def _piece(steps: tuple[Step, ...], bits: Bits) -> Piece:
    each = bits.activations / 8
    macs: dict[str, int] = {}
    for step in steps:
        if step.macs:
            macs[step.kind] = macs.get(step.kind, 0) + step.macs
    weights = sum(step.weights for step in steps) * bits.weights / 8
    if not steps:
        return Piece(macs)
    return Piece(
        macs,
        weight_bytes=weights,
        input_bytes=steps[0].reads * each,
        output_bytes=steps[-1].writes * each,
        moved_bytes=weights + sum(step.reads + step.writes for step in steps) * each,
        peak_bytes=max(step.reads + step.writes for step in steps) * each,
    )


def workload_of(plan: Plan) -> Workload:
    """The workload of a plan. Batch norms and activations are folded into the layer before them."""
    segments = tuple(steps_of(layers, shape) for layers, shape in zip(plan.segments, plan.shapes, strict=False))
    heads = tuple(steps_of(head.layers, shape) for head, shape in zip(plan.heads, plan.taps, strict=True))
    head_bits = tuple(head.bits for head in plan.heads)
    return Workload(segments, heads, plan.position, int(np.prod(plan.input)), plan.bits, head_bits)


@lru_cache(maxsize=65536)
def steps_of(layers: Layers, shape: Shape) -> tuple[Step, ...]:
    """What layers ask of an accelerator on one sample of that shape. Raises ValueError for a layer without a rule."""
    return tuple(step for layer, at in described.walk(layers, shape) for step in _steps(layer, at))


def _steps(layer: described.Layer, shape: Shape) -> Iterator[Step]:
    out = layer.out(shape)
    channels, *size = shape
    count, written = int(np.prod(shape)), int(np.prod(out))
    match layer:
        case described.Convolution():
            pad = layer.kernel // 2 if layer.padded else 0
            kind = "depthwise" if layer.depthwise else "conv"
            k, s = layer.kernel, layer.stride
            yield Operation(kind, channels, layer.channels, tuple(size), (k, k), (s, s), (pad, pad), layer.name)
        case described.Linear():
            yield Operation("linear", count, layer.features, name=layer.name)
        case described.SqueezeExcite():
            yield Stream("pool", count, channels, layer.name)
            yield Operation("conv", channels, layer.reduced, name=f"{layer.name}.reduce")
            yield Operation("conv", layer.reduced, channels, name=f"{layer.name}.expand")
            yield Stream("multiply", count + channels, count, layer.name)
        case described.Activation():
            return
        case described.MaxPool() | described.AveragePool():
            yield Stream("pool", count, written, layer.words)
        case described.Resize():
            if out != shape:
                yield Stream("resize", RESIZE_READS[layer.mode] * written, written, layer.words)
        case described.Block():
            yield from steps_of(layer.layers, shape)
            if layer.residual:
                if layer.stride(shape) > 1:
                    pooled = channels * out[1] * out[2]
                    yield Stream("pool", count, pooled, f"{layer.name}.shortcut")
                yield Stream("add", 2 * written, written, f"{layer.name}.sum")
        case _:
            raise ValueError(f"a layer of type {type(layer).__name__} has no rule that says what it asks of hardware.")
