"""Training of exit branches on a frozen backbone, in streaming passes.

One varied batch passes the backbone once, every branch takes a step on the digest of the features at its location, the
features are dropped: keeping the taps of a data set would take gigabytes. The digests of the last samples stay in a
bounded memory, from which branches take further steps that cost no pass. Order, variation and draws depend on the seed
and the step alone, so that a run resumed from its checkpoint ends where an unbroken one would.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count, islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..train.malloc import keeping_buffers
from ..train.optim import parameter_groups, progress_of, warm_cosine, write_state
from .branches import Sized
from .fused import fused, outputs
from .inputs import Samples
from .memory import Memory

REPLAYS = {"mlp": 4, "light": 1, "deep": 1}


@dataclass(frozen=True)
class BranchRecipe:
    """How branches are trained: AdamW, linear warm-up, cosine to zero.

    epochs : passes over the training samples, fractions allowed. distillation : share of the loss that is the divergence
    from the final classifier's answer, softened by `softening` (Hinton et al. 2015, arXiv:1503.02531); the rest is
    cross entropy with the labels. replays : steps that each design takes on remembered digests beside each step on new
    ones; memory : megabytes they may take. time_budget : seconds after which training has come to its end, its learning rate
    following the clock; None: all epochs. With a time budget the result depends on the machine, not on the seed alone.
    """

    epochs: float = 4.0
    batch: int = 128
    learning_rate: float = 4e-3
    warm_up: float = 0.05
    weight_decay: float = 1e-2
    distillation: float = 0.2
    softening: float = 4.0
    label_smoothing: float = 0.0
    replays: Mapping[str, int] = field(default_factory=lambda: dict(REPLAYS))
    memory: float = 512.0
    seed: int = 0
    time_budget: float | None = None

    def __post_init__(self):
        if not self.epochs > 0 or self.batch < 2 or self.learning_rate <= 0:
            raise ValueError(
                f"a recipe needs epochs and a learning rate above 0 and batches of 2, got {self.epochs}, "
                f"{self.learning_rate} and {self.batch}."
            )
        if not 0 <= self.distillation <= 1 or self.softening <= 0:
            raise ValueError("distillation must lie in [0, 1] and softening above 0.")
        if self.time_budget is not None and not self.time_budget > 0:
            raise ValueError(f"time_budget: expected seconds above 0 or None, got {self.time_budget!r}.")
        if self.memory < 0 or any(n < 0 for n in self.replays.values()):
            raise ValueError("memory and replays cannot be negative.")


@dataclass(frozen=True)
class Step:
    """One step is over. stage : "branches", "joint" or "calibration"; progress in it in [0, 1]; seconds since it began.

    loss (B,) and accuracy (B,) per branch: moving averages over the varied training samples (deep branches look better
    there than on new ones); with stage "joint" one loss, and the final classifier's accuracy last; else empty.
    """

    progress: float
    step: int
    steps: int
    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    seconds: float
    stage: str = "branches"


@keeping_buffers
def train_branches(
    segments: Sequence[nn.Module],
    branches: Sequence[nn.Module],
    sized: Sequence[Sized],
    samples: Samples,
    vary: Callable[[np.ndarray, torch.Generator], np.ndarray],
    recipe: BranchRecipe,
    checkpoint: Path | str | None = None,
    checkpoint_every: float = 30.0,
) -> Iterator[Step]:
    """Train `branches` in place; yields a Step each step (stop by dropping the iterator). Segments stay as they are.

    segments : the backbone's, then the final classifier; branch b reads the output of segment sized[b].location.
    checkpoint : written every so many seconds and at the end; an existing one is resumed.
    Raises ValueError for fewer samples than one batch and for a checkpoint of another run.
    """
    steps = math.ceil(recipe.epochs * len(samples) / recipe.batch)
    if len(samples) < recipe.batch:
        raise ValueError(f"{len(samples)} training samples are fewer than one batch of {recipe.batch}.")
    optimizer = _optimizer(branches, recipe)
    average = np.full((2, len(branches)), np.nan)  # loss, accuracy
    path, step, before = Path(checkpoint) if checkpoint else None, 0, 0.0
    if path and path.is_file():
        step, before = _resume(path, branches, sized, optimizer, average, recipe)
    learner = _Learner(fused(segments, samples.some()), branches, sized, optimizer, recipe, len(samples))
    progress = progress_of(step / steps, before, recipe.time_budget)
    started = saved = time.perf_counter()
    if progress < 1:
        learner.recall(samples, vary, step)
    source = batches(samples, vary, recipe.batch, recipe.seed, step)
    while progress < 1:
        _set_rate(optimizer, recipe, progress)
        now = learner.step(*next(source), step)
        average[:] = np.where(np.isnan(average), now, 0.95 * average + 0.05 * now)
        step += 1
        seconds = before + time.perf_counter() - started
        progress = progress_of(step / steps, seconds, recipe.time_budget)
        if path and (time.perf_counter() - saved > checkpoint_every or progress >= 1):
            _save(path, branches, sized, optimizer, average, recipe, step, seconds)
            saved = time.perf_counter()
        yield Step(min(progress, 1.0), step, steps, tuple(average[0]), tuple(average[1]), seconds)
    for branch in branches:
        branch.eval()


def batches(samples: Samples, vary, batch: int, seed: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless varied batches (x, labels) from step `first` on; each depends on the seed and its step alone."""
    per_epoch, order, epoch = len(samples) // batch, None, -1
    for step in count(first):
        if step // per_epoch != epoch:
            epoch = step // per_epoch
            order = torch.randperm(len(samples), generator=_generator(seed, epoch, 0)).numpy()
        index = order[(step % per_epoch) * batch :][:batch]
        x = samples.prepare(vary(samples.values[index], _generator(seed, step, 1))).contiguous()
        yield x, torch.from_numpy(samples.labels[index])


class _Learner:
    def __init__(self, segments, branches, sized, optimizer, recipe: BranchRecipe, samples: int):
        self.segments, self.branches, self.sized = segments, branches, sized
        self.optimizer, self.recipe = optimizer, recipe
        self.digesters = {size.location: branch.digest for size, branch in zip(sized, branches, strict=True)}
        # branches of one location that read equally many cells read the same tensor, kept once
        self.keys = [(size.location, branch.cells) for size, branch in zip(sized, branches, strict=True)]
        self.pools = {key: branch.pool for key, branch in zip(self.keys, branches, strict=True)}
        self.memory: Memory | None = None
        again = [b for b, size in enumerate(sized) if recipe.replays.get(size.design, 0)]
        if again:
            classes = branches[0].body[-1].out_features
            shapes = {(k, cells): (self.digesters[k].shape[0], *cells) for k, cells in (self.keys[b] for b in again)}
            self.memory = Memory(shapes, classes, samples, recipe.memory)

    def step(self, x: Tensor, labels: Tensor, index: int) -> np.ndarray:
        """One step on a new batch, then those on remembered ones; loss and accuracy (2, B) on the new one."""
        digests, logits = self.remember(x, labels)
        figures = self._learn(range(len(self.branches)), digests, logits, labels)
        rounds = max((self.recipe.replays.get(size.design, 0) for size in self.sized), default=0)
        for again in range(rounds if self.memory is not None and len(self.memory) else 0):
            chosen = [b for b, size in enumerate(self.sized) if self.recipe.replays.get(size.design, 0) > again]
            wanted = sorted({self.keys[b] for b in chosen})
            generator = _generator(self.recipe.seed, index, 2 + again)
            digests, logits, labels = self.memory.draw(self.recipe.batch, generator, wanted)
            self._learn(chosen, digests, logits, labels)
        return figures

    def recall(self, samples: Samples, vary, step: int) -> None:
        """Remember what an unbroken run would know at `step`."""
        if self.memory is not None and self.memory.room:
            first = max(0, step - -(-self.memory.room // self.recipe.batch))
            self.memory.seen = first * self.recipe.batch
            for x, labels in islice(batches(samples, vary, self.recipe.batch, self.recipe.seed, first), step - first):
                self.remember(x, labels)

    def remember(self, x: Tensor, labels: Tensor) -> tuple[dict[tuple, Tensor], Tensor]:
        """What the branches read of a batch, {key: (N, channels, *cells)}, and the final logits."""
        with torch.no_grad():
            whole, x = outputs(self.segments, self.digesters, x)
            digests = {(k, cells): pool(whole[k]) for (k, cells), pool in self.pools.items()}
        if self.memory is not None:
            self.memory.add(digests, x, labels)
        return digests, x

    def _learn(self, chosen, digests, logits: Tensor, labels: Tensor) -> np.ndarray:
        recipe = self.recipe
        target = F.softmax(logits / recipe.softening, dim=1)  # (n, C)
        losses, right = [], []
        for b in chosen:
            self.branches[b].train()
            own = self.branches[b].body(digests[self.keys[b]])  # (n, C)
            hard = F.cross_entropy(own, labels, label_smoothing=recipe.label_smoothing)
            soft = F.log_softmax(own / recipe.softening, dim=1)
            divergence = F.kl_div(soft, target, reduction="batchmean") * recipe.softening**2
            losses.append((1 - recipe.distillation) * hard + recipe.distillation * divergence)
            right.append((own.detach().argmax(dim=1) == labels).double().mean())
        self.optimizer.zero_grad()
        torch.stack(losses).sum().backward()  # the branches share nothing, so each gets its own gradient
        self.optimizer.step()
        return torch.stack([torch.stack(losses).detach().double(), torch.stack(right)]).numpy()


def _generator(seed: int, index: int, stream: int) -> torch.Generator:
    mixed = np.random.SeedSequence([seed, index, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed >> 1))


def _optimizer(branches: Sequence[nn.Module], recipe: BranchRecipe) -> torch.optim.AdamW:
    parameters = [p for branch in branches for p in branch.parameters()]
    groups = parameter_groups(parameters, recipe.weight_decay)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)  # one kernel for all: a third less time


def _set_rate(optimizer, recipe: BranchRecipe, progress: float) -> None:
    rate = recipe.learning_rate * warm_cosine(progress, recipe.warm_up)
    for group in optimizer.param_groups:
        group["lr"] = rate


def _identity(sized: Sequence[Sized], recipe: BranchRecipe) -> dict:
    return {"recipe": asdict(recipe), "branches": [asdict(s) for s in sized]}


def _save(path: Path, branches, sized, optimizer, average, recipe, step: int, seconds: float) -> None:
    state = {
        "identity": _identity(sized, recipe),
        "branches": [branch.state_dict() for branch in branches],
        "optimizer": optimizer.state_dict(),
        "average": average.tolist(),
        "step": step,
        "seconds": seconds,
    }
    write_state(state, path)


def _resume(path: Path, branches, sized, optimizer, average, recipe) -> tuple[int, float]:
    try:
        state = torch.load(path, weights_only=True)
        identity = state["identity"]
    except Exception as error:
        raise ValueError(
            f"{path} is no readable checkpoint ({type(error).__name__}); remove it to begin anew."
        ) from error
    if identity != _identity(sized, recipe):
        raise ValueError(f"{path} belongs to another run (other branches or another recipe); remove it or use those.")
    for branch, weights in zip(branches, state["branches"], strict=True):
        branch.load_state_dict(weights)
    optimizer.load_state_dict(state["optimizer"])
    average[:] = state["average"]
    return state["step"], state["seconds"]
