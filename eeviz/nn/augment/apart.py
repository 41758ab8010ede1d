"""Whether a classifier answers each sample by itself: only then can samples leave one by one."""

from __future__ import annotations

import operator

import torch
from torch import Tensor, fx

from .fused import close
from .trace import Traced

SAME = 1e-5  # of the largest value: what rounding makes of it where other samples change
ALONE = 1e-3  # the same where the size of the batch changes, with which kernels change


def check_apart(traced: Traced, example: Tensor) -> None:
    """Raises ValueError, naming the operator, when an answer depends on the other samples of a batch.

    example : (n, ...) samples. The first keeps its answer while all others change, the last while those before it do,
    and each alone answers as among others.
    """
    x = _several(example)
    other = x.flip(0) * 1.5 + 0.25 if x.is_floating_point() else x.roll(1, 0)
    for row in (0, len(x) - 1):
        changed = other.clone()
        changed[row] = x[row]
        whole, beside = _run(traced, x), _run(traced, changed)
        if not close(beside.out[row], whole.out[row], SAME):
            raise ValueError(_dependent(_first(whole, beside, row, len(x))))
    for row in range(min(len(x), 3)):
        try:
            alone = _run(traced, x[row : row + 1])
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ValueError(
                f"the model does not run on a batch of one sample ({reason}): samples that leave early leave others alone."
            ) from error
        if alone.out.shape != whole.out[row : row + 1].shape:
            raise ValueError(
                f"the model gives logits of shape {tuple(alone.out.shape)} for one sample: keep the batch axis, as with "
                "flatten(1) in place of squeeze()."
            )
        if not close(alone.out[0], whole.out[row], ALONE):
            raise ValueError(_dependent(""))


class _Values(fx.Interpreter):
    def __init__(self, traced: Traced):
        super().__init__(traced.module, garbage_collect_values=False)
        self.extra_traceback = False

    @property
    def out(self) -> Tensor:
        return self.env[next(n for n in self.module.graph.nodes if n.op == "output").all_input_nodes[0]]


def _run(traced: Traced, x: Tensor) -> _Values:
    values = _Values(traced)
    with torch.no_grad():
        values.run(x.clone())
    return values


def _several(example: Tensor) -> Tensor:
    """At least three samples that differ, of what there is."""
    x = example.unique(dim=0) if len(example) < 64 else example[:8]
    made = [x[k] for k in range(min(len(x), 4))]
    while len(made) < 3:
        made.append(made[-1] * 0.5 - 0.25 if x.is_floating_point() else made[-1].flip(-1))
    return torch.stack(made)


def _first(whole: _Values, beside: _Values, row: int, count: int) -> str:
    """The operator whose value, of what belongs to this sample, is the first to change."""
    for node in whole.module.graph.nodes:
        one, two = whole.env.get(node), beside.env.get(node)
        if node.op == "placeholder" or not isinstance(one, Tensor) or not isinstance(two, Tensor):
            continue
        if one.shape == two.shape and one.is_floating_point():
            one, two = _own(one, row, count), _own(two, row, count)
            if not close(two, one, SAME):
                return _called(node, whole.module)
    return ""


def _own(value: Tensor, row: int, count: int) -> Tensor:
    """What belongs to a sample: its row, its block of rows, its place along another axis; all where there is no such."""
    if value.ndim and value.shape[0] == count:
        return value[row]
    if value.ndim and value.shape[0] % count == 0 and value.shape[0]:
        size = value.shape[0] // count
        return value[row * size : (row + 1) * size]
    for axis in range(1, value.ndim):
        if value.shape[axis] == count:
            return value.select(axis, row)
    return value


def _called(node: fx.Node, module: fx.GraphModule) -> str:
    if node.op == "call_module":
        layer = module.get_submodule(str(node.target))
        return f"{type(layer).__name__} ({str(node.target).removeprefix('model.')})"
    if node.target in (getattr, operator.getitem) and node.args[0].op != "placeholder":
        return _called(node.args[0], module)  # of several things that one operator gives
    name = getattr(node.target, "__name__", str(node.target)).removesuffix(".default")
    stack = [str(path).removeprefix("model").strip(".") for path in (node.meta.get("nn_module_stack") or {})]
    return f"{name}{f' in {stack[-1]}' if stack and stack[-1] else ''}"


def _dependent(name: str) -> str:
    return (
        f"a sample's answer depends on the other samples of its batch{f', from {name} on' if name else ''}: such a model "
        "cannot let samples leave one by one. Batch statistics, a mean, maximum or softmax over axis 0, or activations "
        "rounded to the range of a whole batch do that; make it work on each sample by itself."
    )
