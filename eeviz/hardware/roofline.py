"""Roofline: costs on the processors of a `Platform`, by their rates (Williams et al. 2009, doi:10.1145/1498765.1498785)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..core.bits import AnyBits, HeadBits
from ..core.cost import Cost, ProductCost
from ..core.platform import Platform
from ..core.workload import Workload
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

        Raises ValueError for an assignment that does not fit, an operator without a rate, and a layer without a rule.
        """
        work = as_workload(network)
        segments = work.platform_segments(bits, head_bits)
        found = self.platform.cost(segments, self._places(work), self.heads)
        return {**found, "memory": work.memory(bits, head_bits)}

    def notes(self, network, bits: AnyBits | None = None, head_bits: HeadBits = None) -> tuple[str, ...]:
        """Kinds of operators for which a processor has only its general rate."""
        work = as_workload(network)
        kinds = {step.kind for _, step in work.steps() if step.macs}
        used = [self.platform.processors[i] for i in sorted(set(self._places(work)))]
        return tuple(
            f"{p.name} has no rate of its own for {kind} operators: its general one is used."
            for p in used
            for kind in sorted(kinds - set(p.operators))
            if p.operators
        )

    def _places(self, work: Workload) -> tuple[int, ...]:
        return (0,) * len(work.segments) if self.assignment is None else self.assignment
