"""Segments of a network as numbers: MACs by kind of operator, weights, activations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.network.segments import Piece, Segments
from ..network import EarlyExitNetwork
from .macs import count_macs

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@torch.no_grad()
def describe(network: EarlyExitNetwork, activation_bytes: float = 4, weight_bytes: float = 4) -> Segments:
    """What a platform needs to know of `network`, for one sample.

    activation_bytes, weight_bytes : of one element: 4 for float32, 1 for int8, 0.5 for 4 bits. Kinds of operators are
    "conv", "depthwise" (as many groups as channels), "linear" and "matmul" (products without weights, as in attention).
    Moved bytes are those of each layer with weights, its input and output; peak bytes the largest input and output of
    one layer. Tensors kept for a residual sum are not counted.
    Raises ValueError for operators whose MACs cannot be counted.
    """
    training = network.training
    network.eval()
    x = torch.zeros(1, *network.input_shape)
    size = x.numel() * activation_bytes
    pieces, heads = [], []
    try:
        for index, segment in enumerate(network.segments):
            piece, out = _piece(segment, x, activation_bytes, weight_bytes)
            pieces.append(piece)
            heads += [_piece(network.branches[k], out, activation_bytes, weight_bytes)[0] for k in network.at(index)]
            x = out
    finally:
        network.train(training)
    return Segments(pieces, heads, network.position, size)


def _piece(module: nn.Module, x: Tensor, activation_bytes: float, weight_bytes: float) -> tuple[Piece, Tensor]:
    seen: list[tuple[nn.Module, int, int, Tensor]] = []

    def note(layer: nn.Module, args: tuple, out) -> None:
        if args and isinstance(args[0], Tensor) and isinstance(out, Tensor):
            seen.append((layer, args[0].numel(), out.numel(), out))

    leaves = [layer for layer in module.modules() if not any(True for _ in layer.children())]
    hooks = [layer.register_forward_hook(note) for layer in leaves]
    try:
        out = module(x)
    finally:
        for hook in hooks:
            hook.remove()
    macs = {"conv": 0, "depthwise": 0, "linear": 0}
    moved, peak = 0, x.numel() + out.numel()
    for layer, taken, given, result in seen:
        peak = max(peak, taken + given)
        if isinstance(layer, CONVOLUTIONS):
            depthwise = layer.groups > 1 and layer.groups == layer.in_channels
            macs["depthwise" if depthwise else "conv"] += result[0].numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            macs["linear"] += result[0].numel() * layer.in_features
        else:
            continue
        moved += taken + given
    counted = count_macs(module, x)
    macs["matmul"] = max(0, counted - sum(macs.values()))
    parameters = sum(p.numel() for p in module.parameters())
    piece = Piece(
        {kind: count for kind, count in macs.items() if count},
        weight_bytes=parameters * weight_bytes,
        input_bytes=x.numel() * activation_bytes,
        output_bytes=out.numel() * activation_bytes,
        moved_bytes=parameters * weight_bytes + moved * activation_bytes,
        peak_bytes=peak * activation_bytes,
    )
    return piece, out
