"""MACs of each backbone segment and each branch, counted by fvcore.

MACs are the multiply-accumulates of convolution, linear and matmul operators; batch norm, pooling and element-wise
operators count 0. fvcore calls them flops and also counts batch norm and pooling, which is why they are left out here.
"""

from __future__ import annotations

import logging
from math import prod

import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn

from ...core.table.cost import Cost
from ..network import EarlyExitNetwork

COUNTED = frozenset(
    {"conv", "linear", "addmm", "mm", "bmm", "baddbmm", "matmul", "einsum", "scaled_dot_product_attention"}
)
_REFUSED = ("attention", "lstm", "gru", "rnn")  # they multiply, but fvcore has no rule for them


def count_macs(module: nn.Module, x: torch.Tensor) -> int:
    """MACs of one call of `module` on x. Raises ValueError when it holds an operator that cannot be counted."""
    analysis = FlopCountAnalysis(module, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.set_op_handle("aten::scaled_dot_product_attention", _attention)
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one fused operator, in which no product can be seen
    try:
        total = sum(count for operator, count in analysis.by_operator().items() if operator in COUNTED)
        unknown = [name for name in analysis.unsupported_ops() if any(word in name for word in _REFUSED)]
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    if unknown:
        raise ValueError(f"MACs of {', '.join(unknown)} cannot be counted; write them with matmul or linear operators.")
    return int(total)


def _attention(inputs, outputs) -> int:
    """Products of queries (..., L, D) with keys (..., S, D), and of the weights (..., L, S) with values (..., S, V)."""
    query, key, value = (v.type().sizes() for v in inputs[:3])
    return prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def macs(network: EarlyExitNetwork) -> Cost:
    """Cost in MACs of one sample: backbone (E,) cumulative up to each exit's tap, heads (E,) of each branch."""
    training = network.training
    network.eval()
    x = torch.zeros(1, *network.input_shape)
    backbone, heads, total = [], [], 0
    with torch.no_grad():
        for index, segment in enumerate(network.segments):
            total += count_macs(segment, x)
            x = segment(x)
            for k in network.at(index):
                backbone.append(total)
                heads.append(count_macs(network.branches[k], x))
    network.train(training)
    return Cost(backbone, heads, unit="MACs")
