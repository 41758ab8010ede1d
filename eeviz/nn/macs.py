"""MACs: multiply-accumulates of convolution, linear and matmul operators, counted by fvcore on the built network.

Batch norm, pooling and element-wise operators count 0.
"""

from __future__ import annotations

import logging
import warnings

import torch
from torch import Tensor, nn

from ..core.cost import Cost
from .network import EarlyExitNetwork

COUNTED = ("conv", "linear", "addmm", "matmul", "bmm", "mm")


def macs(module: nn.Module, x: Tensor) -> int:
    """MACs of `module` on one input x (1, ...), by tracing."""
    from fvcore.nn import FlopCountAnalysis

    was_training = module.training
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit.trace deprecations
        analysis = FlopCountAnalysis(module.eval(), x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        count = sum(number for operator, number in analysis.by_operator().items() if operator in COUNTED)
    module.train(was_training)
    return int(count)


@torch.no_grad()
def count(network: EarlyExitNetwork, shape: tuple[int, ...]) -> Cost:
    """Cost of a network on one input of `shape` (channels, H, W): backbone cumulative to each tap, each head, in MACs."""
    was_training = network.training
    network.eval()
    x = torch.zeros(1, *shape)
    total, backbone, heads = 0, [], []
    for segment, branch in zip(network.segments, network.branches, strict=True):
        total += macs(segment, x)
        x = segment(x)
        backbone.append(total)
        heads.append(macs(branch, x))
    network.train(was_training)
    return Cost(backbone, heads)
