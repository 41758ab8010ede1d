"""Architectures of the demos' static networks, untrained: what a network costs does not depend on its weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..demos import StaticNetwork
from . import bases, known, mobile
from .augment.graph import analyse
from .network import EarlyExitNetwork

HEARTBEAT = (5, 256)  # the signal and four constant channels, samples
CHANNELS = 8  # of the ECG base, width 1
PICTURE = (3, 32, 32)
RESNETS = {"ResNet-20": "resnet20", "ResNet-32": "resnet32"}


def static_network(demo: str, network: StaticNetwork) -> EarlyExitNetwork:
    """One network of `Demo.static`, with a final classifier only. Raises ValueError for other demos."""
    if demo == "fashion":
        return mobile.build(mobile.static(mobile.FASHION, network.width)).eval()
    if demo == "ecg":
        return _segmented(bases.BASES["ecg"].build(width=round(CHANNELS * network.width)), HEARTBEAT)
    if demo == "cifar10" and network.name in RESNETS:
        return _segmented(known.build(RESNETS[network.name]), PICTURE)
    raise ValueError(f"demo {demo!r} has no static networks that are built here: choose fashion, ecg or cifar10.")


def _segmented(model, shape: Sequence[int]) -> EarlyExitNetwork:
    graph = analyse(model, torch.zeros(2, *shape))
    *body, final = graph.segments(range(len(graph.locations)))
    return EarlyExitNetwork(body, [final], tuple(shape), position=[len(body) - 1]).eval()
