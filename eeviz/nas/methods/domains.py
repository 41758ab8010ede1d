"""The parts of a search space that methods search."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core.space.space import Gene, SearchSpace
from ..domain import Domain

THREE_CONVOLUTIONS = "three convolutions"  # the fixed head of EDANAS and NACHOS in spaces that offer several designs


def backbone_domain(space: SearchSpace) -> Domain:
    """Resolution and backbone genes; no exit, first threshold. Perhaps nothing varies."""
    return _part(space, lambda gene: [0])


def domain(space: SearchSpace, values: Callable[[Gene], list[int]]) -> Domain:
    """All options of resolution and backbone genes, and `values(gene)` of exit and threshold genes.

    Raises ValueError where nothing varies."""
    found = _part(space, values)
    if not found.free.any():
        raise ValueError(
            f"space {space.name!r} leaves this method one choice of all that it varies: take aebnas, nachos or edanas, which "
            "vary exits too, or solve exits and thresholds of that one network with front(evaluator.records(genome, True))."
        )
    return found


def _part(space: SearchSpace, values: Callable[[Gene], list[int]]) -> Domain:
    allowed = tuple(
        tuple(range(len(gene.options))) if gene.group in ("resolution", "backbone") else tuple(values(gene))
        for gene in space.genes
    )
    return Domain(allowed, space.canonical)


def fixed_head(gene: Gene) -> int:
    """Option of an exit gene that stands for the three-convolution head, or for "there is an exit"."""
    if THREE_CONVOLUTIONS in gene.options:
        return gene.options.index(THREE_CONVOLUTIONS)
    if len(gene.options) == 2:  # exit bits
        return 1
    raise ValueError(f"gene {gene.name}: no three-convolution head among its options {gene.options}.")


def thresholds_of(space: SearchSpace, genome, exits: list[int]) -> np.ndarray:
    """(K,) float32 thresholds that the genome gives the stages `exits` (0 = first exit); 1 = no exit comes as NaN.

    A space with a single threshold gene has one threshold for all exits.
    """
    genes = [i for i, gene in enumerate(space.genes) if gene.group == "thresholds"]
    if len(genes) == 1:
        genes *= max(exits, default=0) + 1
    values = np.array([space.genes[genes[k]].options[genome[genes[k]]] for k in exits], dtype=np.float32)
    return np.where(values < 1, values, np.float32(np.nan))
