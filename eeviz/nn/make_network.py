"""python -m eeviz.nn.make_network: train one architecture of a search space with all its exits, and save it.

Resumable: a run that was stopped goes on after its last finished epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ..core.space.space import SearchSpace
from ..datasets import load_dataset
from .build import build
from .network_file import save_network
from .train.joint import Recipe, train


def genome_of(space: SearchSpace, static: bool = False, options: Mapping[str, str] | None = None) -> tuple[int, ...]:
    """The largest backbone with the last design of every exit gene (for `zniber`: all its exits), static: with none.

    options : gene -> option, as text, other than these. Raises ValueError for genes and options that the space has not.
    """
    genes = [space.genes[i] for i in np.flatnonzero(space.group("exits"))]
    genome = list(space.with_exits(space.largest(), ["none" if static else gene.options[-1] for gene in genes]))
    for name, text in (options or {}).items():
        if name not in space.index:
            raise ValueError(f"the space has no gene {name!r}: choose of {', '.join(space.index)}.")
        offered = [str(option) for option in space.genes[space.index[name]].options]
        if text not in offered:
            raise ValueError(f"{name} offers no {text!r}: choose of {', '.join(offered)}.")
        genome[space.index[name]] = offered.index(text)
    return tuple(genome)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m eeviz.nn.make_network", description=__doc__)
    parser.add_argument("--space", default="zniber")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--width", type=float, help="of the space, where it has one")
    parser.add_argument("--static", action="store_true", help="without early exits, to compare with")
    parser.add_argument("--set", nargs="+", default=[], metavar="GENE=OPTION", help="other than the largest")
    parser.add_argument("--early-weight", type=float, default=Recipe.early_weight, help="of each early exit's loss")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True, help="folder of the network; the checkpoint lies beside it")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    training, validation = (load_dataset(given.dataset, split) for split in ("train", "validation"))
    shape = training.images.shape[1:]
    options = {} if given.width is None else {"width": given.width}
    space = SearchSpace.preset(
        given.space,
        input=((shape[2] if len(shape) == 3 else 1), *shape[:2]),
        classes=len(training.classes),
        **options,
    )
    genome = genome_of(space, given.static, dict(pair.split("=", 1) for pair in given.set))
    pixels = training.images[:: max(1, len(training) // 5000)] / 255.0
    network = build(space.decode(genome).plan, given.seed, float(pixels.mean()), float(pixels.std()))
    recipe = Recipe(epochs=given.epochs, seed=given.seed, early_weight=given.early_weight)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = given.out.with_name(given.out.name + ".checkpoint")
    for event in train(network, training, validation, recipe, checkpoint):
        accuracy = " ".join(f"{100 * a:.1f}" for a in event.accuracy)
        print(f"epoch {event.epoch}/{event.epochs}: validation {accuracy} %, {event.seconds:.0f} s", flush=True)
    facts = {"dataset": given.dataset, "epochs": given.epochs, "seed": given.seed, "early_weight": given.early_weight}
    save_network(network, space, genome, given.out, facts)


if __name__ == "__main__":
    main()
