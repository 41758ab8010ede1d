"""The operators that PyTorch runs when a module is called, each with its MACs: the one walk that all counts come from.

MACs are the multiply-accumulates of convolutions and of products of vectors and matrices, one for each term of a sum of
products. Element-wise operators (an outer product among them), normalisation, pooling and interpolation count 0.
What is computed of weights alone is done beforehand: it is charged to nobody.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

INPUT = 0
"""The number of what the module reads; what its operator i gives has the number i + 1."""

STATES = ("zeros", "new_zeros", "zeros_like")
"""What makes the state that a recurrent layer starts with: its products are the sample's, as those of later steps are."""

MULTIPLIES = re.compile(
    r"conv(?!ert)|mm_?(_|$)|mv_?$|dot$|matmul|attention|lstm|gru|rnn|(^|_)linear(_|$)|fft_[cr]2|_[cp]?dist(_|$)|trilinear$|"
    r"linalg_(?!vector_norm|check|_powsum|cross)|cholesky|triangular_solve|ormqr|geqrf|spsolve|einsum|multi_dot|"
    r"(^|_)(inner|bilinear|tensordot|cdist|det|inverse|pinverse|matrix_exp|matrix_power|addmm|stft)$"
)
"""Names of PyTorch's operators that hold products: without a rule they are refused."""


class UncountableError(ValueError):
    """An operator that multiplies and has no rule, or of which two counters disagree."""


class Taken(NamedTuple):
    """A tensor that an operator takes.

    number : of what gave it; None: it was there before. of_input : computed of the module's input. state : zeros that a
    layer starts with. size : values in memory. key : equal for the same values of the same memory.
    """

    shape: tuple[int, ...]
    number: int | None
    of_input: bool
    state: bool
    size: int
    key: tuple

    @property
    def weight(self) -> bool:
        """Known before the sample is."""
        return not (self.of_input or self.state)


@dataclass(frozen=True)
class Operator:
    """An operator as it ran. args : as called, every tensor a `Taken`. shapes : of the tensors it gave."""

    kind: str
    layer: str
    args: tuple
    shapes: tuple[tuple[int, ...], ...]
    macs: int
    of_input: bool
    pointwise: bool

    @property
    def taken(self) -> list[Taken]:
        return [*_found(self.args, Taken)]


def _found(values: Any, kind: type) -> Iterator:
    """Those of a kind in what an operator takes or gives: plain values, tuples and lists."""
    if isinstance(values, kind):
        yield values
    elif isinstance(values, tuple | list):
        for value in values:
            yield from _found(value, kind)


def _replaced(values: Any, by: Callable[[Tensor], Taken]) -> Any:
    if isinstance(values, Tensor):
        return by(values)
    return tuple(_replaced(value, by) for value in values) if isinstance(values, tuple | list) else values


class Recorder(TorchDispatchMode):
    """Writes down every operator that gives values of its own (views give none); x : the module's input.

    macs : of those on what comes of x, so far. An operator that multiplies and has no rule raises UncountableError, as does
    a count that PyTorch's own counter contradicts.
    """

    def __init__(self, x: Tensor):
        super().__init__()
        self.operators: list[Operator] = []
        self.layers: list[str] = []
        self.macs = 0
        self._known: dict[Any, tuple[int, bool]] = {}  # by memory: number, of_input
        self._states: set = set()
        self._kept: list[Tensor] = []
        self._known[self._memory(x)] = INPUT, True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else PyTorch loads its compiler, which takes a second, to say that it is not to be used here

    def _memory(self, tensor: Tensor):
        try:
            return StorageWeakRef(tensor.untyped_storage())  # stays its own while it is referred to
        except NotImplementedError:  # sparse
            self._kept.append(tensor)
            return id(tensor)

    def number(self, tensor: Tensor) -> int | None:
        """Of what gave the tensor; None for a weight."""
        return self._known.get(self._memory(tensor), (None, False))[0]

    def _taken(self, tensor: Tensor) -> Taken:
        memory = self._memory(tensor)
        number, of_input = self._known.get(memory, (None, False))
        size, start = _stored(tensor), 0
        if tensor.layout == torch.strided:
            size = prod(n for n, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride)
            start = tensor.storage_offset()
        state = memory in self._states
        return Taken(tuple(tensor.shape), number, of_input, state, size, (memory, start, size))

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if operator._schema.name.split("::")[-1] not in RULES:
            with self:  # in inference mode operators come whole that are made of others
                out = operator.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        taken = _replaced((*args, *kwargs.values()), self._taken)  # before it runs: it may write in place
        out = operator(*args, **kwargs)
        given = [*_found(out, Tensor)]
        memories = [self._memory(tensor) for tensor in given]
        inputs = [*_found(taken, Taken)]
        view = not operator._schema.is_mutable and {*memories} <= {value.key[0] for value in inputs}
        if not given or view:
            return out
        layer, kind = self.layers[-1] if self.layers else "", operator._schema.name.split("::")[-1]
        of_input = any(value.of_input for value in inputs)
        macs = _macs(operator, kind, args, kwargs, out, layer, of_input)
        of_input = of_input or (macs > 0 and any(value.state for value in inputs))
        self._states = self._states | {*memories} if kind in STATES else self._states - {*memories}
        pointwise = torch.Tag.pointwise in operator.tags
        shapes = tuple(tuple(tensor.shape) for tensor in given)
        self.operators.append(Operator(kind.rstrip("_"), layer, taken, shapes, macs, of_input, pointwise))
        self._known.update(dict.fromkeys(memories, (len(self.operators), of_input)))
        self.macs += macs * of_input
        return out


@contextmanager
def recording(x: Tensor, module: nn.Module | None = None) -> Iterator[Recorder]:
    """Records what runs inside on x, without gradients and with every product an operator of its own: fused attention and
    encoder layers run as plain products. module : whose layers name the operators."""
    recorder, fast = Recorder(x), torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        for path, inner in module.named_modules() if module is not None else ():
            if isinstance(inner, torch.jit.ScriptModule):
                continue  # takes no hooks
            name = getattr(inner, "weight_name", path)
            stack.enter_context(_removed(inner.register_forward_pre_hook(_entering(recorder.layers, name))))
            stack.enter_context(_removed(inner.register_forward_hook(_leaving(recorder.layers))))
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch.backends.mha.set_fastpath_enabled(False)
        if "torch._dynamo" in sys.modules:  # compiled modules run as they were written
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        stack.enter_context(torch.no_grad())
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(recorder)
        yield recorder


def _entering(layers: list[str], name: str) -> Callable:
    return lambda *_: layers.append(name)


def _leaving(layers: list[str]) -> Callable:
    def leave(*_) -> None:
        layers.pop()  # given back, the name would stand in for what the layer gave

    return leave


@contextmanager
def _removed(handle) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()


def walk(module: nn.Module, x: Tensor) -> tuple[Recorder, Tensor]:
    """The recorder of one call of `module` on x, and what came out."""
    with recording(x, module) as recorder:
        out = module(x)
    return recorder, out


def _macs(operator, kind: str, args: tuple, kwargs: dict, out, layer: str, of_input: bool) -> int:
    rule, theirs = RULES.get(kind.rstrip("_")), flop_registry.get(operator._overloadpacket)
    dense = theirs is not None and all(value.layout == torch.strided for value in _found(args, Tensor))
    counted = theirs(*args, **kwargs, out_val=out) // 2 if dense else None
    macs = counted if rule is None else rule(args, out)
    where = f"of {layer}" if layer else "of the network"
    if counted is not None and macs != counted:
        raise UncountableError(
            f"MACs {where} are in doubt: {macs:,} of {kind} by its shapes, {counted:,} by PyTorch's counter."
        )
    if macs is not None:
        return macs
    foreign = operator.namespace not in ("aten", "prims", "prim")
    if of_input and (foreign or MULTIPLIES.search(kind)):
        name = f"{operator.namespace}::{kind}" if foreign else kind
        raise UncountableError(
            f"MACs {where} cannot be counted: there is no rule for its operator {name}. Write it with convolutions, linear "
            "layers or products of matrices, or leave it out of the network (as a preparation of the input)."
        )
    return 0


def _stored(tensor: Tensor) -> int:
    return int(tensor._nnz()) if tensor.layout != torch.strided else tensor.numel()


def _convolution(args: tuple, out: Tensor) -> int:
    x, weight, transposed = args[0], args[1], args[6]
    return len(x) * weight.numel() * prod((x if transposed else out).shape[2:])


def _product(left: Tensor, right: Tensor) -> int:
    """Of (..., n, k) and (..., k, m), or (k,): every value on the left meets m on the right."""
    return _stored(left) * (right.shape[-1] if right.ndim > 1 else 1)


def _first(args: tuple, out: Any) -> int:
    return _product(args[0], args[1])


def _added(args: tuple, out: Any) -> int:
    return _product(args[1], args[2])


def _trilinear(args: tuple, out: Tensor) -> int:
    """Terms of the sum of products of three factors, each with axes put in."""
    shapes = []
    for factor, axes in zip(args[:3], args[3:6], strict=True):
        shape = list(factor.shape)
        for axis in sorted(axes):
            shape.insert(axis, 1)
        shapes.append(shape)
    return prod(torch.broadcast_shapes(*shapes))


def _distance(args: tuple, out: Tensor) -> int:
    """Squared differences, summed; other than Euclidean distances hold no products."""
    return out.numel() * args[0].shape[-1] if len(args) < 3 or args[2] == 2 else 0


def _recurrent(args: tuple, out: Any) -> int:
    """A layer of an LSTM, x (steps, samples, features): both matrices of its gates at every step of every sample."""
    x, into, hidden = args[:3]
    return x.shape[0] * x.shape[1] * (into.numel() + hidden.numel())


def _attention(args: tuple, out: Any) -> int:
    """Queries (..., L, D) with keys (..., S, D), and the weights (..., L, S) with values (..., S, V)."""
    query, key, value = args[:3]
    return prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


RULES: dict[str, Callable[[tuple, Any], int]] = {
    "convolution": _convolution,
    "conv_tbc": lambda args, out: out.numel() * args[1].shape[0] * args[1].shape[1],
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "vdot", "_int_mm"), _first),
    **dict.fromkeys(("addmm", "baddbmm", "addbmm", "addmv", "_sparse_addmm"), _added),
    "linear": lambda args, out: args[0].numel() * args[1].shape[0],
    "_trilinear": _trilinear,
    "_cdist_forward": _distance,
    "_euclidean_dist": _distance,
    "mkldnn_rnn_layer": _recurrent,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
}
"""MACs of an operator by its name, of what it was called with and what it gave."""
