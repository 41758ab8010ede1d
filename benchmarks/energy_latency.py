"""How much energy x latency do early exits save on modelled accelerators at 8 bits, and what do MACs alone miss?

A network of `zniber` or the Fashion-MNIST demo, rounded to 8/8 (by calibration), every exit on offer. Policies are tuned
on validation (at most 1 pp below the same table's final classifier), all figures are of the test images. For each
accelerator: what is saved of energy x latency, energy, latency and MACs; the policy chosen by MACs and what it loses in
energy x latency; one threshold for all exits; utilisation of heads. Then linear heads, the ratio between accelerators, and how their
rankings of random backbones of `compact` correlate.
Run: python benchmarks/energy_latency.py [FOLDER ...]   (of python -m eeviz.nn.make_network; none: the demo)
"""

import sys
from dataclasses import replace
from itertools import combinations

import _line
import numpy as np
import torch

import eeviz as ee
from eeviz import paths
from eeviz.core.bits import Bits
from eeviz.core.metrics import paired_interval
from eeviz.core.space import SearchSpace
from eeviz.core.workload import workload_of
from eeviz.hardware import Accelerator, shipped
from eeviz.nn.quantize import bit_records
from eeviz.nn.workload import workload

DROP, PRODUCT, GENOMES = 0.01, "energy x latency", 100


def of_demo():
    demo = ee.load_demo("fashion")
    with np.load(paths.data() / "supernet" / "compact-fashion" / "calibration.npz", allow_pickle=False) as stored:
        return demo.network(), "fashion-mnist", stored["images"]


def of_folder(folder: str):
    import json
    from pathlib import Path

    from eeviz.nn.planned_file import load_network

    name = json.loads((Path(folder) / "space.json").read_text("utf-8"))["dataset"]
    return load_network(folder), name, ee.load_dataset(name, "train").images[:256]


def one_threshold(records, cost: str):
    """The cheapest policy with one threshold at all exits, at most DROP below the final classifier."""
    final = records.correct[:, -1].mean()
    best = None
    for t in np.unique(np.quantile(records.confidence[:, :-1], np.linspace(0, 1, 200))):
        policy = ee.Policy((float(t),) * (records.exits_count - 1))
        routing = ee.route(records, policy, cost)
        if routing.accuracy >= final - DROP and (best is None or routing.mean_cost < best[0]):
            best = (routing.mean_cost, policy)
    return best[1]


def measure(network, dataset: str, images, label: str) -> None:
    work, products = workload(network), {}
    tables = {
        split: bit_records(network, ee.load_dataset(dataset, split), images, [8], [8])[Bits(8, 8)]
        for split in ("validation", "test")
    }
    for name, between in shipped():
        core = Accelerator(name, between)
        costs = {"macs": work.macs(), **core.costs(work, Bits(8, 8))}
        validation, test = (replace(tables[split], costs=costs) for split in ("validation", "test"))
        ours, by_macs = (ee.tune(validation, max_drop=DROP, cost=cost) for cost in (PRODUCT, "macs"))
        one = one_threshold(validation, PRODUCT)
        routing, other, single = (ee.route(test, policy, PRODUCT) for policy in (ours, by_macs, one))
        drop = paired_interval(test, test.correct[:, -1], routing.right)
        gain = paired_interval(test, routing.right, single.right)
        sums = core.layers(work, Bits(8, 8)).sums()
        pieces = core.layers(work, Bits(8, 8)).pieces
        heads = [u for u, piece in zip(sums["utilisation"], pieces, strict=True) if piece.startswith("exit")]
        products[name, between] = routing.mean_cost, costs[PRODUCT].static
        figures = {
            "saved": 1 - routing.mean_cost / costs[PRODUCT].static,
            **{
                f"saved_{cost}": 1 - ee.route(test, ours, cost).mean_cost / costs[cost].static
                for cost in ("energy", "latency", "macs")
            },
            "drop": drop.value,
            "drop_low": drop.low,
            "drop_high": drop.high,
            "chosen_by_macs_costs_more": other.mean_cost / routing.mean_cost - 1,
            "one_threshold_costs_more": single.mean_cost / routing.mean_cost - 1,
            "accuracy_over_one_threshold": gain.value,
            "gain_low": gain.low,
            "gain_high": gain.high,
            "head_utilisation": max(heads),
        }
        _line.report("energy x latency", figures, {"drop": DROP}, {"saved": 0.6}, network=label, accelerator=name)
    if len(products) > 1:
        static = [s for _, s in products.values()]
        means = [m for m, _ in products.values()]
        _line.report(
            "accelerator choice",
            {"static_ratio": max(static) / min(static), "mean_ratio": max(means) / min(means)},
            None,
            {"mean_ratio": 1.3},
            network=label,
        )


def linear_heads() -> None:
    """Pooled linear classifiers behind every block of `zniber`: how much of the array they use."""
    plan = SearchSpace.preset("zniber").decode((0, *[1] * 11, 0)).plan
    for name, between in shipped():
        layers = Accelerator(name, between).layers(plan, Bits(8, 8))
        sums, exits = layers.sums(), np.array([piece.startswith("exit") for piece in layers.pieces])
        total = {key: sums[key].sum() for key in ("macs", "cycles", "energy")}
        figures = {
            "largest": float(sums["utilisation"][exits].max()),
            **{f"share_of_{key}": float(sums[key][exits].sum() / total[key]) for key in total},
        }
        _line.report("utilisation of linear heads", figures, {"largest": 0.01}, network="zniber 0.35", accelerator=name)


def rankings() -> None:
    from scipy.stats import spearmanr

    space, rng = SearchSpace.preset("compact"), np.random.default_rng(0)
    works = [workload_of(space.decode(space.sample(rng)).plan) for _ in range(GENOMES)]
    columns = {"MACs": [work.macs().static for work in works]}
    for name, between in shipped():
        core = Accelerator(name, between)
        columns[name] = [core.costs(work, Bits(8, 8))[PRODUCT].static for work in works]
    for a, b in combinations(columns, 2):
        found = spearmanr(columns[a], columns[b])
        _line.report("rankings", {"spearman": float(found.statistic), "networks": GENOMES}, between=f"{a}, {b}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    folders = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    for folder in folders or [None]:
        network, dataset, images = of_demo() if folder is None else of_folder(folder)
        measure(network, dataset, images, folder or "fashion demo")
    linear_heads()
    rankings()
