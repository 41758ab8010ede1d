"""Domain: which options of each gene a method may choose, and how genomes vary inside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Genome = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Domain:
    """The part of a search space that a method searches: per gene its allowed values, others stay at the first one.

    values : one rising tuple of integers per gene. canonical : genome -> genome, dead genes at their default.
    Every allowed value of a gene is reachable by one mutation from every other. Genomes come out canonical.
    Raises ValueError for a gene without any value.
    """

    values: tuple[tuple[int, ...], ...]
    canonical: Callable[[Genome], Genome]

    def __post_init__(self):
        empty = [i for i, options in enumerate(self.values) if not options]
        if empty:
            raise ValueError(f"gene {empty[0]} has no allowed value.")

    @property
    def free(self) -> np.ndarray:
        """(G,) bool: genes with a choice."""
        return np.array([len(options) > 1 for options in self.values])

    def sample(self, rng: np.random.Generator) -> Genome:
        """A genome, each gene drawn evenly from its values."""
        return self._tidy([options[rng.integers(len(options))] for options in self.values])

    def extreme(self, last: bool) -> Genome:
        """The genome of all first or all last values."""
        return self._tidy([options[-1 if last else 0] for options in self.values])

    def mutate(self, genome: Sequence[int], rng: np.random.Generator, genes: float = 2.0) -> Genome:
        """Change `genes` genes on average, at least one, each to another of its values."""
        free = np.flatnonzero(self.free)
        if not len(free):
            return self._tidy(genome)
        chosen = free[rng.random(len(free)) < min(1.0, genes / len(free))]
        if not len(chosen):
            chosen = free[[rng.integers(len(free))]]
        child = list(genome)
        for i in chosen:
            others = [v for v in self.values[i] if v != child[i]]
            child[i] = others[rng.integers(len(others))]
        return self._tidy(child)

    def crossover(self, a: Sequence[int], b: Sequence[int], rng: np.random.Generator) -> Genome:
        """`a` with the genes between two random cuts from `b`: neighbouring genes, as those of one stage, stay together."""
        first, last = np.sort(rng.integers(0, len(a) + 1, 2))
        return self._tidy([*a[:first], *b[first:last], *a[last:]])

    def ending(self, a: Sequence[int], b: Sequence[int], rng: np.random.Generator) -> Genome:
        """`a` up to a random cut, the genes behind it from `b`, one of them changed: both begin alike."""
        free = np.flatnonzero(self.free)
        cut = int(rng.choice(free))
        child = [*a[:cut], *b[cut:]]
        i = int(rng.choice(free[free >= cut]))
        others = [v for v in self.values[i] if v != child[i]]
        child[i] = others[rng.integers(len(others))]
        return self._tidy(child)

    def features(self, genomes: Sequence[Genome]) -> np.ndarray:
        """(N, F) free genes scaled to [0, 1]."""
        table = np.asarray(genomes, dtype=np.float64).reshape(len(genomes), len(self.values))
        low = np.array([options[0] for options in self.values])
        span = np.array([max(options[-1] - options[0], 1) for options in self.values])
        return ((table - low) / span)[:, self.free]

    def _tidy(self, genome: Sequence[int]) -> Genome:
        return tuple(int(v) for v in self.canonical(tuple(int(v) for v in genome)))
