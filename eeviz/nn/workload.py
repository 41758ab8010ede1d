"""The workload of a network: every operator that PyTorch runs on one sample, as an accelerator would be asked for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from math import prod

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ..core.workload import Operation, Step, Stream, Workload
from .network import EarlyExitNetwork

SHAPES = (
    "_unsafe_view alias as_strided as_strided_ clone copy_ _to_copy detach expand lift_fresh permute reshape select \
slice squeeze t transpose unsqueeze view constant_pad_nd empty zeros ones full"
)
FOLDED = "native_batch_norm _native_batch_norm_legit_no_training relu relu_ hardtanh hardtanh_ hardswish hardswish_ \
hardsigmoid hardsigmoid_ leaky_relu leaky_relu_ sigmoid silu silu_ clamp clamp_ clamp_min clamp_min_ native_dropout"
FREE = frozenset((*SHAPES.split(), *FOLDED.split()))  # nothing to do, and what is done in the layer before
POOLS = ("mean", "sum", "avg_pool2d", "max_pool2d_with_indices", "_adaptive_avg_pool2d")
RESIZES = {"upsample_nearest2d": 1, "upsample_bilinear2d": 4, "upsample_bicubic2d": 16}  # values read for each


@torch.no_grad()
def workload(network: EarlyExitNetwork) -> Workload:
    """Segments and heads of `network` as steps, for one sample.

    Batch norms, activation functions and biases belong to the layer before. Raises ValueError naming a layer that has no
    rule: grouped (other than depthwise), dilated or transposed convolutions, attention and other products of activations,
    recurrent layers.
    """
    training = network.training
    network.eval()
    x = torch.zeros(1, *network.input_shape)
    inputs, segments, heads = x.numel(), [], []
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one fused operator, in which no product can be seen
    try:
        for index, segment in enumerate(network.segments):
            steps, x = _steps(segment, x)
            segments.append(steps)
            heads += [_steps(network.branches[k], x)[0] for k in network.at(index)]
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        network.train(training)
    return Workload(tuple(segments), tuple(heads), network.position, inputs)


def _steps(module: nn.Module, x: Tensor) -> tuple[tuple[Step, ...], Tensor]:
    with _recorded(module) as recorder:
        out = module(x)
    return tuple(recorder.steps), out


@contextmanager
def _recorded(module: nn.Module):
    """A recorder that knows which module is running, so that steps can be named."""
    recorder = _Recorder()
    hooks = []
    for path, inner in module.named_modules():
        name = getattr(inner, "weight_name", path)
        hooks.append(inner.register_forward_pre_hook(lambda *_, name=name: recorder.names.append(name)))
        hooks.append(inner.register_forward_hook(lambda *_: recorder.leave()))
    try:
        with recorder:
            yield recorder
    finally:
        for hook in hooks:
            hook.remove()


class _Recorder(TorchDispatchMode):
    """Writes down every operator that runs."""

    def __init__(self):
        super().__init__()
        self.steps: list[Step] = []
        self.names: list[str] = []

    def leave(self) -> None:
        self.names.pop()

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        out = operator(*args, **(kwargs or {}))
        step = _step(operator, args, out, self.names[-1] if self.names else "")
        if step is not None:
            self.steps.append(step)
        return out


def _step(operator: Callable, args: tuple, out, name: str) -> Step | None:
    kind = operator._schema.name.split("::")[-1]
    if kind in FREE:
        return None
    if kind == "convolution":
        return _convolution(args, name)
    if kind in ("addmm", "mm"):
        rows = args[1] if kind == "addmm" else args[0]  # (rows, features)
        outputs = out.shape[1]
        if rows.shape[0] == 1:
            return Operation("linear", rows.shape[1], outputs, name=name)
        return Operation("conv", rows.shape[1], outputs, (rows.shape[0], 1), name=name)  # one linear layer on every row
    given = first.numel() if args and isinstance(first := args[0], Tensor) else 0
    if kind in ("add", "add_", "mul", "mul_", "sub", "sub_", "div", "div_"):
        other = args[1]
        if not isinstance(other, Tensor) or other.numel() == 1:
            return None  # a constant, folded into the layer before
        return Stream("add" if kind[:3] in ("add", "sub") else "multiply", given + other.numel(), out.numel(), name)
    if kind in POOLS:
        made = out[0] if isinstance(out, tuple) else out
        return Stream("pool", given, made.numel(), name)
    if kind in RESIZES:
        return Stream("resize", RESIZES[kind] * out.numel(), out.numel(), name)
    raise ValueError(
        f"{name or 'the network'}: hardware costs have no rule for {kind!r} (attention, products of activations and "
        "recurrent layers have none)."
    )


def _convolution(args: tuple, name: str) -> Operation:
    x, weight, _, stride, padding, dilation, transposed, _, groups = args[:9]
    inputs, outputs = x.shape[1], weight.shape[0]
    if transposed:
        raise ValueError(f"{name}: hardware costs have no rule for transposed (upsampling) convolutions.")
    if any(d != 1 for d in dilation):
        raise ValueError(f"{name}: hardware costs have no rule for dilated convolutions (dilation {list(dilation)}).")
    if groups != 1 and not groups == inputs == outputs:
        raise ValueError(
            f"{name}: hardware costs have no rule for grouped convolutions ({groups} groups of {inputs} channels), only "
            "for depthwise ones with one filter a channel."
        )
    if x.ndim not in (3, 4):
        raise ValueError(
            f"{name}: hardware costs have rules for 1-d and 2-d convolutions, not for {x.ndim - 2}-d ones."
        )
    flat = x.ndim == 3  # 1-d convolutions run on images one pixel high
    size, kernel, stride, padding = (
        ((first,) if flat else ()) + tuple(int(v) for v in values)
        for first, values in ((1, x.shape[2:]), (1, weight.shape[2:]), (1, stride), (0, padding))
    )
    kind = "depthwise" if groups > 1 else "conv"
    assert prod(size) > 0
    return Operation(kind, inputs, outputs, size, kernel, stride, padding, name)
