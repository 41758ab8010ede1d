"""Checks of what a run is asked for, and plain values by which the store knows runs and spaces again."""

from __future__ import annotations

import numpy as np

from ..core.space.space import SearchSpace
from .evolution import ALGORITHMS
from .protocols import Method


def check(evaluations, seconds, seed, algorithm, population) -> None:
    """Raise ValueError for numbers and names that mean nothing."""
    for name, value, smallest in (("evaluations", evaluations, 1), ("seed", seed, 0), ("population", population, 4)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < smallest:
            raise ValueError(f"{name}: expected a whole number of at least {smallest}, got {value!r}.")
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds: expected a positive number or None, got {seconds!r}.")
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm {algorithm!r} is unknown: choose one of {', '.join(ALGORITHMS)}.")


def options_of(method: Method) -> dict:
    """A method's options."""
    return {name: plain(getattr(method, name)) for name in method.__dataclass_fields__}


def space_key(space: SearchSpace) -> dict:
    """Plain values that differ between spaces."""
    genes = [[gene.name, [str(option) for option in gene.options]] for gene in space.genes]
    return {"name": space.name, "arguments": {n: plain(v) for n, v in space.arguments}, "genes": genes}


def plain(value):
    """Tuples as lists: what comes back from JSON."""
    return list(value) if isinstance(value, tuple) else value
