"""Does any published method ever find a policy that the refined front does not have, and how long do both take?

On the demo's validation table and on 50 random ones (300 to 6,000 samples, 3 to 5 exits), every method is asked for accuracy
drops and budgets; its own thresholds are not on the front's grid. `below` counts policies more accurate than the front at
no more cost. One line per method for the demo says what the same accuracy costs on the front and how soon the front has it.
Run: python benchmarks/thresholds_baselines.py [--save]
"""

import time
from pathlib import Path

import numpy as np
from _line import report, seconds
from _tables import network_like

from eeviz import ExitRecords, front, route
from eeviz.core.solve import baselines

DROPS, BUDGETS = (0.0, 0.005, 0.01, 0.03, 0.1), (0.3, 0.5, 0.7)
TABLES = 50
DEMO = Path(__file__).parents[1] / "data" / "fashion" / "validation.npz"


def policies(records):
    """Every policy the methods find under some condition, with its method's name."""
    conditions = [{"max_drop": d} for d in DROPS] + [{"max_cost": b * records.cost().static} for b in BUDGETS]
    for name, method in baselines.POLICIES.items():
        for condition in conditions:
            try:
                yield name, method(records, **condition)
            except ValueError:  # nothing of this method's kind meets the condition
                continue


def compare(records, found, result) -> tuple[int, int, float]:
    """Policies compared, those above the front, and by how much accuracy at most."""
    compared = above = 0
    most = 0.0
    for _, policy in found:
        routing = route(records, policy)
        place = result.within(routing.mean_cost)
        short = routing.accuracy - (result.accuracy[place] if place is not None else 0.0)
        compared, above, most = compared + 1, above + int(short > 0), max(most, float(short))
    return compared, above, most


def per_method(records) -> None:
    """For one condition, each method's time and figures beside the front's."""
    grid_seconds = seconds(lambda: front(records), 5)
    refine_seconds = seconds(lambda: front(records, refine=True), 5)
    grid, refined = front(records), front(records, refine=True)
    for name, method in baselines.POLICIES.items():
        try:
            routing = route(records, method(records, max_drop=0.01))
        except ValueError:
            report(
                f"{name} against the front", {"finds": "nothing within a drop of 1 point"}, dataset="demo validation"
            )
            continue
        has_it = grid.reaching(routing.accuracy)
        on_grid = has_it is not None and grid.mean_cost[has_it] <= routing.mean_cost
        figures = {
            "seconds": seconds(lambda method=method: method(records, max_drop=0.01), 3),
            "accuracy": routing.accuracy,
            "mean_cost": routing.mean_cost,
            "front_cost_at_that_accuracy": float(refined.mean_cost[refined.reaching(routing.accuracy)]),
            "front_accuracy_at_that_cost": float(refined.accuracy[refined.within(routing.mean_cost)]),
            "front_has_it_after_seconds": grid_seconds if on_grid else refine_seconds,
            "by": "grid" if on_grid else "refined",
        }
        report(f"{name} against the front", figures, dataset="demo validation", condition="max_drop 0.01")


def main() -> None:
    demo = ExitRecords.load(DEMO)
    taken = seconds(lambda: front(demo, refine=True), 5)
    compared, above, most = compare(demo, policies(demo), front(demo, refine=True))
    figures = {"refine_seconds": taken, "compared": compared, "below": above, "most_below": most}
    size = {"samples": len(demo), "exits": demo.exits_count}
    report("refined front, demo", figures, {"refine_seconds": 1.0, "below": 0}, **size)
    full = network_like(10_000, 4)
    taken = seconds(lambda: front(full, refine=True), 5)
    report("refined front, a full-size table", {"refine_seconds": taken}, samples=10_000, exits=4)
    per_method(demo)

    total = {"refined": [0, 0, 0.0], "grid only": [0, 0, 0.0]}
    slowest = 0.0
    for seed in range(TABLES):
        rng = np.random.default_rng(seed)
        records = network_like(int(rng.integers(300, 6000)), int(rng.integers(3, 6)), seed)
        start = time.perf_counter()
        refined = front(records, refine=True)
        slowest = max(slowest, time.perf_counter() - start)
        found = list(policies(records))
        for kind, result in (("refined", refined), ("grid only", front(records))):
            compared, above, most = compare(records, found, result)
            total[kind] = [total[kind][0] + compared, total[kind][1] + above, max(total[kind][2], most)]
    for kind, (compared, above, most) in total.items():
        figures = {"compared": compared, "below": above, "most_below": most}
        if kind == "refined":
            figures["slowest_seconds"] = slowest
        report(f"50 random tables, {kind}", figures, {"below": 0} if kind == "refined" else None, tables=TABLES)


if __name__ == "__main__":
    main()
