"""Genomes: what a list of genes allows, and moves on canonical genomes: sampling, mutation, crossover, neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

GROUPS = ("resolution", "backbone", "exits", "thresholds")
Genome = tuple[int, ...]
_ATTEMPTS = 1000


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


class Genomes:
    """The integer genomes of `genes`, of which the `forbidden` (gene, option) pairs must not all hold at once."""

    name: str
    genes: tuple[Gene, ...]
    forbidden: tuple[tuple[str, Any], ...]

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
        """Number of different architectures (canonical genomes): the product over groups of genes that depend on one another,
        less the forbidden ones."""
        parts = self._parts()
        total = forbidden = 1
        fixed = dict(self._forbidden)
        for part in parts:
            total *= self._count(part, 0, {}, {})
            forbidden *= self._count(part, 0, {}, fixed)
        return total - (forbidden if fixed else 0)

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
        """Whether all forbidden pairs hold at once."""
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

    def sample(self, rng: np.random.Generator) -> Genome:
        """A canonical genome, every gene drawn uniformly."""
        for _ in range(_ATTEMPTS):
            genome = tuple(rng.integers(self.lower, self.upper, endpoint=True).tolist())
            if not self.forbids(genome):
                break
        return self.canonical(genome)

    def mutate(self, genome: Sequence[int], rng: np.random.Generator, rate: float | None = None) -> Genome:
        """A canonical genome of another architecture: every alive gene moves with probability `rate` to another option.

        rate : None for one gene on average. Genes that come alive get a random option. At least one gene moves.
        """
        genome = self.canonical(genome)
        movable = self.alive(genome) & (self.upper > 0)
        if not movable.any():
            raise ValueError(f"self {self.name} has a single architecture: nothing can be mutated.")
        if rate is None:
            rate = 1 / movable.sum()
        if not 0 <= rate <= 1:
            raise ValueError(f"rate: expected a probability, got {rate}.")
        for _ in range(_ATTEMPTS):
            moves = movable & (rng.random(len(genome)) < rate)
            if not moves.any():
                moves[rng.choice(np.flatnonzero(movable))] = True
            values = [self._other(i, v, rng) if m else v for i, (v, m) in enumerate(zip(genome, moves, strict=True))]
            if not self.forbids(values):
                return self._revived(values, ~self.alive(genome), rng)
        return next(iter(self.neighbours(genome)))

    def crossover(self, first: Sequence[int], second: Sequence[int], rng: np.random.Generator) -> Genome:
        """A canonical genome with each gene from one of two parents, from the one in which it is alive."""
        parents = [self.canonical(first), self.canonical(second)]
        lives = np.stack([self.alive(parent) for parent in parents])  # (2, G)
        for _ in range(_ATTEMPTS):
            drawn = rng.integers(2, size=len(parents[0]))
            source = np.where(lives[0] == lives[1], drawn, lives[1])  # a dead gene says nothing about its parent
            values = [parents[s][i] for i, s in enumerate(source)]
            if not self.forbids(values):
                return self._revived(values, ~lives.any(axis=0), rng)
        return parents[0]

    def neighbours(self, genome: Sequence[int]) -> Iterator[Genome]:
        """Every canonical genome one step away: one alive gene at another option, genes that come alive at 0."""
        genome = self.canonical(genome)
        for i in np.flatnonzero(self.alive(genome)).tolist():
            for option in range(len(self.genes[i].options)):
                moved = (*genome[:i], option, *genome[i + 1 :])
                if option != genome[i] and not self.forbids(moved):
                    yield self.canonical(moved)

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

    def _count(self, part: list[int], at: int, values: dict[int, int], fixed: dict[int, int]) -> int:
        if at == len(part):
            return 1
        i = part[at]
        if any(j not in values or values[j] not in options for j, options in self._needs[i]):
            return self._count(part, at + 1, values, fixed)  # dead
        options = [fixed[i]] if i in fixed else range(len(self.genes[i].options))
        needed = any(i == j for k in part for j, _ in self._needs[k])
        if not needed:  # every option gives the same count
            return len(options) * self._count(part, at + 1, values, fixed)
        return sum(self._count(part, at + 1, {**values, i: option}, fixed) for option in options)

    def _parts(self) -> list[list[int]]:
        """Genes joined by needs, each part in genome order."""
        root = list(range(len(self.genes)))
        for i, needs in enumerate(self._needs):
            for j, _ in needs:
                old, new = root[i], root[j]
                root = [new if r == old else r for r in root]
        return [[i for i, r in enumerate(root) if r == value] for value in sorted(set(root))]

    def _other(self, i: int, value: int, rng: np.random.Generator) -> int:
        return int((value + rng.integers(1, len(self.genes[i].options))) % len(self.genes[i].options))

    def _revived(self, values: list[int], dead: np.ndarray, rng: np.random.Generator) -> Genome:
        """Canonical, with a random option for every gene that was dead and is alive now, in genome order."""
        alive = np.ones(len(values), bool)
        for i, needs in enumerate(self._needs):
            if needs:
                alive[i] = all(alive[j] and values[j] in options for j, options in needs)
                if alive[i] and dead[i]:
                    values[i] = int(rng.integers(len(self.genes[i].options)))
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
