"""Whether a saving survives when a figure of the platform is half, or twice, what is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..table.records import ExitRecords
from .cost import HEADS, memory
from .mapping import COSTS, Mapping, assignments
from .platform import Platform

FACTORS = (0.5, 2.0)
NOT_SCALED = ("memory", "bits")  # they change what is allowed and what is extrapolated, not what it costs


@dataclass(frozen=True)
class Row:
    """One figure of one processor or link changed; `source` says where the figure is from.

    saving : of the mapping as it is, against the cheapest static network on the changed platform; shares of 1.
    saving_remapped : with the segments placed again, the policy held. moved : would they be placed otherwise?
    open : is the conclusion "saves at least `claim`" another one than with the figures as they are?
    """

    owner: str
    figure: str
    factor: float
    value: float
    saving: float
    saving_remapped: float
    moved: bool
    open: bool
    source: str = ""


@dataclass(frozen=True)
class Sensitivity:
    """saving with the figures as they are, the claim, and one row for each figure and factor."""

    cost: str
    saving: float
    claim: float
    rows: tuple[Row, ...]

    @property
    def is_open(self) -> bool:
        """Whether any figure, halved or doubled, flips the conclusion."""
        return any(row.open for row in self.rows)

    @property
    def lowest(self) -> float:
        """The smallest saving of all rows."""
        return min([self.saving, *(row.saving for row in self.rows)])

    def __str__(self) -> str:
        holds = self.saving >= self.claim
        words = f"{self.cost}: saving {self.saving:.1%}, {'at least' if holds else 'less than'} {self.claim:.0%}"
        flips = [f"{row.owner} {row.figure} x {row.factor:g} ({row.saving:.1%})" for row in self.rows if row.open]
        if not flips:
            return f"{words}; so it stays with every figure halved and doubled ({len(self.rows)} rows)."
        return f"{words}; open, for it flips with {', '.join(flips)}."


def sensitivity(
    mapping: Mapping,
    records: ExitRecords,
    cost: str | None = None,
    claim: float = 0.0,
    factors: Sequence[float] = FACTORS,
) -> Sensitivity:
    """The saving of `mapping` on `records` again with each figure of its platform multiplied by each of `factors`.

    cost : "latency", "energy" or "energy x latency", None: the mapping's. claim : the saving (0 to 1) that is claimed.
    The static network is placed again, at its best, on every changed platform. Figures that are 0 or not given stay out.
    Raises ValueError for another cost.
    """
    name = cost or mapping.cost
    if name not in COSTS:
        raise ValueError(f"cost {name!r}: a platform has {', '.join(COSTS)}.")
    share = mapping.route(records, "latency").share
    base, _, _ = _savings(mapping, mapping.platform, share, name)
    rows = []
    for part in (*mapping.platform.processors, *mapping.platform.links):
        for figure in (*part.figures(), "operators"):
            value = getattr(part, figure, None)
            if figure in NOT_SCALED or not value:
                continue
            for factor in factors:
                changed = mapping.platform.scaled(part.name, figure, factor)
                saving, again, moved = _savings(mapping, changed, share, name)
                flips = (saving >= claim) != (base >= claim)
                shown = max(value.values()) if figure == "operators" else value
                source = part.sources.get(figure, "")
                rows.append(Row(part.name, figure, factor, shown * factor, saving, again, moved, flips, source))
    return Sensitivity(name, base, claim, tuple(rows))


def _savings(mapping: Mapping, platform: Platform, share: np.ndarray, cost: str) -> tuple[float, float, bool]:
    """Saving as mapped, saving mapped again, and whether the place of any segment changed."""
    segments, kept = mapping.segments, mapping.policy.kept
    room = np.array([np.inf if p.memory is None else p.memory for p in platform.processors])

    def mean(assignment, heads) -> float:
        return float(share @ platform.cost(segments, assignment, heads)[cost].at(kept))

    static, best, where = np.inf, np.inf, None
    for assignment in assignments(len(segments), len(platform.processors)):
        if (memory(platform, segments, assignment) > room).any():
            continue
        static = min(static, platform.cost(segments, assignment)[cost].static)
        for heads in HEADS if len(set(assignment)) > 1 else HEADS[:1]:
            if (memory(platform, segments, assignment, kept, heads) <= room).all():
                value = mean(assignment, heads)
                if value < best:
                    best, where = value, assignment
    held = mean(mapping.assignment, mapping.heads)
    if not static:
        return 0.0, 0.0, False
    best = min(best, held)
    return 1 - held / static, 1 - best / static, where is not None and best < held and where != mapping.assignment
