"""What tells accelerators apart without any trained network: linear heads on the array, and rankings of backbones.

How much of each accelerator's array the pooled linear classifiers of `zniber` use; how rankings of random backbones of
`compact` by energy x latency correlate between accelerators, and with rankings by MACs. 8/8 bits.
Run: python benchmarks/accelerators.py
"""

from itertools import combinations

import _line
import numpy as np
from _verdict import claim, resampled

from eeviz.core.network.bits import Bits
from eeviz.core.network.workload import workload_of
from eeviz.core.space.space import SearchSpace
from eeviz.hardware import Accelerator, shipped

PRODUCT, GENOMES, EIGHT = "energy x latency", 100, Bits(8, 8)


def linear_heads() -> None:
    """Pooled linear classifiers behind every block of `zniber`: how much of the array they use."""
    plan = SearchSpace.preset("zniber").decode((0, *[1] * 11, 0)).plan
    for name, between in shipped():
        layers = Accelerator(name, between).layers(plan, EIGHT)
        sums, exits = layers.sums(), np.array([piece.startswith("exit") for piece in layers.pieces])
        total = {key: sums[key].sum() for key in ("macs", "cycles", "energy")}
        figures = {
            "largest": float(sums["utilisation"][exits].max()),
            **{f"share_of_{key}": float(sums[key][exits].sum() / total[key]) for key in total},
        }
        _line.report("utilisation of linear heads", figures, {"largest": 0.01}, network="zniber 0.35", accelerator=name)


def rankings() -> None:
    """Rank correlation of static costs over random backbones, with bootstrap intervals over the backbones."""
    from scipy.stats import spearmanr

    space, rng = SearchSpace.preset("compact"), np.random.default_rng(0)
    works = [workload_of(space.decode(space.sample(rng)).plan) for _ in range(GENOMES)]
    columns = {"MACs": np.array([work.macs().static for work in works])}
    for name, between in shipped():
        core = Accelerator(name, between)
        columns[name] = np.array([core.costs(work, EIGHT)[PRODUCT].static for work in works])
    correlation = lambda x, y: float(spearmanr(x, y).statistic)  # noqa: E731
    for a, b in combinations(columns, 2):
        pair = columns[a], columns[b]
        low, high = resampled(correlation, *pair, draws=400)
        claim(
            "rankings by energy x latency correlate (Spearman)", f"{GENOMES} backbones of compact", correlation(*pair),
            low, high, above=0.0, between=f"{a}, {b}",
        )  # fmt: skip


if __name__ == "__main__":
    linear_heads()
    rankings()
