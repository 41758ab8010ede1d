"""The places of a space's weights: which there are, how large the largest architecture needs each, how each starts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ...core.network import layers as described
from ...core.network.plan import Plan
from ...core.space.space import Genome, SearchSpace

LEARNED = "three convolutions"
"""The branch design that also learns its own confidence (NACHOS, Gambella et al. 2024, arXiv:2401.13330)."""


def learned(plan: Plan) -> dict[int, tuple[str, int]]:
    """{head: (name of its confidence, features it reads)}."""
    found = {}
    for k, (head, shape) in enumerate(zip(plan.heads, plan.taps, strict=True)):
        if head.design == LEARNED:
            found[k] = f"{head.layers[-1].name}.confidence", int(np.prod(described.through(head.layers[:-1], shape)))
    return found


def _covering(space: SearchSpace) -> Iterator[Genome]:
    """Genomes among which every weight appears at its largest: all backbone genes at their last option, but one.

    Block types have no size, so there is such a family for each of them.
    """
    last = [int(v) for v in np.where(space.group("resolution", "backbone"), space.upper, 0)]
    typed = [i for i, gene in enumerate(space.genes) if gene.name.endswith(".type")]
    for kind in range(max((last[i] for i in typed), default=0) + 1):
        genome = tuple(min(kind, v) if i in typed else v for i, v in enumerate(last))
        yield space.canonical(genome)
        for i in range(len(last)):
            for option in range(last[i]):
                yield space.canonical((*genome[:i], option, *genome[i + 1 :]))


def _closing(layers: described.Layers) -> Iterator[str]:
    """The scale of the last batch norm of every residual block."""
    for layer in layers:
        if isinstance(layer, described.Block) and layer.residual:
            yield f"{layer.layers[-1].name}.norm.weight"


@lru_cache(maxsize=8)
def sizes_of(space: SearchSpace) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    """Largest shape of every weight, and the weights that start at 0 because they close a residual block."""
    sizes: dict[str, tuple[int, ...]] = {}
    closing: set[str] = set()
    for genome in set(_covering(space)):
        plan = space.decode(genome).offered()
        for name, shape in _weights(plan):
            known = sizes.get(name, shape)
            sizes[name] = tuple(max(a, b) for a, b in zip(known, shape, strict=True))
        closing.update(name for segment in plan.segments for name in _closing(segment))
    return sizes, closing


def _weights(plan: Plan) -> Iterator[tuple[str, tuple[int, ...]]]:
    for layer, shape in plan.weighted():
        match layer:
            case described.Convolution():
                yield f"{layer.name}.weight", (layer.channels, layer.inputs(shape), layer.kernel, layer.kernel)
                kinds = ["bias"] * layer.bias + ["norm.weight", "norm.bias"] * layer.norm
                yield from ((f"{layer.name}.{kind}", (layer.channels,)) for kind in kinds)
            case described.Linear():
                yield f"{layer.name}.weight", (layer.features, int(np.prod(shape)))
                yield from ((f"{layer.name}.bias", (layer.features,)) for _ in range(layer.bias))
            case described.SqueezeExcite():
                for kind, out, into in (("reduce", layer.reduced, shape[0]), ("expand", shape[0], layer.reduced)):
                    yield f"{layer.name}.{kind}.weight", (out, into, 1, 1)
                    yield f"{layer.name}.{kind}.bias", (out,)
    for name, features in learned(plan).values():
        yield f"{name}.weight", (1, features)
        yield f"{name}.bias", (1,)


def initial(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """He et al. 2015 (arXiv:1502.01852) for convolutions; classifiers start near zero."""
    if len(shape) == 4:
        fan_out = shape[2] * shape[3] * (1 if shape[1] == 1 else shape[0])
        return torch.randn(shape, generator=generator) * (2 / fan_out) ** 0.5
    if len(shape) == 2:
        return torch.randn(shape, generator=generator) * 0.01
    return torch.ones(shape) if name.endswith(".norm.weight") else torch.zeros(shape)
