"""The spaces of the published methods, on the OFA-MobileNetV3 backbone, with an exit possible after stages 1 to 4.

aebnas : AEBNAS (Robben, Khalilian, Meratnia 2025, arXiv:2512.10671). edanas : EDANAS (Gambella, Roveri 2023, IJCNN).
nachos : NACHOS (Gambella, Pomponi, Scardapane, Roveri 2024, arXiv:2401.13330). static : the backbone alone.
Where the papers leave a dimension open, it is that of the authors' published code. Their lists of options hold the first
one twice (8, 8, 10); here each option is there once. Shapes come from an image size of the caller's choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ...network.layers import (
    Activation,
    AveragePool,
    Convolution,
    Layers,
    Linear,
    MaxPool,
    Resize,
    Shape,
    macs,
    through,
)
from ...network.plan import Head, Plan
from ..genome import Gene
from ..space import PRESETS, SearchSpace
from .mobilenet import EXITS, backbone_genes, final, resolution_genes, segments

THRESHOLDS = (0.1, 0.2, 1)  # 1: no exit
NO_EXIT = 1
RESOLUTIONS = tuple(range(32, 73, 4))  # of AEBNAS; EDANAS and NACHOS run at 32
SIZES, KERNELS, WIDENINGS, POOLS = (8, 10), (3, 5), (1, 2), (0, 1)
ABSENT = 0  # size of a second module that is not there
FILTERS = (32, 64, 128)


def aebnas(input: Shape = (3, 32, 32), classes: int = 10, resolutions: Sequence[int] = RESOLUTIONS) -> SearchSpace:
    """82 genes: 45 backbone, 4 thresholds of which one at least keeps its exit, 32 branch genes, resolution."""
    kept = {k: ((f"threshold{k}", tuple(t for t in THRESHOLDS if t != NO_EXIT)),) for k in EXITS}
    genes = [*backbone_genes(), *(Gene(f"threshold{k}", THRESHOLDS, "thresholds") for k in EXITS)]
    for k in EXITS:
        for m in (1, 2):
            name = f"exit{k}.module{m}"
            there = (*kept[k], (f"{name}.size", SIZES)) if m == 2 else kept[k]
            genes.append(Gene(f"{name}.size", (ABSENT, *SIZES) if m == 2 else SIZES, "exits", kept[k]))
            genes.append(Gene(f"{name}.kernel", KERNELS, "exits", there))
            genes.append(Gene(f"{name}.widening", WIDENINGS, "exits", there))
            genes.append(Gene(f"{name}.pool", POOLS, "exits", there))
    forbidden = tuple((f"threshold{k}", NO_EXIT) for k in EXITS)
    return _space("aebnas", genes, _modules, input, classes, resolutions, forbidden=forbidden, measure="margin")


def edanas(input: Shape = (3, 32, 32), classes: int = 10, resolutions: Sequence[int] = (32,)) -> SearchSpace:
    """45 backbone genes and 4 thresholds; one fixed head. Several resolutions add a gene."""
    genes = [*backbone_genes(), *(Gene(f"threshold{k}", THRESHOLDS, "thresholds") for k in EXITS)]
    return _space("edanas", genes, _expanding, input, classes, resolutions, measure="margin")


def nachos(input: Shape = (3, 32, 32), classes: int = 10, resolutions: Sequence[int] = (32,)) -> SearchSpace:
    """45 backbone genes and 4 exit bits; a head of three convolutions with a learned confidence.

    A sample leaves by the cumulative rule (`eeviz.core.table.calibration.cumulative_confidence`), so confidences depend on
    which exits exist. Several resolutions add a gene.
    """
    genes = [*backbone_genes(), *(Gene(f"exit{k}", (0, 1), "exits") for k in EXITS)]
    return _space("nachos", genes, _convolutions, input, classes, resolutions, measure="learned", removable=False)


def static(input: Shape = (3, 32, 32), classes: int = 10, resolutions: Sequence[int] = RESOLUTIONS) -> SearchSpace:
    """45 backbone genes and the resolution; no exits."""
    return _space("static", backbone_genes(), _none, input, classes, resolutions)


def _space(name: str, genes, branches, input: Shape, classes: int, resolutions: Sequence[int], **fields) -> SearchSpace:
    shape = tuple(int(v) for v in input)
    if len(shape) != 3 or shape[1] != shape[2] or min(shape) < 1:
        raise ValueError(f"input: expected (channels, size, size), got {input}.")
    genes = (*genes, *resolution_genes(resolutions))
    arguments = {"input": shape, "classes": int(classes), "resolutions": tuple(int(r) for r in resolutions)}
    planner = partial(_plan, branches=branches, learned=fields.get("measure") == "learned", **arguments)
    return SearchSpace(name, genes, planner, tuple(arguments.items()), **fields)


def _plan(values, offered: bool, branches, learned: bool, input: Shape, classes: int, resolutions) -> Plan:
    """`offered` changes nothing: these spaces have one branch an exit, chosen by the genome."""
    stages = segments(values, input, resolutions[0])
    shapes = [input]
    for stage in stages:
        shapes.append(through(stage, shapes[-1]))
    heads = [*branches(values, stages, shapes, classes), Head(len(stages) - 1, "final", final(classes), "final")]
    return Plan(input, classes, stages, tuple(heads), learned)


def _none(values, stages, shapes, classes: int) -> list[Head]:
    return []


def _modules(values: Mapping[str, Any], stages, shapes: Sequence[Shape], classes: int) -> list[Head]:
    """One or two modules (bicubic resize, convolution of stride 2, batch norm, ReLU, perhaps max pool), pool, linear."""
    heads = []
    for k in EXITS:
        if values[f"threshold{k}"] == NO_EXIT:
            continue
        layers: list = []
        channels, sizes = shapes[k][0], [values[f"exit{k}.module{m}.size"] for m in (1, 2)]
        for m, size in enumerate(sizes, 1):
            if size == ABSENT:
                continue
            name = f"exit{k}.module{m}"
            channels *= values[f"{name}.widening"]
            kernel = values[f"{name}.kernel"]
            layers += [Resize(size), Convolution(f"{name}.convolution", channels, kernel, 2, bias=True, padded=False)]
            layers += [MaxPool(2)] if values[f"{name}.pool"] else []
        layers += [AveragePool(), Linear(f"exit{k}.classifier", classes)]
        design = "module" if sizes[1] == ABSENT else "module x2"
        heads.append(Head(k - 1, f"exit {k}, {design}", tuple(layers), design))
    return heads


def _expanding(values: Mapping[str, Any], stages, shapes: Sequence[Shape], classes: int) -> list[Head]:
    """A final classifier in small: 1x1 to 6 times the channels, global average pool, to 8 times, linear."""
    heads = []
    for k in EXITS:
        if values[f"threshold{k}"] == NO_EXIT:
            continue
        layers = (
            Convolution(f"exit{k}.expand", 6 * shapes[k][0], 1, activation="hswish"),
            AveragePool(),
            Convolution(f"exit{k}.mix", 8 * shapes[k][0], 1, activation="hswish", norm=False),
            Linear(f"exit{k}.classifier", classes),
        )
        heads.append(Head(k - 1, f"exit {k}, expanding", layers, "expanding"))
    return heads


def _convolutions(values: Mapping[str, Any], stages, shapes: Sequence[Shape], classes: int) -> list[Head]:
    """Three 3x3 convolutions, flattened, linear to one output more than classes: the confidence.

    From the last exit to the first: where leaving would cost as much as going on to the next exit and leaving there,
    max pooling comes first, of size 1, 2 or 4, the smallest that helps, else the largest.
    """
    kept = [k for k in EXITS if values[f"exit{k}"]]
    heads: list[Head] = []
    following = (len(stages), macs(final(classes), shapes[-1]))  # stage and head MACs of the exit after this one
    for k in reversed(kept):
        onward = sum(macs(stages[s], shapes[s]) for s in range(k, following[0])) + following[1]
        size = 1
        layers = _three(k, size, classes)
        while macs(layers, shapes[k]) >= onward and size < 4 and min(shapes[k][1:]) // (2 * size) >= 1:
            size *= 2
            layers = _three(k, size, classes)
        heads.append(Head(k - 1, f"exit {k}, three convolutions", layers, "three convolutions"))
        following = (k, macs(layers, shapes[k]))
    return heads[::-1]


def _three(k: int, size: int, classes: int) -> Layers:
    pool = (MaxPool(size),) if size > 1 else ()
    convolutions = (
        Convolution(f"exit{k}.convolution{i}", channels, norm=False, bias=True) for i, channels in enumerate(FILTERS, 1)
    )
    return (*pool, Activation(), *convolutions, Linear(f"exit{k}.classifier", classes + 1))


PRESETS.update(aebnas=aebnas, edanas=edanas, nachos=nachos, static=static)
