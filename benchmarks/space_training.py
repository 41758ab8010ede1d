"""Do the published spaces train? One short run each: the smallest backbone with every exit, Fashion-MNIST at 32 pixels.

2,048 training images, 6 epochs, accuracy of each exit on 1,000 validation images: far from converged, well above
chance (10 %) at every exit. NACHOS trains its learned confidence too and is routed by its rule at 0.5.
Run: python benchmarks/space_training.py [--save]
"""

import time

import torch
from _line import report

import eeviz as ee
from eeviz.core.table.metrics import own_accuracy
from eeviz.nn.build import build
from eeviz.nn.collect import collect
from eeviz.nn.learned import collect_learned, learned_loss
from eeviz.nn.train.joint import Recipe, train

SPACES = ("aebnas", "edanas", "nachos", "static", "compact")
# without distillation: in so short a run the final exit has nothing to teach yet
RECIPE = Recipe(epochs=6, batch=64, learning_rate=0.05, early_weight=1.0, distillation=0.0, seed=0)


def genome_of(space: ee.SearchSpace) -> tuple[int, ...]:
    """The smallest backbone; every exit of the space is there."""
    genome = list(space.smallest())
    for i, gene in enumerate(space.genes):
        if gene.group == "exits" and gene.name.startswith("exit") and "." not in gene.name:
            genome[i] = len(gene.options) - 1
    return space.canonical(genome)


def measure(name: str) -> None:
    extra = {} if name == "compact" else {"resolutions": (32,)}
    space = ee.SearchSpace.preset(name, input=(1, 28, 28), classes=10, **extra)
    plan = space.decode(genome_of(space)).plan
    training, validation = ee.load_dataset("fashion-mnist", "train"), ee.load_dataset("fashion-mnist", "validation")
    network = build(plan, seed=0, mean=0.286, std=0.353)
    started = time.perf_counter()
    loss_of = learned_loss if plan.learned_confidence else None
    events = list(train(network, training.head(2048), validation.head(1000), RECIPE, loss_of=loss_of))
    taken = time.perf_counter() - started
    held_out = validation.subset(slice(1000, 2000))
    if plan.learned_confidence:
        records = collect_learned(network, held_out)
    else:
        records = collect(network, held_out, measure=space.measure)
    accuracy = own_accuracy(records)
    routing = ee.route(records, ee.Policy((0.5,) * (records.exits_count - 1)))
    figures = {
        "exits": records.exits_count,
        "static_macs": int(plan.macs().static),
        "first_loss": events[0].loss,
        "last_loss": events[-1].loss,
        "accuracy": [round(float(a), 4) for a in accuracy],
        "least_accuracy": float(min(accuracy)),
        "routed_accuracy": float(routing.accuracy),
        "routed_share": [round(float(s), 4) for s in routing.share],
        "routed_macs": float(routing.mean_cost),
        "seconds": taken,
    }
    report("a short training run", figures, at_least={"least_accuracy": 0.3}, space=name, measure=records.measure)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in SPACES:
        measure(name)
