"""A network with its weights and activations rounded to few bits."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from ...core.network.bits import FP32, Bits, HeadBits, heads_at
from ..network import EarlyExitNetwork, fold
from .fake import FakeActivation
from .slots import quantized

CHOICES = (8, 6, 4)  # bits of weights and of activations; 32 leaves them as they are
CALIBRATION = 256  # images that ranges are taken from
_CHUNK = 64


class QuantizedNetwork(EarlyExitNetwork):
    """An EarlyExitNetwork whose numbers are rounded as on hardware of few bits. bits, head_bits (E,) : how many.

    reduce_range : weights of 8 bits use 7, as onnxruntime needs on processors without VNNI.
    """

    def __init__(self, network: EarlyExitNetwork, bits: Bits, head_bits: tuple[Bits, ...], reduce_range: bool = False):
        plain = fold(copy.deepcopy(network).eval())
        segments, branches = list(plain.segments), list(plain.branches)
        if bits != FP32:
            for index, segment in enumerate(segments):
                segments[index] = quantized(segment, bits, _levels(bits, reduce_range), False, index == 0)
        for k, own in enumerate(head_bits):
            if own != FP32:  # a copy: one branch may stand in several columns, at other bits in each
                branches[k] = quantized(copy.deepcopy(branches[k]), own, _levels(own, reduce_range), True, False)
        super().__init__(segments, branches, plain.input_shape, plain.mean, plain.std, plain.position)
        self.bits, self.head_bits, self.reduce_range = bits, head_bits, reduce_range
        self.to(memory_format=torch.channels_last)
        self.eval()

    @torch.no_grad()
    def calibrate(self, images) -> QuantizedNetwork:
        """Take the range of every activation from images (N, H, W[, 3]) uint8, passed unrounded; returns the network."""
        training = self.training
        self.eval()
        quantizers = [m for m in self.modules() if isinstance(m, FakeActivation)]
        for quantizer in quantizers:
            quantizer.watch()
        x = images if isinstance(images, Tensor) and images.dtype != torch.uint8 else self.prepare(images)
        for start in range(0, len(x), _CHUNK):
            self(x[start : start + _CHUNK])
        for quantizer in quantizers:
            quantizer.fit()
        self.train(training)
        return self

    def unrounded(self) -> EarlyExitNetwork:
        """The same weights, as fine-tuning left them, without any rounding: what an export to int8 starts from."""
        plain = copy.deepcopy(self)
        for module in list(plain.modules()):
            if parametrize.is_parametrized(module):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
            for name, inner in list(module.named_children()):
                if isinstance(inner, FakeActivation):
                    setattr(module, name, torch.nn.Identity())
        return EarlyExitNetwork(
            plain.segments, plain.branches, plain.input_shape, plain.mean, plain.std, plain.position
        ).eval()


def quantize(
    network: EarlyExitNetwork,
    images,
    bits: Bits | int | str = 8,
    head_bits: HeadBits | int | str = None,
    *,
    reduce_range: bool = False,
) -> QuantizedNetwork:
    """A copy of `network` rounded to few bits, its ranges calibrated on images (N, H, W[, 3]) uint8 of the training set.

    bits : of the backbone: 8, 6, 4, "weights/activations", or 32 for none. head_bits : of every branch, or (E,) of each;
    None: those of the backbone. Batch norms are folded first. The network's input keeps 8 bits, its logits are floats.
    Raises ValueError for other bits, no images, and layers that cannot be quantized.
    """
    backbone = checked(bits)
    given = head_bits if head_bits is None or isinstance(head_bits, tuple | list) else checked(head_bits)
    own = tuple(checked(b) for b in heads_at(given, backbone, network.exits_count))
    if len(images) == 0:
        raise ValueError("quantization needs images to calibrate the ranges of activations on.")
    return QuantizedNetwork(network, backbone, own, reduce_range).calibrate(images[:CALIBRATION])


def checked(bits: Bits | int | str) -> Bits:
    """Bits that can be quantized to. Raises ValueError listing them."""
    bits = Bits.of(bits)
    if bits != FP32 and not {bits.weights, bits.activations} <= set(CHOICES):
        raise ValueError(
            f"bits {bits}: weights and activations can have {', '.join(map(str, CHOICES))} bits, or both 32."
        )
    return bits


def _levels(bits: Bits, reduce_range: bool) -> int:
    if reduce_range and bits.weights == 8:
        return 64  # onnxruntime's reduced range is -64..64
    return 2 ** (bits.weights - 1) - 1
