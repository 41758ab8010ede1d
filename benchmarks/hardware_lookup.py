"""How long does it take to look up what a whole genome costs on an accelerator, and is it what ZigZag says?

Random genomes of `compact` with every design at every exit, tables in memory: from their layers to costs, new genomes and
known ones; and from their genes. Then one network with an exit after every stage through ZigZag's own engine, all orders
of loops, as one workload: the sum over its layers against the look-up. Time is the process's own.
Run: python benchmarks/hardware_lookup.py [--zigzag]   (--zigzag: the second part, about a minute, needs zigzag-dse)
"""

import statistics
import sys
import time

import _line
import numpy as np

from eeviz.core.network.bits import Bits
from eeviz.core.network.workload import Operation, workload_of
from eeviz.core.space.space import SearchSpace
from eeviz.hardware import Accelerator, shipped

GENOMES = 200


def clocked(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def lookup(core: Accelerator) -> None:
    space = SearchSpace.preset("compact")
    rng = np.random.default_rng(0)
    genomes = [space.sample(rng) for _ in range(2 * GENOMES)]
    works = [workload_of(space.decode(genome).offered()) for genome in genomes]
    for work in works[:GENOMES]:  # what any search has met after its first minutes
        core.costs(work)
    new = [clocked(lambda w=work: core.costs(w)) for work in works[GENOMES:]]
    known = [clocked(lambda w=work: core.costs(w)) for work in works]
    genes = [clocked(lambda g=genome: core.costs(space.decode(g).offered())) for genome in genomes]
    macs = [clocked(lambda g=genome: space.decode(g).offered().macs()) for genome in genomes]
    figures = {
        "milliseconds": 1e3 * statistics.median(new),
        "known_genome": 1e3 * statistics.median(known),
        "p95": 1e3 * float(np.quantile(new, 0.95)),
        "from_genes": 1e3 * statistics.median(genes),
        "macs_from_genes": 1e3 * statistics.median(macs),
    }
    layers = statistics.mean(sum(1 for _ in work.steps()) for work in works)
    _line.report("hardware lookup", figures, {"milliseconds": 1.0}, accelerator=core.name, layers=round(layers))


def against_zigzag(core: Accelerator) -> None:
    from eeviz.hardware.zigzag_model import evaluate_all

    space = SearchSpace.preset("compact")
    plan = space.decode(space.with_exits(space.smallest(), ["linear", "separable", "linear", "linear"])).plan
    operations = [step for _, step in workload_of(plan).steps() if isinstance(step, Operation)]
    own = evaluate_all(operations, Bits(8, 8), core.name, core.between, every_order=True)
    cycles, energy = sum(layer.cycles for layer in own), sum(layer.energy for layer in own)
    rows = [core.row(operation, Bits(8, 8)) for operation in operations]
    figures = {
        "cycles": sum(row.cycles for row in rows),
        "cycles_off": abs(sum(row.cycles for row in rows) / cycles - 1),
        "energy_off": abs(sum(row.energy for row in rows) / energy - 1),
    }
    bars = {"cycles_off": 1e-6, "energy_off": 1e-6}
    _line.report("lookup against ZigZag", figures, bars, accelerator=core.name, layers=len(operations))


if __name__ == "__main__":
    for name, between in shipped():
        lookup(Accelerator(name, between))
    if "--zigzag" in sys.argv:
        for name, between in shipped():
            against_zigzag(Accelerator(name, between))
