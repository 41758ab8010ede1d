"""What leaving at each exit costs on a platform, what a choice of exits holds in memory, and what crosses the links.

All is additive: where a sample leaves decides how far it travels, which heads are kept decides only which heads it
passes. So latency and energy are plain `Cost`s, and every solver and view that knows costs knows platforms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..network.segments import Segments
from ..table.cost import Cost, ProductCost

if TYPE_CHECKING:
    from .platform import Platform

HEADS = ("own", "next")


def checked(platform: Platform, segments: Segments, assignment) -> tuple[int, ...]:
    """assignment (P,) as integers. Raises ValueError when it does not fit."""
    array = np.asarray(assignment)
    if array.shape != (len(segments),) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"assignment: expected one whole number for each of {len(segments)} segments, got {array.tolist()}."
        )
    if array.min() < 0 or array.max() >= len(platform.processors):
        raise ValueError(f"assignment: processors are counted 0..{len(platform.processors) - 1}, got {array.tolist()}.")
    if (np.diff(array) < 0).any():
        raise ValueError(f"assignment: samples never travel back, so it cannot fall, got {array.tolist()}.")
    return tuple(array.tolist())


def homes(segments: Segments, assignment: tuple[int, ...], heads: str) -> list[int]:
    """(E,) the processor of each head."""
    if heads not in HEADS:
        raise ValueError(f"heads: expected 'own' or 'next', got {heads!r}.")
    last = len(segments) - 1
    return [assignment[min(p + 1, last) if heads == "next" else p] for p in segments.position.tolist()]


def cost(platform: Platform, segments: Segments, assignment, heads: str = "own") -> dict[str, Cost | ProductCost]:
    """As `Platform.cost`."""
    assignment = checked(platform, segments, assignment)
    home, position = homes(segments, assignment, heads), segments.position
    used = {0, *assignment}
    idle = {r: sum(platform.processors[q].idle_power for q in used if q != r) for r in used}
    waiting = sum(platform.processors[q].idle_power for q in used)
    arrived = [_arrival(platform, segments, assignment, p, waiting) for p in range(len(segments))]
    ran = [_run(platform, piece, r, idle) for piece, r in zip(segments.pieces, assignment, strict=True)]
    spent = np.cumsum(np.add(arrived, ran), axis=0)  # (P, 2) seconds and joules up to each segment's output
    backbone = spent[position]  # (E, 2)
    for k, p in enumerate(position.tolist()):
        if home[k] != assignment[p]:
            backbone[k] += arrived[p + 1]  # its input travels first, with every sample that gets here
    branch = np.array([_run(platform, head, r, idle) for head, r in zip(segments.heads, home, strict=True)])
    latency = Cost(backbone[:, 0], branch[:, 0], unit="s")
    energy = Cost(backbone[:, 1], branch[:, 1], unit="J")
    return {"latency": latency, "energy": energy, "energy x latency": ProductCost(energy, latency)}


def _run(platform: Platform, piece, processor: int, idle: dict[int, float]) -> tuple[float, float]:
    """Seconds and joules of a piece, the other processors' idling included."""
    seconds = platform.processors[processor].seconds(piece)
    return seconds, platform.processors[processor].joules(piece) + idle[processor] * seconds


def _arrival(platform: Platform, segments: Segments, assignment, p: int, idle: float) -> tuple[float, float]:
    """Seconds and joules of bringing a sample to segment p and waking its processor; 0 where it is there already."""
    source = assignment[p - 1] if p else 0
    target = assignment[p]
    if source == target:
        return 0.0, 0.0
    size = segments.pieces[p - 1].output_bytes if p else segments.input_bytes
    links, processor = platform.links[source:target], platform.processors[target]
    seconds = sum(link.seconds(size) for link in links) + processor.wake_latency
    joules = sum(link.joules(size) for link in links) + processor.wake_energy
    return seconds, joules + idle * seconds


def traffic(platform: Platform, segments: Segments, assignment, heads: str = "own") -> np.ndarray:
    """(E, R - 1) bytes that a sample leaving at each exit sends over each link."""
    assignment = checked(platform, segments, assignment)
    home = homes(segments, assignment, heads)
    sent = np.zeros((len(segments), len(platform.links)))
    for p, target in enumerate(assignment):
        size = segments.pieces[p - 1].output_bytes if p else segments.input_bytes
        sent[p, (assignment[p - 1] if p else 0) : target] = size
    sent = np.cumsum(sent, axis=0)  # each link carries a sample once
    reached = [p + 1 if home[k] != assignment[p] else p for k, p in enumerate(segments.position.tolist())]
    return sent[reached]


def memory(platform: Platform, segments: Segments, assignment, kept=None, heads: str = "own") -> np.ndarray:
    """(R,) bytes on each processor: weights of its segments and kept heads, and the largest activations among them.

    kept : (E - 1,) bool, None: no head but the final classifier.
    """
    assignment = checked(platform, segments, assignment)
    home = homes(segments, assignment, heads)
    has_head = np.append(np.zeros(segments.exits_count - 1, bool) if kept is None else np.asarray(kept, bool), True)
    here = list(zip(segments.pieces, assignment, strict=True))
    here += [(segments.heads[k], home[k]) for k in np.flatnonzero(has_head)]
    weights, peak = np.zeros(len(platform.processors)), np.zeros(len(platform.processors))
    for piece, r in here:
        weights[r] += piece.weight_bytes
        peak[r] = max(peak[r], piece.peak_bytes)
    return weights + peak
