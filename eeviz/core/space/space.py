"""SearchSpace: integer genomes and the architectures they stand for, from one declarative list of genes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from ..network.plan import Plan
from .architecture import Architecture

GROUPS = ("resolution", "backbone", "exits", "thresholds")
Genome = tuple[int, ...]


@dataclass(frozen=True)
class Gene:
    """One choice: an integer that picks one of `options`.

    group : one of `GROUPS`. needs : (gene, options) pairs; the gene is alive only while each of those earlier genes is
    alive and has one of those options. Dead genes have no effect and stand at option 0 in canonical genomes.
    """

    name: str
    options: tuple[Any, ...]
    group: str
    needs: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    def __post_init__(self):
        if len(set(self.options)) != len(self.options) or not self.options:
            raise ValueError(f"gene {self.name}: options must be distinct and at least one, got {self.options}.")
        if self.group not in GROUPS:
            raise ValueError(f"gene {self.name}: group {self.group!r} is unknown, expected one of {', '.join(GROUPS)}.")


@dataclass(frozen=True)
class SearchSpace:
    """Genes, and what a choice of their options means.

    arguments : what the preset was made with. forbidden : (gene, option) pairs that must not all hold at once.
    planner(values, offered) : values of the alive genes -> Plan; offered: with every branch design at every exit.
    measure : the confidence that the space's networks leave by. removable=False : confidences depend on which exits
    exist, so exits cannot be taken away from recorded answers.
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
        from .presets import preset

        return preset(name, **arguments)

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # what is cached is found again, and a view of a
        # dict cannot be pickled

    def __repr__(self) -> str:
        return f"SearchSpace({self.name}, {len(self.genes)} genes, {self.size:.3g} architectures)"

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Gene name -> place in the genome."""
        return MappingProxyType({gene.name: i for i, gene in enumerate(self.genes)})

    @cached_property
    def lower(self) -> np.ndarray:
        """(G,) int64 smallest value of each gene: 0."""
        return _frozen(np.zeros(len(self.genes), np.int64))

    @cached_property
    def upper(self) -> np.ndarray:
        """(G,) int64 largest value of each gene, itself allowed."""
        return _frozen(np.array([len(gene.options) - 1 for gene in self.genes], np.int64))

    @cached_property
    def size(self) -> int:
        """Number of different architectures (canonical genomes)."""
        from .genome import count

        return count(self)

    def group(self, *groups: str) -> np.ndarray:
        """(G,) bool: which genes belong to these groups. Raises ValueError for an unknown group."""
        if unknown := set(groups) - set(GROUPS):
            raise ValueError(f"gene group {sorted(unknown)[0]!r} is unknown, expected one of {', '.join(GROUPS)}.")
        return np.array([gene.group in groups for gene in self.genes])

    def check(self, genome: Sequence[int]) -> Genome:
        """The genome as a tuple of int. Raises ValueError for a wrong length, type or range, naming the gene."""
        whole = type(genome) is tuple and len(genome) == len(self.genes) and set(map(type, genome)) == {int}
        if whole and all(0 <= v <= last for v, last in zip(genome, self._last, strict=True)):
            return genome  # the common case, without arrays
        try:
            values = np.asarray(genome)
        except ValueError as error:
            raise ValueError(f"genome: expected {len(self.genes)} integers, got {genome!r}.") from error
        if values.ndim != 1 or len(values) != len(self.genes):
            raise ValueError(
                f"genome: expected {len(self.genes)} integers (space {self.name}), got shape {values.shape}."
            )
        if values.dtype == bool or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
            raise ValueError(f"genome: expected integers, got {values.dtype}.")
        if not np.issubdtype(values.dtype, np.integer) and not (values == np.rint(values)).all():
            raise ValueError("genome: expected integers, got fractions or NaN.")
        outside = np.flatnonzero((values < 0) | (values > self.upper))
        if outside.size:
            gene = self.genes[outside[0]]
            raise ValueError(
                f"genome: gene {outside[0]} ({gene.name}) is {values[outside[0]]}, "
                f"it must lie in 0..{len(gene.options) - 1}."
            )
        return tuple(int(v) for v in values)

    def alive(self, genome: Sequence[int]) -> np.ndarray:
        """(G,) bool: which genes have an effect in this genome."""
        return np.array(self._alive(genome))

    def _alive(self, genome: Sequence[int]) -> list[bool]:
        alive = [True] * len(self.genes)
        for i, needs in self._needing:
            alive[i] = all(alive[j] and genome[j] in options for j, options in needs)
        return alive

    def forbids(self, genome: Sequence[int]) -> bool:
        """Do all forbidden pairs hold at once?"""
        return bool(self._forbidden) and all(genome[i] == option for i, option in self._forbidden)

    def canonical(self, genome: Sequence[int]) -> Genome:
        """The genome with dead genes at 0: equal for genomes of one architecture. Raises ValueError as `check`.

        A forbidden choice is mended: the first gene concerned moves to its first other option.
        """
        return self._canonical(genome)[0]

    def _canonical(self, genome: Sequence[int]) -> tuple[Genome, list[bool]]:
        values = list(self.check(genome))
        if self.forbids(values):
            i, option = self._forbidden[0]
            values[i] = int(option == 0)
        alive = self._alive(values)
        return tuple(v if a else 0 for v, a in zip(values, alive, strict=True)), alive

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

    def sample(self, rng: np.random.Generator) -> Genome:
        """A canonical genome, every gene drawn uniformly."""
        from .genome import sample

        return sample(self, rng)

    def mutate(self, genome: Sequence[int], rng: np.random.Generator, rate: float | None = None) -> Genome:
        """A canonical genome of another architecture: every alive gene moves with probability `rate` to another option.

        rate : None for one gene on average. Genes that come alive get a random option. At least one gene moves.
        """
        from .genome import mutate

        return mutate(self, genome, rng, rate)

    def crossover(self, first: Sequence[int], second: Sequence[int], rng: np.random.Generator) -> Genome:
        """A canonical genome with each gene from one of two parents, from the one in which it is alive."""
        from .genome import crossover

        return crossover(self, first, second, rng)

    def neighbours(self, genome: Sequence[int]) -> Iterator[Genome]:
        """Every canonical genome one step away: one alive gene at another option, genes that come alive at 0."""
        from .genome import neighbours

        return neighbours(self, genome)

    def smallest(self) -> Genome:
        """The backbone of fewest MACs (no single gene makes it smaller); exits and thresholds at option 0."""
        from .genome import extreme

        return extreme(self, -1)

    def largest(self) -> Genome:
        """The backbone of most MACs (no single gene makes it larger); exits and thresholds at option 0."""
        from .genome import extreme

        return extreme(self, 1)

    def backbone_part(self, genome: Sequence[int]) -> Genome:
        """The canonical genome of the same backbone and resolution, exits and thresholds at 0."""
        kept = self.group("resolution", "backbone")
        return self.canonical([v if k else 0 for v, k in zip(self.check(genome), kept, strict=True)])

    def with_exits(self, genome: Sequence[int], exits: Sequence[Any], thresholds: Sequence[Any] = ()) -> Genome:
        """The canonical genome with these options of the exit genes, and of the threshold genes, in their order.

        Raises ValueError for another number of them or an unknown option.
        """
        values = list(self.check(genome))
        for group, chosen in (("exits", exits), ("thresholds", thresholds)):
            places = np.flatnonzero(self.group(group)).tolist()
            if len(chosen) not in ({len(places)} if group == "exits" else {0, len(places)}):
                raise ValueError(f"{group}: expected {len(places)} options, got {len(chosen)}.")
            for place, option in zip(places, chosen, strict=False):
                if option not in self.genes[place].options:
                    raise ValueError(f"{self.genes[place].name}: {option!r} is not one of {self.genes[place].options}.")
                values[place] = self.genes[place].options.index(option)
        return self.canonical(values)

    @cached_property
    def _last(self) -> Genome:
        return tuple(len(gene.options) - 1 for gene in self.genes)

    @cached_property
    def _needs(self) -> tuple[tuple[tuple[int, frozenset[int]], ...], ...]:
        return tuple(
            tuple(
                (self.index[n], frozenset(self.genes[self.index[n]].options.index(o) for o in os)) for n, os in g.needs
            )
            for g in self.genes
        )

    @cached_property
    def _needing(self) -> tuple[tuple[int, tuple[tuple[int, frozenset[int]], ...]], ...]:
        return tuple((i, needs) for i, needs in enumerate(self._needs) if needs)

    @cached_property
    def _forbidden(self) -> tuple[tuple[int, int], ...]:
        return tuple((self.index[n], self.genes[self.index[n]].options.index(o)) for n, o in self.forbidden)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
