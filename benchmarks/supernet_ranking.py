"""How well does the supernet rank? 24 subnets in three bands of MACs, each also trained alone for six epochs.

Training alone takes minutes a subnet, so it is done in parts that append to results/supernet_ranking_alone.jsonl:

    python benchmarks/supernet_ranking.py --train [--only 3] [--threads 1]     trains those that are missing
    python benchmarks/supernet_ranking.py --save                               compares what is there

Inherited and own accuracies are both on the validation split; no network is trained on it.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from _line import RESULTS, report
from scipy.stats import kendalltau

from eeviz.core.space.space import SearchSpace
from eeviz.datasets import load_dataset
from eeviz.launch import paths
from eeviz.nn.build import build
from eeviz.nn.supernet.file import load_supernet
from eeviz.nn.supernet.supernet import recalibrate
from eeviz.nn.train.joint import Recipe, evaluate, train

ALONE = RESULTS / "supernet_ranking_alone.jsonl"
FOLDER = paths.data() / "supernet" / "compact-fashion"
BANDS = ((1.0e6, 2.0e6), (2.0e6, 3.5e6), (3.5e6, 7.0e6))  # MACs of the static network
EACH = 8
DRAWS = 2000
RECIPE = Recipe(epochs=6)


def subnets(space: SearchSpace) -> list[tuple[int, tuple[int, ...]]]:
    """(band, genome) of 24 subnets, an exit of a random design after every stage; always the same."""
    rng = np.random.default_rng(24)
    held = [[] for _ in BANDS]
    designs = {gene.name: gene.options[1:] for gene in space.genes if gene.group == "exits"}
    while any(len(band) < EACH for band in held):
        genome = space.with_exits(
            space.sample(rng), [options[rng.integers(len(options))] for options in designs.values()]
        )
        macs = space.decode(genome).macs().static
        for band, (low, high) in zip(held, BANDS, strict=True):
            if low <= macs < high and len(band) < EACH:
                band.append(genome)
    # one of each band in turn, so that a part of them is a fair part
    return [(band, held[band][i]) for i in range(EACH) for band in range(len(BANDS))]


def train_alone(space: SearchSpace, index: int, genome: tuple[int, ...], band: int, work: Path) -> dict:
    """Train one subnet from its own initial weights; its line. Resumes from its checkpoint."""
    training, validation = load_dataset("fashion-mnist", "train"), load_dataset("fashion-mnist", "validation")
    pixels = training.images / 255.0
    plan = space.decode(genome).plan
    network = build(plan, seed=index, mean=float(pixels.mean()), std=float(pixels.std()))
    events = list(train(network, training, validation, RECIPE, work / f"{index}.pt"))
    return {
        "subnet": index,
        "band": band,
        "genome": genome,
        "macs": plan.macs().static,
        "accuracy": events[-1].accuracy,
        "seconds": round(sum(event.seconds for event in events)),
        "recipe": asdict(RECIPE),
    }


def inherited(supernet, genome: tuple[int, ...], images: np.ndarray, validation) -> tuple[float, ...]:
    """Accuracy per exit of the subnet with the supernet's weights, for the exits that its genome has."""
    plan, offered = supernet.space.decode(genome).plan, supernet.space.decode(genome).offered()
    accuracy = evaluate(recalibrate(supernet.extract(genome), images), validation)
    names = [head.name for head in offered.heads]
    return tuple(accuracy[names.index(head.name)] for head in plan.heads)


def tau_within(bands: np.ndarray, by: np.ndarray, truth: np.ndarray) -> float:
    """Mean over bands of Kendall's tau-b; bands (N,), by (N,), truth (N,). A band of ties counts 0."""
    taus = [kendalltau(by[bands == b], truth[bands == b]).statistic for b in np.unique(bands)]
    return float(np.mean(np.nan_to_num(taus)))


def interval(bands: np.ndarray, by: np.ndarray, truth: np.ndarray) -> list[float]:
    """95 % bootstrap interval of `tau_within`: subnets drawn again within their band."""
    rng, places = np.random.default_rng(0), [np.flatnonzero(bands == b) for b in np.unique(bands)]
    draws = []
    for _ in range(DRAWS):
        chosen = np.concatenate([rng.choice(place, len(place)) for place in places])
        draws.append(tau_within(bands[chosen], by[chosen], truth[chosen]))
    return [round(float(v), 3) for v in np.quantile(draws, [0.025, 0.975])]


def regret(bands: np.ndarray, by: np.ndarray, truth: np.ndarray) -> list[float]:
    """Per band, percentage points between the truly best subnet and the one that `by` puts first."""
    picks = [(truth[bands == b].max(), truth[bands == b][by[bands == b].argmax()]) for b in np.unique(bands)]
    return [round(100 * float(best - picked), 2) for best, picked in picks]


def compare(space: SearchSpace) -> None:
    """Print the lines: final classifier, and the mean over the exits."""
    lines = [json.loads(line) for line in ALONE.read_text(encoding="utf-8").splitlines()]
    supernet = load_supernet(FOLDER, space)
    with np.load(FOLDER / "calibration.npz", allow_pickle=False) as stored:
        images = stored["images"]
    validation = load_dataset("fashion-mnist", "validation")
    found = [inherited(supernet, tuple(line["genome"]), images, validation) for line in lines]
    bands, macs = np.array([line["band"] for line in lines]), np.array([line["macs"] for line in lines])
    for what, reduce in (("final classifier", lambda a: a[-1]), ("mean over exits", np.mean)):
        truth = np.array([reduce(line["accuracy"]) for line in lines])
        by = np.array([reduce(accuracy) for accuracy in found])
        report(
            "supernet ranking",
            {
                "tau within bands": tau_within(bands, by, truth),
                "tau of MACs alone within bands": tau_within(bands, macs, truth),
                "tau over all": float(kendalltau(by, truth).statistic),
                "tau of MACs over all": float(kendalltau(macs, truth).statistic),
                "mean accuracy alone, per cent": 100 * float(truth.mean()),
                "mean accuracy inherited, per cent": 100 * float(by.mean()),
                "mean regret, pp": float(np.mean(regret(bands, by, truth))),
                "mean regret of the most MACs, pp": float(np.mean(regret(bands, macs, truth))),
            },
            accuracy=what,
            subnets=len(lines),
            interval=interval(bands, by, truth),
            interval_of_macs=interval(bands, macs, truth),
            regret_per_band=regret(bands, by, truth),
            epochs_alone=RECIPE.epochs,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", action="store_true", help="train alone what is missing")
    parser.add_argument("--only", type=int, help="train this subnet, 0 to 23")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("build/supernet_ranking"), help="folder of the checkpoints")
    parser.add_argument("--save", action="store_true", help="write the comparison into results/")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    space = SearchSpace.preset("compact")
    if not options.train:
        compare(space)
        return
    options.work.mkdir(parents=True, exist_ok=True)
    known = ALONE.read_text(encoding="utf-8").splitlines() if ALONE.is_file() else []
    done = {json.loads(line)["subnet"] for line in known}
    for index, (band, genome) in enumerate(subnets(space)):
        if index in done or options.only not in (None, index):
            continue
        started = time.perf_counter()
        line = train_alone(space, index, genome, band, options.work)
        with ALONE.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(f"subnet {index}: {line['accuracy'][-1]:.2%}, {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
