"""The graph of any classifier: one node per operation, with what flows through it; torch.fx first, torch.export after.

Every node gets a summary from two runs at different batch sizes: which values are tensors that depend on the input,
which are numbers that follow from shapes alone, and how many MACs the node needs for one sample.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..count.operators import Recorder, UncountableError, recording
from .given import (
    Witness,
    bare,
    check_example,
    check_given,
    check_inputs,
    check_mode,
    check_steady,
    remembering,
    unhooked,
    unread,
)

BATCHES = (2, 3)  # of the two runs
TINY = 1e-38  # below the smallest probability that float32 tells from zero
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
    """A graph module that computes what the model does, and the value of each node; `by` names the tracer.

    writing : nodes that write into a tensor that they take. ending : what the model's answers are: "logits",
    "probabilities" (the graph then ends in their logarithm) or "log-probabilities". witness : of one call of the model.
    """

    module: fx.GraphModule
    values: dict[fx.Node, Value]
    by: str
    writing: frozenset[fx.Node] = frozenset()
    classes: int = 0
    ending: str = "logits"
    witness: Witness = field(default_factory=Witness)

    def finished(self, answers: Tensor) -> Tensor:
        """Logits of what the model answers, one row a sample."""
        answers = answers[None] if answers.ndim == 1 else answers
        return answers.clamp_min(TINY).log() if self.ending == "probabilities" else answers

    def __repr__(self) -> str:
        return f"Traced({len(self.values)} nodes, by {self.by})"


def trace(model: nn.Module, example: Tensor) -> Traced:
    """The graph of a classifier in evaluation mode; example : at least one input, (n, ...), as the model takes it.

    Raises ValueError, in words, for a model in training mode, with several inputs or outputs, with control flow that
    depends on the data, or one that cannot run on the example.
    """
    check_given(model)
    check_mode(model)
    check_inputs(model)
    check_example(example)
    several = example
    example = example.repeat(max(BATCHES), *[1] * (example.ndim - 1))[: max(BATCHES)]
    with unhooked(model):
        with torch.no_grad(), Witness() as witness:
            try:
                output = model(example.clone())
            except Exception as error:
                raise ValueError(
                    f"the model does not run on an input of shape {tuple(example.shape)}: {error}"
                ) from error
        if not isinstance(output, Tensor) or output.ndim != 2 or len(output) != len(example):
            raise ValueError(
                f"the model must give one tensor of logits (samples, classes); it gives {_described(output)}."
            )
        if not output.is_floating_point():
            raise ValueError(f"the model must give logits, not answers: its output is {output.dtype}.")
        check_steady(model, witness, several)
        with torch.no_grad():
            ending = _ending(model(several.clone()))
        try:
            made = _summarised(_ended(_by_fx(model), ending), example, "torch.fx")
        except _Untraceable as first:
            try:
                made = _summarised(_ended(_by_export(model, example), ending), example, "torch.export")
            except _Untraceable as second:
                raise ValueError(unread(witness, first, second)) from second
    _check_hooks(model, several)
    for target in {str(node.target) for node in made.module.graph.nodes if node.op == "call_module"}:
        parent, _, name = target.rpartition(".")
        made.module.get_submodule(parent)._modules[name] = bare(made.module.get_submodule(target))
    return replace(made, classes=output.shape[1], ending=ending, witness=witness)


def _ending(output: Tensor) -> str:
    """What the answers (n, C) are, of several samples."""
    if output.ndim != 2 or output.shape[1] < 2 or not bool(torch.isfinite(output).all()):
        return "logits"
    output = output.double()
    if bool((output >= 0).all()) and bool(((output.sum(dim=1) - 1).abs() < 1e-4).all()):
        return "probabilities"
    return "log-probabilities" if bool((output.logsumexp(dim=1).abs() < 1e-4).all()) else "logits"


def _ended(module: fx.GraphModule, ending: str) -> fx.GraphModule:
    """The graph with the logarithm of its answers where they are probabilities."""
    if ending == "probabilities":
        end = next(n for n in module.graph.nodes if n.op == "output")
        given = end.all_input_nodes[0]
        with module.graph.inserting_before(end):
            floored = module.graph.call_function(torch.clamp_min, (given, TINY))
            logarithm = module.graph.call_function(torch.log, (floored,))
        end.replace_input_with(given, logarithm)
        module.recompile()
    return module


def _check_hooks(model: nn.Module, example: Tensor) -> None:
    """Raises ValueError where a forward hook of the user changes what the model answers."""
    if not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules()):
        return
    x = example[:2]
    with torch.no_grad():
        with unhooked(model):
            without = model(x.clone())
        with remembering(model):
            hooked = model(x.clone())
    if not torch.equal(without, hooked):
        raise ValueError(
            "a forward hook changes what the model answers, and no graph holds it: write it into the forward, or remove it."
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
        return isinstance(m, (*_LEAVES, torch.jit.ScriptModule)) or super().is_leaf_module(m, module_qualified_name)

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
        with _lengths(tracer, model):
            graph = tracer.trace(_Whole(model))
    except Exception as error:
        raise _Untraceable(f"{type(error).__name__}: {error}") from error
    return fx.GraphModule(tracer.root, graph)


@contextlib.contextmanager
def _lengths(tracer: fx.Tracer, model: nn.Module):
    """Within, `len(tensor)` in the files of the model's classes is an operation like others: Python wants a number there."""

    def length(value):
        return tracer.create_proxy("call_function", len, (value,), {}) if isinstance(value, fx.Proxy) else len(value)

    files = {}
    for module in model.modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue
        names = getattr(inspect.unwrap(type(module).forward), "__globals__", {})
        if not str(names.get("__name__", "torch.")).startswith("torch.") and "len" not in names:
            files[id(names)] = names
    for names in files.values():
        names["len"] = length
    try:
        yield
    finally:
        for names in files.values():
            del names["len"]


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
            if _keep_batch(module, interpreter.seen):
                return _summarised(module, example, by)
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
    return Traced(module, values, by, frozenset(interpreter.writing & values.keys()))


def _keep_batch(module: fx.GraphModule, seen: dict[fx.Node, tuple]) -> bool:
    """Name the axes that each `squeeze` takes away: of a single sample it would take the batch, too. True where one did."""
    changed = False
    for node in list(module.graph.nodes):
        name = str(getattr(node.target, "__name__", node.target))
        if node.op not in ("call_function", "call_method") or name.split(".")[0] != "squeeze" or not seen[node][1]:
            continue
        given, rest = node.args[0], [*node.args[1:], *node.kwargs.values()]
        shape = seen[given][0]
        axes = range(len(shape)) if not rest else rest[0] if isinstance(rest[0], (tuple, list)) else rest
        axes = sorted({axis % len(shape) for axis in axes})
        taken = [axis for axis in axes if shape[axis] == 1]
        if taken == axes:
            continue
        with module.graph.inserting_before(node):
            for axis in reversed(taken):
                given = module.graph.call_function(torch.squeeze, (given, axis))
        node.replace_all_uses_with(given)
        module.graph.erase_node(node)
        changed = True
    if changed:
        module.recompile()
    return changed
