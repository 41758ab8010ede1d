"""Separately trained networks one after the other, as one table: each is an exit, and who goes on pays them all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .cost import Cost, ProductCost
from .records import ExitRecords


def cascade(records: Sequence[ExitRecords], names: Sequence[str] | None = None) -> ExitRecords:
    """One table of a cascade: K networks asked in the given order, each answering by its final classifier alone.

    A sample that goes on pays every network asked so far, from the input on; a network that is removed (None) is not
    asked, so `front` chooses among all cascades of these networks, the last one always among them. The costs are those
    that all tables have, of the networks without early exits. Weights, groups, classes and pictures are kept; names : (K,)
    of the networks, "network 1", "network 2", ... when None.

    Raises ValueError for fewer than two tables, for tables of other samples, labels, weights or groups or of another
    order, for classes that differ, for a confidence that depends on which exits exist, and where no cost is common.

    Source: Viola and Jones 2001; for deep networks Wang et al., "Wisdom of Committees", ICLR 2022.

    >>> large = ee.load_demo("fashion").validation
    >>> both = ee.cascade([large.columns([3]), large.columns([3])], names=("once", "twice"))
    >>> both.cost().at(np.array([True])) / large.cost().static
    array([1., 2.])
    """
    tables = list(records)
    if len(tables) < 2 or not all(isinstance(one, ExitRecords) for one in tables):
        raise ValueError("cascade: expected a sequence of at least two ExitRecords, one per network.")
    if names is not None and (isinstance(names, str) or len(names) != len(tables)):
        raise ValueError(f"cascade: expected {len(tables)} names, one per network, got {names!r}.")
    names = tuple(f"network {k + 1}" for k in range(len(tables))) if names is None else tuple(map(str, names))
    first = tables[0]
    for one, name in zip(tables[1:], names[1:], strict=True):
        _same_samples(first, one, f"cascade: {name} and {names[0]}")
    for one, name in zip(tables, names, strict=True):
        if not one.removable and one.exits_count > 1:
            raise ValueError(f"cascade: the confidences of {name} depend on which of its exits exist.")
    alone = [one.columns([one.exits_count - 1]) for one in tables]
    measures, temperatures = {one.measure for one in alone}, [one.temperature for one in alone]
    stacked = all(one.logits is not None for one in alone) and len({one.logits.shape[2] for one in alone}) == 1
    return ExitRecords(
        np.column_stack([one.confidence for one in alone]),
        np.column_stack([one.predicted for one in alone]),
        first.label,
        _costs(tables, names),
        weight=first.weight,
        group=first.group,
        exits=names,
        classes=next((one.classes for one in tables if one.classes), None),
        dataset=next((one.dataset for one in tables if one.dataset), ""),
        split=next((one.split for one in tables if one.split), ""),
        logits=np.concatenate([one.logits for one in alone], axis=1) if stacked and len(measures) == 1 else None,
        thumbnails=next((one.thumbnails for one in tables if one.thumbnails is not None), None),
        measure=measures.pop() if len(measures) == 1 else "",
        temperature=None if None in temperatures else tuple(t for one in temperatures for t in one),
    )


def _same_samples(a: ExitRecords, b: ExitRecords, who: str) -> None:
    """Raise ValueError, in words, unless two tables are of the same samples in the same order."""
    for what in ("dataset", "split"):
        ours, theirs = getattr(a, what), getattr(b, what)
        if ours and theirs and ours != theirs:
            raise ValueError(f"{who} are of another {what}: {theirs!r} and {ours!r}.")
    if len(a) != len(b):
        raise ValueError(f"{who} answer {len(b):,} and {len(a):,} samples: give tables of the same samples.")
    if not np.array_equal(a.label, b.label):
        place = int(np.argmax(a.label != b.label))
        if np.array_equal(np.sort(a.label), np.sort(b.label)):
            raise ValueError(f"{who} hold the samples in another order (from sample {place} on): sort them alike.")
        raise ValueError(f"{who} have other labels: sample {place} is {b.label[place]} and {a.label[place]}.")
    for what in ("weight", "group", "thumbnails"):
        ours, theirs = getattr(a, what), getattr(b, what)
        if what == "thumbnails" and (ours is None or theirs is None):
            continue
        if (ours is None) != (theirs is None):
            raise ValueError(f"{who}: one has a {what} for each sample, the other has none: give it to both.")
        if ours is not None and not np.array_equal(ours, theirs):
            words = "show other samples (their thumbnails differ)" if what == "thumbnails" else f"differ in {what}"
            raise ValueError(f"{who} {words}: give tables of the same samples in the same order.")
    if a.classes and b.classes and a.classes != b.classes:
        raise ValueError(f"{who} name their classes differently: {list(b.classes)} and {list(a.classes)}.")


def _costs(tables: Sequence[ExitRecords], names: Sequence[str]) -> dict[str, Cost | ProductCost]:
    """The costs that all tables have: every network asked adds the whole of its own."""
    common = [name for name in tables[0].costs if all(name in one.costs for one in tables)]
    if not common:
        known = "; ".join(f"{name}: {', '.join(sorted(one.costs))}" for name, one in zip(names, tables, strict=True))
        raise ValueError(f"cascade: no cost is known of every network ({known}).")
    return {name: _added(name, [one.cost(name) for one in tables]) for name in common}


def _added(name: str, costs: Sequence[Cost | ProductCost]) -> Cost | ProductCost:
    if len({cost.unit for cost in costs}) > 1 or len({type(cost) for cost in costs}) > 1:
        raise ValueError(f"cascade: the cost {name!r} has other units: {', '.join(cost.unit for cost in costs)}.")
    if isinstance(costs[0], ProductCost):
        return ProductCost(*(_added(name, [getattr(c, part) for c in costs]) for part in ("energy", "latency")))
    # nothing is shared: what a network takes is its own head on a backbone of nothing
    return Cost(np.zeros(len(costs)), [cost.static for cost in costs], costs[0].unit)
