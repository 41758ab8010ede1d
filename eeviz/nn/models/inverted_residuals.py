"""Compact inverted-residual networks with early exits, built from a plain JSON-able architecture.

Blocks: inverted residual (MobileNetV2, Sandler et al. 2018, arXiv:1801.04381) and its fused form, in which one full 3x3
convolution replaces the expansion and the depthwise convolution (EfficientNetV2, Tan & Le 2021, arXiv:2104.00298).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ..network import EarlyExitNetwork

FASHION: dict[str, Any] = {
    "family": "inverted-residual",
    "input": [1, 28, 28],
    "classes": 10,
    "mean": 0.2860,
    "std": 0.3530,
    "width": 1.0,
    "stem": 8,
    "blocks": [
        {"channels": 16, "expansion": 3, "stride": 2, "fused": True},
        {"channels": 16, "expansion": 2, "stride": 1, "fused": True},
        {"channels": 40, "expansion": 3, "stride": 2, "fused": True},
        {"channels": 40, "expansion": 3, "stride": 1, "fused": False},
        {"channels": 40, "expansion": 3, "stride": 1, "fused": False},
        {"channels": 56, "expansion": 4, "stride": 1, "fused": False},
        {"channels": 56, "expansion": 4, "stride": 1, "fused": False},
        {"channels": 56, "expansion": 4, "stride": 1, "fused": False},
    ],
    "exits": [
        {"after": 1, "channels": [64, 96], "strides": [2, 2]},
        {"after": 3, "channels": [112], "strides": [2]},
        {"after": 5, "channels": [128], "strides": [2]},
    ],
    "final": 160,
}
"""The demo's network; exits: a branch after block `after`, a depthwise-separable convolution per entry of channels."""


def static(architecture: dict[str, Any], width: float = 1.0) -> dict[str, Any]:
    """The static network of an architecture: same backbone, final classifier only, channels scaled by `width`."""
    return {**architecture, "exits": [], "width": width}


@torch.random.fork_rng(devices=[])  # layers draw from the global generator before initialise overwrites them
def build(architecture: dict[str, Any], seed: int = 0) -> EarlyExitNetwork:
    """The network of an architecture (a dict as `FASHION`), channels_last, initialised from `seed`.

    `width` scales every channel count of the backbone, in steps of 4; branches keep theirs.
    Raises ValueError for exits that are out of order or outside the blocks, or another family.
    """
    if architecture.get("family") != "inverted-residual":
        raise ValueError(f"family {architecture.get('family')!r} is unknown: expected 'inverted-residual'.")
    blocks, exits = architecture["blocks"], architecture["exits"]
    after = [exit_["after"] for exit_ in exits]
    if after != sorted(set(after)) or any(not 0 <= a < len(blocks) - 1 for a in after):
        raise ValueError(f"exits: 'after' must rise and lie in 0..{len(blocks) - 2}, got {after}.")

    def scaled(channels: int) -> int:
        return max(4, 4 * round(channels * architecture["width"] / 4))

    channels = scaled(architecture["stem"])
    segment: list[nn.Module] = [_convolution(architecture["input"][0], channels, 3)]
    segments, branches = [], []
    for index, block in enumerate(blocks):
        out = scaled(block["channels"])
        segment.append(InvertedResidual(channels, out, block["expansion"], block["stride"], block["fused"]))
        channels = out
        if index in after:
            segments.append(nn.Sequential(*segment))
            branches.append(_branch(channels, exits[after.index(index)], architecture["classes"]))
            segment = []
    last = scaled(architecture["final"])
    segments.append(nn.Sequential(*segment))
    branches.append(nn.Sequential(_convolution(channels, last, 1), *_classifier(last, architecture["classes"])))
    network = EarlyExitNetwork(segments, branches, architecture["input"], architecture["mean"], architecture["std"])
    return initialise(network, seed).to(memory_format=torch.channels_last)


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 depthwise, 1x1 projection; fused: one full 3x3 for two. Residual where shapes agree."""

    def __init__(self, channels: int, out: int, expansion: int, stride: int, fused: bool):
        super().__init__()
        wide = channels * expansion
        if fused:
            layers = [*_convolution(channels, wide, 3, stride)]
        else:
            layers = [*_convolution(channels, wide, 1), *_convolution(wide, wide, 3, stride, groups=wide)]
        self.layers = nn.Sequential(*layers, *_convolution(wide, out, 1, activation=False))
        self.residual = stride == 1 and channels == out

    def forward(self, x):
        """(N, channels, H, W) -> (N, out, H / stride, W / stride)."""
        y = self.layers(x)
        return x + y if self.residual else y


def _convolution(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, activation: bool = True):
    layers = [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if activation else []))


def _classifier(channels: int, classes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


def _branch(channels: int, exit_: dict[str, Any], classes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for out, stride in zip(exit_["channels"], exit_["strides"], strict=True):
        layers += [*_convolution(channels, channels, 3, stride, groups=channels, activation=False)]
        layers += [*_convolution(channels, out, 1)]
        channels = out
    return nn.Sequential(*layers, *_classifier(channels, classes))


def initialise(network: EarlyExitNetwork, seed: int) -> EarlyExitNetwork:
    """He et al. 2015 (arXiv:1502.01852) from a local generator; torch's own way draws from the global one."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            if module.groups > 1:  # fan_out counts all groups' outputs although each input reaches only its own
                with torch.no_grad():
                    module.weight.mul_(math.sqrt(module.groups))
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01, generator=generator)
            nn.init.zeros_(module.bias)
    return network
