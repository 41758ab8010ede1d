"""A made-up evaluator of the compact space: tables drawn from the genome alone, so that searches take milliseconds."""

import os
import signal
import time
from dataclasses import dataclass, field

import numpy as np

from eeviz.core.space.space import SearchSpace
from eeviz.core.table.calibration import BELOW_ONE
from eeviz.core.table.records import ExitRecords
from eeviz.datasets import Dataset

SPACE = SearchSpace.preset("compact")
SAMPLES = 240


@dataclass(frozen=True)
class FakeEvaluator:
    """Deeper taps, costlier heads and costlier backbones answer better. trouble : genome -> "nan", "raise" or "kill"."""

    trouble: tuple[tuple[tuple[int, ...], str], ...] = ()
    seconds: float = 0.0
    space: SearchSpace = field(default=SPACE, compare=False)
    dataset: str = "fashion-mnist"

    def __reduce__(self):
        return FakeEvaluator, (self.trouble, self.seconds)

    @property
    def key(self):
        return {"evaluator": "fake", "samples": SAMPLES}

    def plan(self, genome, offered):
        architecture = self.space.decode(genome)
        return architecture.offered() if offered else architecture.plan

    def costs(self, genome, offered):
        return {"macs": self.plan(genome, offered).macs()}

    def records(self, genome, offered, measure="max_probability", split="validation", stopped=None):
        trouble = dict(self.trouble).get(tuple(genome))
        if trouble == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if trouble == "raise":
            raise OSError("the evaluation's file has gone")
        time.sleep(self.seconds)
        plan = self.plan(genome, offered)
        cost = plan.macs()
        rng = np.random.default_rng([*self.space.backbone_part(genome), len(split)])
        hard = np.random.default_rng(len(split)).random(SAMPLES)  # the same samples for every candidate
        label = np.random.default_rng(1 + len(split)).integers(0, 10, SAMPLES)
        skill = 0.5 + 0.12 * np.log10((cost.backbone + 5 * cost.heads) / 1e5)  # (E,)
        table = {}
        for k, head in enumerate(plan.heads):  # the same draws whichever heads are asked for
            own = np.random.default_rng([rng.integers(1), k, *map(ord, head.name), *self.space.backbone_part(genome)])
            right = hard + 0.1 * own.normal(size=SAMPLES) < skill[k]
            wrong = (label + own.integers(1, 10, SAMPLES)) % 10
            sure = np.clip(1.05 - hard + 0.15 * own.normal(size=SAMPLES) - 0.2 * ~right, 0.1, BELOW_ONE)
            table[k] = np.where(right, label, wrong), sure
        predicted, confidence = (np.stack([table[k][i] for k in range(len(table))], axis=1) for i in (0, 1))
        if trouble == "nan":
            confidence = np.full_like(confidence, np.nan)
        return ExitRecords(
            confidence,
            predicted,
            label,
            {"macs": cost},
            position=plan.position,
            exits=tuple(head.name for head in plan.heads),
            split=split,
            measure=measure,
        )

    def data(self, split="validation"):
        label = np.random.default_rng(1 + len(split)).integers(0, 10, SAMPLES)
        images = np.random.default_rng(2 + len(split)).integers(0, 256, (SAMPLES, 28, 28), dtype=np.uint8)
        return Dataset(images, label, tuple("abcdefghij"), self.dataset, split, "made up")

    def network(self, genome, measure="max_probability", plan=None):
        from eeviz.nn.build import build
        from eeviz.nn.learned import with_confidences

        network = build(plan or self.space.decode(genome).plan)
        return with_confidences(network) if measure == "learned" else network
