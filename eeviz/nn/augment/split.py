"""Cutting a traced graph into modules that run apart, each with one tensor in and one out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn

from .fused import close
from .given import differing
from .trace import BATCHES, Traced

ROUNDING = 1e-6

_METHODS = {
    torch.ops.aten.view.default: "view",
    torch.ops.aten.reshape.default: "reshape",
    torch.ops.aten.expand.default: "expand",
    torch.ops.aten.repeat.default: "repeat",
}
"""Operators of torch.export as methods, which keep a batch size open when a segment is traced again for ONNX."""


def free_nodes(traced: Traced) -> set[fx.Node]:
    """Nodes that every segment can compute by itself: weights, and numbers or tensors that follow from shapes alone."""
    free: set[fx.Node] = set()
    for node in traced.module.graph.nodes:
        value = traced.values.get(node)
        if node.op in ("placeholder", "output") or value is None:
            continue
        from_free = all(argument in free for argument in node.all_input_nodes)
        number = value.numbers is not None and _readable(*value.numbers)
        if node.op == "get_attr" or from_free or number:
            free.add(node)
    for node in traced.writing:
        for argument in node.all_input_nodes:
            _bind(argument, free)
    return free


def _bind(node: fx.Node, free: set[fx.Node]) -> None:
    """Take what is written into, and what follows from it, out of the free nodes: a copy would miss the writing."""
    if node in free:
        free.discard(node)
        for other in (*node.all_input_nodes, *node.users):
            _bind(other, free)


def _readable(one, two) -> bool:
    """Numbers that a segment knows: the same in both runs, the batch size, or tuples of such."""
    if isinstance(one, (tuple, list)):
        return len(one) == len(two) and all(_readable(a, b) for a, b in zip(one, two, strict=True))
    return one == two or (one, two) == BATCHES


def split(traced: Traced, cuts: Sequence[fx.Node], protected: set[fx.Node] = frozenset()) -> list[nn.Module]:
    """Graph modules between the cuts; one starts with a copy of its input where the cut before it is `protected`."""
    free, parts, cut_nodes = free_nodes(traced), [], set(cuts)
    nodes = list(traced.module.graph.nodes)
    builder = _Builder(traced, free, next(n for n in nodes if n.op == "placeholder"), False)
    for node in nodes:
        if node.op == "output":
            parts.append(builder.finish(builder.get(node.all_input_nodes[0])))
            return parts
        if node.op == "placeholder" or node in free:
            continue
        builder.copy(node)
        if node in cut_nodes:
            parts.append(builder.finish(builder.get(node)))
            builder = _Builder(traced, free, node, node in protected)
    return parts


class _Builder:
    def __init__(self, traced: Traced, free: set[fx.Node], source: fx.Node, protect: bool):
        self.traced, self.free, self.graph = traced, free, fx.Graph()
        self.input = self.graph.placeholder("x")
        self.made = {source: self.graph.call_method("clone", (self.input,)) if protect else self.input}

    def get(self, node: fx.Node):
        if node not in self.made:
            if node not in self.free:
                raise ValueError(f"{node.name} is needed behind a location it lies before: it is no location.")
            numbers = self.traced.values[node].numbers
            if numbers is not None and _readable(*numbers):
                return self._number(*numbers)
            self.copy(node)
        return self.made[node]

    def copy(self, node: fx.Node) -> None:
        if node.target in _METHODS and not node.kwargs:
            self.made[node] = self.graph.call_method(_METHODS[node.target], fx.node.map_arg(node.args, self.get))
        else:
            self.made[node] = self.graph.node_copy(node, self.get)

    def _number(self, one, two):
        if isinstance(one, (tuple, list)):
            made = [self._number(a, b) for a, b in zip(one, two, strict=True)]
            return made if isinstance(one, list) else tuple(made)
        return one if one == two else self.graph.call_method("size", (self.input, 0))

    def finish(self, value) -> fx.GraphModule:
        self.graph.output(value)
        self.graph.lint()
        return fx.GraphModule(self.traced.module, self.graph).eval()


def overwritten(parts: Sequence[nn.Module], example: Tensor) -> list[int]:
    """Cuts whose tensor the segment behind them changes in place: a branch reading it later would read something else."""
    x, found = example[:1], []
    with torch.no_grad():
        for k, part in enumerate(parts):
            before = x.clone()
            y = part(x)
            if k and not torch.equal(before, x):
                found.append(k - 1)
            x = y
    return found


def check_identical(model: nn.Module, parts: Sequence[nn.Module], example: Tensor, traced: Traced) -> None:
    """Raises ValueError, naming the cause, unless the parts give the model's own logits at two batch sizes.

    Bit for bit; where kernels sum in another order, within `ROUNDING` of the largest.
    """
    for batch in {1, min(len(example), 5)}:
        with torch.no_grad():
            x = example[:batch]
            expected = traced.finished(model(x.clone()))
            x = x.clone()
            for part in parts:
                x = part(x)
        if not close(x, expected, ROUNDING):
            worst = float((x - expected).abs().max()) if x.shape == expected.shape else float("nan")
            raise ValueError(differing(traced.witness, batch, worst))
