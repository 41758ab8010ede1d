"""Fake quantization: numbers rounded to few levels and kept as floats, by PyTorch's own operators.

Weights: symmetric, one scale a channel. Activations: one scale and zero point a tensor, 0 among the levels. Gradients pass
straight through (Jacob et al. 2018, arXiv:1712.05877).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHRINKS = torch.linspace(1.0, 0.3, 15)  # of the range, tried for the least squared error where levels are few
FULL = 8  # bits from which on the whole range is kept, as onnxruntime does
SAMPLES = 1 << 16  # activations kept of each tensor to find its range


class FakeWeight(nn.Module):
    """A parametrization of weights (outputs, ...): `levels` positive and as many negative values a channel.

    The scale follows the largest weight of the channel; with fewer than 8 bits the range is the one of least squared
    error, found when the parametrization is registered and by `fit`.
    """

    def __init__(self, weight: Tensor, levels: int):
        super().__init__()
        self.levels = levels
        self.register_buffer("shrink", torch.ones(weight.shape[0]))
        self.fit(weight)

    @torch.no_grad()
    def fit(self, weight: Tensor) -> None:
        """Find the range of each channel."""
        self.shrink.fill_(1.0)
        if self.levels >= 2 ** (FULL - 2):
            return
        best = torch.full_like(self.shrink, torch.inf)
        found = self.shrink.clone()
        for shrink in SHRINKS:
            self.shrink.fill_(float(shrink))
            error = (self(weight) - weight).flatten(1).square().sum(dim=1)
            found = torch.where(error < best, shrink, found)
            best = torch.minimum(best, error)
        self.shrink.copy_(found)

    def forward(self, weight: Tensor) -> Tensor:
        """(outputs, ...) -> the same shape."""
        largest = weight.detach().flatten(1).abs().amax(dim=1) * self.shrink
        scale = torch.where(largest > 0, largest / self.levels, 1.0)
        zero = torch.zeros_like(scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -self.levels, self.levels)


class FakeActivation(nn.Module):
    """Rounds activations to 2^bits levels between the ends of their range; watches and passes them on until `fit`."""

    def __init__(self, bits: int):
        super().__init__()
        self.bits = bits
        self.watching = False
        self.seen: list[Tensor] = []
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("zero", torch.zeros((), dtype=torch.int32))

    @property
    def last(self) -> int:
        """The highest level."""
        return 2**self.bits - 1

    def watch(self) -> None:
        """Begin to note what passes."""
        self.watching, self.seen = True, []
        self.low.zero_()
        self.high.zero_()

    @torch.no_grad()
    def fit(self) -> None:
        """Set the range: all that was seen; with fewer than 8 bits the part of it with the least squared error."""
        self.watching = False
        if self.bits >= FULL or not self.seen:
            self._set(self.low, self.high)
            return
        x = torch.cat(self.seen)
        errors = []
        for shrink in SHRINKS:
            self._set(self.low * shrink, self.high * shrink)
            errors.append(float((self(x) - x).square().sum()))
        shrink = SHRINKS[int(torch.tensor(errors).argmin())]
        self._set(self.low * shrink, self.high * shrink)
        self.seen = []

    def _set(self, low: Tensor, high: Tensor) -> None:
        span = high - low
        self.scale.copy_(torch.where(span > 0, span / self.last, 1.0))
        self.zero.copy_(torch.clamp(torch.round(-low / self.scale), 0, self.last).to(torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        if self.watching:
            self.low.copy_(torch.minimum(self.low, x.detach().min()))
            self.high.copy_(torch.maximum(self.high, x.detach().max()))
            if self.bits < FULL:
                flat = x.detach().flatten()
                self.seen.append(flat[:: max(1, len(flat) // SAMPLES)].clone())
            return x
        return torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero, 0, self.last)
