"""How far is a front from the best over all real thresholds, and what do a finer grid and refinement bring?

Small tables, where every distinct confidence fits into one table: the true front. The gap is the accuracy missing at the
cost of a true point, at most over its points. Larger ones: grid G against 2G and against the refined front.
Run: python benchmarks/thresholds_exactness.py [--save]
"""

import numpy as np
from _line import report
from _tables import network_like

from eeviz import front


def gap(best, other) -> float:
    """Accuracy that `other` lacks at the costs of `best`'s points, at most."""
    place = np.searchsorted(other.mean_cost, best.mean_cost, side="right") - 1
    reached = np.where(place >= 0, other.accuracy[np.maximum(place, 0)], 0.0)
    return float(np.maximum(best.accuracy - reached, 0).max())


def small(samples: int, exits: int, tables: int) -> None:
    settings = {"grid 8": (8, False), "grid 16": (16, False), "grid 16, refined": (16, True), "refined": (None, True)}
    gaps = {name: [] for name in settings}
    for seed in range(tables):
        records = network_like(samples, exits, seed)
        true = front(records, grid=samples + 2)
        for name, (grid, refine) in settings.items():
            gaps[name].append(gap(true, front(records, grid=grid, refine=refine)))
    for name, values in gaps.items():
        figures = {"gap_max": max(values), "gap_mean": float(np.mean(values)), "tables_without_gap": values.count(0.0)}
        report(f"gap to all real thresholds, {name}", figures, samples=samples, exits=exits, tables=tables)


def large(samples: int, exits: int, size: int) -> None:
    records = network_like(samples, exits)
    coarse, fine, refined = front(records, grid=size), front(records, grid=2 * size), front(records, refine=True)
    figures = {
        "gap_to_2G": gap(fine, coarse),
        "gap_to_refined": gap(refined, coarse),
        "2G_to_refined": gap(refined, fine),
    }
    report("gap of a grid", figures, samples=samples, exits=exits, grid=size)


if __name__ == "__main__":
    small(100, 3, 30)
    small(150, 4, 20)
    for size in (16, 32, 65):
        large(10_000, 4, size)
