"""Architectures of the demos' static networks, untrained: what a network costs does not depend on its weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from . import bases, mobile
from .augment.graph import analyse
from .network import EarlyExitNetwork

HEARTBEAT = (5, 256)  # the signal and four constant channels, samples
CHANNELS = 8  # of the ECG base, width 1


def static_network(demo: str, width: float) -> EarlyExitNetwork:
    """One network of `Demo.static` by its width, with a final classifier only. Raises ValueError for other demos."""
    if demo == "fashion":
        return mobile.build(mobile.static(mobile.FASHION, width)).eval()
    if demo != "ecg":
        raise ValueError(f"demo {demo!r} has no static networks that are built here: choose fashion or ecg.")
    model = bases.BASES["ecg"].build(width=round(CHANNELS * width))
    return _segmented(model, HEARTBEAT)


def _segmented(model, shape: Sequence[int]) -> EarlyExitNetwork:
    graph = analyse(model, torch.zeros(2, *shape))
    *body, final = graph.segments(range(len(graph.locations)))
    return EarlyExitNetwork(body, [final], tuple(shape), position=[len(body) - 1]).eval()
