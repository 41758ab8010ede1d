"""Roofline: costs on the processors of a `Platform`, by their rates (Williams et al. 2009, doi:10.1145/1498765.1498785)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..core.network.bits import AnyBits, Bits, HeadBits
from ..core.network.segments import Segments
from ..core.network.workload import Workload
from ..core.platform.cost import checked, homes, memory
from ..core.platform.platform import Platform, Processor
from ..core.table.cost import Cost, ProductCost
from .provider import as_workload


@dataclass(frozen=True)
class Roofline:
    """Costs on a platform. assignment (P,) : the processor of each segment, None: all on the first.

    heads : "own" or "next", as in `Platform.cost`. Bits decide how many bytes move; the rates are the processors' own.
    """

    platform: Platform
    assignment: tuple[int, ...] | None = None
    heads: str = "own"

    def __hash__(self) -> int:
        return hash((self.platform.name, self.assignment, self.heads))

    @property
    def title(self) -> str:
        return f"{self.platform.name}, roofline"

    def costs(
        self, network, bits: AnyBits | None = None, head_bits: HeadBits = None
    ) -> Mapping[str, Cost | ProductCost]:
        """latency in s, energy in J, their product, memory in B.

        Raises ValueError for an assignment that does not fit, a network that even without early exits does not fit the
        memory, an operator without a rate, and a layer without a rule.
        """
        work = as_workload(network)
        segments = work.platform_segments(bits, head_bits)
        places = self._places(work)
        for processor, held in self._too_full(segments, places):
            elsewhere = "run fewer segments there (assignment), " if len(self.platform.processors) > 1 else ""
            raise ValueError(
                f"the network does not fit {processor.name}: without early exits its weights and activations take {held} MB, "
                f"the memory has {processor.memory / 1e6:.3g} MB: {elsewhere}use fewer bits or a smaller network."
            )
        found = self.platform.cost(segments, places, self.heads)
        return {**found, "memory": work.memory(bits, head_bits)}

    def notes(self, network, bits: AnyBits | None = None, head_bits: HeadBits = None) -> tuple[str, ...]:
        """Kinds of operators for which a processor has only its general rate, bits that its rates are not of, pieces that
        cost no time for want of a bandwidth, memory that does not hold every exit.

        Raises ValueError for an assignment that does not fit.
        """
        work = as_workload(network)
        bits, own = work.at_bits(bits, head_bits)
        places, segments = self._places(work), work.platform_segments(bits, own)
        home = homes(segments, places, self.heads)
        processors = self.platform.processors
        names = [f"segment {i + 1}" for i in range(len(work.segments))]
        names += [*(f"exit {k + 1}" for k in range(len(own) - 1)), "the final classifier"]
        steps, width = (*work.segments, *work.heads), (*(bits for _ in places), *own)
        at = (*places, *home)
        said: list[str] = []
        for r in sorted(set(at)):
            here = [i for i, place in enumerate(at) if place == r]
            said += _kinds(processors[r], {step.kind for i in here for step in steps[i] if step.macs})
            said += _formats(processors[r], dict.fromkeys(width[i] for i in here))
            said += _free(processors[r], [names[i] for i in here if steps[i] and not any(s.macs for s in steps[i])])
        kept = np.ones(len(own) - 1, dtype=bool)
        said += [
            f"{processor.name} would hold {held} MB with every exit and has {processor.memory / 1e6:.3g} MB: not all of them "
            "can be kept."
            for processor, held in self._too_full(segments, places, kept)
        ]
        return tuple(said)

    def _places(self, work: Workload) -> tuple[int, ...]:
        if self.assignment is None:
            return (0,) * len(work.segments)
        return checked(self.platform, work.segments, self.assignment)

    def _too_full(self, segments: Segments, places: tuple[int, ...], kept=None) -> list[tuple[Processor, str]]:
        """Processors whose memory does not hold what runs there, with how many MB that is."""
        held = memory(self.platform, segments, places, kept, self.heads)
        both = zip(self.platform.processors, held, strict=True)
        return [(p, f"{b / 1e6:.3g}") for p, b in both if p.memory is not None and b > p.memory]


def _kinds(processor: Processor, kinds: set[str]) -> list[str]:
    missing = sorted(kinds - set(processor.operators)) if processor.operators else []
    return [
        f"{processor.name} has no rate of its own for {kind} operators: its general one is used." for kind in missing
    ]


def _formats(processor: Processor, asked: Iterable[Bits]) -> list[str]:
    """Bits that the processor's rates are not of."""
    if processor.bits is None:
        words = " and ".join(map(str, asked))
        return [
            f"{processor.name} does not say of which bits its rates are: they are taken as they are at {words} bits."
        ]
    words = " and ".join(str(b) for b in asked if {b.weights, b.activations} != {processor.bits})
    if not words:
        return []
    return [
        f"{processor.name} has rates of {processor.bits:g}-bit numbers only: at {words} bits time and energy of computing are "
        "extrapolated as the same, only the bytes that move and the memory differ."
    ]


def _free(processor: Processor, pieces: list[str]) -> list[str]:
    """Pieces that compute nothing, on a processor whose bandwidth nobody says."""
    if not pieces or processor.bytes_per_s is not None:
        return []
    return [
        f"{processor.name} has no memory bandwidth (bytes_per_s): {', '.join(pieces)}, without multiply-accumulates, "
        f"cost{'s' if len(pieces) == 1 else ''} no time there."
    ]
