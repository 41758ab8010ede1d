"""Augmentation: what `augment` made of a model. The table decides, the network follows."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.solve.cross_fit import CrossValidated, cross_validated
from ...core.solve.front import Front
from ...core.solve.thresholds import choose, front
from ...core.table.calibration import fit_temperature
from ...core.table.cost import Cost
from ...core.table.metrics import Interval, accuracy_of, own_accuracy
from ...core.table.policy import Policy, route
from ...core.table.ranking import risk_coverage_area
from ...core.table.records import ExitRecords, balanced
from .branches import Sized
from .fused import copied, fused, outputs, takes_channels_last
from .graph import Graph, Location
from .inputs import Samples, samples_of
from .network import AugmentedNetwork
from .processors import platform_of, segments_on
from .stream import Step

UNCERTAIN = 0.01
"""Half an interval of the expected drop that is wider tells too little to promise anything."""


@dataclass(frozen=True, eq=False, repr=False)
class Augmentation:
    """A model made early-exit.

    records : on the calibration samples, a column per branch (alternatives share a position), the final classifier last;
    logits inside, temperatures fitted there. graph : every candidate location of the model. locations : those that got
    branches. sized : (E - 1,) the branches as built. branches : their modules. notes : what a reader should know, in
    words. mapping : of the platform, if one was given. right : (N,) after fine-tuning, which calibration samples the model
    as it was given answers right; None: records tell.
    """

    graph: Graph
    locations: tuple[Location, ...]
    sized: tuple[Sized, ...]
    branches: tuple[nn.Module, ...]
    records: ExitRecords
    prepare: Any
    max_exits: int = 3
    cost: str = "macs"
    notes: tuple[str, ...] = ()
    mapping: Any = None
    backbone: tuple[nn.Module, ...] = field(default=())
    right: np.ndarray | None = None

    def __repr__(self) -> str:
        return (
            f"Augmentation({len(self.locations)} locations, {len(self.branches)} branches, static "
            f"{self.graph.macs:.4g} MACs, calibrated on {len(self.records)} samples)"
        )

    @property
    def given(self) -> float | None:
        """Accuracy on the calibration samples of the model as it was given, from which drops are counted; None: of the
        records' final classifier, no fine-tuning has moved it."""
        return None if self.right is None else accuracy_of(self.records, self.right)

    @cached_property
    def front(self) -> Front:
        """Accuracy against mean cost on the calibration samples, at most `max_exits` exits; optimistic there."""
        return front(self.records, self.cost, max_exits=self.max_exits, refine=True)

    @cached_property
    def held_out(self) -> CrossValidated:
        """What choices on the calibration samples lose on others, from a cross-validation within them.

        Raises ValueError for fewer than two samples, or groups where there are groups.
        """
        return cross_validated(self.records, self.right, cost=self.cost, max_exits=self.max_exits)

    def best(self, max_drop: float | None = None, *, max_cost=None, min_accuracy=None, allowing: bool = True) -> Policy:
        """The policy of the front under one condition, as `tune`; a drop of 0.01 unless told, below the model as given.

        allowing : what cross-validation says a choice loses on new samples is asked for in addition, so that the drop is
        expected there; where nothing is expected to reach it, the most accurate policy is given, with a warning. False:
        the condition holds on the calibration samples only, which is optimistic. A warning also says where the
        calibration samples are too few to promise a drop. `expected_drop` tells what to expect.
        Raises ValueError naming the best that can be reached when nothing satisfies the condition.
        """
        conditions = self._counted(max_drop=max_drop, max_cost=max_cost, min_accuracy=min_accuracy)
        if allowing and max_cost is None:
            conditions, words = self._allowed(conditions)
            for text in words:
                warnings.warn(text, stacklevel=2)
        return self.front.policy(choose(self.front, self.records, **conditions))

    def expected_drop(self, policy: Policy | None = None, level: float = 0.95) -> Interval:
        """The drop below the model as given to expect of a policy on new samples, and its interval; None: of `best()`.

        From a cross-validation within the calibration samples: the policy's own drop there is optimistic, for it was
        chosen there. Groups are resampled where there are groups.
        """
        if policy is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                policy = self.best()
        return self.held_out.drop(route(self.records, policy, self.cost).accuracy - self._reference, level)

    @property
    def _reference(self) -> float:
        """Accuracy on the calibration samples that drops are counted from."""
        return float(own_accuracy(self.records)[-1]) if self.given is None else self.given

    def _allowed(self, conditions: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Conditions that ask for what choices lose in addition, and what to warn of."""
        wanted = conditions["min_accuracy"]
        drop = conditions["max_drop"] if wanted is None else self._reference - wanted
        if drop is None or not np.isfinite(drop):
            return conditions, []
        least = self._reference - drop
        choose(self.front, self.records, min_accuracy=least)  # what cannot be reached even here is told as ever
        try:
            held_out = self.held_out
        except ValueError:
            return conditions, [
                "One calibration sample, or group, cannot be cross-validated: the drop on others is open."
            ]
        asked = min(least + held_out.more(drop), float(self.front.accuracy[-1]))
        words, expected = [], held_out.drop(asked - self._reference)
        if held_out.least > drop + 5e-4:  # less is the grain of the curve
            words.append(
                f"No choice is expected to keep a drop of {drop:.2%} on new samples: the most accurate one is taken, of "
                f"which {expected.value:.2%} is expected."
            )
        half = (expected.high - expected.low) / 2
        if half > max(drop, UNCERTAIN):
            many = "groups" if self.records.group is not None else "samples"
            count = len(self.records) if self.records.group is None else len(np.unique(self.records.group))
            words.append(
                f"{count} calibration {many} are too few to promise a drop of {drop:.2%}: on new ones expect "
                f"{expected.value:.2%}, between {expected.low:.2%} and {expected.high:.2%}. About "
                f"{math.ceil(count * (half / UNCERTAIN) ** 2):,} would tell it to {UNCERTAIN:.0%}."
            )
        return {**conditions, "max_drop": None, "min_accuracy": asked}, words

    @property
    def ranking(self) -> np.ndarray:
        """(E,) how well each exit's confidence ranks its own failures, on the calibration samples: the area under its
        risk-coverage curve, a share, lower is better (`core.table.ranking`). It tells how many samples may leave at an
        exit where a calibration error does not."""
        return risk_coverage_area(self.records)

    def columns(self, policy: Policy) -> list[int]:
        """Columns of the records that a policy keeps, the final classifier included."""
        if len(policy.thresholds) != self.records.exits_count - 1:
            raise ValueError(
                f"the policy has {len(policy.thresholds)} thresholds, these records {self.records.exits_count - 1} "
                "early exits."
            )
        return [*np.flatnonzero(policy.kept).tolist(), self.records.exits_count - 1]

    def network(self, policy: Policy | None = None) -> AugmentedNetwork:
        """The early-exit network with only the branches that `policy` keeps, in evaluation mode; None: all branches.

        It owns a copy of the model's weights, and its final logits are the model's, bit for bit. With a policy, `.policy`
        holds its thresholds for the exits that are left, `.temperature` theirs, and `.infer(samples)` uses both.
        """
        last = self.records.exits_count - 1
        keep = list(range(last + 1)) if policy is None else self.columns(policy)
        used = sorted({self.sized[k].location for k in keep if k != last})
        segments = self._segments(used)
        position = [used.index(self.sized[k].location) for k in keep if k != last] + [len(segments) - 2]
        made = copied(nn.ModuleList([*segments, *(self.branches[k] for k in keep if k != last)]))
        body, branches = made[: len(segments) - 1], [*made[len(segments) :], made[len(segments) - 1]]
        own = None if policy is None else Policy(tuple(policy.thresholds[k] for k in keep[:-1]))
        temperature = self.records.temperature and [self.records.temperature[k] for k in keep]
        shape = tuple(self.graph.example.shape[1:])
        network = AugmentedNetwork(
            body, branches, shape, self.prepare, position, own, temperature, self.records.measure
        )
        network.eval()
        picture = getattr(self.prepare, "picture", False)
        network.channels_last = picture and takes_channels_last(segments, self.graph.example)
        return network

    def mapped(self, platform: Any, cost: str = "energy", allowing: bool = True, **conditions) -> Augmentation:
        """The same with `.mapping`: segments on the platform's processors, solved together with exits and thresholds.

        platform : a Platform, or the name of a preset; on "this-host" every segment and head is clocked. cost : "latency",
        "energy", "energy x latency" or "macs". allowing : as in `best`. conditions : max_drop (0.01 unless told), worst_latency, ... as in
        `Platform.map`. Raises ValueError when no assignment fits the memory or the conditions, naming the nearest.
        """
        platform = platform_of(platform)
        if platform is None:
            raise ValueError("platform: expected a Platform or the name of a preset, got None.")
        counted = self._counted(**conditions)
        if allowing and counted["max_cost"] is None:
            counted, words = self._allowed(counted)
            for text in words:
                warnings.warn(text, stacklevel=2)
        conditions = {"max_exits": self.max_exits, **counted}
        segments = segments_on(platform, self.network())
        return replace(self, mapping=platform.map(segments, self.records, cost, **conditions))

    def export(self, folder: Any, policy: Policy | None = None) -> Any:
        """Write ONNX segments and heads, network.json and run.py into `folder`, checked in onnxruntime: an `Export`.

        policy : of these records; None: the mapping's, with its processors, else `best()`. See `nn.export.export`.
        """
        from ..export.network import export

        mapping = self.mapping if policy is None else None
        policy = policy or (self.best() if mapping is None else mapping.policy)
        records = self.records
        return export(
            self.network(), policy, folder, mapping=mapping, measure=records.measure, temperature=records.temperature,
            classes=records.classes or (),
        )  # fmt: skip

    def _counted(self, max_drop=None, max_cost=None, min_accuracy=None, **others) -> dict[str, Any]:
        """Conditions of a choice, a drop of 0.01 unless told; drops below the model as it was given."""
        if max_drop is None and max_cost is None and min_accuracy is None:
            max_drop = 0.01
        if max_drop is not None and self.given is not None:
            min_accuracy, max_drop = self.given - max_drop, None
        return {"max_drop": max_drop, "max_cost": max_cost, "min_accuracy": min_accuracy, **others}

    def _segments(self, used: Sequence[int]) -> list[nn.Module]:
        if not self.backbone:
            return self.graph.segments([self.locations[u].index for u in used])
        joined, start = [], 0  # a fine-tuned backbone is cut already: join what no branch parts
        for end in [*(u + 1 for u in used), len(self.backbone) - 1]:
            part = self.backbone[start:end]
            joined.append(part[0] if len(part) == 1 else nn.Sequential(*part))
            start = end
        return [*joined, self.backbone[-1]]

    def collect(self, data: Any, *, balance: bool = False, split: str | None = None) -> ExitRecords:
        """Records of other samples: same columns, costs and temperatures. data : as given to `augment`."""
        samples = data if isinstance(data, Samples) else samples_of(data, prepare=self.prepare)
        logits = logits_of(self._segments(range(len(self.locations))), self.branches, self.sized, samples)
        return replace(
            records_of(logits, samples, self.records.costs, self.sized, self.locations, None, balance),
            split=split or samples.split,
        ).with_confidence(self.records.measure, self.records.temperature)


def logits_of(segments, branches, sized: Sequence[Sized], samples: Samples) -> np.ndarray:
    """Logits (N, E, C) float32 of every branch and the final classifier, in the order of the samples."""
    work = collecting(segments, branches, sized, samples)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def collecting(segments, branches, sized: Sequence[Sized], samples: Samples, batch: int = 128) -> Iterator[Step]:
    """`logits_of` in steps (a Step a batch); the generator's value is the logits."""
    parts: list[np.ndarray] = []
    for branch in branches:
        branch.eval()
    segments = fused(segments, samples.some())
    at = {k: [b for b, size in zip(branches, sized, strict=True) if size.location == k] for k in range(len(segments))}
    readers = {k: partial(_answers, own) for k, own in at.items() if own}
    started, steps = time.perf_counter(), -(-len(samples) // batch)
    for step in range(steps):
        x = samples.batch(np.arange(step * batch, min((step + 1) * batch, len(samples))))
        with torch.no_grad():
            read, last = outputs(segments, readers, x)
        parts.append(torch.cat([*read.values(), last[:, None]], dim=1).numpy())  # (n, E, C)
        yield Step((step + 1) / steps, step + 1, steps, (), (), time.perf_counter() - started, "calibration")
    return np.concatenate(parts)


def _answers(branches: Sequence[nn.Module], x: Tensor) -> Tensor:
    return torch.stack([branch(x) for branch in branches], dim=1)  # (n, branches, C)


def costs_of(sized: Sequence[Sized], pieces: Sequence[int]) -> Cost:
    """Cost in MACs of a column per branch and the final classifier; pieces : MACs of each segment, classifier last."""
    cumulative = np.cumsum(pieces[:-1])
    backbone = [*(cumulative[s.location] for s in sized), cumulative[-1]]
    return Cost(backbone, [*(s.macs for s in sized), pieces[-1]])


def records_of(
    logits: np.ndarray,
    samples: Samples,
    costs,
    sized: Sequence[Sized],
    locations: Sequence[Location],
    fit: bool | None = True,
    balance: bool = False,
    measure: str = "max_probability",
) -> ExitRecords:
    """Records of logits (N, E, C); fit : temperatures are fitted on these samples."""
    return ExitRecords.from_logits(
        logits,
        samples.labels,
        costs,
        measure,
        tuple(fit_temperature(logits, samples.labels)) if fit else None,
        position=[*(s.location for s in sized), len(locations)],
        weight=balanced(samples.labels) if balance else None,
        group=samples.group,
        exits=[*(f"{locations[s.location].name} {s.design}" for s in sized), "final"],
        classes=samples.classes,
        dataset=samples.name,
        split=samples.split,
    )
