"""Where a network's numbers are rounded: after every layer with weights and its activation function, and after sums.

Pooling, resizing and reshaping keep the scale of what they read, as onnxruntime does; the logits of a head stay floats.
"""

from __future__ import annotations

import operator

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.nn.utils import parametrize

from ...core.network.bits import Bits
from .fake import FakeActivation, FakeWeight

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Linear)
FUSED = (nn.ReLU, nn.ReLU6)
OWN = (nn.Hardswish, nn.SiLU, nn.Sigmoid, nn.Hardsigmoid, nn.LeakyReLU, nn.BatchNorm1d, nn.BatchNorm2d)
SAME = (nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.Upsample)
THROUGH = (nn.Identity, nn.Flatten, nn.Dropout, nn.MaxPool1d, nn.MaxPool2d)
OWN_FUNCTIONS = (operator.add, operator.mul, torch.add, torch.mul, torch.cat, F.hardswish, F.hardsigmoid, F.silu)
SAME_FUNCTIONS = (F.avg_pool2d, F.avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool1d, F.interpolate, torch.mean)
FUSED_FUNCTIONS = (F.relu, torch.relu)
THROUGH_FUNCTIONS = (torch.flatten, F.pad, F.max_pool2d, F.dropout, operator.getitem, getattr)
METHODS = {
    **dict.fromkeys(("relu", "relu_"), "fused"),
    **dict.fromkeys(("mean",), "same"),
    **dict.fromkeys(("add", "add_", "mul", "mul_"), "own"),
    **dict.fromkeys(("view", "reshape", "flatten", "permute", "transpose", "contiguous", "size", "squeeze"), "through"),
}


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return isinstance(module, (*WEIGHTED, *FUSED, *OWN, *SAME, *THROUGH)) or super().is_leaf_module(module, name)


def quantized(module: nn.Module, bits: Bits, levels: int, head: bool, first: bool) -> fx.GraphModule:
    """`module`, a segment or a head in evaluation mode with batch norms folded, with its numbers rounded; it is changed.

    levels : of a weight, on either side of 0. head : its output is logits. first : it reads the network's input, whose
    pixels keep 8 bits. Raises ValueError for layers that cannot be followed or have no rule.
    """
    try:
        graph = _Tracer().trace(module)
    except (fx.proxy.TraceError, TypeError, RuntimeError) as error:
        raise ValueError(f"this network cannot be quantized: its layers cannot be followed ({error}).") from error
    made = fx.GraphModule(module, graph)
    places = _Places(made, bits, first)
    for node in list(graph.nodes):
        places.visit(node)
    if not head:
        places.finish()
    graph.lint()
    made.recompile()
    for inner in [m for m in made.modules() if isinstance(m, WEIGHTED)]:
        if not parametrize.is_parametrized(inner):
            parametrize.register_parametrization(inner, "weight", FakeWeight(inner.weight, levels))
    return made


class _Places:
    """Walks a graph and puts quantizers behind the nodes that need one."""

    def __init__(self, made: fx.GraphModule, bits: Bits, first: bool):
        self.made, self.graph, self.bits = made, made.graph, bits
        self.modules = dict(made.named_modules())
        self.scale: dict[fx.Node, FakeActivation | None] = {}  # of each node's output; None: not rounded yet
        self.input_bits = max(8, bits.activations) if first else bits.activations

    def visit(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self._round(node, FakeActivation(self.input_bits))
        elif node.op == "output":
            return
        else:
            getattr(self, f"_{self._kind(node)}")(node)

    def finish(self) -> None:
        """Round what leaves a segment unrounded."""
        out = next(node for node in self.graph.nodes if node.op == "output")
        last = out.args[0]
        if isinstance(last, fx.Node) and self.scale.get(last) is None:
            self._round(last, FakeActivation(self.bits.activations))

    def _kind(self, node: fx.Node) -> str:
        if node.op == "call_module":
            groups = {"weighted": WEIGHTED, "fused": FUSED, "own": OWN, "same": SAME, "through": THROUGH}
            module = self.modules[node.target]
            found = [kind for kind, types in groups.items() if isinstance(module, types)]
            name = type(module).__name__
        elif node.op == "call_function":
            groups = {
                "own": OWN_FUNCTIONS,
                "same": SAME_FUNCTIONS,
                "fused": FUSED_FUNCTIONS,
                "through": THROUGH_FUNCTIONS,
            }
            found = [kind for kind, functions in groups.items() if node.target in functions]
            name = getattr(node.target, "__name__", str(node.target))
        elif node.op == "call_method":
            found, name = [METHODS[node.target]] if node.target in METHODS else [], node.target
        else:
            found, name = ["through"], str(node.target)
        if not found:
            raise ValueError(f"this network cannot be quantized: there is no rule for {name}.")
        return found[0]

    def _weighted(self, node: fx.Node) -> None:
        self._ready(node)
        self.scale[node] = None

    def _fused(self, node: fx.Node) -> None:
        self._round(node, FakeActivation(self.bits.activations))

    def _own(self, node: fx.Node) -> None:
        self._ready(node)
        self._round(node, FakeActivation(self.bits.activations))

    def _same(self, node: fx.Node) -> None:
        self._ready(node)
        source = next(n for n in node.all_input_nodes if self.scale.get(n) is not None)
        self._round(node, self.scale[source])

    def _through(self, node: fx.Node) -> None:
        sources = [self.scale[n] for n in node.all_input_nodes if n in self.scale]
        self.scale[node] = sources[0] if sources else None

    def _ready(self, node: fx.Node) -> None:
        """Round what the node reads, where it is the bare output of a layer with weights."""
        for source in node.all_input_nodes:
            if source in self.scale and self.scale[source] is None:
                self._round(source, FakeActivation(self.bits.activations))

    def _round(self, node: fx.Node, quantizer: FakeActivation) -> None:
        """Put `quantizer` behind the node; everything that read the node reads the rounded values."""
        name = next((n for n, m in self.made.named_modules() if m is quantizer), None)
        if name is None:
            name = f"quantizer{sum(isinstance(m, FakeActivation) for m in self.made.modules())}"
            self.made.add_submodule(name, quantizer)
        with self.graph.inserting_after(node):
            rounded = self.graph.call_module(name, (node,))
        node.replace_all_uses_with(rounded, delete_user_cb=lambda user: user is not rounded)
        self.scale[node] = self.scale[rounded] = quantizer
