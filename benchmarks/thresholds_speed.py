"""How fast is `front`, what memory does it take, and how does it compare with a loop over all combinations?

The loop evaluates one combination after the other with vectorised NumPy; it is timed on 200 random combinations and scaled
to all of them. Medians, records fresh in every repeat. Run: python benchmarks/thresholds_speed.py [--save]
"""

from dataclasses import replace

import numpy as np
from _line import peak_megabytes, report, seconds
from _tables import network_like

from eeviz import front
from eeviz.core.solve.grid import quantile_grid

LOOPED = 200


def one_combination(confidence, correct, thresholds, cost_at):
    """Accuracy and mean cost of one combination; NaN = removed: compares false, so nobody leaves."""
    exit_of = np.full(len(confidence), confidence.shape[1] - 1)
    for k in range(len(thresholds) - 1, -1, -1):
        exit_of[confidence[:, k] >= thresholds[k]] = k
    return correct[np.arange(len(confidence)), exit_of].mean(), cost_at[exit_of].mean()


def loop_seconds(records, grid: int) -> float:
    """Seconds per combination of a loop, over LOOPED random ones of the same grid."""
    rng = np.random.default_rng(0)
    values = [
        np.append(quantile_grid(records.confidence[:, k], grid), np.float32(np.nan))
        for k in range(records.exits_count - 1)
    ]
    chosen = [np.array([rng.choice(v) for v in values], dtype=np.float32) for _ in range(LOOPED)]
    costs = [records.cost().at(~np.isnan(t)) for t in chosen]
    confidence, correct = records.confidence, records.correct

    def loop():
        for thresholds, cost_at in zip(chosen, costs, strict=True):
            one_combination(confidence, correct, thresholds, cost_at)

    return seconds(loop, repeats=1 if len(records) > 100_000 else 3) / LOOPED


def measure(
    name: str, samples: int, exits: int, grid: int | None, thresholds: int, seconds_bar: float, peak_bar: float
):
    records = network_like(samples, exits)

    def fresh():
        return replace(records)  # what it caches is made anew

    taken = seconds(lambda r: front(r, grid=grid), repeats=9 if samples < 100_000 else 5, prepare=fresh)
    combinations = (thresholds + 1) ** (exits - 1)
    whole_loop = loop_seconds(records, thresholds) * combinations
    figures = {
        "combinations": combinations,
        "points": len(front(records, grid=grid)),
        "seconds": taken,
        "peak_mb": peak_megabytes(lambda r: front(r, grid=grid), prepare=fresh),
        "loop_seconds_scaled": whole_loop,
        "times_faster_than_loop": whole_loop / taken,
    }
    report(
        name,
        figures,
        at_most={"seconds": seconds_bar, "peak_mb": peak_bar},
        at_least={"times_faster_than_loop": 1000} if grid else None,
        samples=samples,
        exits=exits,
        grid=grid or "default",
    )


if __name__ == "__main__":
    measure("front, the explorer's default", 10_000, 4, None, 65, 0.1, 60)
    measure("front, a million combinations", 10_000, 4, 101, 101, 0.25, 200)
    measure("front, a million combinations", 50_000, 6, 15, 15, 1.0, 200)
    measure("front, a million combinations", 1_000_000, 4, 101, 101, 0.8, 200)
