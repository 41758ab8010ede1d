"""The shortest path on its best assignment: within the drop, never cheaper than deciding everything together."""

import numpy as np
import pytest

import eeviz as ee
from eeviz.core.network.segments import Piece, Segments
from eeviz.core.platform.mapping import Mapping, shortest_mapping
from eeviz.core.platform.platform import Link, Platform, Processor

DROP = 0.03
PAIR = Platform(
    "pair",
    (
        Processor(name="node", macs_per_s=1e6, active_power=0.01, idle_power=0.0005),
        Processor(name="hub", macs_per_s=1e7, active_power=0.07, idle_power=0.001, wake_latency=0.002),
    ),
    (Link(name="radio", latency=0.01, bytes_per_s=1e5, energy_per_byte=5e-7),),
)


def case(exits=4, samples=400):
    """Records whose later exits answer better, and segments that fit them."""
    rng = np.random.default_rng(7)
    body = [Piece(2e5, weight_bytes=2000, input_bytes=3000, output_bytes=3000 / (1 + p)) for p in range(exits)]
    segments = Segments(body, [Piece(5e3, weight_bytes=100, output_bytes=16)] * exits)
    label = rng.integers(0, 3, samples)
    right = rng.random((samples, exits)) < np.linspace(0.5, 0.9, exits)
    predicted = np.where(right, label[:, None], (label[:, None] + 1) % 3)
    confidence = np.clip(rng.random((samples, exits)) * 0.6 + 0.4 * right * rng.random((samples, exits)), 0, 1)
    return ee.ExitRecords(confidence, predicted, label, {"macs": segments.macs}), segments


@pytest.mark.parametrize("cost", ["latency", "energy", "energy x latency"])
def test_it_keeps_the_drop_and_never_beats_the_joint_decision(cost):
    records, segments = case()
    ours = PAIR.map(segments, records, cost, max_drop=DROP, refine=True)
    theirs = shortest_mapping(ours, records, DROP)
    routed = theirs.route(records)
    assert routed.accuracy >= np.mean(records.correct[:, -1]) - DROP - 1e-12
    assert ours.route(records).mean_cost <= routed.mean_cost * (1 + 1e-12)


def test_its_assignment_is_the_best_for_it():
    records, segments = case()
    theirs = shortest_mapping(PAIR.map(segments, records, "latency", max_drop=DROP), records, DROP)
    for at in (0, 1):
        whole = Mapping(PAIR, segments, (at,) * 4, theirs.policy, cost="latency")
        assert theirs.route(records).mean_cost <= whole.route(records).mean_cost * (1 + 1e-12)


def test_nothing_within_the_memory_is_said():
    records, segments = case()
    crowded = Platform("crowded", (Processor(name="a", macs_per_s=1e6, memory=1),))
    tight = Mapping(crowded, segments, (0,) * 4, ee.Policy((0.5, None, None)), cost="energy")
    with pytest.raises(ValueError, match="memory"):
        shortest_mapping(tight, records, DROP)
