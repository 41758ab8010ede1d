"""SearchSpace: integer genomes and the architectures they stand for, from one declarative list of genes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from ..network.plan import Plan
from ..table.cost import Cost
from .describe import describe, drawing
from .genome import Gene, Genome, Genomes

PRESETS: dict[str, Callable[..., SearchSpace]] = {}
"""Spaces by name; each module of `presets` adds its own."""


@dataclass(frozen=True)
class SearchSpace(Genomes):
    """Genes, and what a choice of their options means.

    arguments : what the preset was made with. forbidden : (gene, option) pairs that must not all hold at once.
    planner(values, offered) : values of the alive genes -> Plan; offered: with every branch design at every exit.
    measure : the confidence that the space's networks leave by. removable=False : confidences depend on which exits
    exist, so exits cannot be taken away from recorded answers.

    >>> space = ee.SearchSpace.preset("compact")
    >>> space
    SearchSpace(compact, 39 genes, 1.79e+17 architectures)
    >>> space.decode(space.smallest())
    Architecture(compact, 0.386 M MACs, 1 exits)
    """

    name: str
    genes: tuple[Gene, ...]
    planner: Callable[[Mapping[str, Any], bool], Plan] = field(compare=False, repr=False)
    arguments: tuple[tuple[str, Any], ...] = ()
    forbidden: tuple[tuple[str, Any], ...] = ()
    measure: str = "max_probability"
    removable: bool = True

    def __post_init__(self):
        known: dict[str, Gene] = {}
        for gene in self.genes:
            for name, options in gene.needs:
                if name not in known or not set(options) <= set(known[name].options):
                    raise ValueError(f"gene {gene.name} needs {name} at {options}: no earlier gene has those options.")
            if gene.name in known:
                raise ValueError(f"gene {gene.name} is there twice.")
            known[gene.name] = gene

    @classmethod
    def preset(cls, name: str, **arguments) -> SearchSpace:
        """A space by name: compact, aebnas, edanas, nachos, static or zniber. Raises ValueError for another name or argument.

        arguments : input (channels, height, width) and classes; see the module of each space.
        """
        if name not in PRESETS:
            raise ValueError(f"space {name!r} is unknown: choose one of {', '.join(PRESETS)}.")
        takes = inspect.signature(PRESETS[name]).parameters
        if unknown := set(arguments) - set(takes):
            raise ValueError(f"space {name!r} takes no {sorted(unknown)[0]!r}: it takes {', '.join(takes)}.")
        return PRESETS[name](**arguments)

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # what is cached is found again, and a view of a
        # dict cannot be pickled

    def __repr__(self) -> str:
        return f"SearchSpace({self.name}, {len(self.genes)} genes, {self.size:.3g} architectures)"

    def decode(self, genome: Sequence[int]) -> Architecture:
        """The architecture of a genome. Raises ValueError as `check`."""
        genome, alive = self._canonical(genome)
        values = {g.name: g.options[v] for g, v, a in zip(self.genes, genome, alive, strict=True) if a}
        return Architecture(self, MappingProxyType(values))

    def encode(self, architecture: Architecture) -> Genome:
        """The canonical genome of an architecture. Raises ValueError when it belongs to another space."""
        if architecture.space != self:
            raise ValueError(f"the architecture belongs to space {architecture.space.name!r}, not to {self.name!r}.")
        values = architecture.values
        return tuple(gene.options.index(values[gene.name]) if gene.name in values else 0 for gene in self.genes)

    def smallest(self) -> Genome:
        """The backbone of fewest MACs (no single gene makes it smaller); exits and thresholds at option 0."""
        return self._extreme(-1)

    def largest(self) -> Genome:
        """The backbone of most MACs (no single gene makes it larger); exits and thresholds at option 0."""
        return self._extreme(1)

    def _extreme(self, sign: int) -> Genome:
        """From all backbone genes at one end, gene by gene to the option of largest (sign 1) or smallest (-1) MACs."""
        backbone = np.flatnonzero(self.group("resolution", "backbone")).tolist()
        genome = [0] * len(self.genes)
        for i in backbone:
            genome[i] = len(self.genes[i].options) - 1 if sign > 0 else 0

        def value(values) -> float:
            return sign * self.decode(values).macs().static

        best, before = value(genome), None
        while best != before:
            before = best
            for i in backbone:
                moves = [[*genome[:i], o, *genome[i + 1 :]] for o in range(len(self.genes[i].options))]
                genome = max(moves, key=value)  # the first of equals
            best = value(genome)
        return self.canonical(genome)


@dataclass(frozen=True, eq=False)
class Architecture:
    """What a genome stands for. values : gene name -> option, of the alive genes.

    >>> space = ee.SearchSpace.preset("compact")
    >>> architecture = space.decode(space.sample(np.random.default_rng(0)))
    >>> int(architecture.macs().static)
    5224352
    """

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
        return describe(self)

    def drawing(self) -> dict:
        """Stages, blocks and branches with shapes, MACs and parameters as plain values, for a view to draw to scale."""
        return drawing(self)


def _decode(space: SearchSpace, genome: Genome) -> Architecture:
    return space.decode(genome)
