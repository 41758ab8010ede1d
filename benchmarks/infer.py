"""Does `infer` turn the MACs that early exits save into time saved?

A subnet of dense residual blocks of at least 10 M MACs with inherited weights, batches of 256, two cores. Exits, branch
designs and thresholds are chosen on one half of search-validation: the most accurate that save at least half of the
static network's mean MACs. Timed on the other half, in turns with the static network, which has no early exit and runs
whole batches or chunks, whichever is faster. The routing is that of the batched table of the same network.
Run: python benchmarks/infer.py [--threads 2] [--save]
"""

import argparse
import time

import numpy as np
import torch
from _line import report

import eeviz as ee
from eeviz.core.table.calibration import confidence_of
from eeviz.nas.cross_fitting import halves, solved
from eeviz.nas.domain import Genome
from eeviz.nas.extract import with_kept_exits
from eeviz.nas.goal import Goal
from eeviz.nas.supernet import supernet_evaluator
from eeviz.nn.collect import collect, logits_of

BATCH, ROUNDS = 256, 9
SAVED = 0.5  # of the static network's MACs, on average, at least
NEAR = 1e-5
LEAST = 10e6  # MACs


def dense(space: ee.SearchSpace) -> Genome:
    """The largest genome of dense residual blocks alone."""
    genome = list(space.largest())
    for i, gene in enumerate(space.genes):
        if gene.name.endswith(".type"):
            genome[i] = gene.options.index("dense 3x3")
    return space.backbone_part(genome)


def chosen(evaluator, genome: Genome, tuning: np.ndarray) -> tuple[Genome, ee.Policy]:
    """Genome with the exits kept and their policy, solved on the tuning samples."""
    records = evaluator.records(genome, True).subset(tuning)
    front = solved(records, Goal(), max_exits=3, grid=12)
    index = front.within((1 - SAVED) * records.cost().static)
    return with_kept_exits(evaluator.space, genome, front.policy(index))


def near(network, images: np.ndarray, policy: ee.Policy) -> np.ndarray:
    """(N,) bool: a confidence lies within NEAR of its threshold."""
    confidence = confidence_of(logits_of(network, images, BATCH), "max_probability")[:, :-1]
    return (np.abs(confidence - policy.array) <= NEAR).any(axis=1)


@torch.inference_mode()
def seconds(works: dict, batches: list) -> dict[str, float]:
    """Name -> median over the rounds of the time for all batches; the works take turns batch by batch."""
    taken = {name: [] for name in works}
    for lap in range(ROUNDS + 1):
        spent = dict.fromkeys(works, 0.0)
        for x in batches:
            for name, work in works.items():
                started = time.perf_counter()
                work(x)
                spent[name] += time.perf_counter() - started
        for name in works:
            taken[name] += [spent[name]] if lap else []  # the first lap does not count
    return {name: float(np.median(values)) for name, values in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    evaluator = supernet_evaluator(ee.SearchSpace.preset("compact"), "fashion-mnist", images=None)
    genome = dense(evaluator.space)
    data = ee.load_dataset("fashion-mnist", "validation")
    tuning, held_out = halves(data.labels)
    own, policy = chosen(evaluator, genome, tuning)
    network, static = (evaluator.network(g).folded() for g in (own, genome))
    timed = data.subset(held_out)
    records = collect(network, timed)
    routing, answer = ee.route(records, policy), network.infer(timed.images, policy)
    differ = (answer.exit_of != routing.exit_of) | (
        answer.predicted != records.predicted[np.arange(len(timed)), routing.exit_of]
    )
    close = near(network, timed.images, policy)
    x = network.prepare(timed.images)
    batches = [x[i : i + BATCH] for i in range(0, len(x) - BATCH + 1, BATCH)]
    nothing = ee.Policy(())
    taken = seconds(
        {
            "early exits": lambda batch: network.infer(batch, policy),
            "static, whole batches": static,
            "static, in chunks": lambda batch: static.infer(batch, nothing),
        },
        batches,
    )
    whole = min(taken["static, whole batches"], taken["static, in chunks"])
    cost = records.cost()
    saved = 1 - routing.mean_cost / cost.static
    time_saved = 1 - taken["early exits"] / whole
    count = BATCH * len(batches)
    figures = {
        "static_macs": cost.static,
        "macs_saved": saved,
        "time_saved": time_saved,
        "time_saved_per_macs_saved": time_saved / saved,
        "microseconds_a_sample": 1e6 * taken["early exits"] / count,
        "microseconds_a_sample_static": 1e6 * whole / count,
        "accuracy": routing.accuracy,
        "accuracy_static": float(np.mean(records.predicted[:, -1] == timed.labels)),
        "exits": [name for name, t in zip(own_names(evaluator, own), policy.thresholds, strict=False) if t is not None],
        "share": [round(float(s), 4) for s in routing.share],
        "routed_otherwise": int(differ.sum()),
        "of_them_near_a_threshold": int((differ & close).sum()),
        "routed_otherwise_and_not_near": int((differ & ~close).sum()),
    }
    report(
        "infer",
        figures,
        at_most={"routed_otherwise_and_not_near": 0},
        at_least={"time_saved_per_macs_saved": 0.7, "macs_saved": SAVED, "static_macs": LEAST},
        batch=BATCH,
        threads=options.threads,
        samples=count,
        **{f"seconds, {name}": round(value, 4) for name, value in taken.items()},
    )


def own_names(evaluator, genome: Genome) -> list[str]:
    """Names of the network's exits."""
    return [head.name for head in evaluator.space.decode(genome).plan.heads]


if __name__ == "__main__":
    main()
