"""What augmentation asks of a platform: found by name, and a network's segments as it prices them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from ...core.network.segments import Segments
from ...core.platform.placement import fitting
from ...core.platform.platform import CLOCKS, Platform
from ..count.describe import describe
from ..network import EarlyExitNetwork


def platform_of(given: Any) -> Platform | None:
    """A Platform as it is, a preset by its name, None as it is. Raises ValueError in words for anything else."""
    if given is None or isinstance(given, Platform):
        return given
    if not isinstance(given, str):
        raise ValueError(
            f"platform: expected a Platform or the name of a preset, got {type(given).__name__}. "
            "Platform.load reads one from a file."
        )
    return Platform.preset(given)


def segments_on(platform: Platform, network: EarlyExitNetwork, size: float = 4) -> Segments:
    """Segments and heads of `network`, weights and activations of `size` bytes; where `platform` is this machine they are
    clocked, in float32: `eeviz.hardware` adds itself to `CLOCKS` for that."""
    for processor in platform.processors:
        if processor.name in CLOCKS:
            return CLOCKS[processor.name](network, getattr(network, "measure", None) or "max_probability")
    return describe(network, size, size)


def check_memory(platform: Platform, segments: Sequence[nn.Module], shape: Sequence[int]) -> None:
    """Raises ValueError, naming the nearest, when no processors of `platform` hold the model: before anything is trained.

    segments : the model's, in evaluation mode, its final classifier last. shape : of one sample.
    """
    *body, final = segments
    model = EarlyExitNetwork(body, [final], tuple(shape), position=[len(body) - 1]).eval()
    fitting(platform, describe(model))
