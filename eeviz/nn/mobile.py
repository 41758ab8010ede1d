"""Compact inverted-residual networks for small images, built from a plain description that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .network import EarlyExitNetwork

FASHION = {
    "input": [1, 28, 28],
    "classes": 10,
    "width": 1.0,
    "stem": 8,
    # a block: output channels, expansion, stride, fused (dense 3x3 expansion instead of pointwise + depthwise)
    "segments": [
        [[16, 2, 2, True], [16, 2, 1, True]],
        [[32, 3, 2, True], [32, 3, 1, False]],
        [[48, 3, 1, False], [48, 3, 1, False]],
        [[64, 4, 1, False], [64, 4, 1, False]],
    ],
    # a branch: "conv" (dense 3x3) or "separable" (depthwise 3x3 + pointwise) or "pointwise", channels, stride
    "branches": [["conv", 48, 2], ["separable", 128, 1], ["separable", 128, 1], ["pointwise", 192, 1]],
}
"""Backbone and branches of the Fashion-MNIST demo: three exits and the final classifier."""


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True) -> list[nn.Module]:
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return [*layers, nn.ReLU(inplace=True)] if act else layers


class InvertedResidual(nn.Module):
    """Expand, 3x3, project (MobileNetV2, Sandler et al. 2018); fused: expansion and 3x3 are one dense convolution."""

    def __init__(self, inputs: int, outputs: int, expansion: float, stride: int, fused: bool):
        super().__init__()
        hidden = round(inputs * expansion)
        if fused:
            layers = _conv(inputs, hidden, 3, stride)
        else:
            layers = [*_conv(inputs, hidden, 1), *_conv(hidden, hidden, 3, stride, groups=hidden)]
        self.body = nn.Sequential(*layers, *_conv(hidden, outputs, 1, act=False))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return x + y if self.residual else y


def _channels(base: int, width: float) -> int:
    return max(4, 4 * round(base * width / 4))


def build(config: Mapping, seed: int = 0, static: bool = False) -> EarlyExitNetwork:
    """Network of a description such as `FASHION`, weights drawn from `seed`, channels_last.

    static : the same backbone as one segment with the final classifier only. Raises ValueError for a bad description.
    """
    with torch.random.fork_rng():  # torch initialises layers from its global generator only
        torch.manual_seed(seed)
        network = _build(config, static)
    return network.to(memory_format=torch.channels_last)


def _build(config: Mapping, static: bool) -> EarlyExitNetwork:
    if len(config["segments"]) != len(config["branches"]):
        raise ValueError("the description needs one branch per segment.")
    width, channels = config["width"], _channels(config["stem"], config["width"])
    layers: list[nn.Module] = _conv(config["input"][0], channels, 3)
    segments, branches = [], []
    for blocks, branch in zip(config["segments"], config["branches"], strict=True):
        for base, expansion, stride, fused in blocks:
            outputs = _channels(base, width)
            layers.append(InvertedResidual(channels, outputs, expansion, stride, fused))
            channels = outputs
        segments.append(nn.Sequential(*layers))
        branches.append(_branch(branch, channels, config))
        layers = []
    if static:
        return EarlyExitNetwork([nn.Sequential(*(layer for s in segments for layer in s))], [branches[-1]])
    return EarlyExitNetwork(segments, branches)


def _branch(branch, inputs: int, config: Mapping) -> nn.Module:
    kind, base, stride = branch
    outputs = _channels(base, config["width"])
    if kind == "conv":
        layers = _conv(inputs, outputs, 3, stride)
    elif kind == "separable":
        layers = [*_conv(inputs, inputs, 3, stride, groups=inputs), *_conv(inputs, outputs, 1)]
    elif kind == "pointwise":
        layers = _conv(inputs, outputs, 1)
    else:
        raise ValueError(f"branch {kind!r} is unknown: choose conv, separable or pointwise.")
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(outputs, config["classes"])
    )
