"""Light joint fine-tuning: backbone and branches together, from where training on the frozen backbone ended.

The model itself stays as it is; a copy learns.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...core.table.metrics import own_accuracy
from ..train.joint import Recipe, joint_loss
from ..train.malloc import keeping_buffers
from ..train.optim import parameter_groups, progress_of, warm_cosine, write_state
from .branches import Sized
from .fused import copied, takes_channels_last
from .inputs import Samples, Vary, samples_of, variation
from .result import Augmentation, collecting, records_of
from .stream import Step, batches


@dataclass(frozen=True)
class JointRecipe:
    """Stochastic gradient descent with Nesterov momentum, cosine to zero; losses as in `nn.training.Recipe`.

    epochs : passes over the training samples. backbone_rate : of the learning rate, for the model's own weights.
    backbone_first : share of the training in which the backbone and its classifier learn alone, everything after it (the
    mixed regime, arXiv:2407.14320); a model that was trained already has had its first part: 0.
    """

    epochs: float = 6.0
    batch: int = 128
    learning_rate: float = 0.02
    backbone_rate: float = 1.0
    warm_up: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    early_weight: float = 0.5
    backbone_first: float = 0.0
    distillation: float = 0.5
    softening: float = 2.0
    label_smoothing: float = 0.0
    seed: int = 0
    time_budget: float | None = None

    def __post_init__(self):
        if not 0 <= self.backbone_first < 1:
            raise ValueError(f"backbone_first: expected a share from 0 to below 1, got {self.backbone_first!r}.")
        if not self.epochs > 0 or self.learning_rate <= 0 or self.backbone_rate < 0:
            raise ValueError(
                "joint fine-tuning needs epochs and a learning rate above 0, and backbone_rate at least 0."
            )


class JointRun:
    """Fine-tuning in steps: iterate over it (Step events; stop at any), then read `result`.

    augmentation : trained on the frozen backbone. training : samples as given to `augment`. calibration : those the
    thresholds are chosen on, again, for everything has moved. columns : branches that take part, rising; None: the most
    expensive design of every location. checkpoint : file to write and resume from.
    """

    def __init__(
        self,
        augmentation: Augmentation,
        training: Any,
        calibration: Any,
        recipe: JointRecipe | None = None,
        columns: Sequence[int] | None = None,
        vary: str | Vary | None = "auto",
        checkpoint: Path | str | None = None,
    ):
        self.before, self.recipe = augmentation, recipe or JointRecipe()
        self.training, self.calibration = (self._samples(part) for part in (training, calibration))
        if len(self.training) < self.recipe.batch:
            raise ValueError(
                f"{len(self.training)} training samples are fewer than one batch of {self.recipe.batch}: give a smaller "
                "batch, JointRecipe(batch=...)."
            )
        columns = _dearest(augmentation.sized) if columns is None else list(columns)
        if (
            columns != sorted(set(columns))
            or not columns
            or not 0 <= columns[0] <= columns[-1] < len(augmentation.sized)
        ):
            raise ValueError(
                f"columns: expected rising indices within 0..{len(augmentation.sized) - 1}, got {columns}."
            )
        used = sorted({augmentation.sized[c].location for c in columns})
        self.locations = tuple(augmentation.locations[u] for u in used)
        self.sized = tuple(
            replace(augmentation.sized[c], location=used.index(augmentation.sized[c].location)) for c in columns
        )
        parts = copied(nn.ModuleList([*augmentation._segments(used), *(augmentation.branches[c] for c in columns)]))
        self.layout = torch.contiguous_format
        if takes_channels_last(parts[: len(used) + 2], self.calibration.some()):
            # else single-channel inputs leave every convolution in the slower layout
            parts, self.layout = parts.to(memory_format=torch.channels_last), torch.channels_last
        self.segments, self.branches = parts[: len(used) + 2], parts[len(used) + 2 :]
        self.columns, self.checkpoint = columns, Path(checkpoint) if checkpoint else None
        self.checkpoint_every = 60.0  # seconds
        self.vary = variation(self.training, vary)
        self.result: Augmentation | None = None

    def __iter__(self) -> Iterator[Step]:
        yield from self._train()
        yield from self._collect()

    def finished(self) -> Augmentation:
        """The augmentation with the weights as they are now."""
        for _ in self._collect():
            pass
        return self.result

    def _collect(self) -> Iterator[Step]:
        parts = nn.ModuleList([self.segments, self.branches]).eval()
        logits = yield from collecting(parts[0], parts[1], self.sized, self.calibration)
        old = self.before.records
        columns = [*self.columns, old.exits_count - 1]
        costs = {name: cost.columns(columns) for name, cost in old.costs.items() if name == "macs"}
        records = records_of(
            logits, self.calibration, costs, self.sized, self.locations, True, old.weight is not None, old.measure
        )
        original = yield from collecting(self.before.graph.segments([]), (), (), self.calibration)
        right = original[:, -1].argmax(axis=1) == records.label
        made = replace(
            self.before, locations=self.locations, sized=self.sized, branches=tuple(parts[1]), records=records,
            mapping=None, backbone=tuple(parts[0]), right=right,
        )  # fmt: skip
        note = (
            f"The backbone was fine-tuned jointly with {len(self.branches)} branches: its final logits are its own, "
            f"{own_accuracy(records)[-1]:.2%} right on the calibration samples. Drops are counted from the model as it was "
            f"given: {made.given:.2%}."
        )
        self.result = replace(made, notes=(*self.before.notes, note))

    def _samples(self, data: Any) -> Samples:
        return data if isinstance(data, Samples) else samples_of(data, prepare=self.before.prepare)

    @keeping_buffers
    def _train(self) -> Iterator[Step]:
        recipe, parts = self.recipe, nn.ModuleList([self.segments, self.branches])
        losses = Recipe(
            label_smoothing=recipe.label_smoothing, early_weight=recipe.early_weight, distillation=recipe.distillation,
            softening=recipe.softening,
        )  # fmt: skip
        optimizer = self._optimizer()
        steps = math.ceil(recipe.epochs * len(self.training) / recipe.batch)
        step, before = self._resume(parts, optimizer) if self.checkpoint and self.checkpoint.is_file() else (0, 0.0)
        started = saved = time.perf_counter()
        average, progress = None, progress_of(step / steps, before, recipe.time_budget)
        source = batches(self.training, self.vary, recipe.batch, recipe.seed + 1, step)
        while progress < 1:
            parts.train()
            for group in optimizer.param_groups:
                group["lr"] = group["top"] * warm_cosine(progress, recipe.warm_up)
            x, labels = next(source)
            x = x.contiguous(memory_format=self.layout)
            logits, alone = [], progress < recipe.backbone_first
            for k, segment in enumerate(self.segments):
                x = segment(x)
                with torch.set_grad_enabled(not alone):
                    logits += [
                        branch(x) for branch, size in zip(self.branches, self.sized, strict=True) if size.location == k
                    ]
            logits = torch.stack([*logits, x], dim=1)  # (n, E, C)
            loss = joint_loss(logits[:, -1:] if alone else logits, labels, losses)
            optimizer.zero_grad()  # to None: what has no gradient does not decay either
            loss.backward()
            optimizer.step()
            right = (logits.detach().argmax(dim=2) == labels[:, None]).double().mean(dim=0).numpy()
            average = right if average is None else 0.95 * average + 0.05 * right
            step += 1
            seconds = before + time.perf_counter() - started
            progress = progress_of(step / steps, seconds, recipe.time_budget)
            if self.checkpoint and (time.perf_counter() - saved > self.checkpoint_every or progress >= 1):
                self._save(parts, optimizer, step, seconds)
                saved = time.perf_counter()
            yield Step(min(progress, 1.0), step, steps, (float(loss.detach()),), tuple(average), seconds, "joint")
        parts.eval()

    def _optimizer(self) -> torch.optim.SGD:
        recipe, groups = self.recipe, []
        for part, rate in (
            (self.segments, recipe.learning_rate * recipe.backbone_rate),
            (self.branches, recipe.learning_rate),
        ):
            learning = [p for p in part.parameters() if p.requires_grad and rate > 0]
            made = parameter_groups(learning, recipe.weight_decay, lr=rate, top=rate)
            groups += [group for group in made if group["params"]]
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0)

    def _identity(self) -> dict:
        return {"recipe": asdict(self.recipe), "branches": [asdict(size) for size in self.sized]}

    def _save(self, parts, optimizer, step: int, seconds: float) -> None:
        state = {"identity": self._identity(), "parts": parts.state_dict(), "optimizer": optimizer.state_dict()}
        write_state({**state, "step": step, "seconds": seconds}, self.checkpoint)

    def _resume(self, parts, optimizer) -> tuple[int, float]:
        state = torch.load(self.checkpoint, weights_only=True)
        if state.get("identity") != self._identity():
            raise ValueError(
                f"{self.checkpoint} belongs to another run; remove it or use that run's recipe and branches."
            )
        parts.load_state_dict(state["parts"])
        optimizer.load_state_dict(state["optimizer"])
        return state["step"], state["seconds"]


def fine_tune(augmentation: Augmentation, training: Any, calibration: Any, **options) -> Augmentation:
    """`JointRun` to its end."""
    run = JointRun(augmentation, training, calibration, **options)
    for _ in run:
        pass
    return run.result


def _dearest(sized: Sequence[Sized]) -> list[int]:
    best: dict[int, int] = {}
    for column, size in enumerate(sized):
        if size.location not in best or size.macs > sized[best[size.location]].macs:
            best[size.location] = column
    return sorted(best.values())
