"""Joint training of all exits, with distillation from the final one; a static network trains by the same function."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...datasets import Dataset
from ..network import EarlyExitNetwork
from . import checkpoint
from .malloc import keeping_buffers
from .optim import parameter_groups, warm_cosine


@dataclass(frozen=True)
class Recipe:
    """How to train: stochastic gradient descent with Nesterov momentum, linear warm-up, then a cosine to zero.

    early_weight : weight of each early exit's loss (the final exit's is 1).
    distillation : share of an early exit's loss that is the divergence from the final exit, softened by `softening`
    (Hinton et al. 2015, arXiv:1503.02531; from the network's own last exit as in Phuong & Lampert 2019, ICCV).
    shift : largest translation in pixels; images are also mirrored at random.
    """

    epochs: int = 16
    batch: int = 128
    learning_rate: float = 0.1
    warm_up: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    early_weight: float = 0.2
    distillation: float = 0.5
    softening: float = 2.0
    shift: int = 2
    seed: int = 0

    def __post_init__(self):
        if self.epochs < 1 or self.batch < 2:
            raise ValueError(f"a recipe needs at least 1 epoch and batches of 2, got {self.epochs} and {self.batch}.")
        if not 0 <= self.distillation <= 1 or self.learning_rate <= 0:
            raise ValueError("distillation must lie in [0, 1] and learning_rate above 0.")


@dataclass(frozen=True)
class EpochEnd:
    """One epoch is over: mean training loss, validation accuracy per exit, last learning rate, seconds it took."""

    epoch: int
    epochs: int
    loss: float
    accuracy: tuple[float, ...]
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class StepEnd:
    """A step is over: done of the total of all epochs, its loss."""

    done: int
    total: int
    loss: float


@keeping_buffers
def train(
    network: EarlyExitNetwork,
    training: Dataset,
    validation: Dataset,
    recipe: Recipe,
    checkpoint: Path | str | None = None,
    loss_of: Callable[[EarlyExitNetwork, Tensor, Tensor, Recipe], Tensor] | None = None,
    every: int = 0,
) -> Iterator[EpochEnd | StepEnd]:
    """Train `network` in place; yields an EpochEnd per epoch, those of a checkpoint that is resumed included.

    The validation accuracy is only reported: no epoch is chosen by it, the last one counts.
    checkpoint : written after each epoch; an existing one is resumed, and ends where an unbroken run would.
    loss_of : (network, x, labels, recipe) -> loss, for networks that learn more than logits; None for `joint_loss`.
    every : steps after which a StepEnd is yielded too, 0 for none: to show progress, and to end before an epoch is over.
    Raises ValueError when the checkpoint belongs to another recipe or network, and when the loss is no longer finite:
    the weights are then those before that step.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    optimizer = optimizer_of(network, recipe)
    history: list[EpochEnd] = []
    path = Path(checkpoint) if checkpoint else None
    if path and path.is_file():
        history = _resume(path, network, optimizer, generator, recipe)
        yield from history
    images = torch.from_numpy(training.images.copy())  # (N, H, W[, 3]) uint8
    labels = torch.from_numpy(training.labels.copy())
    steps = len(labels) // recipe.batch
    if steps == 0:
        raise ValueError(f"{len(labels)} training images are fewer than one batch of {recipe.batch}.")
    for epoch in range(len(history), recipe.epochs):
        started, total = time.perf_counter(), 0.0
        network.train()
        order = torch.randperm(len(labels), generator=generator)
        for step in range(steps):
            rate = learning_rate_at(recipe, (epoch * steps + step) / (recipe.epochs * steps))
            for group in optimizer.param_groups:
                group["lr"] = rate
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            x = network.prepare(augment(images[chosen], recipe.shift, generator))
            if loss_of is None:
                loss = joint_loss(network(x), labels[chosen], recipe)
            else:
                loss = loss_of(network, x, labels[chosen], recipe)
            value = loss.item()
            if not math.isfinite(value):
                raise ValueError(f"the loss became {value} in epoch {epoch + 1}: take a lower learning rate.")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += value
            if every and (step + 1) % every == 0:
                yield StepEnd(epoch * steps + step + 1, recipe.epochs * steps, value)
        accuracy = evaluate(network, validation)
        event = EpochEnd(epoch + 1, recipe.epochs, total / steps, accuracy, rate, time.perf_counter() - started)
        history.append(event)
        if path:
            _save(path, network, optimizer, generator, recipe, history)
        yield event
    network.eval()


def joint_loss(logits: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """Weighted sum over exits of cross entropy and, at early exits, divergence from the final one; logits (N, E, C)."""
    final = logits[:, -1]
    loss = F.cross_entropy(final, labels, label_smoothing=recipe.label_smoothing)
    target = F.softmax(final.detach() / recipe.softening, dim=1)
    for k in range(logits.shape[1] - 1):
        own = F.cross_entropy(logits[:, k], labels, label_smoothing=recipe.label_smoothing)
        soft = F.log_softmax(logits[:, k] / recipe.softening, dim=1)
        divergence = F.kl_div(soft, target, reduction="batchmean") * recipe.softening**2
        loss = loss + recipe.early_weight * ((1 - recipe.distillation) * own + recipe.distillation * divergence)
    return loss


def augment(images: Tensor, shift: int, generator: torch.Generator, mirror: bool = True) -> Tensor:
    """Images (N, H, W[, 3]) uint8, each mirrored with probability 1/2 if at all and moved by up to `shift` pixels."""
    n, height, width = images.shape[:3]
    padded = torch.zeros(n, height + 2 * shift, width + 2 * shift, *images.shape[3:], dtype=images.dtype)
    padded[:, shift : shift + height, shift : shift + width] = images
    offset = torch.randint(0, 2 * shift + 1, (2, n, 1), generator=generator)
    rows, columns = offset[0] + torch.arange(height), offset[1] + torch.arange(width)  # (N, H), (N, W)
    if mirror:
        mirrored = torch.rand(n, generator=generator) < 0.5
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    return padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


@torch.inference_mode()
def evaluate(network: EarlyExitNetwork, dataset: Dataset, batch: int = 250) -> tuple[float, ...]:
    """Accuracy of each exit (E,) on a data set."""
    network.eval()
    right = torch.zeros(network.exits_count, dtype=torch.int64)
    for start in range(0, len(dataset), batch):
        logits = network(network.prepare(dataset.images[start : start + batch]))  # (n, E, C)
        labels = torch.from_numpy(dataset.labels[start : start + batch].copy())
        right += (logits.argmax(dim=2) == labels[:, None]).sum(dim=0)
    return tuple((right.double() / len(dataset)).tolist())


def learning_rate_at(recipe: Recipe, progress: float) -> float:
    """Linear warm-up, then a cosine to zero; progress in [0, 1] of all steps."""
    return recipe.learning_rate * warm_cosine(progress, recipe.warm_up, 0.01)


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """The recipe's optimizer of every parameter."""
    groups = parameter_groups(network.parameters(), recipe.weight_decay)
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def _save(path: Path, network, optimizer, generator, recipe, history) -> None:
    state = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
        "history": [{**asdict(event), "accuracy": list(event.accuracy)} for event in history],
    }
    checkpoint.write(path, {"recipe": asdict(recipe)}, state)


def _resume(path: Path, network, optimizer, generator, recipe) -> list[EpochEnd]:
    state = checkpoint.resume(path, {"recipe": asdict(recipe)}, before=("recipe",))
    checkpoint.restore(path, (network, state["network"]), (optimizer, state["optimizer"]))
    generator.set_state(state["generator"])
    events = [EpochEnd(**event) for event in state["history"]]
    return [replace(event, accuracy=tuple(event.accuracy)) for event in events]
