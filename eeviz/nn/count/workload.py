"""The workload of a network: every operator that PyTorch runs on one sample, as an accelerator would be asked for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from math import prod

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ...core.network.liveness import INPUT, alive
from ...core.network.workload import Operation, Step, Stream, Workload
from ..network import EarlyExitNetwork

SHAPES = (
    "_unsafe_view alias as_strided as_strided_ clone copy_ _to_copy detach expand lift_fresh permute reshape select \
slice squeeze t transpose unsqueeze view constant_pad_nd empty zeros ones full"
)
FOLDED = "native_batch_norm _native_batch_norm_legit_no_training relu relu_ hardtanh hardtanh_ hardswish hardswish_ \
hardsigmoid hardsigmoid_ leaky_relu leaky_relu_ sigmoid silu silu_ clamp clamp_ clamp_min clamp_min_ native_dropout"
ROUNDED = "fake_quantize_per_tensor_affine fake_quantize_per_tensor_affine_cachemask \
_fake_quantize_per_tensor_affine_cachemask_tensor_qparams fake_quantize_per_channel_affine \
fake_quantize_per_channel_affine_cachemask"
FREE = frozenset(f"{SHAPES} {FOLDED} {ROUNDED}".split())  # nothing to do, and what is done in the layer before
POOLS = ("mean", "sum", "avg_pool2d", "max_pool2d_with_indices", "_adaptive_avg_pool2d")
RESIZES = {"upsample_nearest2d": 1, "upsample_bilinear2d": 4, "upsample_bicubic2d": 16}  # values read for each


@torch.no_grad()
def workload(network: EarlyExitNetwork) -> Workload:
    """Segments and heads of `network` as steps, for one sample; of a `QuantizedNetwork` with its bits.

    Batch norms, activation functions, rounding and biases belong to the layer before; what is computed of weights alone is
    done beforehand. Raises ValueError naming a layer that has no rule: grouped (other than depthwise), dilated or
    transposed convolutions, attention and other products of activations, recurrent layers.
    """
    training = network.training
    network.eval()
    x = torch.zeros(1, *network.input_shape)
    inputs, segments, heads, taps = x.numel(), [], [], []
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one fused operator, in which no product can be seen
    try:
        for index, segment in enumerate(network.segments):
            *found, x = _steps(segment, x)
            segments.append(found)
            waits = index < len(network.segments) - 1
            for k in network.at(index):
                heads.append(_steps(network.branches[k], x, waits)[:2])
                taps.append(waits * _size(x))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        network.train(training)
    return Workload(
        tuple(steps for steps, _ in segments),
        tuple(steps for steps, _ in heads),
        network.position,
        inputs,
        getattr(network, "bits", None),
        getattr(network, "head_bits", ()),
        tuple(held for _, held in (*segments, *heads)),
        tuple(taps),
    )


def _steps(module: nn.Module, x: Tensor, waits: bool = False) -> tuple[tuple[Step, ...], tuple[int, ...], Tensor]:
    """Steps, values alive while each runs, and what comes out. waits : x stays, and is counted elsewhere."""
    with _recorded(module, x) as recorder:
        out = module(x)
    steps, number = recorder.steps, recorder.numbers.get(id(out))
    held = alive(recorder.takes, [step.writes for step in steps], 0 if waits else _size(x), number)
    return tuple(steps), held, out


def _size(x) -> int:
    return sum(tensor.numel() for tensor in _tensors(x))


def _tensors(values) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


@contextmanager
def _recorded(module: nn.Module, x: Tensor):
    """A recorder that knows which module is running, so that steps can be named."""
    recorder = _Recorder(x)
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
    """Writes down every operator that runs on what comes of x, with the numbers (as in `alive`) of what it takes."""

    def __init__(self, x: Tensor):
        super().__init__()
        self.steps: list[Step] = []
        self.takes: list[tuple[int, ...]] = []
        self.names: list[str] = []
        self.numbers: dict[int, int] = {}
        self._kept: list[Tensor] = []  # an id is a tensor's own as long as the tensor is there
        self._note(x, INPUT)

    def leave(self) -> None:
        self.names.pop()

    def _note(self, values, number: int) -> None:
        for tensor in _tensors(values):
            self._kept.append(tensor)
            self.numbers[id(tensor)] = number

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        out = operator(*args, **(kwargs or {}))
        known = (self.numbers.get(id(tensor)) for tensor in _tensors((args, kwargs)))
        takes = tuple(dict.fromkeys(number for number in known if number is not None))
        if not takes:
            return out
        step = _step(operator, args, out, self.names[-1] if self.names else "")
        if step is not None:
            self.steps.append(step)
            self.takes.append(takes)
        self._note(out, takes[0] if step is None else len(self.steps))
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
