"""The graph of any classifier: one node per operation, with what flows through it; torch.fx first, torch.export after.

Every node gets a summary from two runs at different batch sizes: which values are tensors that depend on the input,
which are numbers that follow from shapes alone, and how many MACs the node needs for one sample.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import warnings
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..count.operators import Recorder, UncountableError, recording

BATCHES = (2, 3)  # of the two runs
_LEAVES = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.RNNBase)


@dataclass(frozen=True)
class Value:
    """What a node gave in the two runs: shapes of a single tensor, or the plain numbers, or neither; MACs a sample."""

    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None
    numbers: tuple[Any, Any] | None
    floating: bool
    macs: float

    @property
    def batched(self) -> bool:
        """A tensor whose first axis, and no other, is the batch."""
        if self.shapes is None:
            return False
        one, two = self.shapes
        return bool(one) and (one[0], two[0]) == BATCHES and one[1:] == two[1:]


@dataclass(frozen=True, eq=False)
class Traced:
    """A graph module that computes what the model does, and the value of each node; `by` names the tracer."""

    module: fx.GraphModule
    values: dict[fx.Node, Value]
    by: str
    classes: int = 0

    def __repr__(self) -> str:
        return f"Traced({len(self.values)} nodes, by {self.by})"


def trace(model: nn.Module, example: Tensor) -> Traced:
    """The graph of a classifier in evaluation mode; example : at least one input, (n, ...), as the model takes it.

    Raises ValueError, in words, for a model in training mode, with several inputs or outputs, with control flow that
    depends on the data, or one that cannot run on the example.
    """
    check_mode(model)
    _check_inputs(model)
    example = example.repeat(max(BATCHES), *[1] * (example.ndim - 1))[: max(BATCHES)]
    with torch.no_grad():
        try:
            output = model(example)
        except Exception as error:
            raise ValueError(f"the model does not run on an input of shape {tuple(example.shape)}: {error}") from error
    if not isinstance(output, Tensor) or output.ndim != 2 or len(output) != len(example):
        raise ValueError(f"the model must give one tensor of logits (samples, classes); it gives {_described(output)}.")
    try:
        made = _summarised(_by_fx(model), example, "torch.fx")
    except _Untraceable as first:
        try:
            made = _summarised(_by_export(model, example), example, "torch.export")
        except _Untraceable as second:
            raise ValueError(_why(first, second)) from second
    return replace(made, classes=output.shape[1])


def check_mode(model: nn.Module) -> None:
    """Raises ValueError when the model or a part of it is in training mode."""
    training = [name or "the model itself" for name, module in model.named_modules() if module.training]
    if training:
        raise ValueError(
            f"the model is in training mode ({training[0]}): call model.eval() first, so that batch norm and dropout "
            "answer as they will in use."
        )


class _Untraceable(Exception):
    pass


class _Whole(nn.Module):
    """Calls the model with its one input, so that optional arguments keep their defaults."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m, module_qualified_name):
        return isinstance(m, _LEAVES) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m, forward, args, kwargs):
        if isinstance(m, nn.TransformerEncoder) and len(args) == 1 and not kwargs:
            x = args[
                0
            ]  # without masks its forward is exactly this; its own code looks at the data and cannot be traced
            for layer in m.layers:
                x = layer(x)
            return x if m.norm is None else m.norm(x)
        return super().call_module(m, forward, args, kwargs)


def _by_fx(model: nn.Module) -> fx.GraphModule:
    tracer = _Tracer()
    try:
        graph = tracer.trace(_Whole(model))
    except Exception as error:
        raise _Untraceable(f"{type(error).__name__}: {error}") from error
    return fx.GraphModule(tracer.root, graph)


def _by_export(model: nn.Module, example: Tensor) -> fx.GraphModule:
    batch = torch.export.Dim("batch", min=1, max=1 << 16)
    try:
        with _silence(), torch.no_grad():
            program = torch.export.export(_Whole(model), (example,), dynamic_shapes=({0: batch},), strict=False)
            options = {"check_guards": False} if "check_guards" in inspect.signature(program.module).parameters else {}
            return program.module(**options)
    except Exception as error:
        raise _Untraceable(f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _silence():
    """torch.export tells of its failures on stderr, by pages; here they become one sentence."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _why(fx_error: Exception, export_error: Exception) -> str:
    text = f"{fx_error} {export_error}"
    if "control flow" in text or "data-dependent" in text.lower() or "DataDependent" in text:
        reason = (
            "its forward takes decisions from the values it computes (data-dependent control flow), so there is no one "
            "graph to place exits in. Write the decision with torch.where, or augment the part before it."
        )
    else:
        reason = f"torch.fx says: {_first_line(fx_error)} torch.export says: {_first_line(export_error)}"
    return f"the model's graph cannot be read: {reason}"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]


def _check_inputs(model: nn.Module) -> None:
    parameters = inspect.signature(model.forward).parameters.values()
    needed = [
        p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    needed += [p.name for p in parameters if p.default is p.empty and p.kind is p.KEYWORD_ONLY]
    if len(needed) > 1:
        raise ValueError(
            f"the model takes several inputs ({', '.join(needed)}): fold them into one tensor, for example as extra "
            "channels, and split it inside forward."
        )


def _described(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, (tuple, list, dict)):
        return f"several outputs ({type(value).__name__} of {len(value)}); wrap it so that it returns its logits alone"
    return type(value).__name__


class _Interpreter(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, counter: Recorder):
        super().__init__(module)
        self.seen: dict[fx.Node, tuple[Any, bool, bool, float]] = {}
        self.writing: set[fx.Node] = set()  # into a tensor that they take
        self.counter, self.extra_traceback = counter, False

    def run_node(self, n):
        before = self.counter.macs
        taken = [(v, v._version) for v in map(self.env.get, n.all_input_nodes) if isinstance(v, Tensor)]
        value = super().run_node(n)
        macs = self.counter.macs - before
        if any(tensor._version != version for tensor, version in taken):
            self.writing.add(n)
        if isinstance(value, Tensor):
            self.seen[n] = (tuple(value.shape), True, value.is_floating_point(), macs)
        else:
            self.seen[n] = (value if _plain(value) else None, False, False, macs)
        return value


def _plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_plain(v) for v in value)
    return isinstance(value, (int, float, bool, str, torch.dtype, torch.device, type(None)))


def _drop_unused(module: fx.GraphModule, seen: dict[fx.Node, tuple], writing: set[fx.Node]) -> None:
    """Take out what is computed and not returned (auxiliary heads): nobody should pay for it. Assertions stay."""
    for node in reversed(list(module.graph.nodes)):
        gives = node in seen and (seen[node][1] or seen[node][0] is not None)
        if not node.users and gives and node not in writing and node.op not in ("placeholder", "output"):
            module.graph.erase_node(node)
            del seen[node]
    module.recompile()


def _summarised(module: fx.GraphModule, example: Tensor, by: str) -> Traced:
    placeholders = [n.name for n in module.graph.nodes if n.op == "placeholder"]
    if len(placeholders) != 1:
        raise ValueError(f"the model takes several inputs ({', '.join(placeholders)}): fold them into one tensor.")
    runs = []
    try:
        for batch in BATCHES:
            x = example[:batch].clone()
            with recording(x, module) as counter:
                interpreter = _Interpreter(module, counter)
                interpreter.run(x)
            runs.append(interpreter.seen)
    except UncountableError:
        raise
    except Exception as error:
        raise _Untraceable(f"{type(error).__name__}: {error}") from error
    _drop_unused(module, runs[0], interpreter.writing)
    values = {}
    for node, (one, tensor, floating, macs) in runs[0].items():
        two = runs[1][node][0]
        shapes = (one, two) if tensor else None
        numbers = (one, two) if not tensor and one is not None else None
        values[node] = Value(shapes, numbers, floating, macs / BATCHES[0])
    return Traced(module, values, by)
