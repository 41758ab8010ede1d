"""Which candidates come next: expected improvement of the errors at budgets, for the work that it takes.

Genes come in the order of the network, so genomes that agree in their first genes share a prefix of the backbone, which
is computed once. Only genomes chosen together count as sharing: what was asked for earlier may be forgotten by now, and
a proposal must not depend on that.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from .domain import Domain, Genome

ALWAYS = 0.25  # work of an evaluation that shares everything, beside 1 for one that shares nothing

FAMILY = 4  # one in so many is chosen for its gain alone


def chosen_by_gain(
    domain: Domain,
    pool: list[Genome],
    predict: Callable[[list[Genome]], np.ndarray],
    here: np.ndarray,
    spread: np.ndarray,
    count: int,
    variants: Callable[[Genome], list[Genome]],
) -> list[Genome]:
    """`count` genomes, one after the other those that promise most improvement for their work; fewer of a small pool.

    predict : genomes -> (N, B) errors at budgets, infinite where too dear. here (B,) : lowest errors known.
    spread (B,) : root mean square error of predictions. variants : new genomes that begin like a chosen one.
    """
    chosen: list[Genome] = []
    predicted = predict(pool)
    for place in range(count):
        if not pool:
            break
        gain = expected_improvement(here, predicted, spread).sum(axis=1)
        family = chosen if place % FAMILY else []  # a new one now and then, else all would be alike
        best = int(np.argmax(gain / (ALWAYS + 1 - shared(domain, pool, family))))
        here = np.minimum(here, predicted[best])
        chosen.append(pool[best])
        more = [g for g in dict.fromkeys(variants(pool[best])) if g not in chosen and g not in pool]
        pool = [*pool[:best], *pool[best + 1 :], *more]
        predicted = np.delete(predicted, best, axis=0)
        if more:
            predicted = np.vstack([predicted, predict(more)])
    return chosen


def expected_improvement(here: np.ndarray, predicted: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(N, B) by how much an error falls below here (B,) on average, were it normal around predicted (N, B) with
    standard deviation spread (B,) (Jones et al. 1998, doi:10.1023/A:1008306431147). 0 where predicted is infinite.
    """
    spread = np.maximum(spread, 1e-9)
    finite = np.isfinite(predicted)
    z = (here - np.where(finite, predicted, 0)) / spread
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.where(finite, spread * (z * ndtr(z) + density), 0.0)


def shared(domain: Domain, genomes: list[Genome], others: list[Genome]) -> np.ndarray:
    """(N,) share of the free genes, from the first on, that each genome has in common with one of the others, at most."""
    if not others:
        return np.zeros(len(genomes))
    free = domain.free
    a, b = (np.asarray(list_)[:, free] for list_ in (genomes, others))
    return np.logical_and.accumulate(a[:, None] == b[None], axis=2).sum(axis=2).max(axis=1) / free.sum()
