"""Layers as plain values: what each does to a shape, its MACs and its parameters. Nothing here computes on data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Shape = tuple[int, int, int]
"""(channels, height, width) of one sample."""

ACTIVATIONS = (None, "relu", "hswish")


@dataclass(frozen=True)
class Convolution:
    """Convolution, then batch norm, then activation; the input channels are those of what comes in.

    name : of its weights; in a space, layers of one name share weights: a narrower layer uses the first channels, a
    smaller kernel the centre. depthwise : one filter a channel, `channels` is then those of the input. padded : with
    zeros, so that the size only changes with the stride. norm=False : without batch norm.
    """

    name: str
    channels: int
    kernel: int = 3
    stride: int = 1
    depthwise: bool = False
    activation: str | None = "relu"
    norm: bool = True
    bias: bool = False
    padded: bool = True

    @property
    def words(self) -> str:
        kind = "depthwise" if self.depthwise else "convolution"
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        return f"{kind} {self.kernel}x{self.kernel}{stride} to {self.channels}"

    def out(self, shape: Shape) -> Shape:
        if self.depthwise and self.channels != shape[0]:
            raise ValueError(f"{self.name}: depthwise with {self.channels} channels on an input of {shape[0]}.")
        pad = self.kernel // 2 if self.padded else 0
        height, width = ((size + 2 * pad - self.kernel) // self.stride + 1 for size in shape[1:])
        return _positive((self.channels, height, width), self.name)

    def inputs(self, shape: Shape) -> int:
        """Input channels that each filter reads."""
        return 1 if self.depthwise else shape[0]

    def macs(self, shape: Shape) -> int:
        channels, height, width = self.out(shape)
        return channels * height * width * self.inputs(shape) * self.kernel**2

    def parameters(self, shape: Shape) -> int:
        per_channel = self.inputs(shape) * self.kernel**2 + self.bias + 2 * self.norm
        return self.channels * per_channel


@dataclass(frozen=True)
class SqueezeExcite:
    """Squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507) with a hard sigmoid; `reduced` inner channels."""

    name: str
    reduced: int

    @property
    def words(self) -> str:
        return f"squeeze-excite {self.reduced}"

    def out(self, shape: Shape) -> Shape:
        return shape

    def macs(self, shape: Shape) -> int:
        return 2 * shape[0] * self.reduced

    def parameters(self, shape: Shape) -> int:
        return 2 * shape[0] * self.reduced + self.reduced + shape[0]


@dataclass(frozen=True)
class Linear:
    """Fully connected layer with bias on everything that comes in, flattened channel by channel."""

    name: str
    features: int
    activation: str | None = None
    dropout: float = 0.0
    bias: bool = True

    @property
    def words(self) -> str:
        return f"linear to {self.features}"

    def out(self, shape: Shape) -> Shape:
        return (self.features, 1, 1)

    def macs(self, shape: Shape) -> int:
        return shape[0] * shape[1] * shape[2] * self.features

    def parameters(self, shape: Shape) -> int:
        return self.macs(shape) + self.bias * self.features


@dataclass(frozen=True)
class _Free:
    """A layer without weights and without multiply-accumulates that count."""

    def out(self, shape: Shape) -> Shape:
        return shape

    def macs(self, shape: Shape) -> int:
        return 0

    def parameters(self, shape: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Activation(_Free):
    """An activation on its own: "relu" or "hswish"."""

    kind: str = "relu"

    @property
    def words(self) -> str:
        return self.kind


@dataclass(frozen=True)
class MaxPool(_Free):
    """Max pooling over `size` x `size` windows that do not overlap."""

    size: int

    @property
    def words(self) -> str:
        return f"max pool {self.size}x{self.size}"

    def out(self, shape: Shape) -> Shape:
        return _positive((shape[0], shape[1] // self.size, shape[2] // self.size), f"max pool {self.size}")


@dataclass(frozen=True)
class AveragePool(_Free):
    """Average pooling to `size` x `size` whatever comes in; 1 is global average pooling."""

    size: int = 1

    @property
    def words(self) -> str:
        return "average pool" if self.size == 1 else f"average pool to {self.size}x{self.size}"

    def out(self, shape: Shape) -> Shape:
        return (shape[0], self.size, self.size)


@dataclass(frozen=True)
class Resize(_Free):
    """Interpolation to `size` x `size`: "bicubic" or "bilinear", without smoothing before."""

    size: int
    mode: str = "bicubic"

    @property
    def words(self) -> str:
        return f"resize to {self.size}x{self.size}"

    def out(self, shape: Shape) -> Shape:
        return (shape[0], self.size, self.size)


@dataclass(frozen=True)
class Block:
    """Layers in a row; residual: their input is added to their output.

    Where the layers change the shape, the input is average-pooled by their stride and its channels are cut or padded
    with zeros (He et al. 2016, arXiv:1512.03385, option A): no weights, no multiply-accumulates.
    """

    name: str
    kind: str
    layers: tuple[Layer, ...]
    residual: bool = False

    def __repr__(self) -> str:
        return f"Block({self.name}, {self.kind}, {len(self.layers)} layers{', residual' if self.residual else ''})"

    def out(self, shape: Shape) -> Shape:
        out = through(self.layers, shape)
        if self.residual and any(-(-size // self.stride(shape)) != left for size, left in zip(shape[1:], out[1:])):  # noqa: B905
            raise ValueError(f"{self.name}: no pooling of its input {shape} gives the size of its output {out}.")
        return out

    def stride(self, shape: Shape) -> int:
        """By how much the layers shrink an image of that shape."""
        return -(-shape[1] // through(self.layers, shape)[1])

    def macs(self, shape: Shape) -> int:
        return macs(self.layers, shape)

    def parameters(self, shape: Shape) -> int:
        return parameters(self.layers, shape)


Layer = Convolution | SqueezeExcite | Linear | Activation | MaxPool | AveragePool | Resize | Block
Layers = tuple[Layer, ...]


def walk(layers: Layers, shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """Each layer with the shape that comes in."""
    for layer in layers:
        yield layer, shape
        shape = layer.out(shape)


def through(layers: Layers, shape: Shape) -> Shape:
    """Shape after the layers."""
    for layer in layers:
        shape = layer.out(shape)
    return shape


def macs(layers: Layers, shape: Shape) -> int:
    """Multiply-accumulates of the layers' convolutions and linear operators on one sample of that shape."""
    return sum(layer.macs(at) for layer, at in walk(layers, shape))


def parameters(layers: Layers, shape: Shape) -> int:
    """Trainable parameters of the layers."""
    return sum(layer.parameters(at) for layer, at in walk(layers, shape))


def weighted(layers: Layers, shape: Shape) -> Iterator[tuple[Convolution | SqueezeExcite | Linear, Shape]]:
    """Every layer that has weights, with the shape that comes in; blocks are opened."""
    for layer, at in walk(layers, shape):
        if isinstance(layer, Block):
            yield from weighted(layer.layers, at)
        elif isinstance(layer, (Convolution, SqueezeExcite, Linear)):
            yield layer, at


def _positive(shape: Shape, name: str) -> Shape:
    if min(shape) < 1:
        raise ValueError(f"{name}: nothing is left of the image (shape {shape}); use a larger resolution.")
    return shape
