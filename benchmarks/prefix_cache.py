"""How much time do remembered prefixes save on the requests of a real search? Both sides run channels_last, one thread.

A two-level search (--evaluations, seed 0) asks; its backbones are then evaluated again in the order it asked, with the cache
at its default bound and with none. Thresholds and surrogates are not timed. The tables of both sides must be equal to the bit.
Run: python benchmarks/prefix_cache.py [--evaluations 64] [--images 2000] [--save]
"""

import argparse
import time
from dataclasses import replace

import numpy as np
from _line import report

import eeviz as ee
from eeviz.nas import supernet as module
from eeviz.nas.supernet import CACHE_BYTES, supernet_evaluator


def replay(evaluator, genomes) -> tuple[float, float, list]:
    """Wall and processor seconds, and a digest of every table."""
    module._prefixes.cache_clear()
    evaluator.records(genomes[0], True)  # loads weights and images
    module._prefixes(evaluator).forget()
    started, used = time.perf_counter(), time.process_time()
    tables = [evaluator.records(genome, True) for genome in genomes]
    taken = time.perf_counter() - started, time.process_time() - used
    return (*taken, [(t.confidence.tobytes(), t.predicted.tobytes()) for t in tables])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evaluations", type=int, default=64)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    space = ee.SearchSpace.preset("compact")
    evaluator = supernet_evaluator(space, "fashion-mnist", images=options.images)
    asked = []
    with ee.search(space, evaluations=options.evaluations, seed=0, evaluator=evaluator) as run:
        for _ in run:
            continue
        for generation in range(
            max(c.generation for c in run.archive) + 1
        ):  # as dispatched: sorted within a generation
            asked += sorted(c.genome for c in run.archive if c.generation == generation)
    with_cache = replay(evaluator, asked)
    computed = module._prefixes(evaluator).computed
    without = replay(replace(evaluator, cache_bytes=0), asked)
    figures = {
        "speedup": without[0] / with_cache[0],
        "speedup_processor_time": without[1] / with_cache[1],
        "seconds_with": with_cache[0],
        "seconds_without": without[0],
        "segments_computed": computed,
        "segments_asked": sum(len(space.decode(g).plan.segments) for g in asked),
        "unequal_tables": int(np.sum([a != b for a, b in zip(with_cache[2], without[2], strict=True)])),
    }
    bars = {"speedup": 1.5}
    report(
        "prefix cache", figures, {"unequal_tables": 0}, bars, evaluations=len(asked), images=options.images,
        cache_megabytes=CACHE_BYTES >> 20,
    )  # fmt: skip


if __name__ == "__main__":
    main()
