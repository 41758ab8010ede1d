"""Segments of a network as numbers: MACs by kind of operator, weights, activations."""

from __future__ import annotations

from ...core.network.bits import Bits
from ...core.network.segments import Segments
from ..network import EarlyExitNetwork
from .workload import walked


def describe(network: EarlyExitNetwork, activation_bytes: float = 4, weight_bytes: float = 4) -> Segments:
    """What a platform needs to know of `network`, for one sample: `Workload.platform_segments` of any network.

    activation_bytes, weight_bytes : of one element: 4 for float32, 1 for int8, 0.5 for 4 bits. Kinds of operators are
    "conv", "depthwise" (as many groups as channels), "linear" and "matmul" (products without weights, as in attention).
    Batch norms, activation functions and biases are folded into the layer before; weights that are used again are stored
    once. Moved bytes are the weights, and what every step reads and writes; peak bytes the most activations that are alive
    at once, tensors that wait for a residual sum among them.
    Raises ValueError for operators whose MACs cannot be counted.
    """
    bits = Bits(*(round(8 * size) for size in (weight_bytes, activation_bytes)))
    return walked(network).platform_segments(bits)
