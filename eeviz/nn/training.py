"""Training: one function for early-exit and static networks; a generator of events that prints nothing.

Deterministic in (network, data, recipe, seed, threads); resumes from its checkpoint to the same weights.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .network import EarlyExitNetwork


@dataclass(frozen=True)
class Recipe:
    """How to train; the same for every network that is compared.

    Stochastic gradient descent with Nesterov momentum, linear warm-up, cosine decay to 0; random horizontal flips and
    shifts. Early exits: weight `exit_weight` each beside the final classifier's 1, half labels, half distillation from
    the final classifier's logits at `softness` (Hinton et al. 2015; in-place distillation as in Yu et al. 2018).
    """

    epochs: int = 20
    batch: int = 128
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    warmup_epochs: float = 1.0
    label_smoothing: float = 0.05
    shift: int = 2
    flip: bool = True
    exit_weight: float = 0.5
    softness: float = 2.0


@dataclass(frozen=True)
class Step:
    """Progress inside an epoch: share of the whole training done, running loss."""

    progress: float
    loss: float


@dataclass(frozen=True)
class Epoch:
    """End of an epoch: mean loss, validation accuracy per exit (E,), learning rate, seconds spent."""

    epoch: int
    epochs: int
    loss: float
    accuracy: tuple[float, ...]
    learning_rate: float
    seconds: float


def normalised(images: np.ndarray) -> Tensor:
    """Float tensor (N, channels, H, W) in [-1, 1], channels_last, of uint8 images (N, H, W) or (N, H, W, channels)."""
    x = torch.from_numpy(np.ascontiguousarray(images)).float().div_(127.5).sub_(1)
    x = x.unsqueeze(1) if x.dim() == 3 else x.permute(0, 3, 1, 2)
    return x.contiguous(memory_format=torch.channels_last)


def augment(x: Tensor, shift: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Random shifts by up to `shift` pixels (edges padded with the darkest value) and flips of a batch (N, c, H, W)."""
    n, _, height, width = x.shape
    if shift:
        padded = F.pad(x, (shift,) * 4, value=-1.0).permute(0, 2, 3, 1)  # (N, H + 2s, W + 2s, c)
        top, left = (torch.randint(0, 2 * shift + 1, (n, 1), generator=generator) for _ in range(2))
        rows = (top + torch.arange(height))[:, :, None]  # (N, H, 1)
        columns = (left + torch.arange(width))[:, None, :]  # (N, 1, W)
        x = padded[torch.arange(n)[:, None, None], rows, columns].permute(0, 3, 1, 2)
    if flip:
        turned = torch.rand(n, generator=generator) < 0.5
        x = torch.where(turned[:, None, None, None], x.flip(3), x)
    return x.contiguous(memory_format=torch.channels_last)


def loss_of(logits: Tensor, label: Tensor, recipe: Recipe) -> Tensor:
    """Joint loss of logits (N, E, C): labels at the final exit, labels and distillation at the earlier ones."""
    final = logits[:, -1]
    loss = F.cross_entropy(final, label, label_smoothing=recipe.label_smoothing)
    teacher = F.log_softmax(final.detach() / recipe.softness, dim=1)
    for k in range(logits.shape[1] - 1):
        student = F.log_softmax(logits[:, k] / recipe.softness, dim=1)
        soft = F.kl_div(student, teacher, log_target=True, reduction="batchmean") * recipe.softness**2
        hard = F.cross_entropy(logits[:, k], label, label_smoothing=recipe.label_smoothing)
        loss = loss + recipe.exit_weight * (hard + soft) / 2
    return loss


def learning_rate(progress: float, recipe: Recipe) -> float:
    """Linear warm-up, then cosine to 0, of progress in [0, 1]."""
    warm = recipe.warmup_epochs / recipe.epochs
    if progress < warm:
        return recipe.learning_rate * progress / warm
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))


@torch.inference_mode()
def logits_of(network: nn.Module, x: Tensor, chunk: int = 500) -> Tensor:
    """Logits (N, E, C) float32 of normalised images x, in evaluation mode."""
    was_training = network.training
    network.eval()
    result = torch.cat([network(part) for part in x.split(chunk)])
    network.train(was_training)
    return result


def train(
    network: EarlyExitNetwork,
    images: np.ndarray,
    label: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray],
    recipe: Recipe,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
) -> Iterator[Step | Epoch]:
    """Train `network` in place on images (N, H, W[, c]) uint8 and label (N,); yields Step and Epoch events.

    validation : (images, label), only watched, never chosen on. checkpoint : written whole after every epoch and
    resumed from when it exists; a checkpoint of another recipe or seed raises ValueError.
    """
    x, y = normalised(images), torch.from_numpy(np.asarray(label, dtype=np.int64))
    seen = normalised(validation[0]), torch.from_numpy(np.asarray(validation[1], dtype=np.int64))
    decayed = [p for p in network.parameters() if p.dim() > 1]
    free = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": free, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True)
    generator = torch.Generator().manual_seed(seed)
    tag = {**asdict(recipe), "seed": seed}
    first = _resume(checkpoint, tag, network, optimiser, generator)
    batches = math.ceil(len(x) / recipe.batch)
    for epoch in range(first, recipe.epochs):
        started, total = time.monotonic(), 0.0
        network.train()
        order = torch.randperm(len(x), generator=generator)
        for b, index in enumerate(order.split(recipe.batch)):
            progress = (epoch + b / batches) / recipe.epochs
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(progress, recipe)
            optimiser.zero_grad(set_to_none=True)
            loss = loss_of(network(augment(x[index], recipe.shift, recipe.flip, generator)), y[index], recipe)
            loss.backward()
            optimiser.step()
            total += loss.item()
            if b % 20 == 19:
                yield Step(progress, total / (b + 1))
        accuracy = (logits_of(network, seen[0]).argmax(2) == seen[1][:, None]).double().mean(0)
        if checkpoint is not None:
            _save(checkpoint, tag, epoch + 1, network, optimiser, generator)
        rate = optimiser.param_groups[0]["lr"]
        seconds = time.monotonic() - started
        yield Epoch(epoch + 1, recipe.epochs, total / batches, tuple(accuracy.tolist()), rate, seconds)
    network.eval()


def _save(path: Path, tag: dict, epoch: int, network, optimiser, generator) -> None:
    state = {"tag": tag, "epoch": epoch, "network": network.state_dict(), "optimiser": optimiser.state_dict()}
    state["generator"] = generator.get_state()
    temporary = path.with_name(path.name + ".part")
    torch.save(state, temporary)
    os.replace(temporary, path)


def _resume(path: Path | None, tag: dict, network, optimiser, generator) -> int:
    if path is None or not path.exists():
        return 0
    try:
        state = torch.load(path, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise ValueError(f"{path} is not a readable checkpoint ({error}): delete it to start again.") from error
    if state["tag"] != tag:
        raise ValueError(f"{path} belongs to another recipe or seed: delete it or choose another folder.")
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    generator.set_state(state["generator"])
    return state["epoch"]
