"""What an augmentation can afford: this machine's speed, measured, and what follows for a time budget.

A plan names the candidate locations and designs that training begins with. While it runs, branches are judged
(`halved`): those that no front makes use of stop learning, and their time goes to the others (successive halving,
Jamieson and Talwalkar 2016, arXiv:1502.07943, where a set is worth what its front is).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...core.solve.thresholds import front
from ...core.table.metrics import own_accuracy
from ...core.table.records import ExitRecords
from .branches import Sized
from .fused import outputs

FORWARD = 0.25
"""Share of the time that goes into passes of new samples through the backbone; the branches have the rest."""
HALVINGS = (0.4, 0.7)
"""Progress at which branches are judged: locations first, then every branch by itself. Earlier the judgement would be
unfair: the less branches have learnt, the later exits look best."""
WANTED_PASSES = 6.0
"""Passes over the training samples that every branch of a plan shall be able to learn from, were none to stop."""
MIDDLE = (0.15, 0.85)
"""Shares of the MACs between which exits are worth most: where not all places can be afforded, only those."""
DEEP_UNTIL = 0.55
"""Share of the MACs up to which a branch of many convolutions is worth its time: behind, features need few more."""
KEPT_LOCATIONS = 0.6
"""Share of the locations that go on after the first judgement: branches of convolutions look worse early than late."""
LEAST_LOCATIONS, LEAST_BRANCHES = 4, 4
DROPS = (0.0, 0.005, 0.01, 0.02)
"""Drops of accuracy at which a set of branches is valued, by the mean cost of the cheapest policies there."""
COARSE_GRID = 16
TOLERANCE = 0.0005
"""Share of the model's cost that leaving out branches may cost altogether at the last judgement."""
BATCH = 128
"""Samples of the steps that are timed."""
JUDGES = 3000
"""Calibration samples that judge, at most; fewer than a fifth of it judge nothing."""


def clock() -> float:
    """Seconds, of the wall: what a time budget is counted in."""
    return time.perf_counter()


@dataclass(frozen=True)
class Clock:
    """Seconds a sample: of the backbone's pass, in float32 and in bfloat16 (inf where the processor has none), and of one
    training step of each branch, in the faster of the two."""

    single: float
    half: float
    branches: tuple[float, ...]

    @property
    def forward(self) -> float:
        return min(self.single, self.half)


@dataclass(frozen=True)
class Plan:
    """Branches as (index of the location, design), whether bfloat16 is used, seconds that planning took, and why in words."""

    branches: tuple[tuple[int, str], ...]
    half: bool
    seconds: float = 0.0
    words: str = ""

    @property
    def locations(self) -> tuple[int, ...]:
        """Indices of the locations with branches, rising."""
        return tuple(sorted({location for location, _ in self.branches}))

    @property
    def designs(self) -> tuple[str, ...]:
        """Designs used."""
        return tuple(dict.fromkeys(design for _, design in self.branches))


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 natively."""
    return bool(torch.cpu._is_avx512_bf16_supported()) if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False


def computing(half: bool):
    """Within, multiplications are in bfloat16."""
    return torch.autocast("cpu", torch.bfloat16, enabled=half)


def agrees(segments: Sequence[nn.Module], x: Tensor) -> bool:
    """Whether bfloat16 runs through the backbone, finite and with (nearly) the same answers, on a batch x."""
    try:
        with torch.no_grad():
            _, single = outputs(segments, {}, x)
            with computing(True):
                _, half = outputs(segments, {}, x)
    except RuntimeError:
        return False
    half, spread = half.float(), single.std() + 1e-12
    return bool(torch.isfinite(half).all() and (half - single).abs().mean() < 0.05 * spread)


def clocked(segments: Sequence[nn.Module], branches: Sequence[nn.Module], sized: Sequence[Sized], x: Tensor) -> Clock:
    """A Clock, by a few passes and training steps on one batch x (n, ...); nothing is changed.

    segments : folded (`fused.fused`), the final classifier last.
    """
    half = has_bfloat16() and agrees(segments, x[: min(len(x), 32)])
    readers = {size.location: branch.digest for size, branch in zip(sized, branches, strict=True)}
    with torch.no_grad():
        digests, _ = outputs(segments, readers, x)
        single = _seconds(lambda: outputs(segments, readers, x))
        faster = float("inf")
        if half:
            with computing(True):
                faster = _seconds(lambda: outputs(segments, readers, x))
    half = half and faster < single
    steps = []
    for size, branch in zip(sized, branches, strict=True):
        digest = branch.pool(digests[size.location]).to(torch.bfloat16 if half else torch.float32)
        digest = torch.cat([digest] * math.ceil(BATCH / len(x)))[
            :BATCH
        ]  # as many as a step takes: a few cost more each
        steps.append(_seconds(lambda branch=branch, digest=digest: _step(branch.body, digest, half)) / BATCH)
    return Clock(single / len(x), faster / len(x) if half else float("inf"), tuple(steps))


def _step(body: nn.Module, digest: Tensor, half: bool) -> None:
    with computing(half):
        loss = body(digest).float().logsumexp(dim=1).sum()  # in evaluation mode: statistics stay as they are
    torch.autograd.grad(loss, [p for p in body.parameters() if p.requires_grad])


def _seconds(work, repeats: int = 2) -> float:
    work()
    best = float("inf")
    for _ in range(repeats):
        started = clock()
        work()
        best = min(best, clock() - started)
    return best


def planned(
    speed: Clock, sized: Sequence[Sized], shares: Sequence[float], samples: int, seconds: float, replays
) -> list[int]:
    """Which of the candidate branches a time budget affords: their indices, rising.

    sized : candidates, by place and design. shares : of the MACs at each place. samples : for training. replays : steps
    of each design for one of the others. Every branch shall make `WANTED_PASSES`. As many as possible of: all designs
    everywhere, if twice that is affordable; the cheapest design everywhere and the dearest one up to `DEEP_UNTIL`; the
    cheapest alone. Of too many places those whose neighbours lie closest are left out, down to `LEAST_LOCATIONS`.
    """
    costs = [
        each * max(replays.get(size.design, 1), 1) for size, each in zip(sized, speed.branches, strict=True)
    ]  # seconds a sample
    affordable = (1 - FORWARD) * seconds / (WANTED_PASSES * samples)
    designs = list(dict.fromkeys(size.design for size in sized))
    order = sorted(designs, key=lambda d: np.mean([c for c, s in zip(costs, sized, strict=True) if s.design == d]))
    chosen: list[int] = []
    if sum(costs) <= affordable / 2:
        return list(range(len(sized)))
    places = sorted({size.location for size in sized})
    middle = [place for place in places if MIDDLE[0] <= shares[place] <= MIDDLE[1]]
    for extra in (True, False):
        kept = list(middle if len(middle) >= LEAST_LOCATIONS else places)
        while True:
            chosen = [
                k
                for k, size in enumerate(sized)
                if size.location in kept
                and (
                    size.design == order[0]
                    or (extra and size.design == order[-1] and shares[size.location] <= DEEP_UNTIL)
                )
            ]
            if sum(costs[k] for k in chosen) <= affordable:
                return chosen
            if len(kept) <= LEAST_LOCATIONS:
                break
            kept.pop(_missed_least([shares[place] for place in kept]))
    return chosen


def _missed_least(shares: Sequence[float]) -> int:
    """Index of the place whose neighbours lie closest together."""
    ends = [0.0, *shares, 1.0]
    return int(np.argmin([ends[i + 2] - ends[i] for i in range(len(shares))]))


def halved(records: ExitRecords, final: bool, max_exits: int) -> list[int]:
    """Columns (rising) that go on learning, by backward elimination: again and again the one is left out whose absence
    costs least in the front (mean over `DROPS`).

    final : single columns, while all that were left out cost less than `TOLERANCE` and more than `LEAST_BRANCHES` stay.
    Else places with all their designs, until `KEPT_LOCATIONS` of them stay: branches that learn slowly may still overtake.
    """
    position = records.position[:-1]
    units = [[k] for k in range(len(position))]
    if not final:
        units = [np.flatnonzero(position == place).tolist() for place in np.unique(position)]
    least = LEAST_BRANCHES if final else max(LEAST_LOCATIONS, math.ceil(KEPT_LOCATIONS * len(units)))
    whole = _value(records, units, max_exits)
    while len(units) > least:
        without = [units[:k] + units[k + 1 :] for k in range(len(units))]
        values = [_value(records, rest, max_exits) for rest in without]
        cheapest = int(np.argmin(values))
        if final and values[cheapest] > whole + TOLERANCE:
            break
        units = without[cheapest]
    return sorted(k for unit in units for k in unit)


def _value(records: ExitRecords, units: Sequence[Sequence[int]], max_exits: int) -> float:
    """Mean cost of the cheapest policies at `DROPS`, as a share of the model's; only branches of `units` are used."""
    part = records.columns([*sorted(k for unit in units for k in unit), records.exits_count - 1])
    best, level = front(part, grid=COARSE_GRID, max_exits=min(max_exits, 3)), own_accuracy(records)[-1]
    at = [best.reaching(min(level - drop, best.accuracy[-1])) for drop in DROPS]
    return float(best.mean_cost[at].mean() / records.cost().static)


def standing(records: ExitRecords, kept: Sequence[int], max_exits: int, drop: float = 0.01) -> dict[int, float]:
    """Thresholds by column, of those in `kept`, of the front's policy that loses about `drop`."""
    best = front(records, max_exits=min(max_exits, 2 if records.exits_count > 15 else 3))
    index = best.reaching(min(own_accuracy(records)[-1] - drop, best.accuracy[-1]))
    chosen = best.thresholds[index]
    return {k: float(chosen[k]) for k in kept if np.isfinite(chosen[k])}
