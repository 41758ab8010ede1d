"""Does deciding exits, thresholds and processors together pay, and would the saving survive other figures?

Fashion-MNIST demo, weights and activations of one byte, drop of 0.5 pp on validation, figures on test: each preset, each
cost. Beside it the shortest path (Sponner et al.) on its best assignment, and every figure of the platform halved and
doubled: the conclusion that a fifth is saved, and whether "half" would stand. Then the time of a decision over 9 positions with three designs each. Run: python benchmarks/platform_mapping.py
"""

import time

import _line
import numpy as np

import eeviz as ee
from eeviz.core.network.segments import Piece, Segments
from eeviz.core.platform.mapping import COSTS, shortest_mapping
from eeviz.core.platform.sensitivity import sensitivity
from eeviz.core.table.metrics import paired_interval
from eeviz.nn.count.describe import describe

PRESETS = ("cortex-m0-m4", "sensor-gateway-cloud")
DROP, CLAIM, HALF = 0.005, 0.2, 0.5


def many(positions: int, designs: int, samples: int, seed: int = 0):
    """A made-up table and segments with alternatives at every position."""
    rng = np.random.default_rng(seed)
    position = np.append(np.repeat(np.arange(positions), designs), positions)
    exits = len(position)
    label, hard = rng.integers(0, 10, samples), rng.random(samples)
    skill = np.repeat(np.linspace(0.5, 0.9, positions), designs) + np.tile(np.linspace(0, 0.03, designs), positions)
    skill = np.append(skill, 0.92)
    right = hard[:, None] < skill + rng.normal(0, 0.05, (samples, exits))
    predicted = np.where(right, label[:, None], (label[:, None] + 1) % 10)
    confidence = np.clip(skill - hard[:, None] + 0.5 + rng.normal(0, 0.1, (samples, exits)), 0, 1)
    body = [Piece({"conv": 40e6 / (positions + 1)}, 2e4, 3072, 16384 / (1 + p)) for p in range(positions + 1)]
    segments = Segments(body, [Piece({"conv": 2e5 * (1 + k % designs)}, 5e3) for k in range(exits)], position)
    return ee.ExitRecords(confidence, predicted, label, {"macs": segments.macs}, position=position), segments


def main() -> None:
    demo = ee.load_demo("fashion")
    segments = describe(demo.network(), 1, 1)
    for name in PRESETS:
        platform = ee.Platform.preset(name)
        for cost in COSTS:
            begun = time.process_time()
            mapping = platform.map(segments, demo.validation, cost, max_drop=DROP, refine=True)
            seconds = time.process_time() - begun
            figures, result = mapping.figures(demo.test), sensitivity(mapping, demo.test, claim=CLAIM)
            own = mapping.route(demo.validation).mean_cost
            path = shortest_mapping(mapping, demo.validation, DROP).route(demo.validation).mean_cost
            drop = paired_interval(demo.test, demo.test.correct[:, -1], mapping.route(demo.test).right)
            savings = [result.saving, *(row.saving for row in result.rows)]
            again = [result.saving, *(row.saving_remapped for row in result.rows)]
            _line.report(
                "platform mapping",
                {
                    "saving": figures[cost]["saving"],
                    "worst_over_static": figures[cost]["worst"] / figures[cost]["static"],
                    "accuracy": figures["accuracy"],
                    "drop_pp": 100 * drop.value,
                    "drop_pp_interval": [round(100 * end, 4) for end in (drop.low, drop.high)],
                    "lowest_saving_halved_doubled": min(savings),
                    "highest_saving_halved_doubled": max(savings),
                    "lowest_saving_placed_again": min(again),
                    "open": result.is_open,
                    "half_is_open": sensitivity(mapping, demo.test, claim=HALF).is_open,
                    "moved": sum(row.moved for row in result.rows),
                    "shortest_path_over_ours": path / own,
                    "processor_seconds": seconds,
                },
                {},
                {"shortest_path_over_ours": 1},
                platform=name,
                cost=cost,
                assignment=list(mapping.assignment),
                claim=CLAIM,
                conclusion=str(result),
            )
    records, segments = many(9, 3, 5000)
    for name in PRESETS:
        begun = time.process_time()
        mapping = ee.Platform.preset(name).map(segments, records, "energy")
        seconds = time.process_time() - begun
        setting = {"positions": 9, "designs": 3, "samples": 5000, "platform": name}
        figures = {"processor_seconds": seconds, "points": len(mapping.front)}
        _line.report("mapping decision", figures, {"processor_seconds": 60}, **setting)


if __name__ == "__main__":
    main()
