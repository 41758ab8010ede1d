"""EarlyExitNetwork: backbone segments with an exit branch after each; the last branch is the final classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..core.calibration import BELOW_ONE, MEASURES
from ..core.policy import Policy

CHUNK = 64  # samples per step of `infer`: larger batches leave the CPU's cache


@dataclass(frozen=True, eq=False)
class Inference:
    """Answers of real early-exit inference: predicted (N,) int64, exit_of (N,) int64, confidence (N,) float32."""

    predicted: np.ndarray
    exit_of: np.ndarray
    confidence: np.ndarray


class EarlyExitNetwork(nn.Module):
    """E segments in a row, each followed by a branch that answers in C classes. A static network has E = 1."""

    def __init__(self, segments: list[nn.Module], branches: list[nn.Module]):
        if len(segments) != len(branches) or not segments:
            raise ValueError(f"one branch per segment is needed, got {len(segments)} segments, {len(branches)} branches.")
        super().__init__()
        self.segments = nn.ModuleList(segments)
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, E, C) of every exit for images x (N, channels, H, W)."""
        logits = []
        for segment, branch in zip(self.segments, self.branches, strict=True):
            x = segment(x)
            logits.append(branch(x))
        return torch.stack(logits, dim=1)  # (N, E, C)

    @torch.inference_mode()
    def infer(
        self, x: Tensor, policy: Policy, *, measure: str = "max_probability", temperature=None, chunk: int = CHUNK
    ) -> Inference:
        """Early-exit inference of x (N, channels, H, W): decided samples are not computed any further.

        temperature : (E,) or None. Equal to `route` on the collected records except for samples whose confidence lies
        within 1e-5 of a threshold. Raises ValueError when the policy has another number of exits.
        """
        if len(policy.thresholds) != len(self.segments) - 1:
            raise ValueError(f"the policy has {len(policy.thresholds)} thresholds, the network {len(self.segments) - 1}.")
        was_training = self.training
        self.eval()
        scale = [1.0] * len(self.segments) if temperature is None else list(temperature)
        try:
            parts = [self._infer(part, policy, measure, scale) for part in x.split(chunk)]
        finally:
            self.train(was_training)
        predicted, exit_of, confidence = (torch.cat(column).numpy() for column in zip(*parts, strict=True))
        return Inference(predicted, exit_of, confidence)

    def _infer(self, x: Tensor, policy: Policy, measure: str, temperature) -> tuple[Tensor, Tensor, Tensor]:
        samples, last = len(x), len(self.segments) - 1
        predicted = torch.empty(samples, dtype=torch.int64)
        exit_of = torch.empty(samples, dtype=torch.int64)
        confidence = torch.empty(samples, dtype=torch.float32)
        open_ = torch.arange(samples)  # samples not decided yet
        for k, (segment, branch) in enumerate(zip(self.segments, self.branches, strict=True)):
            x = segment(x)
            threshold = policy.thresholds[k] if k < last else 0.0
            if threshold is None:
                continue
            logits = branch(x)  # (open, C)
            sure = confidence_of(logits, measure, temperature[k])
            leaves = sure >= torch.tensor(threshold, dtype=torch.float32)
            gone = open_[leaves]
            predicted[gone], exit_of[gone], confidence[gone] = logits[leaves].argmax(1), k, sure[leaves]
            if leaves.all():
                break
            if leaves.any():
                stays = (~leaves).nonzero().squeeze(1)
                open_ = open_[stays]
                x = _gather(x, stays)
        return predicted, exit_of, confidence


def _gather(x: Tensor, index: Tensor) -> Tensor:
    if x.dim() != 4:
        return x.index_select(0, index)
    # index_select drops channels_last, and every later convolution would be slower
    return x.permute(0, 2, 3, 1).index_select(0, index).permute(0, 3, 1, 2)


def confidence_of(logits: Tensor, measure: str, temperature: float = 1.0) -> Tensor:
    """Confidence (N,) float32 in [0, 1) of logits (N, C); the torch twin of `core.calibration.confidence_of`."""
    if measure not in MEASURES:
        raise ValueError(f"measure {measure!r} is unknown: choose one of {', '.join(MEASURES)}.")
    p = torch.softmax(logits.double() / temperature, dim=1)
    if measure == "entropy":
        confidence = 1 + torch.special.xlogy(p, p).sum(1) / np.log(p.shape[1])
    else:
        top = p.topk(2, dim=1).values
        confidence = top[:, 0] - top[:, 1] if measure == "margin" else top[:, 0]
    return confidence.float().clamp(0, float(BELOW_ONE))
