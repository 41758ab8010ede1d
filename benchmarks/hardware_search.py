"""What do hardware costs add to the evaluation of a search's candidate?

Random genomes of `compact`, each evaluated with MACs only and with an accelerator's costs beside them (alternating, so
that remembered prefixes help both alike), objectives error and MACs against error and energy x latency.
Run: python benchmarks/hardware_search.py
"""

import statistics
import time

import _line
import numpy as np

from eeviz.core.space.space import SearchSpace
from eeviz.nas.dispatch import Task, work
from eeviz.nas.goal import Goal
from eeviz.nas.methods import method
from eeviz.nas.supernet import supernet_evaluator

GENOMES = 24


def main() -> None:
    space = SearchSpace.preset("compact")
    plain = supernet_evaluator(space, "fashion-mnist")
    hardware = supernet_evaluator(space, "fashion-mnist", provider="edge_tpu_like")
    two_level = method("two-level")
    cases = {"macs": (plain, Goal("macs")), "energy x latency": (hardware, Goal("energy x latency"))}
    rng, taken = np.random.default_rng(0), {name: [] for name in cases}
    for index in range(GENOMES + 2):
        genome = space.sample(rng)
        for name in sorted(cases, reverse=bool(index % 2)):
            evaluator, goal = cases[name]
            start = time.process_time()
            done = work(Task(index, genome, evaluator, two_level, goal))
            taken[name].append(time.process_time() - start)
            if done.failed:
                raise SystemExit(done.failed)
    ratio = statistics.median(b / a for a, b in zip(taken["macs"][2:], taken["energy x latency"][2:], strict=True))
    figures = {"ratio": ratio, **{f"seconds, {name}": statistics.median(t[2:]) for name, t in taken.items()}}
    _line.report("hardware costs in a search", figures, {"ratio": 1.05}, candidates=GENOMES)


if __name__ == "__main__":
    main()
