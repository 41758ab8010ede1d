"""Every operator that multiplies, against counts by hand; random graphs; counters that must agree."""

import re
import sys
from collections import OrderedDict
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from eeviz.nn.count import macs as counting
from eeviz.nn.count.macs import count_macs
from eeviz.nn.count.operators import MULTIPLIES, RULES, recording, walk


class Made(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def layer(module):
    """A layer called as attention or a recurrent network is, its first answer alone."""
    return lambda x, **more: module.eval()(*[x] * (3 if isinstance(module, nn.MultiheadAttention) else 1), **more)[0]


def w(*shape):
    return torch.ones(*shape)


CASES = {  # name: (input, forward, MACs by hand)
    "conv1d": ((1, 2, 96), nn.Conv1d(2, 8, 5, padding=2), 96 * 5 * 2 * 8),
    "conv1d same": ((1, 2, 96), nn.Conv1d(2, 8, 5, padding="same"), 96 * 5 * 2 * 8),
    "conv1d valid": ((1, 2, 96), nn.Conv1d(2, 8, 5, padding="valid"), 92 * 5 * 2 * 8),
    "conv1d same dilated": ((1, 2, 96), nn.Conv1d(2, 8, 4, padding="same", dilation=3), 96 * 4 * 2 * 8),
    "conv2d": ((1, 3, 8, 8), nn.Conv2d(3, 5, 3, stride=2, padding=1), 16 * 9 * 3 * 5),
    "conv2d same": ((1, 3, 8, 8), nn.Conv2d(3, 5, 3, padding="same"), 64 * 9 * 3 * 5),
    "depthwise": ((1, 6, 8, 8), nn.Conv2d(6, 6, 3, padding=1, groups=6), 64 * 9 * 6),
    "depthwise same": ((1, 6, 8, 8), nn.Conv2d(6, 6, 3, padding="same", groups=6), 64 * 9 * 6),
    "grouped": ((1, 6, 8, 8), nn.Conv2d(6, 4, 3, padding=1, groups=2), 64 * 9 * 3 * 4),
    "conv3d": ((1, 2, 4, 4, 4), nn.Conv3d(2, 3, 3, padding=1), 64 * 27 * 2 * 3),
    "conv3d same": ((1, 2, 4, 4, 4), nn.Conv3d(2, 3, 3, padding="same"), 64 * 27 * 2 * 3),
    "transposed 1d": ((1, 3, 10), nn.ConvTranspose1d(3, 5, 4, stride=2), 10 * 4 * 3 * 5),
    "transposed 2d": ((1, 3, 5, 5), nn.ConvTranspose2d(3, 5, 4, stride=2), 25 * 16 * 3 * 5),
    "transposed grouped": ((1, 4, 5, 5), nn.ConvTranspose2d(4, 6, 3, groups=2), 25 * 9 * 4 * 3),
    "functional": ((1, 3, 8, 8), lambda x: F.conv2d(x, w(5, 3, 3, 3), padding="same"), 64 * 9 * 3 * 5),
    "functional valid": ((1, 3, 8), lambda x: F.conv1d(x, w(5, 3, 3), padding="valid"), 6 * 3 * 3 * 5),
    "without a batch": ((3, 8, 8), lambda x: F.conv2d(x, w(5, 3, 3, 3), padding="same"), 64 * 9 * 3 * 5),
    "conv_tbc": ((6, 1, 3), lambda x: torch.conv_tbc(x, w(3, 3, 4), w(4), 1), 6 * 3 * 3 * 4),
    "linear": ((1, 7, 4), nn.Linear(4, 5), 7 * 4 * 5),
    "bilinear": ((1, 6), lambda x: F.bilinear(x, x, w(5, 6, 6)), 5 * 6 * 6),
    "bilinear on rows": ((1, 3, 6), lambda x: F.bilinear(x, x[..., :4], w(5, 6, 4)), 3 * 5 * 6 * 4),
    "mm": ((4, 6), lambda x: torch.mm(x, x.t()), 4 * 6 * 4),
    "bmm": ((2, 4, 6), lambda x: torch.bmm(x, x.transpose(1, 2)), 2 * 4 * 6 * 4),
    "addmm": ((4, 6), lambda x: torch.addmm(w(4, 3), x, w(6, 3)), 4 * 6 * 3),
    "baddbmm": ((2, 4, 6), lambda x: torch.baddbmm(w(1, 3), x, w(2, 6, 3)), 2 * 4 * 6 * 3),
    "addbmm": ((2, 4, 6), lambda x: torch.addbmm(w(4, 3), x, w(2, 6, 3)), 2 * 4 * 6 * 3),
    "addmv": ((4, 6), lambda x: torch.addmv(w(4), x, w(6)), 4 * 6),
    "mv": ((4, 6), lambda x: torch.mv(x, w(6)), 4 * 6),
    "dot": ((6,), lambda x: torch.dot(x, w(6)), 6),
    "vdot": ((6,), lambda x: torch.vdot(x, w(6)), 6),
    "matmul of a stack and a vector": ((2, 4, 6), lambda x: x @ w(6), 2 * 4 * 6),
    "matmul of a vector and a stack": ((2, 4, 6), lambda x: w(4) @ x, 2 * 4 * 6),
    "matmul of a stack and a matrix": ((2, 3, 4, 6), lambda x: x @ w(6, 5), 2 * 3 * 4 * 6 * 5),
    "matmul, one side broadcast": ((2, 1, 4, 6), lambda x: x @ w(3, 6, 5), 2 * 3 * 4 * 6 * 5),
    "graph product A @ x": ((3, 5, 8), lambda x: w(5, 5) @ x, 3 * 5 * 5 * 8),
    "sparse graph product": ((5, 8), lambda x: torch.sparse.mm(torch.eye(5).to_sparse(), x), 5 * 8),
    "inner": ((3, 4, 6), lambda x: torch.inner(x, w(2, 6)), 3 * 4 * 6 * 2),
    "outer, element by element": ((6,), lambda x: torch.outer(x, x), 0),
    "tensordot": ((2, 3, 4), lambda x: torch.tensordot(x, w(3, 4, 5), 2), 2 * 12 * 5),
    "einsum": ((2, 3, 4), lambda x: torch.einsum("bij,jk->bik", x, w(4, 5)), 2 * 3 * 4 * 5),
    "einsum of large sizes": ((2, 61, 53), lambda x: torch.einsum("bij,bkj->bik", x, x), 2 * 61 * 61 * 53),
    "einsum of three": ((2, 3), lambda x: torch.einsum("bi,ij,bj->b", x, w(3, 4), x @ w(3, 4)), 24 + 24 + 8),
    "chain of products": ((2, 9), lambda x: torch.linalg.multi_dot([x, w(9, 3), w(3, 8)]), 2 * 9 * 3 + 2 * 3 * 8),
    "matrix_power": ((3, 3), lambda x: torch.matrix_power(x, 3), 2 * 27),
    "vmap": ((3, 4, 6), lambda x: torch.vmap(lambda a: a @ a.T)(x), 3 * 4 * 6 * 4),
    "vmap of mv": ((3, 4, 6), lambda x: torch.vmap(lambda a: a @ w(6))(x), 3 * 4 * 6),
    "euclidean distances": ((1, 4, 6), lambda x: torch.cdist(x, w(1, 5, 6)), 4 * 5 * 6),
    "many distances": ((1, 40, 6), lambda x: torch.cdist(x, w(1, 50, 6)), 40 * 50 * 6),
    "attention": (
        (1, 2, 4, 8),
        lambda x: F.scaled_dot_product_attention(x[..., :3, :], x, x[..., :5]),
        2 * 3 * 4 * (8 + 5),
    ),
    "causal attention": ((1, 2, 4, 8), lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), 2 * 16 * 16),
    "two linear layers": ((1, 8), nn.Sequential(nn.Linear(8, 4), nn.GELU(), nn.Linear(4, 2)), 32 + 8),
}
T, LAYER = 17, 4 * 17 * 32 * 32 + 2 * 17 * 17 * 32
CASES |= {
    "multi-head attention": (
        (1, T, 32),
        layer(nn.MultiheadAttention(32, 4, batch_first=True)),
        LAYER,
    ),
    "multi-head attention, no weights asked": (
        (1, T, 32),
        partial(layer(nn.MultiheadAttention(32, 4, batch_first=True)), need_weights=False),
        LAYER,
    ),
    "encoder layer": ((1, T, 32), nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), LAYER + 2 * T * 32 * 64),
    "encoder": (
        (1, T, 32),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2),
        2 * (LAYER + 2 * T * 32 * 64),
    ),
    "lstm": ((1, 7, 8), layer(nn.LSTM(8, 5, batch_first=True)), 7 * 4 * 5 * (8 + 5)),
    "lstm, two ways, two layers": (
        (1, 7, 8),
        layer(nn.LSTM(8, 5, 2, batch_first=True, bidirectional=True)),
        2 * 7 * 4 * 5 * (8 + 5) + 2 * 7 * 4 * 5 * (10 + 5),
    ),
    "lstm with a projection": (
        (1, 7, 8),
        layer(nn.LSTM(8, 5, batch_first=True, proj_size=3)),
        7 * (4 * 5 * (8 + 3) + 5 * 3),
    ),
    "gru": ((1, 7, 8), layer(nn.GRU(8, 5, batch_first=True)), 7 * 3 * 5 * (8 + 5)),
    "rnn": ((1, 7, 8), layer(nn.RNN(8, 5, batch_first=True)), 7 * 5 * (8 + 5)),
    "lstm cell": ((1, 8), layer(nn.LSTMCell(8, 5)), 4 * 5 * (8 + 5)),
}


@pytest.mark.parametrize("name", CASES)
def test_by_hand(name):
    shape, function, expected = CASES[name]
    module = function if isinstance(function, nn.Module) else Made(function)
    module.eval()
    x = torch.zeros(*shape)
    assert count_macs(module, x) == expected
    with torch.no_grad(), FlopCounterMode(display=False) as theirs:  # it knows fewer operators, never more MACs
        module(x)
    assert theirs.get_total_flops() <= 2 * expected


# --- random small graphs, counted by hand while they are drawn -------------------------------------------------------


class Drawn(nn.Module):
    """A chain of random steps on (N, C, T) or (N, C, H, W); `macs` is counted beside it, from shapes alone."""

    def __init__(self, seed):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.picture = bool(rng.integers(2))
        shape = [int(rng.integers(2, 7)) for _ in range(4 if self.picture else 3)]
        self.shape, self.macs, self.steps = (1, *shape[1:]), 0, []
        self.layers = nn.ModuleList()
        shape = [1, *shape[1:]]
        for _ in range(int(rng.integers(2, 7))):
            shape = self.draw(rng, shape)

    def add(self, layer, step=None):
        self.layers.append(layer)
        self.steps.append(step or (lambda x, layer=layer: layer(x)))

    def draw(self, rng, shape):
        _, channels, *size = shape
        kind = rng.choice(["conv", "same", "depthwise", "transposed", "linear", "matmul", "residual", "einsum", "baddbmm",
                           "attention", "relu", "vector", "branch"])  # fmt: skip
        places, out = int(np.prod(size)), int(rng.integers(1, 7))
        plain, up = (nn.Conv2d, nn.ConvTranspose2d) if self.picture else (nn.Conv1d, nn.ConvTranspose1d)
        axes = len(size)
        if kind == "conv":
            kernel, stride = int(rng.integers(1, 4)), int(rng.integers(1, 3))
            self.add(plain(channels, out, kernel, stride, kernel // 2))
            size = [(n + 2 * (kernel // 2) - kernel) // stride + 1 for n in size]
            self.macs += int(np.prod(size)) * channels * out * kernel**axes
            return [1, out, *size]
        if kind == "same":
            kernel = int(rng.integers(1, 6))
            self.add(plain(channels, out, kernel, padding="same"))
            self.macs += places * channels * out * kernel**axes
            return [1, out, *size]
        if kind == "depthwise":
            self.add(plain(channels, channels, 3, padding=1, groups=channels))
            self.macs += places * channels * 3**axes
        elif kind == "transposed":
            self.add(up(channels, out, 2, stride=2))
            self.macs += places * channels * out * 2**axes
            return [1, out, *(2 * n for n in size)] if places < 200 else self.pooled(axes, out, size)
        elif kind == "linear":
            self.add(nn.Linear(size[-1], out))
            self.macs += channels * places * out
            return [1, channels, *size[:-1], out]
        elif kind == "matmul":  # of the sample with itself, over the last axis
            self.add(nn.Identity(), lambda x: x @ x.transpose(-1, -2))
            self.macs += channels * places * size[-2] if self.picture else channels * channels * size[-1]
            return [1, channels, *size[:-1], size[-2] if self.picture else channels]
        elif kind == "residual":
            layer = plain(channels, channels, 3, padding=1)
            self.add(layer, lambda x, layer=layer: x + layer(x))
            self.macs += places * channels * channels * 3**axes
        elif kind == "einsum" and channels > 1:  # a sum over one value is no sum: it runs element by element
            weight = nn.Parameter(torch.zeros(channels, out))
            self.layers.register_parameter(f"w{len(self.steps)}", weight)
            self.add(nn.Identity(), lambda x, weight=weight: torch.einsum("nc...,co->no...", x, weight))
            self.macs += places * channels * out
            return [1, out, *size]
        elif kind == "baddbmm":
            self.add(
                nn.Identity(),
                lambda x: torch.baddbmm(w(1, 3), x.flatten(2), w(1, x[0, 0].numel(), 3)).unflatten(2, self.three()),
            )
            self.macs += channels * places * 3
            return [1, channels, *self.three()]
        elif kind == "attention":
            self.add(nn.Identity(), lambda x: F.scaled_dot_product_attention(x, x, x))
            rows = [channels, *size][-2]
            self.macs += 2 * channels * places * rows
        elif kind == "vector":
            self.add(nn.Identity(), lambda x: x * (x @ w(x.shape[-1])).unsqueeze(-1))
            self.macs += channels * places
        elif kind == "branch":  # two readers of one tensor
            one, two = plain(channels, out, 1), plain(channels, 2, 1)
            self.layers.extend([one, two])
            self.add(nn.Identity(), lambda x, one=one, two=two: torch.cat([one(x), F.relu(two(x))], 1))
            self.macs += places * channels * (out + 2)
            return [1, out + 2, *size]
        else:
            self.add(nn.ReLU())
        return [1, channels, *size]

    def three(self):
        return (1, 3) if self.picture else (3,)

    def pooled(self, axes, channels, size):
        self.add((nn.AvgPool2d if axes == 2 else nn.AvgPool1d)(2))
        return [1, channels, *size]

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_random_graphs_by_hand(first):
    for seed in range(first, first + 50):
        model = Drawn(seed).eval()
        x = torch.randn(*model.shape, generator=torch.Generator().manual_seed(seed))
        assert count_macs(model, x) == model.macs, seed


# --- the counters beside it ------------------------------------------------------------------------------------------


def test_without_torchscript_every_count_is_the_same(monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("torch.jit is not to be had")

    found = {name: _count(name) for name in CASES}
    monkeypatch.setattr("fvcore.nn.jit_analysis._get_trace_graph", refuse)
    assert counting._by_fvcore(nn.Linear(2, 3), torch.zeros(1, 2)) is None
    assert {name: _count(name) for name in CASES} == found


def test_on_a_python_without_torchscript_fvcore_is_not_even_loaded(monkeypatch):
    monkeypatch.setattr(counting.sys, "version_info", (3, 14, 0))
    monkeypatch.setitem(sys.modules, "fvcore.nn", None)
    assert _count("encoder") == CASES["encoder"][2]


def _count(name):
    shape, function, _ = CASES[name]
    module = function if isinstance(function, nn.Module) else Made(function)
    return count_macs(module.eval(), torch.zeros(*shape))


def test_fvcore_is_asked_wherever_it_can_answer():
    asked = {name for name, (shape, f, _) in CASES.items() if counting._by_fvcore(
        (f if isinstance(f, nn.Module) else Made(f)).eval(), torch.zeros(*shape)) is not None}  # fmt: skip
    assert {"conv2d", "conv2d same", "linear", "baddbmm", "encoder", "matmul, one side broadcast"} <= asked
    assert not {"einsum of three", "lstm", "bilinear"} & asked


def test_a_trace_that_fails_leaves_no_hooks_behind():
    class Unfollowed(nn.Linear):
        def forward(self, x):
            assert type(x.shape[0]) is int
            return super().forward(x)

    layer = Unfollowed(2, 3)
    assert count_macs(layer, torch.zeros(1, 2)) == 6
    assert not layer._forward_hooks
    assert not layer._forward_pre_hooks


def test_another_forward_while_traced_is_an_error_in_words():
    class Other(nn.Linear):
        def forward(self, x):
            return super().forward(x[:, :1].expand_as(x)) if not torch.jit.is_tracing() else x

    with pytest.raises(ValueError, match="12 by the operators that ran, 0 by fvcore"):
        count_macs(Other(3, 4), torch.zeros(1, 3))


def test_a_rule_that_pytorchs_counter_contradicts_is_an_error_in_words(monkeypatch):
    monkeypatch.setitem(RULES, "addmm", lambda args, out: 11)
    with pytest.raises(ValueError, match="in doubt: 11 of addmm by its shapes, 12 by PyTorch's counter"):
        count_macs(nn.Linear(3, 4), torch.zeros(1, 3))


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: torch.fft.rfft(x).abs(), "_fft_r2c"),
        (lambda x: torch.linalg.inv(x @ x.mT + torch.eye(4)), "linalg_inv_ex"),
        (lambda x: torch.linalg.svdvals(x), "_linalg_svd"),
        (lambda x: torch.stft(x[0].flatten(), 8, window=w(8), return_complex=True).abs(), "_fft_r2c"),
    ],
)
def test_products_without_a_rule_are_refused_by_name(function, name):
    class Front(nn.Module):
        def forward(self, x):
            return function(x)

    with pytest.raises(ValueError, match=f"of front cannot be counted: there is no rule for its operator {name}"):
        count_macs(nn.Sequential(OrderedDict(front=Front())), torch.ones(1, 4, 4))


def test_foreign_operators_are_refused_by_name():
    with torch.library._scoped_library("counted", "DEF") as library:
        library.define("mix(Tensor x) -> Tensor")
        library.impl("mix", lambda x: x + 1, "CPU")
        with pytest.raises(ValueError, match="no rule for its operator counted::mix"):
            count_macs(Made(lambda x: torch.ops.counted.mix(x)), torch.zeros(1, 2))


LOOKED_AT = re.compile(  # names that speak of products, of operators that hold none (or prepare, or train)
    r"gamma|_backward|_copy$|^_foreach|adam|adagrad|sgd|upsample_|convert|fft_r?fftfreq|hamming|vector_norm|check_errors|powsum|"
    r"cross|fused_(dropout|moving)|sdp_choice|flatten_weight|pack_4bit|semi_structured_(tile|apply)|reorder_conv|_add_relu|"
    r"_prelu|mps|_?cumm(ax|in)|jagged"
)


def _composite(name):
    packet = getattr(torch.ops.aten, name)
    kernels = [getattr(packet, overload).name() for overload in packet.overloads()]
    try:
        return all(torch._C._dispatch_has_kernel_for_dispatch_key(k, "CompositeImplicitAutograd") for k in kernels)
    except RuntimeError:
        return True  # of TorchScript alone


def test_no_operator_of_pytorch_escapes():
    """Of all operators whose names speak of products, each has a rule, is refused, or has been looked at."""
    words = re.compile("conv|mm|mv|dot|attention|lstm|gru|rnn|linear|fft|linalg|matmul|cdist|pdist|trilinear")
    names = {schema.name.removeprefix("aten::") for schema in torch._C._jit_get_all_schemas()
             if schema.name.startswith("aten::")}  # fmt: skip
    names = {name for name in names if words.search(name) and not LOOKED_AT.search(name) and not _composite(name)}
    assert len(names) > 100
    assert {n for n in names if not MULTIPLIES.search(n) and n.rstrip("_") not in RULES} == set()


# --- what is charged -------------------------------------------------------------------------------------------------


def test_what_is_computed_of_weights_alone_is_charged_to_nobody():
    class Biased(nn.Module):  # as the position biases of Swin v2: a perceptron of a table
        def __init__(self):
            super().__init__()
            self.register_buffer("table", torch.randn(9, 2))
            self.bias, self.last = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 9)), nn.Linear(9, 4)

        def forward(self, x):
            return self.last(x + self.bias(self.table).mean(0))

    assert count_macs(Biased(), torch.zeros(1, 9)) == 9 * 4
    recorder, _ = walk(Biased(), torch.zeros(1, 9))
    assert sum(operator.macs for operator in recorder.operators) == 9 * 4 + 9 * 2 * 16 + 9 * 16 * 9


def test_a_buffer_that_the_sample_is_written_into_is_the_samples():
    class Padded(nn.Module):
        def forward(self, x):
            wide = torch.empty(1, 6)
            wide[:, :3], wide[:, 3:] = x, 2 * x
            return wide @ w(6, 5)

    assert count_macs(Padded(), torch.zeros(1, 3)) == 30


def test_batches_count_as_many_times():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5)).eval()
    x = torch.zeros(4, 3, 8, 8)
    with recording(x) as counter:
        model(x)
    assert counter.macs == 4 * count_macs(model, x[:1])


def test_inference_mode_counts_the_same():
    with torch.inference_mode():
        for name in ("conv2d same", "encoder", "einsum of three", "gru", "linear"):
            assert _count(name) == CASES[name][2]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("wrapped", [torch.jit.script, nn.DataParallel, lambda m: torch.compile(m, backend="eager")])
def test_wrapped_modules_count_as_what_they_wrap(wrapped, recwarn):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()
    assert count_macs(wrapped(model), torch.zeros(1, 3, 8, 8)) == 36 * 27 * 4 + 144 * 5
