"""The early-exit network that augmentation hands out: chosen branches, their thresholds and temperatures, own input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ...core.table.policy import Policy
from ..network import EarlyExitNetwork, Inference, fold
from .branches import Branch
from .fused import copied, folded
from .inputs import Prepare


class AugmentedNetwork(EarlyExitNetwork):
    """An EarlyExitNetwork that prepares samples as the model's user told, and knows the policy it was made for.

    policy : of its own E exits. temperature : (E,) of its exits. measure : of confidence. channels_last : pictures are
    laid out so, which is faster where a model takes it.
    """

    def __init__(
        self,
        segments: Sequence[nn.Module],
        branches: Sequence[nn.Module],
        input_shape: Sequence[int],
        prepare: Prepare,
        position: Sequence[int],
        policy: Policy | None = None,
        temperature: Sequence[float] | None = None,
        measure: str = "max_probability",
    ):
        super().__init__(segments, branches, tuple(input_shape), position=position)
        self.preparation, self.policy, self.measure = prepare, policy, measure
        self.channels_last = False
        self.temperature = None if temperature is None else tuple(float(t) for t in temperature)

    def prepare(self, values) -> Tensor:
        """Samples as they were given for calibration (n, ...) -> the model's input."""
        x = self.preparation(values.numpy() if isinstance(values, Tensor) else np.asarray(values))
        if tuple(x.shape[1:]) != self.input_shape:
            raise ValueError(
                f"samples: the network takes {self.input_shape} each, prepared they are {tuple(x.shape[1:])}."
            )
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x

    def folded(self) -> AugmentedNetwork:
        """A copy in evaluation mode, batch norms folded into the convolutions that only they read."""
        made = copied(self).eval()
        for parts in (made.segments, made.branches):
            for k, part in enumerate(parts):
                parts[k] = fold(part) if isinstance(part, Branch) else folded(part)
        return made.to(memory_format=torch.channels_last) if self.channels_last else made

    def infer(self, x, policy: Policy | None = None, measure=None, temperature=None, chunk: int = 64) -> Inference:
        """As `EarlyExitNetwork.infer`; policy, measure and temperature are the network's own unless given."""
        if policy is None and self.policy is None:
            raise ValueError("this network holds all branches and no policy of its own: give one to infer.")
        temperature = self.temperature if temperature is None else temperature
        return super().infer(x, policy or self.policy, measure or self.measure, temperature, chunk)
