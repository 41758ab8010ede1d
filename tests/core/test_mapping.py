"""Assignments decided with exits and thresholds: against brute force, constraints, figures, sensitivity, baselines."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import eeviz as ee
from eeviz.core.network.segments import Piece, Segments
from eeviz.core.platform.cost import HEADS, memory
from eeviz.core.platform.mapping import Mapping, assignments, best_mapping
from eeviz.core.platform.platform import Link, Platform, Processor
from eeviz.core.platform.sensitivity import sensitivity
from eeviz.core.solve import baselines
from eeviz.core.solve.grid import quantile_grid

GRID = 4
NODE = Processor(name="node", macs_per_s=1e6, active_power=0.01, idle_power=0.0005)
HUB = Processor(
    name="hub", macs_per_s=1e7, active_power=0.07, idle_power=0.001, wake_latency=0.002, wake_energy=1e-4
)  # fmt: skip
FAR = Processor(name="far", macs_per_s=1e9, active_power=1.0)
RADIO = Link(name="radio", latency=0.01, bytes_per_s=1e5, energy_per_byte=5e-7)
CABLE = Link(name="cable", latency=0.02, bytes_per_s=1e6, energy_per_byte=1e-6)
PAIR = Platform("pair", (NODE, HUB), (RADIO,))
CHAIN = Platform("chain", (NODE, HUB, FAR), (RADIO, CABLE))


def network(exits: int, position=None) -> Segments:
    size = 3000 / (1 + np.arange(exits))
    last = exits - 1 if position is None else int(position[-1])
    body = [Piece(2e5, weight_bytes=2000, input_bytes=3000, output_bytes=size[p]) for p in range(last + 1)]
    return Segments(
        body, [Piece(5e3 * (1 + k % 3), weight_bytes=100 * (1 + k), output_bytes=16) for k in range(exits)], position
    )


def table(samples: int, exits: int, seed: int, position=None) -> ee.ExitRecords:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, samples)
    right = rng.random((samples, exits)) < np.linspace(0.5, 0.9, exits)
    predicted = np.where(right, label[:, None], (label[:, None] + 1) % 3)
    confidence = np.clip(rng.random((samples, exits)) * 0.6 + 0.4 * right * rng.random((samples, exits)), 0, 1)
    macs = network(exits, position).macs
    return ee.ExitRecords(confidence, predicted, label, {"macs": macs}, position=position)


def brute_force(platform, segments, records, cost, allowed=lambda *_: True, max_exits=99):
    """Every assignment, place of heads and combination of grid thresholds, routed one by one."""
    grids = [[None, *quantile_grid(records.confidence[:, k], GRID)] for k in range(records.exits_count - 1)]
    points = []
    for assignment in assignments(len(segments), len(platform.processors)):
        for heads in HEADS:
            costs = platform.cost(segments, assignment, heads)
            priced = replace(records, costs={**records.costs, **costs})
            for thresholds in product(*grids):
                policy = ee.Policy(thresholds)
                taken = records.position[:-1][policy.kept]
                if len(set(taken)) < len(taken) or len(taken) > max_exits:
                    continue
                if allowed(assignment, heads, policy, costs):
                    routing = ee.route(priced, policy, cost)
                    points.append((routing.mean_cost, routing.accuracy))
    points = sorted(set(points), key=lambda p: (p[0], -p[1]))
    front, best = [], -1.0
    for mean_cost, accuracy in points:
        if accuracy > best:
            front.append((mean_cost, accuracy))
            best = accuracy
    return front


def agree(mapping: Mapping, expected, records) -> None:
    found = list(zip(mapping.front.mean_cost, mapping.front.accuracy, strict=True))
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for index in range(0, len(found), max(1, len(found) // 7)):  # each point is what its own assignment gives
        point = mapping.at(index).route(records)
        assert (point.mean_cost, point.accuracy) == pytest.approx(found[index], rel=1e-12)
        assert point.worst_cost == pytest.approx(mapping.front.worst_cost[index])


@pytest.mark.parametrize("cost", ["latency", "energy", "energy x latency"])
@pytest.mark.parametrize("platform", [PAIR, CHAIN], ids=["two", "three"])
def test_equals_brute_force(platform, cost):
    records, segments = table(60, 3, 1), network(3)
    mapping = platform.map(segments, records, cost, max_drop=0.05, grid=GRID)
    agree(mapping, brute_force(platform, segments, records, cost), records)


@pytest.mark.parametrize(
    ("platform", "cost", "room", "bound"),
    [
        (PAIR, "energy", None, None),
        (CHAIN, "latency", None, None),
        (CHAIN, "energy x latency", None, None),
        (PAIR, "energy", (8_250, 9_350), None),
        (PAIR, "energy", None, 0.106),
    ],
)
def test_equals_brute_force_with_alternatives(platform, cost, room, bound):
    position = np.array([0, 0, 1, 1, 2])
    records, segments = table(60, 5, 2, position), network(5, position)
    if room:
        platform = Platform("tight", (replace(NODE, memory=room[0]), replace(HUB, memory=room[1])), (RADIO,))
    limit = np.array([np.inf if p.memory is None else p.memory for p in platform.processors])

    def allowed(assignment, heads, policy, costs):
        if bound is not None and costs["latency"].at(policy.kept)[-1] > bound:
            return False
        return (memory(platform, segments, assignment, policy.kept, heads) <= limit).all()

    for exits in (1, 2):
        mapping = platform.map(segments, records, cost, max_drop=0.2, grid=GRID, max_exits=exits, worst_latency=bound)
        agree(mapping, brute_force(platform, segments, records, cost, allowed, exits), records)


def test_many_positions_equal_every_assignment_solved_in_full():
    position = np.append(np.repeat(np.arange(5), 2), 5)
    records, segments = table(150, 11, 12, position), network(11, position)
    for platform, cost in ((PAIR, "energy x latency"), (CHAIN, "energy")):
        mapping = platform.map(segments, records, cost, max_drop=0.1, grid=GRID)
        best = []
        for assignment in assignments(6, len(platform.processors)):
            for heads in HEADS:
                priced = replace(records, costs=platform.cost(segments, assignment, heads))
                one = ee.front(priced, cost, grid=GRID)
                best += zip(one.mean_cost, one.accuracy, strict=True)
        expected, top = [], -1.0
        for mean_cost, accuracy in sorted(set(best), key=lambda p: (p[0], -p[1])):
            if accuracy > top:
                expected.append((mean_cost, accuracy))
                top = accuracy
        agree(mapping, expected, records)


@pytest.mark.parametrize(("node", "hub"), [(8_000, 10_900), (8_150, 11_100), (10_400, 11_500), (14_600, 14_500)])
def test_memory_is_respected_exactly(node, hub):
    platform = Platform("tight", (replace(NODE, memory=node), replace(HUB, memory=hub)), (RADIO,))
    limit = np.array([p.memory for p in platform.processors])
    records, segments = table(60, 4, 3), network(4)

    def allowed(assignment, heads, policy, costs):
        return (memory(platform, segments, assignment, policy.kept, heads) <= limit).all()

    mapping = platform.map(segments, records, "energy", max_drop=0.2, grid=GRID)
    agree(mapping, brute_force(platform, segments, records, "energy", allowed), records)
    held = mapping.figures(records)["memory"]
    assert all(held[p.name] <= p.memory for p in platform.processors)


def test_worst_case_latency_is_respected_exactly():
    records, segments = table(60, 3, 4), network(3)
    bound = 0.15

    def allowed(assignment, heads, policy, costs):
        return costs["latency"].at(policy.kept)[policy.deepest] <= bound

    mapping = CHAIN.map(segments, records, "energy", max_drop=0.1, grid=GRID, worst_latency=bound)
    expected = brute_force(CHAIN, segments, records, "energy", allowed)
    agree(mapping, expected, records)
    assert mapping.figures(records)["latency"]["worst"] <= bound
    assert expected != brute_force(CHAIN, segments, records, "energy")


@pytest.mark.parametrize("quantile", [0.0, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("position", [None, (0, 0, 1, 2)])
def test_a_worst_case_ends_where_nobody_gets_past(quantile, position):
    exits, most = (3, 99) if position is None else (4, 2)  # with alternatives: one table for each choice of exits
    records, segments = table(60, exits, 4, position), network(exits, position)
    ends = [ee.Policy([None if j != k else 0.0 for j in range(exits - 1)]) for k in range(exits - 1)]
    slowest = [
        costs["latency"].at(policy.kept)[policy.deepest]
        for assignment in assignments(len(segments), 3)
        for costs in (CHAIN.cost(segments, assignment),)
        for policy in (*ends, ee.Policy([None] * (exits - 1)))
    ]
    bound = float(np.quantile(slowest, quantile))

    def allowed(assignment, heads, policy, costs):
        return costs["latency"].at(policy.kept)[policy.deepest] <= bound

    options = {} if position is None else {"max_exits": most}
    mapping = CHAIN.map(segments, records, "energy", max_drop=0.9, grid=GRID, worst_latency=bound, **options)
    agree(mapping, brute_force(CHAIN, segments, records, "energy", allowed, most), records)
    assert mapping.figures(records)["latency"]["worst"] <= bound
    for index in range(len(mapping.front)):
        point = mapping.at(index)
        assert point.route(records, "latency").worst_cost <= bound
        assert point.route(records).worst_cost == pytest.approx(mapping.front.worst_cost[index])
    assert (quantile > 0.5) or (mapping.front.thresholds == 0).any()


def test_macs_choose_the_policy_and_energy_the_place():
    records, segments = table(60, 3, 5), network(3)
    mapping = PAIR.map(segments, records, "macs", max_drop=0.05, grid=GRID)
    best = ee.front(records, "macs", grid=GRID)
    np.testing.assert_array_equal(mapping.front.mean_cost, best.mean_cost)
    static = [PAIR.cost(segments, a)["energy"].static for a in assignments(3, 2)]
    assert PAIR.cost(segments, mapping.assignment)["energy"].static == min(static)


def test_refined_is_never_worse_and_keeps_its_assignments():
    records, segments = table(200, 3, 6), network(3)
    coarse, fine = (PAIR.map(segments, records, "energy", grid=GRID, refine=r) for r in (False, True))
    for cost, accuracy in zip(coarse.front.mean_cost, coarse.front.accuracy, strict=True):
        index = fine.front.reaching(accuracy)
        assert fine.front.mean_cost[index] <= cost
    agree(fine, list(zip(fine.front.mean_cost, fine.front.accuracy, strict=True)), records)


def test_never_worse_than_the_shortest_path_on_the_best_assignment():
    records, segments = table(400, 4, 7), network(4)
    mapping = CHAIN.map(segments, records, "energy", max_drop=0.03, refine=True)
    path = np.inf
    for assignment in assignments(4, 3):
        priced = replace(records, costs=CHAIN.cost(segments, assignment))
        policy = baselines.shortest_path(priced, "energy", max_drop=0.03)
        path = min(path, ee.route(priced, policy, "energy").mean_cost)
    assert mapping.route(records).mean_cost <= path * (1 + 1e-12)


def test_figures_add_up():
    records, segments = table(300, 3, 8), network(3)
    mapping = PAIR.map(segments, records, "energy", max_drop=0.1)
    moved = replace(mapping, assignment=(0, 1, 1), heads="own")
    figures = moved.figures(records)
    share = np.array(figures["share"])
    assert figures["crossing"]["radio"] == pytest.approx(1 - share[0])
    assert figures["traffic"]["radio"] == pytest.approx((1 - share[0]) * 3000)
    for name in ("latency", "energy", "energy x latency"):
        one = figures[name]
        assert one["mean"] <= one["p95"] <= one["worst"]
        assert one["saving"] == pytest.approx(1 - one["mean"] / one["static"])
    assert figures["latency"]["unit"] == "s"


def test_figures_on_other_samples_keep_the_policy():
    records, other, segments = table(300, 3, 9), table(100, 3, 10), network(3)
    mapping = PAIR.map(segments, records, "energy", max_drop=0.1)
    expected = ee.route(mapping.records(other), mapping.policy, "energy")
    assert mapping.figures(other)["energy"]["mean"] == expected.mean_cost
    assert mapping.figures(other)["accuracy"] == expected.accuracy


def test_memory_that_fits_nothing_is_told():
    platform = Platform("tiny", (replace(NODE, memory=100), replace(HUB, memory=200)), (RADIO,))
    with pytest.raises(
        ValueError, match=r"fits no assignment's memory; nearest: (node|hub) would need \d+ bytes and has"
    ):
        platform.map(network(3), table(60, 3, 1))


def test_latency_that_nothing_reaches_is_told():
    with pytest.raises(
        ValueError, match=r"no assignment has a worst case of at most 1 ms: the lowest is \d+(\.\d+)? ms"
    ):
        CHAIN.map(network(3), table(60, 3, 1), worst_latency=0.001)


def test_accuracy_that_nothing_reaches_is_told():
    with pytest.raises(ValueError, match="best reachable"):
        PAIR.map(network(3), table(60, 3, 1), min_accuracy=0.9999)


def test_records_and_segments_must_agree():
    with pytest.raises(ValueError, match="4 exits, the segments 3 heads"):
        PAIR.map(network(3), table(60, 4, 1))
    with pytest.raises(ValueError, match="group other exits"):
        PAIR.map(network(3), table(60, 3, 1, np.array([0, 0, 2])))


def test_too_many_assignments_are_refused():
    chain = Platform(
        "long", [replace(NODE, name=f"n{i}") for i in range(9)], [replace(RADIO, name=f"l{i}") for i in range(8)]
    )
    with pytest.raises(ValueError, match="merge segments"):
        best_mapping(chain, network(12), table(60, 12, 1))


def test_records_that_keep_every_exit_are_mapped():
    records, segments = replace(table(60, 3, 1), removable=False), network(3)
    mapping = PAIR.map(segments, records, "energy", max_drop=0.2, grid=GRID)
    assert mapping.policy.kept.all()
    room = memory(PAIR, segments, (0, 0, 0))[0]  # enough for the network, not for its heads
    tight = Platform("tight", (replace(NODE, memory=room), replace(HUB, memory=100)), (RADIO,))
    with pytest.raises(ValueError, match="every exit must be kept"):
        tight.map(segments, records)


def test_sensitivity_changes_every_figure_both_ways():
    records, segments = table(300, 3, 11), network(3)
    mapping = PAIR.map(segments, records, "energy", max_drop=0.05)
    result = sensitivity(mapping, records)
    given = {(p.name, f) for p in (*PAIR.processors, *PAIR.links) for f in p.figures() if getattr(p, f)}
    assert {(row.owner, row.figure) for row in result.rows} == given - {("node", "memory"), ("hub", "memory")}
    assert sorted(row.factor for row in result.rows) == [0.5] * (len(result.rows) // 2) + [2.0] * (
        len(result.rows) // 2
    )
    assert result.saving == pytest.approx(mapping.figures(records)["energy"]["saving"])
    for row in result.rows:
        platform = PAIR.scaled(row.owner, row.figure, row.factor)
        static = min(platform.cost(segments, a)["energy"].static for a in assignments(3, 2))
        mean = replace(mapping, platform=platform).route(records).mean_cost
        assert row.saving == pytest.approx(1 - mean / static)
        assert row.saving_remapped >= row.saving - 1e-12


def test_a_conclusion_that_flips_is_open():
    records, segments = table(300, 3, 11), network(3)
    mapping = PAIR.map(segments, records, "energy", max_drop=0.05)
    result = sensitivity(mapping, records)
    between = (result.saving + min(row.saving for row in result.rows)) / 2
    assert result.lowest < result.saving
    flipped = sensitivity(mapping, records, claim=between)
    assert flipped.is_open
    assert "open" in str(flipped)
    assert not sensitivity(mapping, records, claim=-9).is_open
    assert "so it stays" in str(sensitivity(mapping, records, claim=-9))
    with pytest.raises(ValueError, match="latency, energy"):
        sensitivity(mapping, records, "macs")
