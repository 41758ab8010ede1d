"""Records for every choice of bits: those of the backbone are separate tables, those of heads are columns side by side.

Columns of one position are alternatives, of which at most one is kept: so the threshold solver chooses the bits of every
exit together with exits and thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from ...core.network.bits import Bits
from ...core.table.cost import Cost, ProductCost
from ...core.table.records import ExitRecords
from ...datasets import Dataset
from ..count.workload import workload
from ..network import EarlyExitNetwork
from .network import QuantizedNetwork, checked, quantize

_CHUNK = 250


def bit_records(
    network: EarlyExitNetwork,
    dataset: Dataset,
    images,
    bits: Sequence[Bits | int | str] = (8, 4),
    head_bits: Sequence[Bits | int | str] = (8, 4),
    *,
    provider=None,
    measure: str = "max_probability",
    temperature=None,
) -> dict[Bits, ExitRecords]:
    """One table for each choice of the backbone's bits, with every early exit once for each choice of head_bits.

    images : (N, H, W[, 3]) uint8 training images for calibration. The final classifier has the backbone's bits.
    provider : of hardware costs (`eeviz.hardware`), beside MACs. temperature : (E,) of the network's own exits.
    Raises ValueError for bits that cannot be quantized to, and as the provider does.
    """
    heads = [checked(b) for b in head_bits]
    if not heads or len(set(heads)) < len(heads):
        raise ValueError(f"head_bits: expected at least one choice, each once, got {[str(b) for b in heads]}.")
    return {
        backbone: _table(network, dataset, images, backbone, heads, provider, measure, temperature)
        for backbone in map(checked, bits)
    }


def head_columns(network: EarlyExitNetwork, backbone: Bits, heads: Sequence[Bits]) -> tuple[list[int], list[Bits]]:
    """For each column of the table: which branch of the network it is, and its bits. Branches at one position stay
    together; the last column is the final classifier."""
    early = network.exits_count - 1
    index = [k for k in range(early) for _ in heads] + [early]
    return index, [*(b for _ in range(early) for b in heads), backbone]


def _table(network, dataset, images, backbone, heads, provider, measure, temperature) -> ExitRecords:
    index, own = head_columns(network, backbone, heads)
    wide = EarlyExitNetwork(
        network.segments,
        [network.branches[k] for k in index],
        network.input_shape,
        network.mean,
        network.std,
        [network.position[k] for k in index],
    )
    logits = np.concatenate(list(answers(quantize(wide, images, backbone, own), dataset.images)))
    names = [f"{_name(k, network.exits_count)}, {b} bits" for k, b in zip(index, own, strict=True)]
    return ExitRecords.from_logits(
        logits,
        dataset.labels,
        costs_of(network, backbone, index, own, provider),
        measure,
        None if temperature is None else [temperature[k] for k in index],
        position=wide.position,
        group=dataset.groups,
        exits=names,
        classes=dataset.classes,
        dataset=dataset.name,
        split=dataset.split,
    )


def costs_of(network, backbone: Bits, index, own: Sequence[Bits], provider) -> Mapping[str, Cost | ProductCost]:
    """MACs and what the provider says, of the columns `index` with the bits `own`."""
    work = workload(network).columns(index)
    costs: dict[str, Cost | ProductCost] = {"macs": work.macs()}
    return costs if provider is None else {**costs, **provider.costs(work, backbone, own)}


def _name(k: int, exits: int) -> str:
    return "final" if k == exits - 1 else f"exit {k + 1}"


def answers(network: QuantizedNetwork, images: np.ndarray) -> Iterator[np.ndarray]:
    """Logits (n, E, C) of images (N, H, W[, 3]) uint8, some images at a time, in their order."""
    for start in range(0, len(images), _CHUNK):
        with torch.inference_mode():  # not across a yield: the caller's own code would run in it
            part = network(network.prepare(images[start : start + _CHUNK])).numpy()
        yield part
