"""Workload: a network as an accelerator sees it: the shape of every layer, segment by segment and head by head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod

import numpy as np

from ..table.cost import Cost
from . import layers as described
from .bits import INT8, AnyBits, Bits, HeadBits, heads_at
from .layers import Layers, Shape
from .liveness import INPUT, alive
from .plan import Plan
from .segments import Piece, Segments
from .steps import Operation, Step, Stream

RESIZE_READS = {"bilinear": 4, "bicubic": 16, "nearest": 1}  # values read for each one written


@dataclass(frozen=True)
class Workload:
    """Steps of every backbone segment, and of every head with the segment it reads; the last is the final classifier.

    inputs : values of one sample as it enters. bits, head_bits : where a space or the network decides them. held : for each
    segment, then for each head, the values alive while each step runs (None: what it reads and writes); taps (E,) : values
    alive beside a head, those of the segment before it, which the next segment waits for. ends : for each segment, then for
    each head, the values that come in and go out (None: of the first step and the last); weights : as many, each weight
    once however often it is used (None: the sum over its steps).
    """

    segments: tuple[tuple[Step, ...], ...]
    heads: tuple[tuple[Step, ...], ...]
    position: tuple[int, ...]
    inputs: int
    bits: Bits | None = field(default=None, compare=False)
    head_bits: tuple[Bits | None, ...] = field(default=(), compare=False)
    held: tuple[tuple[int, ...], ...] | None = None
    taps: tuple[int, ...] | None = None
    ends: tuple[tuple[int, int], ...] | None = field(default=None, compare=False)
    weights: tuple[int, ...] | None = field(default=None, compare=False)

    def __post_init__(self):
        pieces = (*self.segments, *self.heads)
        if self.ends is None:
            ends = tuple((p[0].reads, p[-1].writes) if p else (0, 0) for p in pieces)
            object.__setattr__(self, "ends", ends)
        if self.weights is None:
            object.__setattr__(self, "weights", tuple(_stored(piece) for piece in pieces))
        if self.held is None:
            object.__setattr__(self, "held", tuple(tuple(s.reads + s.writes for s in piece) for piece in pieces))
        if self.taps is None:
            object.__setattr__(self, "taps", (0,) * len(self.heads))

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

    def peaks(self, bits: AnyBits | None = None, head_bits: HeadBits = None) -> tuple[float, ...]:
        """(P + E,) bytes: the most activations that are alive at once in each segment, then in each head.

        What a head makes has its own bits, the tap that waits beside it those of the backbone.
        """
        bits, own = self.at_bits(bits, head_bits)
        most = [max(held, default=came) for held, (came, _) in zip(self.held, self.ends, strict=True)]
        count, each = len(self.segments), bits.activations
        heads = zip(most[count:], own, self.taps, strict=True)
        return (*(m * each / 8 for m in most[:count]), *((m * b.activations + tap * each) / 8 for m, b, tap in heads))

    def memory(self, bits: AnyBits | None = None, head_bits: HeadBits = None) -> Cost:
        """Bytes: weights on the way to each exit, and from the start on the most activations that are alive at once.

        Its worst case, the deepest exit's, is what the network with those heads takes; means tell what is touched.
        """
        bits, own = self.at_bits(bits, head_bits)
        count = len(self.segments)
        segments = np.array([weights * bits.weights / 8 for weights in self.weights[:count]])
        heads = [weights * b.weights / 8 for weights, b in zip(self.weights[count:], own, strict=True)]
        segments[0] += max(self.peaks(bits, own))
        return self.cost(segments, heads, "B")

    def platform_segments(self, bits: AnyBits | None = None, head_bits: HeadBits = None) -> Segments:
        """What a `Platform` needs to know: MACs by kind of operator and bytes of one sample, batch norms folded away.

        Moved bytes are the weights and what every step reads and writes; peak bytes those of `peaks`.
        """
        bits, own = self.at_bits(bits, head_bits)
        count = len(self.segments)
        each, steps = (bits,) * count + own, (*self.segments, *self.heads)
        made = [_piece(*one) for one in zip(steps, each, self.ends, self.weights, self.peaks(bits, own), strict=True)]
        pieces, heads = made[:count], made[count:]
        return Segments(pieces, heads, np.array(self.position), self.inputs * bits.activations / 8)

    def columns(self, index) -> Workload:
        """The same backbone with these of the heads, each as often as it is named (once for each number of bits)."""
        heads, position, taps = (tuple(of[i] for i in index) for of in (self.heads, self.position, self.taps))
        own = tuple(self.head_bits[i] for i in index) if self.head_bits else ()
        count = len(self.segments)
        pieces = (of[:count] + tuple(of[count + i] for i in index) for of in (self.held, self.ends, self.weights))
        held, ends, weights = pieces
        return Workload(
            self.segments, heads, position, self.inputs, self.bits, own, held, taps, ends=ends, weights=weights
        )


@lru_cache(maxsize=65536)
def _stored(steps: tuple[Step, ...]) -> int:
    """Weights, those that several steps use as often as they do."""
    return sum(step.weights for step in steps)


def _piece(steps: tuple[Step, ...], bits: Bits, ends: tuple[int, int], weights: int, peak: float) -> Piece:
    each = bits.activations / 8
    macs: dict[str, int] = {}
    for step in steps:
        if step.macs:
            macs[step.kind] = macs.get(step.kind, 0) + step.macs
    stored = weights * bits.weights / 8
    return Piece(
        macs,
        weight_bytes=stored,
        input_bytes=ends[0] * each,
        output_bytes=ends[1] * each,
        moved_bytes=stored + sum(step.reads + step.writes for step in steps) * each,
        peak_bytes=peak,
    )


def workload_of(plan: Plan) -> Workload:
    """The workload of a plan. Batch norms and activations are folded into the layer before them."""
    pieces = list(zip(plan.segments, plan.shapes, strict=False))
    pieces += [(head.layers, shape) for head, shape in zip(plan.heads, plan.taps, strict=True)]
    steps = [steps_of(*piece) for piece in pieces]
    count, last = len(plan.segments), len(plan.segments) - 1
    waits = [head.position != last for head in plan.heads]
    held = tuple(_held(*piece, early) for piece, early in zip(pieces, [False] * count + waits, strict=True))
    taps = tuple(early * prod(shape) for early, shape in zip(waits, plan.taps, strict=True))
    ends = tuple(_ends(*piece) for piece in pieces)
    own = tuple(head.bits for head in plan.heads)
    position, inputs = plan.position, prod(plan.input)
    return Workload(tuple(steps[:count]), tuple(steps[count:]), position, inputs, plan.bits, own, held, taps, ends)


@lru_cache(maxsize=65536)
def steps_of(layers: Layers, shape: Shape) -> tuple[Step, ...]:
    """What layers ask of an accelerator on one sample of that shape. Raises ValueError for a layer without a rule."""
    return tuple(step for step, _ in _trace(layers, shape))


@lru_cache(maxsize=65536)
def _held(layers: Layers, shape: Shape, early: bool) -> tuple[int, ...]:
    """(S,) values alive while each step of the layers runs. early : the layers' input is counted elsewhere."""
    trace = _trace(layers, shape)
    return alive([takes for _, takes in trace], [step.writes for step, _ in trace], 0 if early else prod(shape))


@lru_cache(maxsize=65536)
def _ends(layers: Layers, shape: Shape) -> tuple[int, int]:
    """Values that come in and go out."""
    return prod(shape), prod(described.through(layers, shape))


@lru_cache(maxsize=65536)
def _trace(layers: Layers, shape: Shape) -> tuple[tuple[Step, tuple[int, ...]], ...]:
    """Steps with the numbers of what each takes, as in `alive`."""
    found, at = [], INPUT  # at : what the next layer reads
    for layer, size in described.walk(layers, shape):
        before = len(found)
        found += [(step, tuple(n + before if n else at for n in takes)) for step, takes in _steps(layer, size)]
        at = len(found)
    return tuple(found)


def _steps(layer: described.Layer, shape: Shape) -> Iterator[tuple[Step, tuple[int, ...]]]:
    """The steps of one layer, each with what it takes: INPUT, or one more than the place of the step that gave it."""
    out = layer.out(shape)
    channels, *size = shape
    count, written = prod(shape), prod(out)
    match layer:
        case described.Convolution():
            pad = layer.kernel // 2 if layer.padded else 0
            kind = "depthwise" if layer.depthwise else "conv"
            k, s = layer.kernel, layer.stride
            yield (
                Operation(kind, channels, layer.channels, tuple(size), (k, k), (s, s), (pad, pad), layer.name),
                (INPUT,),
            )
        case described.Linear():
            yield Operation("linear", count, layer.features, name=layer.name), (INPUT,)
        case described.SqueezeExcite():
            yield Stream("pool", count, channels, layer.name), (INPUT,)
            yield Operation("conv", channels, layer.reduced, name=f"{layer.name}.reduce"), (1,)
            yield Operation("conv", layer.reduced, channels, name=f"{layer.name}.expand"), (2,)
            yield Stream("multiply", count + channels, count, layer.name), (INPUT, 3)
        case described.Activation():
            return
        case described.MaxPool() | described.AveragePool():
            yield Stream("pool", count, written, layer.words), (INPUT,)
        case described.Resize():
            if out != shape:
                yield Stream("resize", RESIZE_READS[layer.mode] * written, written, layer.words), (INPUT,)
        case described.Block():
            inside = _trace(layer.layers, shape)
            yield from inside
            if layer.residual:
                shortcut = INPUT
                if layer.stride(shape) > 1:
                    pooled, shortcut = channels * out[1] * out[2], len(inside) + 1
                    yield Stream("pool", count, pooled, f"{layer.name}.shortcut"), (INPUT,)
                yield Stream("add", 2 * written, written, f"{layer.name}.sum"), (len(inside), shortcut)
        case _:
            raise ValueError(f"a layer of type {type(layer).__name__} has no rule that says what it asks of hardware.")
