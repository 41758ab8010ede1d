"""Tables for tests: seeded random records, with ties where asked for."""

import numpy as np

from eeviz.core.table.cost import Cost
from eeviz.core.table.records import ExitRecords


def random_records(seed=0, samples=300, exits=4, classes=5, levels=None, **fields) -> ExitRecords:
    """Records whose exits grow better with depth; levels: confidences fall on so many values, so ties are common."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, samples)
    skill = np.linspace(0.5, 0.9, exits)
    right = rng.random((samples, exits)) < skill
    wrong = (label[:, None] + rng.integers(1, classes, (samples, exits))) % classes
    confidence = np.clip(rng.beta(3, 1.5, (samples, exits)) + 0.15 * right, 0, 1)
    if levels:
        confidence = np.rint(confidence * levels) / levels
    backbone = np.cumsum(rng.integers(1, 10, exits)) * 1000.0
    heads = rng.integers(1, 5, exits) * 100.0
    costs = fields.pop("costs", {"macs": Cost(backbone, heads)})
    return ExitRecords(confidence, np.where(right, label[:, None], wrong), label, costs, **fields)


def random_policy(seed, exits=4, values=None):
    """Thresholds of all kinds: removed, 0, 1 and in between (from `values` where given, so that ties are met)."""
    from eeviz.core.table.policy import Policy

    rng = np.random.default_rng(seed)
    choices = []
    for _ in range(exits - 1):
        kind = rng.integers(0, 6)
        between = rng.random() if values is None else rng.choice(np.asarray(values))
        choices.append({0: None, 1: 0.0, 2: 1.0}.get(int(kind), float(between)))
    return Policy(choices)


def with_logits(seed=0, samples=200, split="validation") -> ExitRecords:
    """Records of three exits over four classes that keep their logits."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 4, samples)
    logits = rng.normal(size=(samples, 3, 4)) + (1 + np.arange(3))[None, :, None] * (
        label[:, None, None] == np.arange(4)
    )
    return ExitRecords.from_logits(logits, label, {"macs": Cost((1, 2, 3), (1, 1, 1))}, split=split)
