"""A frozen backbone made fast: batch norms folded into convolutions, small chunks that stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

CHUNK = 32


def fused(segments: Sequence[nn.Module]) -> list[nn.Module]:
    """Copies of segments in evaluation mode that compute the same but for rounding; whatever cannot be folded stays."""
    made = []
    for segment in segments:
        try:
            copy = fuse(segment).to(memory_format=torch.channels_last)
        except (RuntimeError, ValueError, TypeError, NameError, LookupError, AttributeError):  # not to be traced again
            copy = segment
        made.append(copy)
    return made


def outputs(
    segments: Sequence[nn.Module], readers: Mapping[int, Callable[[Tensor], Tensor]], x: Tensor
) -> tuple[dict[int, Tensor], Tensor]:
    """What each reader makes of the output of its segment, {segment: (N, ...)}, and the last segment's (N, C)."""
    read: dict[int, list[Tensor]] = {k: [] for k in readers}
    last = []
    for part in x.split(CHUNK):
        for k, segment in enumerate(segments):
            part = segment(part)
            if k in readers:
                read[k].append(readers[k](part))
        last.append(part)
    return {k: torch.cat(parts) for k, parts in read.items()}, torch.cat(last)
