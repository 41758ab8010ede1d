"""MACs of each backbone segment and each branch: counted by fvcore, completed and checked by the walk of `operators`.

fvcore (which calls them flops, and also counts batch norm and pooling, left out here) reads a TorchScript trace. It has no
rule for `padding="same"`, vectors, `baddbmm`, bilinear and recurrent layers, rounds what einsum does, sees one matrix of a
stack that is broadcast, and cannot trace every network, on Python 3.14 none: so every operator is also counted as it runs.
Where fvcore sees nothing but what it has a right rule for, both counts must agree.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from math import prod

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ...core.table.cost import Cost
from ..network import EarlyExitNetwork
from .operators import INPUT, MULTIPLIES, Recorder, UncountableError, walk


def count_macs(module: nn.Module, x: Tensor) -> int:
    """MACs of one call of `module` on x.

    Raises ValueError when it holds an operator that cannot be counted, and when two counters disagree.
    """
    return _counted(module, x)[0]


def macs_along(modules: Iterable[nn.Module], x: Tensor) -> list[int]:
    """MACs of each of the modules, each called on what the one before gave. Raises ValueError as `count_macs`."""
    found = []
    for module in modules:
        macs, x = _counted(module, x)
        found.append(macs)
    return found


def macs(network: EarlyExitNetwork) -> Cost:
    """Cost in MACs of one sample: backbone (E,) cumulative up to each exit's tap, heads (E,) of each branch.

    Raises ValueError as `count_macs`.
    """
    training = network.training
    network.eval()
    x = torch.zeros(1, *network.input_shape)
    backbone, heads, total = [], [], 0
    try:
        for index, segment in enumerate(network.segments):
            own, x = _counted(segment, x)
            total += own
            for k in network.at(index):
                backbone.append(total)
                heads.append(count_macs(network.branches[k], x))
    finally:
        network.train(training)
    return Cost(backbone, heads, unit="MACs")


def _counted(module: nn.Module, x: Tensor) -> tuple[int, Tensor]:
    given = x.clone()  # a module may write into its input
    recorder, out = walk(module, x)
    theirs = _by_fvcore(module, given)
    ours = _reaching(recorder, out)
    if theirs is not None and theirs != ours:
        raise UncountableError(
            f"MACs are in doubt: {ours:,} by the operators that ran, {theirs:,} by fvcore. Does the network's forward do "
            "something else while it is traced?"
        )
    return recorder.macs, out


def _reaching(recorder: Recorder, out) -> int:
    """MACs as a trace has them: of weights too, without those whose results nothing needs."""
    operators = recorder.operators
    numbers = [recorder.number(tensor) for tensor in tree_leaves(out) if isinstance(tensor, Tensor)]
    needed: set[int] = set()
    while numbers:
        number = numbers.pop()
        if number and number not in needed:
            needed.add(number)
            numbers += [taken.number for taken in operators[number - 1].taken]
    return sum(operator.macs for number, operator in enumerate(operators, INPUT + 1) if number in needed)


_SEEN = ("conv", "linear", "addmm", "mm", "bmm", "matmul", "baddbmm", "addbmm", "mv", "dot", "attention")
_HIDDEN = ("prim::PythonOp", "prim::CallFunction", "prim::CallMethod")  # what is inside, fvcore does not see


def _by_fvcore(module: nn.Module, x: Tensor) -> int | None:
    """fvcore's count; None where it cannot trace the module, or meets an operator that multiplies and has no right rule."""
    if sys.version_info >= (3, 14):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript, which it loads, says that it is of yesterday
        from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(module, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none").set_op_handle(**{f"aten::{name}": rule for name, rule in _HANDLES.items()})
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    hooks = [(held, dict(held)) for m in module.modules() for held in (m._forward_pre_hooks, m._forward_hooks)]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one fused operator, in which no product can be seen
    try:
        with torch.no_grad():
            counts, unknown = analysis.by_operator(), analysis.unsupported_ops()
    except Exception:  # noqa: BLE001  whatever a tracer raises: the module is counted without it
        return None
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for held, before in hooks:  # a trace that fails leaves its own behind
            for key in held.keys() - before.keys():
                del held[key]
    if any(name.startswith(_HIDDEN) or MULTIPLIES.search(name.removeprefix("aten::")) for name in unknown):
        return None
    return int(sum(count for name, count in counts.items() if name in _SEEN))


def _shapes(values) -> list[list[int]]:
    return [value.type().sizes() for value in values]


def _matmul(inputs, outputs) -> Counter:
    left, out = _shapes([inputs[0], *outputs])
    return Counter(matmul=prod(out) * left[-1])  # all matrices of a stack, vectors too


def _added(inputs, outputs) -> Counter:
    left, right = _shapes(inputs[1:3])
    return Counter(matmul=prod(left) * (right[-1] if len(right) > 1 else 1))


def _padded(inputs, outputs) -> Counter:
    weight, out = _shapes([inputs[1], *outputs])
    places = out[-(len(weight) - 2) :]
    return Counter(conv=prod(weight) * prod(places) * (out[0] if len(out) == len(weight) else 1))


def _attention(inputs, outputs) -> Counter:
    query, key, value = _shapes(inputs[:3])
    return Counter(attention=prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


def _unread(inputs, outputs) -> Counter:
    raise NotImplementedError  # fvcore's own rule rounds to four digits, and takes another order of products


_HANDLES = {
    "matmul": _matmul,
    "mv": _matmul,
    "dot": _matmul,
    "baddbmm": _added,
    "addbmm": _added,
    "addmv": _added,
    "_convolution_mode": _padded,
    "scaled_dot_product_attention": _attention,
    "einsum": _unread,
}
"""Rules of ours for fvcore, by operator."""
