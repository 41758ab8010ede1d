"""Steps: the layers of a network as an accelerator is asked for them, plain shapes without a network around them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property

Pair = tuple[int, int]


@dataclass(frozen=True)
class Operation:
    """A layer with weights on one sample.

    kind : "conv", "depthwise" (one filter a channel) or "linear". inputs, outputs : channels. size : (height, width) that
    comes in; of a linear layer (rows, 1), each a vector of its own. kernel, stride, padding : (vertical, horizontal), padding on both sides.
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
            rows = f", {self.size[0]} rows" if self.size[0] > 1 else ""
            return f"{words} {self.inputs} to {self.outputs}{rows}"
        stride = f" stride {self.stride[0]}x{self.stride[1]}" if self.stride != (1, 1) else ""
        return (
            f"{words} {self.kernel[0]}x{self.kernel[1]}{stride}, {self.inputs} to {self.outputs} channels, "
            f"{self.size[0]}x{self.size[1]}"
        )


@dataclass(frozen=True)
class Stream:
    """A layer that moves activations without multiplying them by weights: "add", "multiply", "pool" or "resize".

    reads, writes : activations taken from and given to memory. weights : that are added or multiplied, element by element.
    """

    kind: str
    reads: int
    writes: int
    name: str = field(default="", compare=False)
    weights: int = 0

    macs = 0

    def __str__(self) -> str:
        return f"{self.kind}, {self.reads} values to {self.writes}"


@dataclass(frozen=True)
class Other:
    """What accelerators have no rule for: only as much of it as a platform needs to know.

    kind : of its MACs: "conv", "depthwise", "linear", or "matmul" for products of activations. words : what it is.
    """

    kind: str
    macs: int
    weights: int
    reads: int
    writes: int
    words: str
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.words}, {self.reads} values to {self.writes}"


Step = Operation | Stream | Other
