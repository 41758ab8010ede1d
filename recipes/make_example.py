"""Makes the search that ships with eeviz, so that the search lab's first screen is not empty.

python -m recipes.make_example --out data/searches : a store of a few searches, with the records of those
candidates only that the lab shows first; others are computed again when they are asked for.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from eeviz.core.space.space import SearchSpace
from eeviz.nas.evaluate import Evaluator
from eeviz.nas.run import SearchRun, search
from eeviz.nas.store import Store
from eeviz.nas.supernet import supernet_evaluator

log = logging.getLogger(__name__)

METHODS = ("two-level", "aebnas")
RECORDS = 3  # candidates of each method that keep theirs, about 180 KB each
NEAR = 0.01  # of accuracy: how far below the best the network lies that the lab selects first


def make(
    path: Path, evaluator: Evaluator, methods: Sequence[str] = METHODS, evaluations: int = 60, seed: int = 0
) -> dict[str, float]:
    """Search with every method into a new store at `path`; returns figures for the manifest.

    Raises ValueError when the file is there already.
    """
    if path.exists():
        raise ValueError(f"{path} is there already: remove it first.")
    figures, kept = {}, {}
    for name in methods:
        with search(
            evaluator.space, evaluator.dataset, method=name, evaluations=evaluations, seed=seed, store=path,
            evaluator=evaluator,
        ) as run:  # fmt: skip
            for snapshot in run:
                log.info("%s: %d of %d", name, snapshot.evaluations, snapshot.total)
            kept[name] = _shown_first(run)
            figures[f"{name}, accuracy of the best"] = round(100 * float(run.front.accuracy[-1]), 2)
    store = Store(path)
    try:
        for known in store.runs():
            store.thin(known["id"], kept[known["settings"]["method"]])
        store.pack()
    finally:
        store.close()
    return {**figures, "evaluations of each method": evaluations, "seed": seed}


def _shown_first(run: SearchRun) -> set[int]:
    """The candidate that the lab selects first, and those of its front nearest to it in cost."""
    front = run.front
    start = front.reaching(front.accuracy[-1] - NEAR)
    order = sorted(range(len(front)), key=lambda i: abs(i - start))
    return set(list(dict.fromkeys(int(front.candidate[i]) for i in order))[:RECORDS])


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m recipes.make_example", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the store, say data/searches")
    parser.add_argument("--space", default="compact")
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    from recipes.manifest import note

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{options.space}-{options.dataset}.db"
    evaluator = supernet_evaluator(SearchSpace.preset(options.space), options.dataset)
    figures = make(path, evaluator, evaluations=options.evaluations, seed=options.seed)
    note(path, f"python -m recipes.make_example --out {options.out}", "BSD-3-Clause", figures)


if __name__ == "__main__":
    main()
