"""Does the latency predicted for this host from its segments' own readings match what inference takes?

Fashion-MNIST demo, batch norm folded, one thread, batch 1. Each round clocks every segment and head, then times
early-exit inference of the same samples under several policies; ratios are medians of rounds, in the thread's own time.
Run: python benchmarks/host_latency.py
"""

import statistics
from dataclasses import replace

import _line
import torch

import eeviz as ee
from eeviz.hardware.measured import measure, read

ROUNDS, SAMPLES = 9, 64
POLICIES = {
    "static": ee.Policy((None, None, None)),
    "all heads, nobody leaves": ee.Policy((1, 1, 1)),
    "tuned": None,
    "all leave at the first exit": ee.Policy((0, None, None)),
}


def main() -> None:
    torch.set_num_threads(1)
    demo = ee.load_demo("fashion")
    network = demo.network().folded()
    platform = ee.Platform.preset("this-host")
    records = demo.test.subset(slice(SAMPLES))
    x = network.prepare(records.thumbnails)
    policies = {**POLICIES, "tuned": ee.tune(demo.validation, max_drop=0.005)}
    ratios = {name: [] for name in policies}
    taken = {name: [] for name in policies}
    for _ in range(ROUNDS):
        measured = measure(network, x=x)
        cost = platform.cost(measured.segments, (0,) * len(measured.segments))["latency"]
        priced = replace(records, costs={"latency": cost})
        for name, policy in policies.items():
            seconds = (
                read(lambda p=policy: network.infer(x, p, records.measure, records.temperature, chunk=1), 3)[0]
                / SAMPLES
            )
            ratios[name].append(ee.route(priced, policy, "latency").mean_cost / seconds)
            taken[name].append(seconds)
    for name in policies:
        ratio = statistics.median(ratios[name])
        figures = {
            "predicted_over_measured": ratio,
            "off_by": abs(ratio - 1),
            "microseconds": 1e6 * statistics.median(taken[name]),
        }
        _line.report("host latency", figures, {"off_by": 0.2}, policy=name, batch=1, rounds=ROUNDS)


if __name__ == "__main__":
    main()
