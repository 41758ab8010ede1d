"""EarlyExitNetwork: backbone segments and the exit branches that read them; the last branch is the final classifier."""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..core.table.calibration import confidence_of
from ..core.table.policy import Policy


@dataclass(frozen=True, eq=False)
class Inference:
    """What early-exit inference answered: predicted (N,), exit_of (N,) int64, confidence (N,) float32 at that exit."""

    predicted: np.ndarray
    exit_of: np.ndarray
    confidence: np.ndarray


class EarlyExitNetwork(nn.Module):
    """Backbone segments and E branches; branch k reads the output of segment position[k] and gives C logits.

    input_shape : (channels, height, width). mean, std : of pixel values in [0, 1], used by `prepare`.
    position : (E,) for each branch the segment that it reads, None for one branch after every segment. Branches of one
    position are alternatives; segments without a branch are allowed, the last one has the final classifier.
    Raises ValueError when segments and branches do not fit.
    """

    def __init__(
        self,
        segments: Iterable[nn.Module],
        branches: Iterable[nn.Module],
        input_shape: tuple[int, int, int],
        mean: float = 0.0,
        std: float = 1.0,
        position: Sequence[int] | None = None,
    ):
        super().__init__()
        self.segments, self.branches = nn.ModuleList(segments), nn.ModuleList(branches)
        if position is None:
            if len(self.segments) != len(self.branches) or not len(self.segments):
                raise ValueError(
                    f"{len(self.segments)} segments but {len(self.branches)} branches: "
                    "every segment needs its own branch, or give their positions."
                )
            position = range(len(self.segments))
        self.position = tuple(int(p) for p in position)
        if len(self.position) != len(self.branches):
            raise ValueError(f"{len(self.position)} positions but {len(self.branches)} branches: they must agree.")
        if list(self.position) != sorted(self.position) or self.position[0] < 0:
            raise ValueError(f"positions must not fall, got {self.position}.")
        if self.position[-1] != len(self.segments) - 1:
            raise ValueError(f"the last branch must read segment {len(self.segments) - 1}, got {self.position[-1]}.")
        self.input_shape, self.mean, self.std = tuple(input_shape), float(mean), float(std)

    @property
    def exits_count(self) -> int:
        """E, alternatives and the final classifier included."""
        return len(self.branches)

    def at(self, segment: int) -> range:
        """The branches that read the output of this segment."""
        return range(bisect_left(self.position, segment), bisect_right(self.position, segment))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, E, C) of every branch for x (N, channels, H, W)."""
        logits = []
        for index, segment in enumerate(self.segments):
            x = segment(x)  # (N, channels, h, w)
            logits += [self.branches[k](x) for k in self.at(index)]  # (N, C) each
        return torch.stack(logits, dim=1)

    def prepare(self, images) -> Tensor:
        """Images uint8 (N, H, W) or (N, H, W, channels), array or tensor -> standardised (N, channels, H, W)."""
        x = torch.as_tensor(np.array(images) if isinstance(images, np.ndarray) else images)
        if x.dtype != torch.uint8 or x.ndim not in (3, 4):
            raise ValueError(f"images: expected uint8 (N, H, W[, channels]), got {tuple(x.shape)}, {x.dtype}.")
        # [:, None] would leave strides of both layouts in a grey image, and the first layers would run in the slow one
        x = (x[..., None] if x.ndim == 3 else x).permute(0, 3, 1, 2)
        if tuple(x.shape[1:]) != self.input_shape:
            raise ValueError(f"images: (channels, H, W) must be {self.input_shape}, got {tuple(x.shape[1:])}.")
        x = x.to(torch.float32).div_(255.0).sub_(self.mean).div_(self.std)
        return x.contiguous(memory_format=torch.channels_last)

    def folded(self) -> EarlyExitNetwork:
        """A copy in evaluation mode, batch norms folded into the convolutions before them: faster, same answers."""
        return fold(copy.deepcopy(self).eval()).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def infer(self, x, policy: Policy, measure: str = "max_probability", temperature=None, chunk: int = 256):
        """Early-exit inference that stops computing a sample where it leaves, and skips the heads of removed exits.

        x : float (N, channels, H, W), or uint8 images as in `prepare`. temperature : (E,) or None, as in the records.
        chunk : samples computed together; of small chunks so few samples reach the end that the cores idle.
        Equals `route` on this network's records except for samples within 1e-5 of a threshold (rounding differs with
        the batch). Raises ValueError for a policy of another length.
        """
        if len(policy.thresholds) != self.exits_count - 1:
            raise ValueError(f"the policy has {len(policy.thresholds)} thresholds, expected {self.exits_count - 1}.")
        if not isinstance(x, Tensor) or x.dtype == torch.uint8:
            x = self.prepare(x)
        if self.training:
            raise ValueError("this network is in training mode: call .eval() before .infer(...).")
        n = len(x)
        predicted, exit_of = np.zeros(n, np.int64), np.zeros(n, np.int64)
        confidence = np.zeros(n, np.float32)
        for start in range(0, n, chunk):
            part = slice(start, min(start + chunk, n))
            self._infer_chunk(x[part], policy, measure, temperature, predicted[part], exit_of[part], confidence[part])
        return Inference(predicted, exit_of, confidence)

    def _infer_chunk(self, x, policy, measure, temperature, predicted, exit_of, confidence) -> None:
        active = np.arange(len(x))  # rows of the chunk that x still holds
        for index, segment in enumerate(self.segments):
            x = segment(x)
            for k in self.at(index):
                threshold = 0.0 if k == self.exits_count - 1 else policy.thresholds[k]
                if threshold is None:
                    continue
                logits = self.branches[k](x).numpy()[:, None]  # (n, 1, C)
                sure = confidence_of(logits, measure, None if temperature is None else [temperature[k]])[:, 0]
                leaves = sure >= np.float32(threshold)
                left = active[leaves]
                predicted[left], exit_of[left], confidence[left] = logits[leaves, 0].argmax(axis=1), k, sure[leaves]
                if leaves.all():
                    return
                if leaves.any():
                    x = rows(x, torch.from_numpy(np.flatnonzero(~leaves)))
                    active = active[~leaves]


def rows(x: Tensor, index: Tensor) -> Tensor:
    """Those samples of x (N, ...), in the memory layout of x."""
    if x.ndim != 4 or x.is_contiguous():
        return x.index_select(0, index)
    # index_select on (N, C, H, W) would drop channels_last and slow every later convolution
    return x.permute(0, 2, 3, 1).index_select(0, index).permute(0, 3, 1, 2)


def fold(module: nn.Module) -> nn.Module:
    """Fold every batch norm of a module in evaluation mode into the convolution before it, in place; returns it."""
    for sequence in [inner for inner in module.modules() if isinstance(inner, nn.Sequential)]:
        for index in range(len(sequence) - 1):
            if isinstance(sequence[index], nn.Conv2d) and isinstance(sequence[index + 1], nn.BatchNorm2d):
                sequence[index] = fuse_conv_bn_eval(sequence[index], sequence[index + 1])
                sequence[index + 1] = nn.Identity()
    return module
