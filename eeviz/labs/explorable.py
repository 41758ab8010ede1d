"""From a candidate's table to one the explorer can show: one branch design per place, the kept ones first, short names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.table.policy import Policy
from ..core.table.records import ExitRecords


def one_design_each(records: ExitRecords, policy: Policy) -> tuple[ExitRecords, Policy]:
    """Records and policy with one column per place: the one kept there, else the first design offered, removed.

    Tables without alternatives, and those whose exits cannot be taken away, come back as they are.
    """
    position = records.position
    if not records.removable or len(np.unique(position)) == len(position):
        return records, policy
    columns, thresholds = [], []
    early = records.exits_count - 1
    for place in np.unique(position[:early]):
        here = np.flatnonzero(position[:early] == place)
        kept = [k for k in here if policy.thresholds[k] is not None]
        columns.append(int(kept[0] if kept else here[0]))
        thresholds.append(policy.thresholds[kept[0]] if kept else None)
    return records.columns([*columns, early]), Policy(tuple(thresholds))


def short_names(records: ExitRecords) -> ExitRecords:
    """The table with exits named by their place alone, as there is room for: "exit 1, module x2" -> "exit 1"."""
    return replace(records, exits=tuple(name.split(", ", 1)[0] for name in records.exits))


def branches_in_words(records: ExitRecords, policy: Policy) -> str:
    """What `short_names` leaves out: "Branches: exit 1 module x2, exit 2 linear (off)."; "" where it leaves out nothing."""
    parts = []
    for name, threshold in zip(records.exits, policy.thresholds, strict=False):
        place, _, design = name.partition(", ")
        if design:
            parts.append(f"{place} {design}" + (" (off)" if threshold is None else ""))
    return f"Branches: {', '.join(parts)}." if parts else ""
