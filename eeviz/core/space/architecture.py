"""Architecture: what a genome of a search space stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..network.plan import Plan
from ..table.cost import Cost

if TYPE_CHECKING:
    from .space import Genome, SearchSpace


@dataclass(frozen=True, eq=False)
class Architecture:
    """What a genome stands for. values : gene name -> option, of the alive genes."""

    space: SearchSpace
    values: Mapping[str, Any]

    def __eq__(self, other) -> bool:
        return isinstance(other, Architecture) and self.space == other.space and self.genome == other.genome

    def __hash__(self) -> int:
        return hash((self.space.name, self.genome))

    def __repr__(self) -> str:
        return f"Architecture({self.space.name}, {self.macs().static / 1e6:.3g} M MACs, {len(self.plan.heads)} exits)"

    def __reduce__(self):
        return (_decode, (self.space, self.genome))

    @cached_property
    def genome(self) -> Genome:
        """The canonical genome."""
        return self.space.encode(self)

    @cached_property
    def plan(self) -> Plan:
        """The network's plan: backbone and the exits that the genome chose."""
        return self.space.planner(self.values, False)

    @cached_property
    def _offered(self) -> Plan:
        return self.space.planner(self.values, True)

    def offered(self) -> Plan:
        """The same backbone with every branch design at every exit: alternatives, at most one a position to be kept."""
        return self._offered

    def macs(self) -> Cost:
        """Cost in MACs: backbone (E,) cumulative up to each exit's tap, heads (E,); equal to fvcore's count."""
        return self.plan.macs()

    def parameters(self) -> int:
        """Trainable parameters, exits included."""
        return self.plan.parameters()

    def describe(self) -> str:
        """A few lines of text: resolution, stages with their blocks, exits, each with its MACs."""
        from .describe import describe

        return describe(self)

    def drawing(self) -> dict:
        """Stages, blocks and branches with shapes, MACs and parameters as plain values, for a view to draw to scale."""
        from .describe import drawing

        return drawing(self)


def _decode(space: SearchSpace, genome: Genome) -> Architecture:
    return space.decode(genome)
