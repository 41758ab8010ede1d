"""Layers through ZigZag, KU Leuven's analytical model of accelerators (Mei et al. 2021, doi:10.1109/TC.2021.3059962).

Needs zigzag-dse. Everything else in eeviz reads the tables that `make_table` fills from here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from ..core.network.bits import Bits
from ..core.network.workload import Operation
from ..launch.packages import require

MAPPINGS = {  # accelerators that zigzag-dse describes, each with the spatial mapping it ships for it
    "tpu_like": "tpu_like",
    "edge_tpu_like": "edge_tpu_like",
    "eyeriss_like": "default",
    "meta_prototype": "meta_prototype_like",
    "ascend_like": "ascend_like",
    "tesla_npu_like": "tesla_npu_like",
}
BETWEEN = ("on-chip", "dram")
PARTIAL_SUM = 16  # bits; wider ones fit no output register of several of these accelerators
SEARCH = "loma4"  # loop orders: of zigzag's LOMA engine, as `_orders` thins them out


@dataclass(frozen=True)
class LayerCost:
    """What ZigZag gives for one layer: cycles (loading and unloading inside) and energy in pJ.

    compute : pJ of the multiply-accumulates. levels : pJ by memory, inner to outer. spatial : share of the array that the
    layer's loops fill.
    """

    cycles: float
    energy: float
    compute: float
    levels: tuple[float, ...]
    spatial: float


def version() -> str:
    """The version of zigzag-dse. Raises ImportError saying how to install it."""
    require("zigzag-dse", for_="the cost of a layer that no table holds")
    return metadata.version("zigzag-dse")


def facts(name: str) -> dict:
    """What costs and checks need to know of an accelerator: plain values, from zigzag's description of it.

    units : of the array. levels : memories, inner to outer. activations : the largest memory on the chip that holds
    activations: bits, energy in pJ and width in bits of reads and writes, shared : one port for both.
    """
    description = _description(name)
    memories = description["memories"]
    on_chip = [n for n in memories if n != "dram" and {"I1", "O"} <= set(memories[n]["operands"])]
    held = max(on_chip, key=lambda n: memories[n]["size"])
    units = 1
    for size in description["operational_array"]["sizes"]:
        units *= size
    return {
        "accelerator": name,
        "mapping": MAPPINGS[name],
        "units": units,
        "levels": list(memories),
        "activations": _port(held, memories[held]),
        "dram": _port("dram", memories["dram"]),
    }


def _port(name: str, memory: dict) -> dict:
    ports = {port["type"]: port["bandwidth_max"] for port in memory["ports"]}
    shared = "read_write" in ports
    return {
        "name": name,
        "bits": memory["size"],
        "read_pj": memory["r_cost"],
        "write_pj": memory["w_cost"],
        "read_width": ports["read_write" if shared else "read"],
        "write_width": ports["read_write" if shared else "write"],
        "shared": shared,
    }


def evaluate(operation: Operation, bits: Bits, accelerator: str, between: str = "on-chip") -> LayerCost:
    """The layer alone on one core, its loops ordered for the least energy x latency.

    between : where activations stay between layers: "on-chip", in the largest memory of the accelerator that holds them
    (only weights come from DRAM), or "dram", as ZigZag has it by itself: every layer loads and stores everything.
    Partial sums have 16 bits. A multiply-accumulate takes the array's own energy whatever the bits.
    Raises ValueError where the layer does not fit the accelerator's memories, ImportError without zigzag-dse.
    """
    return evaluate_all([operation], bits, accelerator, between)[0]


def evaluate_all(
    operations: Sequence[Operation], bits: Bits, accelerator: str, between: str = "on-chip", every_order: bool = False
) -> list[LayerCost]:
    """Layers as one workload, each as by `evaluate`. every_order : try all orders of loops, as ZigZag does by itself."""
    version()
    from zigzag.opt.loma.engine import NoValidLoopOrderingFoundException
    from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage
    from zigzag.stages.main import MainStage
    from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
    from zigzag.stages.mapping.temporal_mapping_generator_stage import TemporalMappingGeneratorStage
    from zigzag.stages.parser.workload_parser import WorkloadParserStage
    from zigzag.stages.results.reduce_stages import MinimalEDPStage
    from zigzag.stages.workload_iterator import WorkloadStage

    from .zigzag_orders import OrderedMappingStage

    core, mapping = _core(accelerator, between)
    stages = [
        WorkloadParserStage,
        WorkloadStage,
        MinimalEDPStage,
        SpatialMappingGeneratorStage,
        MinimalEDPStage,
        TemporalMappingGeneratorStage if every_order else OrderedMappingStage,
        CostModelStage,
    ]
    with _quiet():
        try:
            found = MainStage(
                stages,
                workload=[_layer(operation, bits, index) for index, operation in enumerate(operations)],
                accelerator=core,
                mapping=mapping,
                loma_lpf_limit=4,
                loma_show_progress_bar=False,
                nb_mappings_generated=1,
                temporal_mapping_type=_uneven(),
                in_memory_compute=False,
                enable_mix_spatial_mapping=False,
                enable_mix_spatial_mapping_generation=False,
                access_same_data_considered_as_no_access=True,
                dump_folder="",
            ).run()
        except NoValidLoopOrderingFoundException as error:
            which = operations[0] if len(operations) == 1 else "a layer"
            raise ValueError(
                f"{which} at {bits} bits does not fit the memories of {accelerator} (activations {between})."
            ) from error
    levels = facts(accelerator)["levels"]
    costs = {layer.id: _cost(result, core, levels) for result, (layer, _) in found}
    return [costs[index] for index in range(len(operations))]


def _cost(found, core, names: list[str]) -> LayerCost:
    levels = dict.fromkeys(names, 0.0)
    links = found.layer.memory_operand_links
    for operand, energies in found.mem_energy_breakdown.items():
        held = core.memory_hierarchy.get_memory_levels(links.layer_to_mem_op(operand))
        for level, energy in zip(held, energies, strict=True):
            levels[level.memory_instance.name] += float(energy)
    return LayerCost(
        cycles=float(found.latency_total2),
        energy=float(found.energy_total),
        compute=float(found.mac_energy),
        levels=tuple(levels.values()),
        spatial=float(found.mac_spatial_utilization),
    )


def _layer(operation: Operation, bits: Bits, index: int) -> dict:
    """A layer in ZigZag's own words (its workload files)."""
    groups = operation.inputs if operation.kind == "depthwise" else 1
    (height, width), (down, across) = operation.out, operation.stride
    sizes, padding = [], []
    for n, out, kernel, stride, pad in zip(
        operation.size, operation.out, operation.kernel, operation.stride, operation.padding, strict=True
    ):
        taken = (out - 1) * stride + kernel
        before = min(pad, max(0, taken - n))
        after = max(0, taken - n - before)
        sizes.append(taken - before - after)
        padding.append([before, after])
    return {
        "id": index,
        "name": f"layer{index}",
        "operator_type": "Conv",
        "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
        "dimension_relations": [f"ix={across}*ox+1*fx", f"iy={down}*oy+1*fy"],
        "loop_dims": ["B", "K", "G", "OX", "C", "FX", "OY", "FY"],
        "loop_sizes": [
            1,
            operation.outputs // groups,
            groups,
            width,
            operation.inputs // groups,
            operation.kernel[1],
            height,
            operation.kernel[0],
        ],
        "operand_precision": {
            "W": bits.weights,
            "I": bits.activations,
            "O": max(PARTIAL_SUM, bits.activations),
            "O_final": bits.activations,
        },
        "pr_loop_dims": ["IX", "IY"],
        "pr_loop_sizes": sizes[::-1],
        "padding": padding[::-1],
        "operand_source": {},
    }


@lru_cache(maxsize=16)
def _core(name: str, between: str):
    """zigzag's accelerator and the path of its mapping."""
    from zigzag.parser.accelerator_factory import AcceleratorFactory

    if between not in BETWEEN:
        raise ValueError(f"between: expected one of {', '.join(BETWEEN)}, got {between!r}.")
    description = _description(name)
    if between == "on-chip":
        dram = description["memories"]["dram"]
        dram["operands"] = ["I2"]
        for port in dram["ports"]:
            port["allocation"] = [entry for entry in port["allocation"] if entry.startswith("I2")]
    return AcceleratorFactory(description).create(), str(_inputs() / "mapping" / f"{MAPPINGS[name]}.yaml")


def _description(name: str) -> dict:
    """zigzag's description of an accelerator, checked and completed by its own validator."""
    version()
    from zigzag.parser.accelerator_validator import AcceleratorValidator
    from zigzag.utils import open_yaml

    if name not in MAPPINGS:
        raise ValueError(f"accelerator {name!r} is unknown: choose one of {', '.join(MAPPINGS)}.")
    with _quiet():
        validator = AcceleratorValidator(open_yaml(str(_inputs() / "hardware" / f"{name}.yaml")))
        description = validator.normalized_data
        if not validator.validate():
            raise ValueError(f"zigzag-dse does not accept its own description of {name}.")
    return description


def _inputs() -> Path:
    import zigzag

    return Path(zigzag.__file__).parent / "inputs"


def _uneven():
    from zigzag.mapping.temporal_mapping import TemporalMappingType

    return TemporalMappingType("uneven")


@contextmanager
def _quiet():
    """zigzag reports every step on the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
