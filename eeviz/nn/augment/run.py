"""augment: from a trained classifier to an early-exit network, every decision taken by figures; as a call or in steps."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...core.table.calibration import MEASURES
from ...core.table.metrics import own_accuracy
from . import branches as design_catalogue
from . import plan as planning
from .fused import CHUNK, fused
from .graph import Graph, Location, analyse, segment_macs
from .inputs import Prepare, Samples, Vary, classes_of, samples_of, variation
from .joint import JointRecipe, JointRun
from .plan import FORWARD, JUDGES, LEAST_BRANCHES, Plan, clocked, halved, planned, standing
from .processors import check_memory, platform_of
from .result import Augmentation, collecting, costs_of, records_of
from .stream import BranchRecipe, Judge, Step, train_branches

QUICK, MOST_PASSES = 2.0, 1000.0  # passes over the training samples without and with a time budget, which ends them
LOCATIONS = 12


def augment(model: nn.Module, calibration: Any, **options) -> Augmentation:
    """Turn a trained classifier into an early-exit network.

    model : any nn.Module in evaluation mode, one tensor in, logits (N, C) out; it is not changed.
    calibration : labelled samples that the model was *not* trained on, a Dataset or a pair (values, labels): thresholds,
    temperatures, positions and designs are chosen on them, so report figures on others. See `AugmentRun` for `options`.
    Raises ValueError, in words, for models and data that cannot be used (see `graph.analyse`, `inputs.samples_of`).

    >>> model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(1152, 4)).eval()
    >>> images = np.random.default_rng(0).normal(size=(80, 1, 16, 16)).astype("float32")
    >>> made = ee.augment(model, (images, np.arange(80) % 4), epochs=1)
    >>> made.records.exits_count > 1
    True
    """
    run = AugmentRun(model, calibration, **options)
    for _ in run:
        pass
    return run.result


class AugmentRun:
    """One augmentation in steps: iterate over it (Step events; stop at any), then read `result`.

    training : samples the branches learn on (the model's own training samples will do); None: half of the calibration
    samples, the thresholds then have the other half. platform : a Platform, or the name of a preset; its segments
    are then mapped, too (least energy; `Augmentation.mapped` takes other costs and conditions).
    max_exits : early exits at most. designs : of `branches.DESIGNS`, or {design: share of the model's MACs}.
    locations : how many candidate locations get branches at most, or their indices. None: all designs, at 12 locations at
    most; with a time budget what this machine's speed affords (`plan`). epochs, seed, time_budget (seconds of training),
    recipe : see `BranchRecipe`. joint : epochs, or a JointRecipe, of fine-tuning everything
    afterwards, with the branches that the frozen front makes use of.
    mean, std, prepare : see `inputs.samples_of`. vary : see `inputs.variation`. balance : accuracy becomes balanced
    accuracy. measure : of confidence. cost : what `front` minimises. checkpoint : file to write and resume from; of
    fine-tuning it is the same name with ".joint" behind.
    """

    def __init__(
        self,
        model: nn.Module,
        calibration: Any,
        *,
        training: Any = None,
        platform: Any = None,
        max_exits: int = 3,
        designs: Sequence[str] | dict[str, float] | None = None,
        locations: int | Sequence[int] | None = None,
        epochs: float | None = None,
        seed: int = 0,
        time_budget: float | None = None,
        recipe: BranchRecipe | None = None,
        mean=None,
        std=None,
        prepare: Prepare | None = None,
        vary: str | Vary | None = "auto",
        balance: bool = False,
        measure: str = "max_probability",
        cost: str = "macs",
        joint: JointRecipe | float | None = None,
        checkpoint: Path | str | None = None,
    ):
        self.notes: list[str] = []
        _check_options(max_exits, cost, measure)
        self.platform = platform_of(platform)
        self.calibration = samples_of(calibration, mean, std, prepare)
        self.training = None if training is None else samples_of(training, mean, std, prepare)
        classes = classes_of(self.calibration, self.training)
        self.graph = analyse(model, self.calibration.some(), classes)
        self.notes += self.graph.notes
        first = self.graph.answers(self.graph.example).numpy()
        if not np.isfinite(first).all():
            raise ValueError(_not_finite("calibration samples", first[:, None]))
        self._check_labels()
        self._check_shapes()
        if self.training is None:
            learn, tune = self.calibration.halves(seed)
            self.training, self.calibration = self.calibration.part(learn), self.calibration.part(tune)
            self.notes.append(
                f"No training samples were given: branches learn on {len(learn)} of the calibration samples, thresholds "
                f"are chosen on the other {len(tune)}."
            )
        self._warn_of_missing_classes()
        if checkpoint is not None:
            checkpoint = Path(checkpoint)
        passes = (QUICK if time_budget is None else MOST_PASSES) if epochs is None else epochs
        self.recipe = recipe or BranchRecipe(
            epochs=passes, seed=seed, time_budget=time_budget, batch=self._batch(BranchRecipe.batch)
        )
        self.max_exits = max_exits
        self.plan: Plan | None = None
        if self.recipe.time_budget is not None and designs is None and locations is None:
            self.plan = _planned_before(checkpoint) or self._planned()
            locations, designs = self.plan.locations, self.plan.designs
            left = max(self.recipe.time_budget - self.plan.seconds, 0.1 * self.recipe.time_budget)
            self.recipe = replace(self.recipe, half=self.plan.half, time_budget=left)
            self.notes.append(self.plan.words)
        self.locations = spread(self.graph, LOCATIONS if locations is None else locations)
        designs = tuple(design_catalogue.DESIGNS) if designs is None else designs
        shares = (
            dict(designs) if isinstance(designs, dict) else {d: design_catalogue.DESIGNS[d] for d in _known(designs)}
        )
        _known(shares)
        self.segments = self.graph.segments([place.index for place in self.locations])
        if self.platform is not None:
            check_memory(self.platform, self.segments, self.graph.example.shape[1:])
        self.sized, self.branches = _built(
            self.graph, self.locations, shares, self.recipe.seed, None if self.plan is None else set(self.plan.branches)
        )  # fmt: skip
        self.alive = list(range(len(self.sized)))
        self.vary = variation(self.training, vary)
        if joint is not None and not isinstance(joint, JointRecipe):
            joint = JointRecipe(epochs=joint, seed=seed, batch=self._batch(JointRecipe.batch))
        self.joint = joint
        self.balance = balance
        self.measure, self.cost = measure, cost
        self.checkpoint, self.checkpoint_every = checkpoint, 30.0  # seconds
        self.fine_tuning: JointRun | None = None  # from when it begins
        self.result: Augmentation | None = None

    def __iter__(self) -> Iterator[Step]:
        spent: dict[str, float] = {}
        count = min(JUDGES, len(self.calibration))
        judging = None
        if count >= JUDGES // 5 and len(self.sized) > LEAST_BRANCHES:
            rows = np.sort(np.random.default_rng(self.recipe.seed).choice(len(self.calibration), count, replace=False))
            samples = self.calibration.part(rows)
            judging = samples, self._judge(samples)
        yield from train_branches(
            self.segments, self.branches, self.sized, self.training, self.vary, self.recipe,
            self.checkpoint, self.checkpoint_every, judging, self.alive, spent, self.plan,
        )  # fmt: skip
        self._tell(spent)
        yield from self._collect()
        if self.joint is not None:
            self.fine_tuning = JointRun(
                self.result, self.training, self.calibration, self.joint, sorted(self._worth_most()), self.vary,
                _joint_checkpoint(self.checkpoint),
            )  # fmt: skip
            self.fine_tuning.checkpoint_every = self.checkpoint_every
            yield from self.fine_tuning
            self.result = self.fine_tuning.result
        if self.platform is not None:
            self.result = self.result.mapped(self.platform)

    def _planned(self) -> Plan:
        """A plan for the time budget, after passing and training a few batches; their time counts as training's."""
        started = planning.clock()
        places = spread(self.graph, LOCATIONS)
        segments = fused(self.graph.segments([place.index for place in places]), self.training.some())
        sized, modules = _built(self.graph, places, design_catalogue.DESIGNS, self.recipe.seed)
        x = self.training.batch(np.arange(min(CHUNK, len(self.training))))
        speed = clocked(segments, modules, sized, x)
        budget, many = self.recipe.time_budget, len(self.training)
        shares = [place.share for place in places]
        kept = [sized[k] for k in planned(speed, sized, shares, many, budget, self.recipe.replays)]
        branches = tuple((places[size.location].index, size.design) for size in kept)
        spent, half = planning.clock() - started, speed.half < speed.single
        return Plan(
            branches,
            half,
            spent,
            f"Planned for {budget:g} s in {spent:.1f} s: this machine passes {1 / speed.forward:,.0f} samples a second "
            f"through the backbone{' in bfloat16' if half else ''}; {len(branches)} branches begin at "
            f"{len({place for place, _ in branches})} of {len(self.graph.locations)} locations, and about "
            f"{FORWARD * budget / speed.forward / many:.1f} passes over {many:,} training samples are expected.",
        )

    def _judge(self, samples: Samples) -> Judge:
        """Which columns go on, by the front that they make on held-out samples, and thresholds of one of its policies."""
        costs = costs_of(self.sized, segment_macs(self.segments, self.graph.example))

        def judge(logits: np.ndarray, alive: list[int], last: bool) -> tuple[list[int], dict[int, float]]:
            columns = np.array([*alive, len(self.sized)])
            cost = replace(costs, backbone=costs.backbone[columns], heads=costs.heads[columns])
            records = records_of(
                logits, samples, {"macs": cost}, [self.sized[b] for b in alive], self.locations, None, self.balance,
                self.measure,
            )  # fmt: skip
            kept = halved(records, last, self.max_exits)
            return [alive[k] for k in kept], {alive[k]: t for k, t in standing(records, kept, self.max_exits).items()}

        return judge

    def _tell(self, spent: dict[str, float]) -> None:
        """Notes on what training could do with its budget."""
        passes = spent.get("passes", np.inf)
        if passes < 1 and self.recipe.time_budget is not None:
            self.notes.append(
                f"The time budget of {self.recipe.time_budget:.3g} s was too small for one pass: branches learnt on "
                f"{passes:.0%} of the training samples. More time makes better branches."
            )
        if len(self.alive) < len(self.sized):
            self.notes.append(
                f"{len(self.sized) - len(self.alive)} of {len(self.sized)} branches that no front made use of stopped "
                "learning early and were left out."
            )

    def finished(self) -> Augmentation:
        """The augmentation with the weights as they are now: what a stopped run is still good for."""
        if self.fine_tuning is not None:
            self.result = self.fine_tuning.finished()
        else:
            for _ in self._collect():
                pass
        return self.result

    def _collect(self) -> Iterator[Step]:
        sized, branches = [self.sized[b] for b in self.alive], [self.branches[b] for b in self.alive]
        used = sorted({size.location for size in sized})
        locations = tuple(self.locations[place] for place in used)
        sized = tuple(replace(size, location=used.index(size.location)) for size in sized)
        segments = (
            self.segments if len(used) == len(self.locations) else self.graph.segments([p.index for p in locations])
        )
        costs = {"macs": costs_of(sized, segment_macs(segments, self.graph.example))}
        logits = yield from collecting(segments, branches, sized, self.calibration)
        if not np.isfinite(logits).all():
            raise ValueError(_not_finite("calibration samples", logits))
        records = records_of(logits, self.calibration, costs, sized, locations, True, self.balance, self.measure)
        self.result = Augmentation(
            self.graph, locations, sized, tuple(branches), records, self.calibration.prepare,
            self.max_exits, self.cost, (*self.notes, *_surprises(records)),
        )  # fmt: skip

    def _worth_most(self) -> set[int]:
        """One column a location: of those that the frozen front keeps most often, else the location's dearest."""
        kept = np.isfinite(self.result.front.thresholds).sum(axis=0)  # (E - 1,)
        best: dict[int, int] = {}
        sized = self.result.sized
        for column, size in enumerate(sized):
            rival = best.get(size.location)
            if rival is None or (kept[column], size.macs) > (kept[rival], sized[rival].macs):
                best[size.location] = column
        return {column for column in best.values() if kept[column]} or set(best.values())

    def _batch(self, usual: int) -> int:
        """The usual batch, or all training samples where they are fewer."""
        return max(2, min(usual, len(self.training)))

    def _check_shapes(self) -> None:
        if self.training is not None:
            expected, found = self.graph.example.shape[1:], self.training.batch(np.arange(1)).shape[1:]
            if found != expected:
                raise ValueError(
                    f"training samples become inputs of shape {tuple(found)}, calibration samples {tuple(expected)}: "
                    "they must agree."
                )

    def _check_labels(self) -> None:
        for part, name in ((self.calibration, "calibration"), (self.training, "training")):
            if part is not None and part.labels.max() >= self.graph.classes:
                raise ValueError(
                    f"{name}: there is a label {part.labels.max()}, but the model gives {self.graph.classes} logits "
                    f"(classes 0 to {self.graph.classes - 1})."
                )

    def _warn_of_missing_classes(self) -> None:
        missing = sorted(set(range(self.graph.classes)) - set(np.unique(self.calibration.labels).tolist()))
        if missing:
            names = [self.calibration.classes[c] if self.calibration.classes else str(c) for c in missing]
            text = (
                f"No calibration sample belongs to class {', '.join(names)}: thresholds and temperatures know nothing of "
                "it, and its accuracy is not part of any figure."
            )
            self.notes.append(text)
            warnings.warn(text, stacklevel=3)


def _not_finite(where: str, logits: np.ndarray) -> str:
    bad = ~np.isfinite(logits[:, -1]).all(axis=1)
    if bad.any():
        return (
            f"the model's logits are not finite for {bad.sum()} of {len(logits)} {where}: its weights hold NaN or infinite "
            "numbers, or its inputs are not what it expects (mean, std, prepare)."
        )
    return f"a branch's logits are not finite on {where}: lower the learning rate, BranchRecipe(learning_rate=...)."


def _surprises(records) -> list[str]:
    """What a reader should know of a table: a model worse than its own branches."""
    accuracy = own_accuracy(records)
    best = int(accuracy.argmax())
    if accuracy[best] <= accuracy[-1]:
        return []
    return [
        f"The branch {records.exits[best]} alone is right on {accuracy[best]:.2%} of the calibration samples, the model on "
        f"{accuracy[-1]:.2%}: drops are counted from the model, so early exits may gain accuracy. Check that the model's "
        "inputs are prepared as in its training."
    ]


def _planned_before(checkpoint: Path | None) -> Plan | None:
    """The plan of the run that a checkpoint belongs to, which goes on with it; None where there is none to be read."""
    if checkpoint is None or not checkpoint.is_file():
        return None
    try:
        state = torch.load(checkpoint, weights_only=True)["plan"]
        return Plan(**{**state, "branches": tuple((int(place), str(design)) for place, design in state["branches"])})
    except Exception:  # noqa: BLE001 - whatever makes it unreadable, train_branches says so
        return None


def _joint_checkpoint(checkpoint: Path | str | None) -> Path | None:
    """Where fine-tuning after a run keeps its own checkpoint."""
    return None if checkpoint is None else Path(checkpoint).with_name(Path(checkpoint).name + ".joint")


def spread(graph: Graph, wanted: int | Sequence[int]) -> tuple[Location, ...]:
    """At most `wanted` locations, as evenly spread over the MACs as they lie; or those of the given indices.

    Raises ValueError for indices that are no locations and for fewer than one.
    """
    places = graph.locations
    if not isinstance(wanted, (int, np.integer)):
        indices = [int(i) for i in wanted]
        if not indices or indices != sorted(set(indices)) or not 0 <= indices[0] <= indices[-1] < len(places):
            raise ValueError(f"locations: expected rising indices within 0..{len(places) - 1}, got {indices}.")
        return tuple(places[i] for i in indices)
    if wanted < 1:
        raise ValueError(f"locations: at least one is needed, got {wanted}.")
    kept = list(places)
    while len(kept) > wanted:
        # the one whose neighbours lie closest together is missed least; of a close pair the cheaper features lose
        gaps = [
            (kept[i + 1].share if i + 1 < len(kept) else 1.0) - (kept[i - 1].share if i else 0.0)
            for i in range(len(kept))
        ]
        kept.pop(int(np.argmin(gaps)))
    return tuple(kept)


def _check_options(max_exits, cost: str, measure: str) -> None:
    if not isinstance(max_exits, (int, np.integer)) or isinstance(max_exits, bool) or max_exits < 1:
        raise ValueError(f"max_exits: expected a whole number of at least 1, got {max_exits!r}.")
    if cost != "macs":
        raise ValueError(
            f"cost {cost!r}: without a platform there are macs only; Augmentation.mapped(platform, 'energy') has others."
        )
    if measure not in MEASURES:
        raise ValueError(f"measure {measure!r} is unknown: choose one of {', '.join(MEASURES)}.")


def _known(designs) -> Sequence[str]:
    unknown = [d for d in designs if d not in design_catalogue.DESIGNS]
    if unknown or not designs or isinstance(designs, str):
        raise ValueError(f"designs: expected some of {', '.join(design_catalogue.DESIGNS)}, got {designs!r}.")
    return designs


def _built(graph: Graph, locations, shares: dict[str, float], seed: int, wanted: set[tuple[int, str]] | None = None):
    """Every design at every location, or those (location, design) that are `wanted`: (Sized, ...), (Branch, ...)."""
    sized, modules = [], []
    for place, location in enumerate(locations):
        designs = design_catalogue.designs_for(location, shares)
        coarse = set(designs) == {"mlp"}
        for design in designs:
            if wanted is not None and (location.index, design) not in wanted:
                continue
            limit = shares.get(design, design_catalogue.DESIGNS[design]) * graph.macs
            size, module = design_catalogue.build(location, design, graph.classes, limit, seed + len(sized), coarse)
            sized.append(design_catalogue.Sized(place, design, size.width, size.macs))
            modules.append(module.to(memory_format=torch.channels_last) if len(location.shape) == 3 else module)
    return tuple(sized), tuple(modules)


augment.__signature__ = inspect.signature(AugmentRun)  # help(augment) shows every option with its default
