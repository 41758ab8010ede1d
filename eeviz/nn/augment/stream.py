"""Training of exit branches on a frozen backbone, in streaming passes.

One varied batch passes the backbone once, every branch takes a step on the digest of the features at its location, the
features are dropped: keeping the taps of a data set would take gigabytes. The digests of the last samples stay in a
bounded memory, from which branches take further steps that cost no pass. Order, variation and draws depend on the seed
and the step alone, so that a run resumed from its checkpoint ends where an unbroken one would.
"""

from __future__ import annotations

import math
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
from . import plan as planning
from .branches import Sized
from .fused import CHUNK, fused, outputs
from .inputs import Samples
from .memory import Memory
from .plan import FORWARD, HALVINGS, Plan, agrees, computing, has_bfloat16

REPLAYS = {"mlp": 2, "light": 1, "deep": 1}
BURST = 0.15
"""Share of a time budget that may go into filling the memory before branches take their first step."""
LEAST_ROUNDS = 16
"""Rounds on remembered samples after a new batch at most, or as many as batches are remembered: few would be learnt by heart."""


@dataclass(frozen=True)
class BranchRecipe:
    """How branches are trained: AdamW, linear warm-up, cosine to zero.

    epochs : passes over the training samples, fractions allowed. distillation : share of the loss that is the divergence
    from the final classifier's answer, softened by `softening` (Hinton et al. 2015, arXiv:1503.02531); the rest is
    cross entropy with the labels. survivors : share by which samples count less at a branch that would have left at an
    earlier one, thresholds as they stand at the last judgement (samples that reach it are what it is for). replays :
    steps that each design takes on remembered digests beside each step on new ones; memory : megabytes they may take.
    halvings : progress at which branches are judged, the useless ones stop; (): never. half : compute in bfloat16; None:
    where the processor can. time_budget : seconds after which training has come to its end, its learning rate following
    the clock, and `replays` are only proportions, as many as the time allows; None: all epochs. With a time budget the
    result depends on the machine, not on the seed alone.
    """

    epochs: float = 4.0
    batch: int = 128
    learning_rate: float = 4e-3
    warm_up: float = 0.05
    weight_decay: float = 5e-2
    distillation: float = 0.7
    softening: float = 4.0
    label_smoothing: float = 0.0
    survivors: float = 0.0
    replays: Mapping[str, int] = field(default_factory=lambda: dict(REPLAYS))
    memory: float = 512.0
    halvings: tuple[float, ...] = HALVINGS
    half: bool | None = None
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
        if not 0 <= self.survivors < 1:
            raise ValueError(f"survivors: expected a share from 0 to below 1, got {self.survivors!r}.")
        if list(self.halvings) != sorted(self.halvings) or any(not 0 < h < 1 for h in self.halvings):
            raise ValueError(f"halvings: expected rising shares between 0 and 1, got {self.halvings!r}.")
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


Judge = Callable[[np.ndarray, list[int], bool], tuple[list[int], dict[int, float]]]
"""(logits (N, B', C), columns they belong to, is it the last time?) -> columns that go on, and thresholds of those that
early leavers would leave at, by column."""


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
    judging: tuple[Samples, Judge] | None = None,
    alive: list[int] | None = None,
    spent: dict[str, float] | None = None,
    plan: Plan | None = None,
) -> Iterator[Step]:
    """Train `branches` in place; yields a Step each step (stop by dropping the iterator). Segments stay as they are.

    segments : the backbone's, then the final classifier; branch b reads the output of segment sized[b].location.
    checkpoint : written every so many seconds and at the end; an existing one is resumed. judging : held-out samples, and
    what decides on them which branches go on. plan : kept in the checkpoint. alive : a list that is kept to the columns still learning. spent : a
    dictionary kept to the passes and to the branch-training samples so far.
    Raises ValueError for fewer samples than one batch and for a checkpoint of another run.
    """
    steps = math.ceil(recipe.epochs * len(samples) / recipe.batch)
    if len(samples) < recipe.batch:
        raise ValueError(f"{len(samples)} training samples are fewer than one batch of {recipe.batch}.")
    optimizer = _optimizer(branches, recipe)
    average = np.full((2, len(branches)), np.nan)  # loss, accuracy
    path, step, before = Path(checkpoint) if checkpoint else None, 0, 0.0
    alive = [] if alive is None else alive
    alive[:], judged, since = range(len(branches)), 0, 0
    if path and path.is_file():
        step, before, judged, kept, since = _resume(path, branches, sized, optimizer, average, recipe)
        alive[:] = kept
    learner = _Learner(segments, branches, sized, optimizer, recipe, samples, alive)
    progress = progress_of(step / steps, before, recipe.time_budget)
    started = saved = planning.clock()
    if progress < 1:
        learner.recall(samples, vary, step, since)
    source, filled = batches(samples, vary, recipe.batch, recipe.seed, step), progress if step else None
    while progress < 1:
        if filled is None and not learner.fills(progress):
            filled = progress
        if filled is not None:
            _set_rate(optimizer, recipe, (progress - filled) / (1 - filled) if not before else progress)
        if filled is not None and learner.is_behind():
            now = learner.replay(step)
        else:
            now = learner.step(source, step, filled is not None)
            step += 1
        average[:] = np.where(np.isnan(now), average, np.where(np.isnan(average), now, 0.95 * average + 0.05 * now))
        if judging is not None and judged < len(recipe.halvings) and progress >= recipe.halvings[judged]:
            judged += 1
            learner.judged(*judging, judged == len(recipe.halvings))
            average[:, [b for b in range(len(branches)) if b not in alive]] = np.nan
        seconds = before + planning.clock() - started
        progress = progress_of(step / steps, seconds, recipe.time_budget)
        if path and (planning.clock() - saved > checkpoint_every or progress >= 1):
            _save(path, branches, sized, optimizer, average, recipe, step, seconds, judged, learner, plan)
            saved = planning.clock()
        if spent is not None:
            spent.update(passes=step * recipe.batch / len(samples), branch_samples=learner.learnt)
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
    def __init__(self, segments, branches, sized, optimizer, recipe: BranchRecipe, samples: Samples, alive: list[int]):
        self.segments, self.branches, self.sized = fused(segments, samples.some()), branches, sized
        self.optimizer, self.recipe, self.samples, self.alive = optimizer, recipe, len(samples), alive
        first = samples.batch(np.arange(min(len(samples), CHUNK)))
        self.half = has_bfloat16() if recipe.half is None else recipe.half
        self.half = self.half and agrees(self.segments, first)
        self.digesters = {size.location: branch.digest for size, branch in zip(sized, branches, strict=True)}
        # branches of one location that read equally many cells read the same tensor, kept once
        self.keys = [(size.location, branch.cells) for size, branch in zip(sized, branches, strict=True)]
        self.pools = {key: branch.pool for key, branch in zip(self.keys, branches, strict=True)}
        self.thresholds: dict[int, float] = {}
        self.passed = self.taught = 0.0  # seconds
        self.learnt = self.again = 0  # samples times branches; replays since the last new batch
        self.memory: Memory | None = self._memory()

    def _memory(self) -> Memory | None:
        recipe, again = self.recipe, [b for b in self.alive if self.recipe.replays.get(self.sized[b].design, 0)]
        if not again:
            return None
        classes = self.branches[0].body[-1].out_features
        shapes = {(k, cells): (self.digesters[k].shape[0], *cells) for k, cells in (self.keys[b] for b in again)}
        return Memory(shapes, classes, self.samples, recipe.memory, self.half)

    def fills(self, progress: float) -> bool:
        """Whether the memory is filled before the first step, which is worth it where the clock counts."""
        memory = self.memory
        return (
            self.recipe.time_budget is not None
            and memory is not None
            and memory.seen < memory.room - self.recipe.batch
            and progress < BURST
        )

    def step(self, source: Iterator[tuple[Tensor, Tensor]], index: int, learns: bool = True) -> np.ndarray:
        """One step on a new batch, then one round on remembered ones; loss and accuracy (2, B) on the new one."""
        started = planning.clock()
        x, labels = next(source)
        self.passed += planning.clock() - started
        digests, logits = self.remember(x, labels)
        self.again = 0
        if not learns:
            return np.full((2, len(self.branches)), np.nan)
        started = planning.clock()
        figures = self._learn(self.alive, digests, logits, labels)
        self.taught += planning.clock() - started
        self.replay(index)
        return figures

    def replay(self, index: int) -> np.ndarray:
        """A round on remembered batches: of each design as many as its replays; figures as of `step`, of the last."""
        started, replays = planning.clock(), self.recipe.replays
        figures = np.full((2, len(self.branches)), np.nan)
        if self.memory is not None and len(self.memory):
            for again in range(self.round):
                chosen = [b for b in self.alive if replays.get(self.sized[b].design, 0) > again]
                generator = _generator(self.recipe.seed, index, 2 + self.again)
                wanted = sorted({self.keys[b] for b in chosen})
                now = self._learn(chosen, *self.memory.draw(self.recipe.batch, generator, wanted))
                figures = np.where(np.isnan(now), figures, now)
                self.again += 1
        self.taught += planning.clock() - started
        return figures

    @property
    def round(self) -> int:
        """Steps on remembered batches in a round."""
        return max((self.recipe.replays.get(self.sized[b].design, 0) for b in self.alive), default=0)

    def is_behind(self) -> bool:
        """Have the branches had less than their share of the time, with enough to remember? Never without a budget."""
        if self.recipe.time_budget is None or self.memory is None or not self.round:
            return False
        most = max(LEAST_ROUNDS, len(self.memory) // self.recipe.batch)
        return self.again < most * self.round and self.taught * FORWARD < self.passed * (1 - FORWARD)

    def recall(self, samples: Samples, vary, step: int, since: int = 0) -> None:
        """Remember what an unbroken run, whose memory reaches back to sample `since`, would know at `step`."""
        if self.memory is not None and self.memory.room:
            batch = self.recipe.batch
            first = max(0, step - -(-self.memory.room // batch), since // batch)
            self.memory.since = self.memory.seen = first * batch
            for x, labels in islice(batches(samples, vary, batch, self.recipe.seed, first), step - first):
                self.remember(x, labels)
            self.memory.since = max(since, self.memory.since)

    def remember(self, x: Tensor, labels: Tensor) -> tuple[dict[tuple, Tensor], Tensor]:
        """What the branches read of a batch, {key: (N, channels, *cells)}, and the final logits."""
        started, wanted = planning.clock(), {self.keys[b] for b in self.alive}
        with torch.no_grad(), computing(self.half):
            readers = {k: self.digesters[k] for k, _ in wanted}
            whole, x = outputs(self.segments, readers, x)
            digests = {(k, cells): self.pools[k, cells](whole[k]) for k, cells in wanted}
            x = x.float()
        if self.memory is not None:
            self.memory.add(digests, x, labels)
        self.passed += planning.clock() - started
        return digests, x

    def judged(self, samples: Samples, judge: Judge, last: bool) -> None:
        """Held-out samples pass, and the branches that go on are those that `judge` names."""
        alive, parts = list(self.alive), []
        for start in range(0, len(samples), self.recipe.batch):
            x = samples.batch(np.arange(start, min(start + self.recipe.batch, len(samples))))
            memory, self.memory = self.memory, None
            digests, final = self.remember(x, None)
            self.memory = memory
            with torch.no_grad(), computing(self.half):
                own = [self.branches[b].eval().body(digests[self.keys[b]]).float() for b in alive]
            parts.append(torch.stack([*own, final], dim=1).numpy())
        kept, self.thresholds = judge(np.concatenate(parts), alive, last)
        if kept != alive:
            self.alive[:], old = kept, self.memory
            self.memory = self._memory()
            if self.memory is not None and old is not None:
                self.memory.take_over(old)

    def _learn(self, chosen, digests, logits: Tensor, labels: Tensor) -> np.ndarray:
        recipe = self.recipe
        target = F.softmax(logits / recipe.softening, dim=1)  # (n, C)
        losses, figures = [], np.full((2, len(self.branches)), np.nan)
        reaching = torch.ones(len(labels))  # (n,) how much a sample counts
        for b in chosen:
            self.branches[b].train()
            with computing(self.half):
                own = self.branches[b].body(digests[self.keys[b]])  # (n, C)
            own = own.float()
            hard = F.cross_entropy(own, labels, label_smoothing=recipe.label_smoothing, reduction="none")
            soft = F.log_softmax(own / recipe.softening, dim=1)
            divergence = F.kl_div(soft, target, reduction="none").sum(dim=1) * recipe.softening**2
            each = (1 - recipe.distillation) * hard + recipe.distillation * divergence  # (n,)
            losses.append((each * reaching).sum() / reaching.sum())
            figures[:, b] = float(losses[-1].detach()), float((own.detach().argmax(dim=1) == labels).double().mean())
            if recipe.survivors and b in self.thresholds:
                left = F.softmax(own.detach(), dim=1).amax(dim=1) >= self.thresholds[b]
                reaching = torch.where(left, reaching * (1 - recipe.survivors), reaching)
        self.optimizer.zero_grad()
        torch.stack(losses).sum().backward()  # the branches share nothing, so each gets its own gradient
        self.optimizer.step()
        self.learnt += len(chosen) * len(labels)
        return figures


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


def _save(
    path: Path, branches, sized, optimizer, average, recipe, step: int, seconds: float, judged: int, learner, plan
) -> None:
    state = {
        "identity": _identity(sized, recipe),
        "branches": [branch.state_dict() for branch in branches],
        "optimizer": optimizer.state_dict(),
        "average": average.tolist(),
        "step": step,
        "seconds": seconds,
        "judged": judged,
        "alive": list(learner.alive),
        "since": 0 if learner.memory is None else learner.memory.since,
        "plan": None if plan is None else asdict(plan),
    }
    write_state(state, path)


def _resume(path: Path, branches, sized, optimizer, average, recipe) -> tuple[int, float, int, list[int], int]:
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
    return state["step"], state["seconds"], state["judged"], state["alive"], state["since"]
