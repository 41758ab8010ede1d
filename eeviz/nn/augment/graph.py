"""Candidate exit locations of a classifier, and its segmentation there into modules that run apart.

A location is a point of the graph through which a single tensor passes: nothing computed before it, but that tensor, is
needed after it. Of the points between two multiplying operations only the last is kept. Numbers that follow from shapes
(batch size, x.shape[1]) do not count: each segment reads them from its own input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import torch
from torch import Tensor, fx, nn

from ..count.macs import macs_along
from .apart import check_apart
from .given import check_given, unhooked
from .split import check_identical, free_nodes, overwritten, split
from .trace import Traced, Value, trace

EARLIEST, LATEST = 0.02, 0.97  # share of the MACs: before, features are the input's; after, nothing is left to save


@dataclass(frozen=True)
class Location:
    """A candidate exit location.

    name : of the module or operation whose output is tapped. shape : of the features, without the batch.
    layout : "channels" (channels first), "tokens" (channels last) or "flat" (one vector a sample).
    macs : of the backbone up to here, one sample. share : of the whole model's.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    layout: str
    macs: float
    share: float


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A model's graph: its candidate locations by depth, MACs of a sample, classes; `segments` cuts it. See `analyse`."""

    model: nn.Module
    example: Tensor
    traced: Traced
    locations: tuple[Location, ...]
    macs: float
    classes: int
    nodes: tuple[fx.Node, ...] = field(default=())

    def __repr__(self) -> str:
        return f"Graph({len(self.locations)} locations, {self.macs:.4g} MACs, {self.classes} classes, {self.traced.by})"

    def segments(self, chosen: Sequence[int]) -> list[nn.Module]:
        """The model cut behind the locations `chosen` (rising indices) and before its final classifier: len + 2 modules.

        Called one after the other they give the model's own logits, bit for bit (checked here at two batch sizes); the
        last is the final classifier. Parameters are the model's, not copies. Raises ValueError when they differ.
        """
        if list(chosen) != sorted(set(chosen)) or any(not 0 <= c < len(self.locations) for c in chosen):
            raise ValueError(f"locations must rise within 0..{len(self.locations) - 1}, got {list(chosen)}.")
        cuts = [self.nodes[c] for c in chosen] + [self.nodes[-1]]
        parts = split(self.traced, cuts)
        changed = overwritten(parts, self.example)
        if changed:
            parts = split(self.traced, cuts, {cuts[k] for k in changed})
        with unhooked(self.model):
            check_identical(self.model, parts, self.example, self.traced)
        return parts

    def answers(self, x: Tensor) -> Tensor:
        """The model's own logits (n, C) of x as it takes them; where it ends in probabilities, their logarithms."""
        with torch.no_grad(), unhooked(self.model):
            return self.traced.finished(self.model(x.clone()))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the model, in words."""
        ends = {
            "probabilities": "The model ends in probabilities (a softmax): their logarithms serve as its logits, which leaves "
            "its answers and their order as they are.",
            "log-probabilities": "The model ends in log-probabilities (a log-softmax): they are its logits as they are.",
        }
        return (ends[self.traced.ending],) if self.traced.ending in ends else ()


def analyse(model: nn.Module, example: Tensor, classes: int | None = None) -> Graph:
    """The graph and candidate exit locations of any classifier.

    model : in evaluation mode, one tensor in, logits (N, C) out. example : (n, ...) input, standardised as the model
    expects it. classes : what the labels say, checked against C.
    Raises ValueError, in words, for what cannot be augmented: see `trace`; also another number of classes, weights used
    on both sides of a location, and graphs without a location.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"model: expected an nn.Module, got {type(model).__name__}. Of a checkpoint, build the model first and "
            "call model.load_state_dict(weights)."
        )
    check_given(model)
    if classes is not None:
        with torch.no_grad(), unhooked(model):
            found = model(example[:1]) if not model.training else None
        if isinstance(found, Tensor) and found.ndim == 2 and found.shape[1] != classes:
            raise ValueError(
                f"the model gives {found.shape[1]} logits, the data has {classes} classes: they must agree."
            )
    traced = trace(model, example)
    check_apart(traced, example)
    order = list(traced.module.graph.nodes)
    cumulative, total = {}, 0.0
    for node in order:
        total += traced.values[node].macs if node in traced.values else 0.0
        cumulative[node] = total
    if total == 0:
        raise ValueError("the model holds no convolution, linear or matmul operator: there is no cost to save.")
    cuts = [n for n in _cuts(traced) if traced.values[n].batched and traced.values[n].floating]
    groups: dict[float, list[fx.Node]] = {}
    for node in cuts:
        groups.setdefault(cumulative[node], []).append(node)
    kept = [_best(group, traced.values) for macs, group in groups.items() if EARLIEST <= macs / total <= LATEST]
    last = [node for node in cuts if cumulative[node] < total and cumulative[node] > 0]
    if not kept or not last:
        raise ValueError(
            f"no valid exit location: no single tensor passes through the graph between {EARLIEST:.0%} and {LATEST:.0%} "
            "of its MACs (skip connections span all of it). Exits need a point that everything passes."
        )
    if last[-1] is kept[-1]:
        kept = kept[:-1]  # it ends right before the final classifier, which is an exit already
    _check_unshared(traced, kept)
    names = _names(traced, kept)
    locations = []
    for index, (node, name) in enumerate(zip(kept, names, strict=True)):
        shape = traced.values[node].shapes[0][1:]
        share = cumulative[node] / total
        locations.append(Location(index, name, shape, _layout(node, traced), cumulative[node], share))
    return Graph(model, example, traced, tuple(locations), total, traced.classes, (*kept, last[-1]))


def segment_macs(segments: Sequence[nn.Module], example: Tensor) -> list[int]:
    """MACs of each segment for one sample, the last being the final classifier, by `count_macs`."""
    return macs_along(segments, example[:1])


def _cuts(traced: Traced) -> list[fx.Node]:
    """Nodes whose value is the only one that is computed from the input up to them and needed after them."""
    nodes = list(traced.module.graph.nodes)
    place = {n: i for i, n in enumerate(nodes)}
    free, open_, found = free_nodes(traced), set(), []
    last = {n: max((place[u] for u in _data_users(n, free)), default=-1) for n in nodes}
    for i, node in enumerate(nodes):
        if node.op == "output":
            break
        if node not in free:
            open_.add(node)
        open_ = {m for m in open_ if last[m] > i}
        if open_ == {node}:
            found.append(node)
    return found[1:] if found and found[0].op == "placeholder" else found


def _data_users(node: fx.Node, free: set[fx.Node]) -> list[fx.Node]:
    return [user for user in node.users if user not in free]


def _best(group: list[fx.Node], values: dict[fx.Node, Value]) -> fx.Node:
    """The last point of a group that still has an extent; the last one where none has."""
    extended = [n for n in group if len(values[n].shapes[0]) > 2 and prod(values[n].shapes[0][2:]) > 1]
    return (extended or group)[-1]


def _check_unshared(traced: Traced, cuts: Sequence[fx.Node]) -> None:
    modules, region = dict(traced.module.named_modules()), 0
    parameters = dict(traced.module.named_parameters())
    used: dict[int, tuple[str, int]] = {}
    for node in traced.module.graph.nodes:
        held: list[tuple[str, Tensor]] = []
        if node.op == "call_module":
            held = [(str(node.target), p) for p in modules[node.target].parameters()]
        for argument in node.all_input_nodes:
            if argument.op == "get_attr" and argument.target in parameters:
                held.append((str(argument.target), parameters[argument.target]))
        for name, parameter in held:
            name = name.removeprefix("model.")
            first, where = used.setdefault(id(parameter), (name, region))
            if where != region:
                other = "is called again" if first == name else f"shares its weights with {name}, which is called"
                raise ValueError(
                    f"{first} {other} behind an exit location: shared modules would lie in two segments. Give each call "
                    "a module of its own (copy.deepcopy keeps the weights)."
                )
        region += node in cuts


_FIRST = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.GroupNorm)
_MOVING = ("transpose", "permute", "movedim", "flatten", "reshape", "view")
_LAST = (nn.Linear, nn.LayerNorm, nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.RNNBase)


def _layout(node: fx.Node, traced: Traced) -> str:
    """Which axis holds the channels, told by the first layer behind (else before) that has an opinion."""
    shapes = {n: value.shapes[0] for n, value in traced.values.items() if value.shapes}
    if len(shapes[node]) == 2:
        return "flat"
    modules = dict(traced.module.named_modules())
    for step in ("users", "all_input_nodes"):
        queue, seen = [*getattr(node, step)], set()
        while queue:
            other = queue.pop(0)
            if other in seen:
                continue
            seen.add(other)
            module = modules.get(other.target) if other.op == "call_module" else None
            name = str(other.target)
            if isinstance(module, _FIRST) or "conv" in name or "batch_norm" in name:
                return "channels"
            if isinstance(module, _LAST) or any(w in name for w in ("linear", "layer_norm", "attention", "matmul")):
                return "tokens"
            if len(shapes.get(other, ())) == len(shapes[node]) and not any(w in name for w in _MOVING):
                queue += getattr(other, step)
    return "channels"


def _names(traced: Traced, nodes: Sequence[fx.Node]) -> list[str]:
    """Module paths where a node has one, its own name else; numbered where they repeat."""
    names: list[str] = []
    for node in nodes:
        stack = list((node.meta.get("nn_module_stack") or {}).keys())
        path = str(node.target) if node.op == "call_module" else (str(stack[-1]) if stack else "")
        path = path.removeprefix("model").strip(".")
        name = path or node.name
        names.append(name if name not in names else f"{name} ({node.name})")
    return names
