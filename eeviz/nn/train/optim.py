"""What every training here shares: how the learning rate moves, which parameters decay."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import nn


def warm_cosine(progress: float, warm_up: float, least: float = 0.02) -> float:
    """Share of the learning rate at a progress in [0, 1]: linear over `warm_up`, from `least` on, then a cosine to zero."""
    if progress < warm_up:
        return max(progress / warm_up, least)
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def progress_of(share: float, seconds: float, time_budget: float | None) -> float:
    """How far training has come: the share of its steps, or of its time where there is a budget and that is further."""
    return share if time_budget is None else max(share, seconds / time_budget)


def parameter_groups(parameters: Iterable[nn.Parameter], weight_decay: float, **more: Any) -> list[dict]:
    """Two groups for an optimizer, `more` in each: weights decay; scales and biases do not, it only costs accuracy."""
    parameters = list(parameters)
    decayed, free = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay, **more}, {"params": free, "weight_decay": 0.0, **more}]
