"""Which candidates come next: expected improvement of the error at one budget after the other, for the work it takes.

Each place in a generation belongs to a budget. One sum over all budgets would ask for the same kind of backbone again
and again: a cheap one is admissible at every budget, a large one, which may be the best of all for the high budgets,
only there.

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
    predict: Callable[[list[Genome]], tuple[np.ndarray, np.ndarray]],
    here: np.ndarray,
    count: int,
    variants: Callable[[Genome, int], list[Genome]],
) -> list[Genome]:
    """`count` genomes, each promising most improvement at its budget for its work; fewer of a small pool.

    predict : genomes -> (N, B) errors at budgets, infinite where too dear, and (N, B) their standard deviations.
    here (B,) : lowest errors known. variants : a chosen genome and its budget's index -> genomes that begin like it.
    """
    chosen: list[Genome] = []
    predicted, deviation = predict(pool)
    for place in range(count):
        if not pool:
            break
        budget = place * len(here) // count
        gains = expected_improvement(here, predicted, deviation)  # (N, B)
        gain = gains[:, budget] if gains[:, budget].any() else gains.sum(axis=1)
        family = chosen if place % FAMILY else []  # a new one now and then, else all would be alike
        best = int(np.argmax(gain / (ALWAYS + 1 - shared(domain, pool, family))))
        here = np.minimum(here, predicted[best])
        chosen.append(pool[best])
        more = [g for g in dict.fromkeys(variants(pool[best], budget)) if g not in chosen and g not in pool]
        pool = [*pool[:best], *pool[best + 1 :], *more]
        predicted, deviation = (np.delete(array, best, axis=0) for array in (predicted, deviation))
        if more:
            predicted, deviation = (np.vstack(p) for p in zip((predicted, deviation), predict(more), strict=True))
    return chosen


def expected_improvement(here: np.ndarray, predicted: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """(N, B) by how much an error falls below here (B,) on average, were it normal around predicted (N, B) with
    standard deviation (N, B) (Jones et al. 1998, doi:10.1023/A:1008306431147). 0 where predicted is infinite.
    """
    deviation = np.maximum(deviation, 1e-9)
    finite = np.isfinite(predicted)
    z = (here - np.where(finite, predicted, 0)) / deviation
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.where(finite, deviation * (z * ndtr(z) + density), 0.0)


def shared(domain: Domain, genomes: list[Genome], others: list[Genome]) -> np.ndarray:
    """(N,) share of the free genes, from the first on, that each genome has in common with one of the others, at most."""
    if not others:
        return np.zeros(len(genomes))
    free = domain.free
    a, b = (np.asarray(list_)[:, free] for list_ in (genomes, others))
    return np.logical_and.accumulate(a[:, None] == b[None], axis=2).sum(axis=2).max(axis=1) / free.sum()
