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


PLAIN, WEIGHED = 0.732, 0.424
"""Accuracy of the final classifier of `weighted` tables: of the samples, and as their weights count them."""


def weights_for(right, share=WEIGHED) -> np.ndarray:
    """(N,) weights under which the samples `right` (N,) bool are `share` of the whole."""
    right = np.asarray(right, dtype=bool)
    return np.where(right, share / right.sum(), (1 - share) / (~right).sum()) * len(right)


def weighted(seed=0, samples=500, exits=3, classes=4, logits=True, **fields) -> ExitRecords:
    """Records with weights and groups whose final classifier is right on 73.2 % of the samples, 42.4 % as they count."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, samples)
    final = np.arange(samples) < round(PLAIN * samples)
    rng.shuffle(final)
    skill = np.linspace(0.55, 0.7, exits - 1)
    right = np.column_stack([rng.random((samples, exits - 1)) < skill, final])
    wrong = (label[:, None] + rng.integers(1, classes, (samples, exits))) % classes
    answer = np.where(right, label[:, None], wrong)
    made = rng.normal(size=(samples, exits, classes))
    made[answer[:, :, None] == np.arange(classes)] = made.max() + rng.gamma(2.0, 1.0, samples * exits)
    costs = fields.pop("costs", {"macs": Cost(np.cumsum(np.full(exits, 1e6)), np.full(exits, 1e5))})
    fields = {"weight": weights_for(final), "group": np.arange(samples) % 40, "split": "validation", **fields}
    records = ExitRecords.from_logits(made, label, costs, **fields)
    if logits:
        return records
    return ExitRecords(records.confidence, records.predicted, label, costs, measure=records.measure, **fields)
