"""Training of a supernet: the sandwich rule with in-place distillation, and one branch design an exit that may shape it.

Sandwich rule and in-place distillation: Yu & Huang 2019 (arXiv:1903.05134), Yu et al. 2020 (BigNAS, arXiv:2003.11142).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...datasets import Dataset
from ..network import EarlyExitNetwork
from ..train import checkpoint
from ..train.joint import Recipe, augment, evaluate, optimizer_of
from ..train.malloc import keeping_buffers
from .supernet import Supernet, recalibrate, training_answers

CALIBRATION = 1024  # training images whose statistics a probed subnet's batch norms take


@dataclass(frozen=True)
class SandwichRecipe(Recipe):
    """How a supernet is trained: in each step the largest, the smallest and `random_subnets` random subnets.

    The learning rate rises over `warm_up` epochs, stays, and falls linearly to zero over the last `decay` of `epochs`
    (Hu et al. 2024, arXiv:2404.06395), so that `epochs` may still be changed while it stays. `more` epochs may follow,
    in which it falls again, from half (a warm restart, Loshchilov & Hutter 2017, arXiv:1608.03983).

    early_weight : weight of the gradient that an early exit passes to the backbone (the final classifier's is 1).
    distillation : share of a loss that is the divergence from the largest subnet's final classifier on the same images.
    others : share of a batch that the branch designs learn on which are not drawn to pass their gradient.
    alone : epochs before distillation begins, since a teacher that knows nothing holds back. clip : largest norm of the
    gradient, which is the mean over subnets.
    """

    epochs: int = 9
    batch: int = 128
    learning_rate: float = 0.2
    warm_up: float = 0.3
    decay: float = 0.4
    more: int = 0
    weight_decay: float = 1e-4
    random_subnets: int = 2
    others: float = 0.5
    alone: float = 0.5
    clip: float = 5.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay must lie above 0 and not above 1, got {self.decay}.")
        if self.more < 0:
            raise ValueError(f"more epochs must not be negative, got {self.more}.")
        if self.random_subnets < 0:
            raise ValueError(f"random_subnets must not be negative, got {self.random_subnets}.")
        if not 0 < self.others <= 1:
            raise ValueError(f"others must lie above 0 and not above 1, got {self.others}.")

    @property
    def total(self) -> int:
        """Epochs in all."""
        return self.epochs + self.more


@dataclass(frozen=True)
class SupernetEpochEnd:
    """One epoch is over: mean loss of a subnet, probed validation accuracy {name: (E,)}, learning rate, seconds."""

    epoch: int
    epochs: int
    loss: float
    accuracy: dict[str, tuple[float, ...]]
    learning_rate: float
    seconds: float


@keeping_buffers
def train_supernet(
    supernet: Supernet,
    training: Dataset,
    validation: Dataset,
    recipe: SandwichRecipe,
    checkpoint: Path | str | None = None,
    probes: dict[str, tuple[int, ...]] | None = None,
    teacher: EarlyExitNetwork | None = None,
) -> Iterator[SupernetEpochEnd]:
    """Train `supernet` in place; yields a SupernetEpochEnd per epoch, those of a checkpoint that is resumed included.

    probes : name -> genome whose accuracy on `validation` is told after each epoch (by default the largest and the
    smallest), after batch-norm recalibration on training images. No epoch is chosen by it: the last one counts.
    checkpoint : written after each epoch; an existing one is resumed, and ends where an unbroken run would. It may be of
    a recipe with other `epochs` as long as the learning rate has fallen in neither, or of one with other `more` epochs
    before those have begun.
    teacher : a trained network of the same classes; every head of every subnet then learns from its final classifier in
    place of the largest subnet's.
    Raises ValueError when the checkpoint belongs to another recipe or space, or when the loss is no number any more.
    """
    optimizer, history = optimizer_of(supernet, recipe), []
    if probes is None:
        probes = {"largest": supernet.largest(), "smallest": supernet.smallest()}
    path = Path(checkpoint) if checkpoint else None
    if path and path.is_file():
        history = _resume(path, supernet, optimizer, recipe)
        yield from history
    images, labels = torch.from_numpy(training.images.copy()), torch.from_numpy(training.labels.copy())
    steps = len(labels) // recipe.batch
    if steps == 0:
        raise ValueError(f"{len(labels)} training images are fewer than one batch of {recipe.batch}.")
    for epoch in range(len(history), recipe.total):
        started, total = time.perf_counter(), 0.0
        # an epoch's own generators: a resumed run needs no stored state
        generator = torch.Generator().manual_seed(1_000_003 * recipe.seed + epoch)
        rng = np.random.default_rng([recipe.seed, epoch])
        order = torch.randperm(len(labels), generator=generator)
        for step in range(steps):
            rate = learning_rate_at(recipe, epoch + step / steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            varied = augment(images[chosen], recipe.shift, generator)
            x = supernet.prepare(varied)
            optimizer.zero_grad()
            share = recipe.distillation if epoch + step / steps >= recipe.alone else 0.0
            known = None if teacher is None or not share else taught(teacher, varied, recipe.softening)
            loss = sandwich_step(supernet, x, labels[chosen], replace(recipe, distillation=share), rng, known)
            torch.nn.utils.clip_grad_norm_(supernet.parameters(), recipe.clip)
            if not math.isfinite(loss):
                raise ValueError(f"the loss became {loss} in epoch {epoch + 1}: take a lower learning rate.")
            optimizer.step()
            total += loss
        accuracy = {name: probe(supernet, genome, training, validation) for name, genome in probes.items()}
        seconds = time.perf_counter() - started
        history.append(SupernetEpochEnd(epoch + 1, recipe.total, total / steps, accuracy, rate, seconds))
        if path:
            _save(path, supernet, optimizer, recipe, history)
        yield history[-1]


def learning_rate_at(recipe: SandwichRecipe, time: float) -> float:
    """The learning rate after `time` epochs."""
    if time >= recipe.epochs:
        return recipe.learning_rate / 2 * (1 - (time - recipe.epochs) / recipe.more)
    rising = (time + 0.01) / recipe.warm_up if recipe.warm_up else 1.0
    return recipe.learning_rate * min(1.0, rising, (1 - time / recipe.epochs) / recipe.decay)


@torch.no_grad()
def taught(teacher: EarlyExitNetwork, images: Tensor, softening: float) -> Tensor:
    """Softened probabilities (N, C) of a teacher's final classifier on images (N, H, W[, 3]) uint8."""
    return F.softmax(teacher(teacher.prepare(images))[:, -1] / softening, dim=1)


def sandwich_step(
    supernet: Supernet, x: Tensor, labels: Tensor, recipe: SandwichRecipe, rng, known: Tensor | None = None
) -> float:
    """Gradients of one step, the mean over largest, smallest and random subnets; returns the mean loss of a subnet.

    x : (N, channels, H, W) prepared images; labels (N,). rng : draws the subnets and, per exit, the one design whose
    gradient reaches the backbone. known (N, C) softened probabilities of a teacher, None for the largest subnet's.
    """
    genomes = [supernet.largest(rng), supernet.smallest(rng)]
    genomes += [supernet.sample(rng) for _ in range(recipe.random_subnets)]
    teacher, total = known, 0.0
    for genome in genomes:
        network, confidences = supernet.view(genome), supernet.confidences(genome, copied=False)
        chosen = draw_designs(network, rng)
        others = math.ceil(recipe.others * len(x))
        logits, sure = training_answers(network, x, chosen, recipe.early_weight, others, confidences)
        loss = heads_loss(logits, sure, labels, teacher, recipe)
        (loss / len(genomes)).backward()
        total += loss.item()
        if teacher is None:
            teacher = F.softmax(logits[-1].detach() / recipe.softening, dim=1)
    return total / len(genomes)


def draw_designs(network: EarlyExitNetwork, rng: np.random.Generator) -> set[int]:
    """One head at random among the alternatives of each exit."""
    exits = (network.at(segment) for segment in range(len(network.segments)))
    return {int(rng.choice(heads)) for heads in exits if len(heads)}


def heads_loss(logits: list[Tensor], sure: dict[int, Tensor], labels: Tensor, teacher: Tensor | None, recipe) -> Tensor:
    """Sum over heads of cross entropy and divergence from the teacher; of learned confidences binary cross entropy.

    logits (n, C) per head, on the first n of the N samples; sure {head: (n,) logits of its being right}; teacher
    (N, C) softened probabilities, or None for the largest subnet, whose early heads learn from its final classifier.
    """
    target = F.softmax(logits[-1].detach() / recipe.softening, dim=1) if teacher is None else teacher
    loss = torch.zeros(())
    for n in sorted({len(answer) for answer in logits}):
        alike = [k for k, answer in enumerate(logits) if len(answer) == n]
        stacked = torch.stack([logits[k] for k in alike])  # (K, n, C)
        own = F.cross_entropy(
            stacked.flatten(0, 1),
            labels[:n].repeat(len(alike)),
            label_smoothing=recipe.label_smoothing,
            reduction="none",
        ).view(len(alike), n)
        soft = F.log_softmax(stacked / recipe.softening, dim=2)
        divergence = F.kl_div(soft, target[:n].expand_as(soft), reduction="none").sum(dim=2) * recipe.softening**2
        share = torch.tensor([0.0 if teacher is None and k == len(logits) - 1 else recipe.distillation for k in alike])
        loss = loss + ((1 - share[:, None]) * own + share[:, None] * divergence).sum() / n
    for k, logit in sure.items():
        right = (logits[k].argmax(dim=1) == labels[: len(logit)]).float()
        loss = loss + F.binary_cross_entropy_with_logits(logit, right)
    return loss


@torch.no_grad()
def probe(supernet: Supernet, genome, training: Dataset, validation: Dataset) -> tuple[float, ...]:
    """Accuracy per head (E,) on `validation` of an extracted, recalibrated subnet."""
    network = supernet.extract(genome)
    recalibrate(network, training.images[:CALIBRATION])
    return evaluate(network, validation)


def _save(path: Path, supernet, optimizer, recipe, history) -> None:
    state = {
        "supernet": supernet.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": [asdict(event) for event in history],
    }
    checkpoint.write(path, {"space": supernet.space.name, "recipe": asdict(recipe)}, state)


def _resume(path: Path, supernet, optimizer, recipe) -> list[SupernetEpochEnd]:
    identity, state = checkpoint.read(path, before=("space", "recipe"))
    made, done = SandwichRecipe(**identity["recipe"]), len(state["history"])
    steady = min(made.epochs * (1 - made.decay), recipe.epochs * (1 - recipe.decay))
    alike = replace(made, epochs=recipe.epochs, more=recipe.more) == recipe
    if (
        not alike
        or (made.epochs != recipe.epochs and done > steady)
        or (made.more != recipe.more and done > made.epochs)
    ):
        raise ValueError(f"{path} was made with another recipe ({identity['recipe']}); remove it or use that recipe.")
    if identity["space"] != supernet.space.name:
        raise ValueError(f"{path} belongs to another space ({identity['space']}); remove it or use that space.")
    checkpoint.restore(path, (supernet, state["supernet"]), (optimizer, state["optimizer"]))
    events = [SupernetEpochEnd(**event) for event in state["history"]]
    return [replace(e, epochs=recipe.total, accuracy={n: tuple(a) for n, a in e.accuracy.items()}) for e in events]
