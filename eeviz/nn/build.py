"""The network of a plan: plain torch modules in the plan's order, each layer with weights marked by its name."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.network import layers as described
from ..core.network.layers import Layers, Shape
from ..core.network.plan import Plan
from .learned import LearnedExitNetwork
from .models.inverted_residuals import initialise
from .network import EarlyExitNetwork


@torch.random.fork_rng(devices=[])  # layers draw from the global generator before initialise overwrites them
def build(plan: Plan, seed: int = 0, mean: float = 0.0, std: float = 1.0) -> EarlyExitNetwork:
    """The network of a plan, channels_last, initialised from `seed`; mean, std : of pixel values, for `prepare`.

    A plan with learned confidences gives a `LearnedExitNetwork`.
    """
    segments = [_sequence(layers, shape) for layers, shape in zip(plan.segments, plan.shapes, strict=False)]
    branches = [_sequence(head.layers, shape) for head, shape in zip(plan.heads, plan.taps, strict=True)]
    kind = LearnedExitNetwork if plan.learned_confidence else EarlyExitNetwork
    network = kind(segments, branches, plan.input, mean, std, plan.position)
    return initialise(network, seed).to(memory_format=torch.channels_last)


def named(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """(name in the plan, module) of every convolution, linear layer and batch norm, in the plan's order.

    A batch norm is called as its convolution with ".norm" behind; the two convolutions of a squeeze-excite have
    ".reduce" and ".expand".
    """
    for module in network.modules():
        if hasattr(module, "weight_name"):
            yield module.weight_name, module


class Residual(nn.Module):
    """Adds the input of its layers to their output, where they change the shape as `core.layers.Block` says."""

    def __init__(self, layers: nn.Module, stride: int = 1, more_channels: int = 0):
        super().__init__()
        self.layers, self.stride, self.more_channels = layers, stride, more_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, channels + more_channels, H / stride, W / stride), sizes rounded up."""
        y = self.layers(x)
        if self.stride > 1:
            x = functional.avg_pool2d(x, self.stride, self.stride, ceil_mode=True, count_include_pad=False)
        if self.more_channels:
            x = functional.pad(x, (0, 0, 0, 0, 0, self.more_channels))  # a negative number cuts
        return x + y


class Resize(nn.Module):
    """Interpolation to size x size; mode : "bicubic" or "bilinear"."""

    def __init__(self, size: int, mode: str):
        super().__init__()
        self.size, self.mode = size, mode

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, channels, size, size)."""
        return functional.interpolate(x, size=(self.size, self.size), mode=self.mode, align_corners=False)


class SqueezeExcite(nn.Module):
    """Scales each channel by a hard sigmoid of two 1x1 convolutions on the channels' means."""

    def __init__(self, name: str, channels: int, reduced: int):
        super().__init__()
        self.reduce = _named(nn.Conv2d(channels, reduced, 1), f"{name}.reduce")
        self.expand = _named(nn.Conv2d(reduced, channels, 1), f"{name}.expand")

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        scale = self.reduce(functional.adaptive_avg_pool2d(x, 1)).relu_()  # (N, reduced, 1, 1)
        return x * functional.hardsigmoid(self.expand(scale))


def _sequence(layers: Layers, shape: Shape) -> nn.Sequential:
    return nn.Sequential(*(module(layer, at) for layer, at in described.walk(layers, shape)))


def module(layer: described.Layer, shape: Shape) -> nn.Module:
    """The module of one layer on inputs of that shape; its weights are drawn from torch's global generator."""
    match layer:
        case described.Convolution():
            return _convolution(layer, shape)
        case described.SqueezeExcite():
            return SqueezeExcite(layer.name, shape[0], layer.reduced)
        case described.Linear():
            linear = _named(nn.Linear(shape[0] * shape[1] * shape[2], layer.features, bias=layer.bias), layer.name)
            dropout = [nn.Dropout(layer.dropout)] if layer.dropout else []
            return nn.Sequential(nn.Flatten(), *dropout, linear, *_activation(layer.activation))
        case described.Activation():
            return _activation(layer.kind, inplace=False)[0]  # what it reads may be a tap that others read too
        case described.MaxPool():
            return nn.MaxPool2d(layer.size)
        case described.AveragePool():
            return nn.AdaptiveAvgPool2d(layer.size)
        case described.Resize():
            return nn.Identity() if layer.out(shape) == shape else Resize(layer.size, layer.mode)
        case described.Block():
            inside = _sequence(layer.layers, shape)
            if not layer.residual:
                return inside
            return Residual(inside, layer.stride(shape), layer.out(shape)[0] - shape[0])
    raise ValueError(f"no module is known for a layer of type {type(layer).__name__}.")


def _convolution(layer: described.Convolution, shape: Shape) -> nn.Sequential:
    convolution = nn.Conv2d(
        shape[0],
        layer.channels,
        layer.kernel,
        layer.stride,
        layer.kernel // 2 if layer.padded else 0,
        groups=shape[0] if layer.depthwise else 1,
        bias=layer.bias,
    )
    norm = [_named(nn.BatchNorm2d(layer.channels), f"{layer.name}.norm")] if layer.norm else []
    return nn.Sequential(_named(convolution, layer.name), *norm, *_activation(layer.activation))


def _activation(kind: str | None, inplace: bool = True) -> list[nn.Module]:
    if kind is None:
        return []
    return [{"relu": nn.ReLU, "hswish": nn.Hardswish}[kind](inplace=inplace)]


def _named(module: nn.Module, name: str) -> nn.Module:
    module.weight_name = name
    return module
