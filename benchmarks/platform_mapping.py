"""Does deciding exits, thresholds and processors together pay, and would the saving survive other figures?

Fashion-MNIST demo, weights and activations of one byte, drop of 0.5 pp on validation, figures on test: each preset, each
cost. Beside it the shortest path (Sponner et al.) on its best assignment, and every figure of the platform halved and
doubled. Then the time of a decision over 9 positions with three designs each. Run: python benchmarks/platform_mapping.py
"""

import time
from dataclasses import replace

import _line
import numpy as np

import eeviz as ee
from eeviz.core import baselines
from eeviz.core.mapping import COSTS, assignments
from eeviz.core.platform_sensitivity import sensitivity
from eeviz.core.segments import Piece, Segments
from eeviz.nn.describe import describe

PRESETS = ("cortex-m0-m4", "sensor-gateway-cloud")
DROP, CLAIM = 0.005, 0.2


def shortest_path(platform, segments, records, cost: str) -> float:
    """Mean cost of the shortest path's policy on the assignment that suits it best."""
    best = np.inf
    for assignment in assignments(len(segments), len(platform.processors)):
        priced = replace(records, costs=platform.cost(segments, assignment))
        policy = baselines.shortest_path(priced, cost, max_drop=DROP)
        best = min(best, ee.route(priced, policy, cost).mean_cost)
    return best


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
            path = shortest_path(platform, segments, demo.validation, cost)
            _line.report(
                "platform mapping",
                {
                    "saving": figures[cost]["saving"],
                    "worst_over_static": figures[cost]["worst"] / figures[cost]["static"],
                    "accuracy": figures["accuracy"],
                    "lowest_saving_halved_doubled": result.lowest,
                    "open": result.is_open,
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
