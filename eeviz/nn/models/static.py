"""Architectures of the demos' static networks, untrained: what a network costs does not depend on its weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...catalogue import StaticNetwork
from ..augment.graph import analyse
from ..network import EarlyExitNetwork
from . import classifiers, inverted_residuals, use_cases

HEARTBEAT = (5, 256)  # the signal and four constant channels, samples
CHANNELS = 8  # of the ECG base, width 1
PICTURE = (3, 32, 32)
RESNETS = {"ResNet-20": "resnet20", "ResNet-32": "resnet32"}


def static_network(demo: str, network: StaticNetwork) -> EarlyExitNetwork:
    """One network of `Demo.static`, with a final classifier only. Raises ValueError for other demos."""
    if demo == "fashion":
        return inverted_residuals.build(inverted_residuals.static(inverted_residuals.FASHION, network.width)).eval()
    if demo == "ecg":
        return _segmented(use_cases.BASES["ecg"].build(width=round(CHANNELS * network.width)), HEARTBEAT)
    if demo == "cifar10" and network.name in RESNETS:
        return _segmented(classifiers.build(RESNETS[network.name]), PICTURE)
    raise ValueError(f"demo {demo!r} has no static networks that are built here: choose fashion, ecg or cifar10.")


def _segmented(model, shape: Sequence[int]) -> EarlyExitNetwork:
    graph = analyse(model, torch.zeros(2, *shape))
    *body, final = graph.segments(range(len(graph.locations)))
    return EarlyExitNetwork(body, [final], tuple(shape), position=[len(body) - 1]).eval()
