"""How long does it take to decide positions, branch designs and thresholds for a deep network, and what does it gain?

26 positions with three designs each, at most three exits: 78 branches on a made-up table of 5,000 samples, 16
thresholds an exit (the solver's own choice here), then refined to all real thresholds. Beside it the shortest path
(Sponner et al., arXiv 2403.07957), which takes one design a position and any number of exits: the best of the designs.
Run: python benchmarks/augment_decision.py [--save]
"""

import time
from math import comb

from _line import report
from platform_mapping import many

import eeviz as ee
from eeviz.core.solve import baselines
from eeviz.labs.explorable import some_columns

POSITIONS, DESIGNS, SAMPLES = 26, 3, 5000
GRID = 16
DROPS = (0.0, 0.005, 0.01)
LIMIT_SECONDS = 60


def main() -> None:
    records, _ = many(POSITIONS, DESIGNS, SAMPLES)
    started = time.process_time()
    found = ee.front(records, grid=GRID, max_exits=3)
    decided = time.process_time() - started
    started = time.process_time()
    refined = ee.front(records, grid=GRID, max_exits=3, refine=True)
    choices = sum(comb(POSITIONS, k) * DESIGNS**k for k in range(4))
    report(
        "decision over positions, designs and thresholds",
        {
            "choices": choices,
            "processor_seconds": decided,
            "processor_seconds_refined": time.process_time() - started,
            "points": len(found),
            "points_refined": len(refined),
        },
        at_most={"processor_seconds": LIMIT_SECONDS, "processor_seconds_refined": LIMIT_SECONDS},
        positions=POSITIONS,
        designs=DESIGNS,
        samples=SAMPLES,
        grid=GRID,
    )
    final = records.correct[:, -1].mean()
    paths = [alone(records, design) for design in range(DESIGNS)]
    for drop in DROPS:
        ours = refined.mean_cost[refined.reaching(min(final - drop, refined.accuracy[-1]))]
        theirs, exits = min(cheapest(path, drop) for path in paths)
        report(
            "decision beside the shortest path",
            {"shortest_path_over_ours": theirs / ours, "saving": 1 - ours / records.cost().static, "path_exits": exits},
            at_least={"shortest_path_over_ours": 1.0},
            max_drop=drop,
        )


def alone(records: ee.ExitRecords, design: int) -> ee.ExitRecords:
    """The table with one design at every position."""
    return some_columns(records, [*range(design, POSITIONS * DESIGNS, DESIGNS), POSITIONS * DESIGNS])


def cheapest(records: ee.ExitRecords, drop: float) -> tuple[float, int]:
    """Mean cost of the shortest path's policy and how many exits it keeps; of no exits where it finds none."""
    try:
        policy = baselines.shortest_path(records, max_drop=drop)
    except ValueError:
        return float(records.cost().static), 0
    return ee.route(records, policy).mean_cost, int(policy.kept.sum())


if __name__ == "__main__":
    main()
