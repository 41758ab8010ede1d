"""Moves on canonical genomes: sampling, mutation, crossover, neighbours, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .space import Genome, SearchSpace

_ATTEMPTS = 1000


def sample(space: SearchSpace, rng: np.random.Generator) -> Genome:
    for _ in range(_ATTEMPTS):
        genome = tuple(rng.integers(space.lower, space.upper, endpoint=True).tolist())
        if not space.forbids(genome):
            break
    return space.canonical(genome)


def mutate(space: SearchSpace, genome: Sequence[int], rng: np.random.Generator, rate: float | None) -> Genome:
    genome = space.canonical(genome)
    movable = space.alive(genome) & (space.upper > 0)
    if not movable.any():
        raise ValueError(f"space {space.name} has a single architecture: nothing can be mutated.")
    if rate is None:
        rate = 1 / movable.sum()
    if not 0 <= rate <= 1:
        raise ValueError(f"rate: expected a probability, got {rate}.")
    for _ in range(_ATTEMPTS):
        moves = movable & (rng.random(len(genome)) < rate)
        if not moves.any():
            moves[rng.choice(np.flatnonzero(movable))] = True
        values = [_other(space, i, v, rng) if m else v for i, (v, m) in enumerate(zip(genome, moves, strict=True))]
        if not space.forbids(values):
            return _revived(space, values, ~space.alive(genome), rng)
    return next(iter(neighbours(space, genome)))


def crossover(space: SearchSpace, first: Sequence[int], second: Sequence[int], rng: np.random.Generator) -> Genome:
    parents = [space.canonical(first), space.canonical(second)]
    lives = np.stack([space.alive(parent) for parent in parents])  # (2, G)
    for _ in range(_ATTEMPTS):
        drawn = rng.integers(2, size=len(parents[0]))
        source = np.where(lives[0] == lives[1], drawn, lives[1])  # a dead gene says nothing about its parent
        values = [parents[s][i] for i, s in enumerate(source)]
        if not space.forbids(values):
            return _revived(space, values, ~lives.any(axis=0), rng)
    return parents[0]


def neighbours(space: SearchSpace, genome: Sequence[int]) -> Iterator[Genome]:
    genome = space.canonical(genome)
    for i in np.flatnonzero(space.alive(genome)).tolist():
        for option in range(len(space.genes[i].options)):
            moved = (*genome[:i], option, *genome[i + 1 :])
            if option != genome[i] and not space.forbids(moved):
                yield space.canonical(moved)


def extreme(space: SearchSpace, sign: int) -> Genome:
    """From all backbone genes at one end, gene by gene to the option of largest (sign 1) or smallest (-1) MACs."""
    backbone = np.flatnonzero(space.group("resolution", "backbone")).tolist()
    genome = [0] * len(space.genes)
    for i in backbone:
        genome[i] = len(space.genes[i].options) - 1 if sign > 0 else 0

    def value(values) -> float:
        return sign * space.decode(values).macs().static

    best, before = value(genome), None
    while best != before:
        before = best
        for i in backbone:
            moves = [[*genome[:i], o, *genome[i + 1 :]] for o in range(len(space.genes[i].options))]
            genome = max(moves, key=value)  # the first of equals
        best = value(genome)
    return space.canonical(genome)


def count(space: SearchSpace) -> int:
    """Canonical genomes: the product over groups of genes that depend on one another, less the forbidden ones."""
    parts = _parts(space)
    total = forbidden = 1
    fixed = dict(space._forbidden)
    for part in parts:
        total *= _count(space, part, 0, {}, {})
        forbidden *= _count(space, part, 0, {}, fixed)
    return total - (forbidden if fixed else 0)


def _count(space: SearchSpace, part: list[int], at: int, values: dict[int, int], fixed: dict[int, int]) -> int:
    if at == len(part):
        return 1
    i = part[at]
    if any(j not in values or values[j] not in options for j, options in space._needs[i]):
        return _count(space, part, at + 1, values, fixed)  # dead
    options = [fixed[i]] if i in fixed else range(len(space.genes[i].options))
    needed = any(i == j for k in part for j, _ in space._needs[k])
    if not needed:  # every option gives the same count
        return len(options) * _count(space, part, at + 1, values, fixed)
    return sum(_count(space, part, at + 1, {**values, i: option}, fixed) for option in options)


def _parts(space: SearchSpace) -> list[list[int]]:
    """Genes joined by needs, each part in genome order."""
    root = list(range(len(space.genes)))
    for i, needs in enumerate(space._needs):
        for j, _ in needs:
            old, new = root[i], root[j]
            root = [new if r == old else r for r in root]
    return [[i for i, r in enumerate(root) if r == value] for value in sorted(set(root))]


def _other(space: SearchSpace, i: int, value: int, rng: np.random.Generator) -> int:
    return int((value + rng.integers(1, len(space.genes[i].options))) % len(space.genes[i].options))


def _revived(space: SearchSpace, values: list[int], dead: np.ndarray, rng: np.random.Generator) -> Genome:
    """Canonical, with a random option for every gene that was dead and is alive now, in genome order."""
    alive = np.ones(len(values), bool)
    for i, needs in enumerate(space._needs):
        if needs:
            alive[i] = all(alive[j] and values[j] in options for j, options in needs)
            if alive[i] and dead[i]:
                values[i] = int(rng.integers(len(space.genes[i].options)))
    return space.canonical(values)
