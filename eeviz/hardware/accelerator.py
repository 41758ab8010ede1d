"""Accelerator: costs on a modelled accelerator, summed from the layer costs in a table.

Layers with weights cost what ZigZag gives for each alone; depthwise layers too, by the mapping that ZigZag ships for the
accelerator, which leaves most of a wide array idle. Additions, pooling, scaling by channel and resizing, which ZigZag
has no layer for, cost their passage through the memory that holds activations, at its width and energy a bit; computing
them is free. Batch norms, biases and activation functions belong to the layer before and are free. The sample is taken
to be in that memory when it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from ..core.network.bits import AnyBits, Bits, HeadBits
from ..core.network.workload import Operation, Step, Stream, Workload
from ..core.table.cost import Cost, ProductCost
from ..launch.packages import is_installed, pip_line
from .layer_table import LayerTable
from .provider import as_workload, joined
from .table import ZIGZAG, Row, Table, shipped, shipped_table
from .zigzag_model import BETWEEN, MAPPINGS, SEARCH, evaluate, facts, version

PICO = 1e-12
WIDEST = 8  # bits that the arrays multiply


@dataclass(frozen=True)
class Accelerator:
    """Costs on one of ZigZag's accelerators: latency in cycles, energy in J, memory in B.

    name : "edge_tpu_like", "tpu_like", "eyeriss_like", ...: those of `shipped`, whose layer costs ship with eeviz, and
    where zigzag-dse is installed all of `zigzag_model.MAPPINGS`. between : where activations stay between layers:
    "on-chip", or "dram" as ZigZag has it by itself. Cycles are those of the accelerator's own clock.

    Raises ValueError for an unknown accelerator, and for one without a table where zigzag-dse is not installed.
    """

    name: str = "edge_tpu_like"
    between: str = "on-chip"

    def __post_init__(self):
        if why := _unpriced(self.name, self.between):
            raise ValueError(why)

    @property
    def table(self) -> Table:
        """The layer costs that ship with eeviz, an empty table where none do."""
        return _table(self.name, self.between)

    @property
    def units(self) -> int:
        """Multipliers of the array."""
        return int(self.table.facts["units"])

    @property
    def title(self) -> str:
        return f"{self.name}, ZigZag {ZIGZAG}"

    def costs(
        self, network, bits: AnyBits | None = None, head_bits: HeadBits = None
    ) -> Mapping[str, Cost | ProductCost]:
        """latency in cycles, energy in J, their product, memory in B.

        Raises ValueError for bits above 8, a network that does not fit the memory on the chip, a layer without a rule,
        and a layer that no table holds where zigzag-dse is not installed.
        """
        work = as_workload(network)
        bits, own = work.at_bits(bits, head_bits)
        self._check_room(work, bits, own)
        segments = np.array([self.piece(steps, bits) for steps in work.segments])  # (P, 2)
        heads = np.array([self.piece(steps, b) for steps, b in zip(work.heads, own, strict=True)])  # (E, 2)
        latency, energy = (work.cost(segments[:, i], heads[:, i], unit) for i, unit in enumerate(("cycles", "J")))
        return joined(latency, energy, work.memory(bits, own))

    def piece(self, steps: tuple[Step, ...], bits: Bits) -> tuple[float, float]:
        """Cycles and joules of steps in a row."""
        return _piece(self, steps, bits)

    def layers(self, network, bits: AnyBits | None = None, head_bits: HeadBits = None) -> LayerTable:
        """Every layer with its figures, in the order in which a sample meets them. Raises ValueError as `costs`."""
        work = as_workload(network)
        bits, own = work.at_bits(bits, head_bits)
        self._check_room(work, bits, own)
        pieces = [(f"segment {i + 1}", steps, bits) for i, steps in enumerate(work.segments)]
        for k in reversed(range(len(own))):  # behind the segments that they read
            name = "final" if k == len(own) - 1 else f"exit {k + 1}"
            pieces.insert(work.position[k] + 1, (name, work.heads[k], own[k]))
        found = [(name, step, self.row(step, b)) for name, steps, b in pieces for step in steps]
        return LayerTable(
            piece=tuple(name for name, _, _ in found),
            layer=tuple(step.name or str(step) for _, step, _ in found),
            words=tuple(str(step) for _, step, _ in found),
            macs=np.array([step.macs for _, step, _ in found], float),
            cycles=np.array([row.cycles for _, _, row in found]),
            compute=np.array([row.compute for _, _, row in found]) * PICO,
            levels=np.array([row.levels for _, _, row in found]).reshape(len(found), -1) * PICO,
            memories=tuple(self.table.facts["levels"]),
            units=self.units,
        )

    def row(self, step: Step, bits: Bits) -> Row:
        """Figures of one step. Raises ValueError as `costs`."""
        self._check_bits(bits)
        if isinstance(step, Stream):
            return self._passage(step, bits)
        self._check_held((step.reads + step.writes) * bits.activations, step)
        return self.table.find(step, bits) or _computed(step, bits, self.name, self.between)

    def notes(self, network, bits: AnyBits | None = None, head_bits: HeadBits = None) -> tuple[str, ...]:
        """Fewer than 8 bits, whose multiplications cost as much as those of 8."""
        work = as_workload(network)
        bits, own = work.at_bits(bits, head_bits)
        least = min((bits, *own), key=lambda b: (b.weights, b.activations))
        if (least.weights, least.activations) == (WIDEST, WIDEST):
            return ()
        return (
            f"{self.name} is modelled with the energy of {WIDEST}-bit multiplications: at {least} bits only traffic and "
            "memory shrink.",
        )

    def _check_bits(self, bits: Bits) -> None:
        if max(bits.weights, bits.activations) > WIDEST or min(bits.weights, bits.activations) < 2:
            raise ValueError(
                f"{self.name} multiplies integers of 2 to {WIDEST} bits, got {bits}: choose 8/8, 6/6, 4/8 or 4/4."
            )

    def _check_room(self, work: Workload, bits: Bits, own: tuple[Bits, ...]) -> None:
        """Of everything alive at once, shortcuts and waiting taps too."""
        for each in {bits, *own}:
            self._check_bits(each)
        for steps, held, peak in zip((*work.segments, *work.heads), work.held, work.peaks(bits, own), strict=True):
            if steps:
                self._check_held(peak * 8, steps[held.index(max(held))])

    def _check_held(self, needed: float, step: Step) -> None:
        memory = self.table.facts["activations"]
        if self.between == "on-chip" and needed > memory["bits"]:
            raise ValueError(
                f"the network does not fit {self.name}: at {step} it holds {needed / 8e6:.3g} MB of activations, the memory "
                f"{memory['name']} on the chip {memory['bits'] / 8e6:.3g} MB. Use smaller images, fewer bits, or "
                + ('between="dram".' if not _unpriced(self.name, "dram") else f'between="dram", which {_needs()}')
            )

    def _passage(self, step: Stream, bits: Bits) -> Row:
        memory = self.table.facts["activations" if self.between == "on-chip" else "dram"]
        reads = step.reads * bits.activations / memory["read_width"]
        writes = step.writes * bits.activations / memory["write_width"]
        energy = reads * memory["read_pj"] + writes * memory["write_pj"]
        cycles = reads + writes if memory["shared"] else max(reads, writes)
        levels = tuple(energy if name == memory["name"] else 0.0 for name in self.table.facts["levels"])
        return Row(cycles, energy, 0.0, 0.0, levels)


@lru_cache(maxsize=65536)
def _piece(accelerator: Accelerator, steps: tuple[Step, ...], bits: Bits) -> tuple[float, float]:
    rows = [accelerator.row(step, bits) for step in steps]
    return sum(row.cycles for row in rows), sum(row.energy for row in rows) * PICO


def _unpriced(name: str, between: str) -> str:
    """Why there are no costs of an accelerator, in words; empty where there are."""
    if (name, between) in shipped():
        return ""
    if name not in MAPPINGS or between not in BETWEEN:
        return (
            f"no accelerator {name!r} with activations {between!r} is known: choose one of {', '.join(MAPPINGS)}, activations "
            f"{' or '.join(map(repr, BETWEEN))}."
        )
    if _is_ready():
        return ""
    known = ", ".join(f"{a} ({b})" for a, b in shipped()) or "none"
    return f"no table of {name} with activations {between!r} ships with eeviz (there are: {known}): it {_needs()}"


def _is_ready() -> bool:
    return is_installed("zigzag-dse") and version() == ZIGZAG


def _needs() -> str:
    line = f"pip install zigzag-dse=={ZIGZAG}" if is_installed("zigzag-dse") else pip_line(["zigzag-dse"])
    return f"needs zigzag-dse {ZIGZAG}, which computes the layers. Install it with: {line}"


@lru_cache(maxsize=16)
def _table(name: str, between: str) -> Table:
    if (name, between) in shipped():
        return shipped_table(name, between)
    return Table(MappingProxyType({"zigzag": ZIGZAG, "search": SEARCH, "between": between, **facts(name)}))


@lru_cache(maxsize=65536)
def _computed(operation: Operation, bits: Bits, name: str, between: str) -> Row:
    """A layer that no table holds. Raises ValueError where zigzag-dse is not installed, or in another version."""
    if not _is_ready():
        found = f", and {version()} is installed, whose figures may differ" if is_installed("zigzag-dse") else ""
        raise ValueError(f"no table holds the costs of {operation} at {bits} bits on {name}: this {_needs()}{found}.")
    found = evaluate(operation, bits, name, between)
    return Row(found.cycles, found.energy, found.compute, found.spatial, found.levels)
