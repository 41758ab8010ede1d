"""The workload of a network: every operator that PyTorch runs on one sample, as an accelerator would be asked for it."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from ...core.network.liveness import INPUT, alive
from ...core.network.steps import Operation, Other, Step, Stream
from ...core.network.workload import Workload
from ..network import EarlyExitNetwork
from .operators import Operator, Taken, walk

SHAPES = (
    "_unsafe_view alias as_strided clone copy _to_copy contiguous detach expand lift_fresh permute reshape select slice squeeze \
t transpose unsqueeze view constant_pad_nd empty zeros ones full"
)
FOLDED = (
    "native_batch_norm _native_batch_norm_legit_no_training native_dropout hardtanh hardswish hardsigmoid leaky_relu \
relu gelu silu mish elu sigmoid tanh"
)
ROUNDED = "fake_quantize_per_tensor_affine fake_quantize_per_tensor_affine_cachemask \
_fake_quantize_per_tensor_affine_cachemask_tensor_qparams fake_quantize_per_channel_affine \
fake_quantize_per_channel_affine_cachemask"
FREE = frozenset(f"{SHAPES} {FOLDED} {ROUNDED}".split())  # nothing to do, and what is done in the layer before
ARITHMETIC = {"add": "add", "sub": "add", "rsub": "add", "mul": "multiply", "div": "multiply"}
RESIZES = {"upsample_nearest2d": 1, "upsample_bilinear2d": 4, "upsample_bicubic2d": 16}  # values read for each


def workload(network: EarlyExitNetwork) -> Workload:
    """Segments and heads of `network` as steps, for one sample; of a `QuantizedNetwork` with its bits.

    Batch norms, activation functions, rounding and biases belong to the layer before; what is computed of weights alone is
    done beforehand. Raises ValueError naming a layer that has no rule: grouped (other than depthwise), dilated or
    transposed convolutions, attention and other products of activations, recurrent layers.
    """
    made = walked(network)
    for _, step in made.steps():
        if isinstance(step, Other):
            raise ValueError(f"{step.name or 'the network'}: hardware costs have no rule for {step.words}.")
    return made


def walked(network: EarlyExitNetwork) -> Workload:
    """As `workload`, of any network: what accelerators have no rule for is a step of type `Other`.

    Raises ValueError for operators whose MACs cannot be counted.
    """
    training = network.training
    network.eval()
    x = torch.zeros(1, *network.input_shape)
    inputs, segments, heads, taps = x.numel(), [], [], []
    try:
        for index, segment in enumerate(network.segments):
            found, x = _piece(segment, x)
            segments.append(found)
            waits = index < len(network.segments) - 1
            for k in network.at(index):
                heads.append(_piece(network.branches[k], x, waits)[0])
                taps.append(waits * x.numel())
    finally:
        network.train(training)
    steps, held, ends, weights = zip(*segments, *heads, strict=True)
    bits, own = getattr(network, "bits", None), getattr(network, "head_bits", ())
    count = len(segments)
    return Workload(steps[:count], steps[count:], network.position, inputs, bits, own, held, tuple(taps), ends, weights)


def _piece(module: nn.Module, x: Tensor, waits: bool = False) -> tuple[tuple, Tensor]:
    """Steps of a module, values alive while each runs, values that come in and go out, weights; and what it gives.

    waits : x stays, and is counted elsewhere.
    """
    recorder, out = walk(module, x)
    steps, takes, stored = [], [], {}
    numbers = {INPUT: INPUT}  # of operators -> of the steps that hold what they gave
    for number, operator in enumerate(recorder.operators, INPUT + 1):
        if not operator.of_input:
            continue
        taken = tuple(dict.fromkeys(numbers[value.number] for value in operator.taken if value.number in numbers))
        step, weights = _step(operator, len(taken))
        if step is None:
            numbers[number] = taken[0]
            continue
        steps.append(step)
        takes.append(taken)
        numbers[number] = len(steps)
        stored.update({value.key: value.size for value in weights})
    size, given = x.numel(), recorder.number(out)
    held = alive(takes, [step.writes for step in steps], 0 if waits else size, numbers.get(given))
    return (tuple(steps), held, (size, out.numel()), sum(stored.values())), out


def _step(operator: Operator, sources: int) -> tuple[Step | None, list[Taken]]:
    """What an operator asks for, and the weights that it needs. sources : values of the sample that it takes."""
    kind, name = operator.kind, operator.layer
    if kind in FREE or (operator.pointwise and len(operator.taken) == 1):
        return (None if sources == 1 else _other(operator, "other", [])), []
    if kind == "convolution":
        return _convolution(operator)
    if operator.macs:
        return _product(operator)
    weights = [value for value in operator.taken if value.weight]
    written = prod(operator.shapes[0])
    given = sum(value.size for value in operator.taken if value.of_input)
    if kind in ARITHMETIC:
        if all(_folds(value) for value in weights) and sources == 1 and len(operator.taken) - len(weights) < 2:
            return None, []  # a constant, or one number a channel: folded into the layer before
        return Stream(ARITHMETIC[kind], given, written, name, sum(value.size for value in weights)), weights
    if "pool" in kind or kind in ("mean", "sum", "amax"):
        return Stream("pool", given, written, name), []
    if kind in RESIZES:
        return Stream("resize", RESIZES[kind] * written, written, name), []
    return _other(operator, "other", weights), weights


def _folds(value: Taken) -> bool:
    return sum(n > 1 for n in value.shape) <= 1


def _other(operator: Operator, kind: str, weights: list[Taken], words: str = "") -> Other:
    reads = sum(value.size for value in operator.taken if value.of_input)
    words = words or f"{operator.kind!r} (attention, products of activations and recurrent layers have none)"
    size = sum(value.size for value in weights)
    return Other(kind, operator.macs, size, reads, prod(operator.shapes[0]), words, operator.layer)


def _product(operator: Operator) -> tuple[Step, list[Taken]]:
    """A linear layer where one side is weights, on every row of the other."""
    factors = [value for value in operator.taken if value.shape or not value.weight]
    factors = factors[1:] if operator.kind.removeprefix("_sparse_").startswith("add") else factors
    weights = [value for value in factors if value.weight]
    if len(factors) == 2 and len(weights) == 1 and operator.kind != "addbmm":
        weight = weights[0]
        behind = weight is factors[1]
        matrix = weight.shape if len(weight.shape) > 1 else (*weight.shape, 1) if behind else (1, *weight.shape)
        inputs, outputs = matrix[-2:] if behind else matrix[:-3:-1]
        if weight.size == inputs * outputs:  # one matrix, not a stack of them, and no gaps in it
            times = operator.macs // weight.size
            return Operation("linear", inputs, outputs, (times, 1), name=operator.layer), weights
    weights = [value for value in weights if len(value.shape) > 1]  # without biases, as everywhere
    kind = "linear" if weights else "matmul"
    return _other(operator, kind, weights), weights


def _convolution(operator: Operator) -> tuple[Step, list[Taken]]:
    x, weight, _, stride, padding, dilation, transposed, _, groups = operator.args[:9]
    inputs, outputs, name = x.shape[1], operator.shapes[0][1], operator.layer
    depthwise = groups > 1 and groups == inputs
    if transposed:
        words = "transposed (upsampling) convolutions"
    elif any(d != 1 for d in dilation):
        words = f"dilated convolutions (dilation {[*dilation]})"
    elif groups != 1 and not groups == inputs == outputs:
        of = f"{groups} groups of {inputs} channels"
        words = f"grouped convolutions ({of}), only for depthwise ones with one filter a channel"
    elif len(x.shape) not in (3, 4):
        words = f"{len(x.shape) - 2}-d convolutions, only for 1-d and 2-d ones"
    elif not weight.weight:
        words = "convolutions whose kernel is computed of the sample"
    else:
        flat = len(x.shape) == 3  # 1-d convolutions run on images one pixel high
        size, kernel, stride, padding = (
            ((first,) if flat else ()) + tuple(int(v) for v in values)
            for first, values in ((1, x.shape[2:]), (1, weight.shape[2:]), (1, stride), (0, padding))
        )
        kind = "depthwise" if depthwise else "conv"
        return Operation(kind, inputs, outputs, size, kernel, stride, padding, name), [weight]
    weights = [weight] if weight.weight else []
    return _other(operator, "depthwise" if depthwise else "conv", weights, words), weights
