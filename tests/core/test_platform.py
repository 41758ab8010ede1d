"""Processors, links and platforms: costs by hand, files, presets, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from eeviz.core.network.segments import Piece, Segments
from eeviz.core.platform.cost import memory, traffic
from eeviz.core.platform.platform import Link, Platform, Processor

SMALL = Processor(name="small", macs_per_s=1e6, active_power=0.01, idle_power=0.001, memory=10_000)
BIG = Processor(
    name="big",
    macs_per_s=10e6,
    operators={"depthwise": 2e6},
    bytes_per_s=1e6,
    pj_per_mac=100,
    pj_per_byte=1000,
    idle_power=0.002,
    wake_latency=0.5,
    wake_energy=0.25,
)
WIRE = Link(name="wire", latency=0.1, bytes_per_s=1000, energy_per_byte=1e-4)
PAIR = Platform("pair", (SMALL, BIG), (WIRE,))


def pieces():
    """Three segments, two early heads and a final classifier."""
    body = (
        Piece({"conv": 1e6}, weight_bytes=1000, input_bytes=400, output_bytes=200),
        Piece({"conv": 1e6, "depthwise": 1e6}, weight_bytes=2000, input_bytes=200, output_bytes=100),
        Piece({"conv": 2e6}, weight_bytes=3000, input_bytes=100, output_bytes=50),
    )
    heads = (Piece(1e5, weight_bytes=500), Piece(2e5, weight_bytes=700), Piece(1e5, weight_bytes=300, input_bytes=50))
    return Segments(body, heads)


def test_all_on_the_first_processor_by_hand():
    cost = PAIR.cost(pieces(), (0, 0, 0))
    np.testing.assert_allclose(cost["latency"].backbone, [1, 3, 5])
    np.testing.assert_allclose(cost["latency"].heads, [0.1, 0.2, 0.1])
    np.testing.assert_allclose(cost["energy"].backbone, [0.01, 0.03, 0.05])
    np.testing.assert_allclose(
        cost["energy x latency"].at(np.array([True, False])),
        cost["energy"].at(np.array([True, False])) * [1.1, 3.1, 5.2],
    )


def test_travelling_by_hand():
    cost = PAIR.cost(pieces(), (0, 1, 1))
    # 200 bytes over the wire: 0.1 + 0.2 s; waking 0.5 s; 1e6 / 10e6 + 1e6 / 2e6 = 0.6 s, more than 2300 bytes / 1e6
    np.testing.assert_allclose(cost["latency"].backbone, [1, 1 + 0.8 + 0.6, 1 + 0.8 + 0.6 + 0.2])
    arrival = 200 * 1e-4 + 0.25 + 0.8 * 0.003
    second = 1e-12 * (100 * 2e6 + 1000 * 2300) + 0.001 * 0.6
    third = 1e-12 * (100 * 2e6 + 1000 * 3150) + 0.001 * 0.2
    first = 0.01 * 1 + 0.002 * 1
    np.testing.assert_allclose(
        cost["energy"].backbone, [first, first + arrival + second, first + arrival + second + third]
    )
    np.testing.assert_allclose(cost["latency"].heads, [0.1, 0.02, 0.01])


def test_a_head_beside_the_next_segment_pays_the_way_there():
    own, beside = (PAIR.cost(pieces(), (0, 1, 1), heads)["latency"] for heads in ("own", "next"))
    assert beside.backbone[0] == pytest.approx(own.backbone[0] + 0.8)
    assert beside.heads[0] == pytest.approx(0.01)
    np.testing.assert_allclose(beside.backbone[1:], own.backbone[1:])


def test_when_all_runs_elsewhere_the_input_travels():
    away = PAIR.cost(pieces(), (1, 1, 1))["latency"]
    assert away.backbone[0] == pytest.approx(0.1 + 0.4 + 0.5 + 0.1)
    assert traffic(PAIR, pieces(), (1, 1, 1)).tolist() == [[400]] * 3


def test_traffic_is_what_must_travel():
    assert traffic(PAIR, pieces(), (0, 1, 1)).tolist() == [[0], [200], [200]]
    assert traffic(PAIR, pieces(), (0, 1, 1), "next").tolist() == [[200], [200], [200]]
    assert traffic(PAIR, pieces(), (0, 0, 0)).tolist() == [[0], [0], [0]]
    chain = Platform("three", (SMALL, BIG, replace(BIG, name="far")), (WIRE, replace(WIRE, name="second")))
    assert traffic(chain, pieces(), (0, 0, 2)).tolist() == [[0, 0], [0, 0], [100, 100]]
    assert traffic(chain, pieces(), (0, 1, 2)).tolist() == [[0, 0], [200, 0], [200, 100]]


def test_memory_counts_weights_of_kept_heads_and_the_largest_activations():
    none = memory(PAIR, pieces(), (0, 1, 1))
    assert none.tolist() == [1000 + 600, 2000 + 3000 + 300 + 300]
    assert memory(PAIR, pieces(), (0, 1, 1), [True, False]).tolist() == [2100, 5600]
    assert memory(PAIR, pieces(), (0, 1, 1), [True, False], "next").tolist() == [1600, 6100]


def test_measured_seconds_replace_rates():
    body = [piece.with_seconds(small=0.5) for piece in pieces().pieces]
    cost = PAIR.cost(Segments(body, pieces().heads), (0, 0, 1))["latency"]
    assert cost.backbone[1] == pytest.approx(1.0)
    assert cost.heads[0] == pytest.approx(0.1)


def test_costs_never_fall_with_depth():
    rng = np.random.default_rng(0)
    for _ in range(50):
        body = [Piece(*rng.uniform(0, 1e6, 4)) for _ in range(4)]
        segments = Segments(body, body)
        cost = PAIR.cost(segments, np.sort(rng.integers(0, 2, 4)))
        assert (np.diff(cost["latency"].backbone) >= 0).all()
        assert (np.diff(cost["energy"].backbone) >= 0).all()


@pytest.mark.parametrize("name", ["cortex-m0-m4", "sensor-gateway-cloud"])
def test_every_figure_of_a_preset_has_its_source(name):
    platform = Platform.preset(name)
    for part in (*platform.processors, *platform.links):
        given = [f for f in (*part.figures(), "operators") if getattr(part, f, None)]
        assert given
        for figure in given:
            assert len(part.sources[figure]) > 10, f"{part.name} {figure}"
            kinds = ("Datasheet:", "Measured", "Derived:", "Assumed:", "Specified:")
            assert part.sources[figure].startswith(kinds)


def test_derived_figures_of_presets_follow_from_what_they_name():
    small, big = Platform.preset("cortex-m0-m4").processors
    assert small.active_power == pytest.approx(20e-6 * 100 * 3.3)
    assert big.active_power == pytest.approx(40e-6 * 150 * 3.3)
    per_cycle = 12.5e6 * 2.567 / 120e6
    assert big.macs_per_s == pytest.approx(150e6 * per_cycle, rel=0.01)
    cycles = 120e6 / 9.997 - (2.66e6 - 0.288e6) / per_cycle
    assert big.operators["depthwise"] == pytest.approx(150e6 * 0.288e6 / cycles, rel=0.02)
    bluetooth, internet = Platform.preset("sensor-gateway-cloud").links
    assert bluetooth.energy_per_byte == pytest.approx((6.40e-3 + 6.26e-3) * 3 * 8 / 702.8e3, rel=0.01)
    assert internet.energy_per_byte == pytest.approx(0.06 * 3.6e6 / 1e9 / 2**5)


def test_files_keep_everything(tmp_path):
    for platform in (PAIR, Platform.preset("sensor-gateway-cloud")):
        platform.save(tmp_path / "p.json")
        again = Platform.load(tmp_path / "p.json")
        assert again == platform


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"processors": [{"name": "a"}]}, "give macs_per_s"),
        ({"processors": [{"name": "a", "macs_per_s": -1}]}, "not negative"),
        ({"processors": [{"name": "a", "macs_per_s": "fast"}]}, "expected a number"),
        ({"processors": [{"name": "a", "macs_per_s": 0}]}, "above 0"),
        ({"processors": [{"name": "a", "macs_per_s": float("inf")}]}, "finite"),
        ({"processors": [{"macs_per_s": 1}]}, "name is missing"),
        ({"processors": [{"name": "a", "macs_per_s": 1, "speed": 2}]}, "unknown entries speed"),
        ({"processors": [{"name": "a", "macs_per_s": 1, "operators": 3}]}, "operators must be a mapping"),
        ({"processors": "a"}, "expected a list"),
        ({"processors": []}, "at least one processor"),
        ({"processors": [{"name": "a", "macs_per_s": 1}] * 2, "links": [{"name": "l"}]}, "name of its own"),
        ({"links": [{"name": "l"}]}, "0 links"),
        ({"extra": 1}, "unknown entries extra"),
        ({"format": "other"}, "format is 'other'"),
    ],
)
def test_bad_files_are_refused_in_words(tmp_path, change, words):
    data = {"name": "t", "processors": [{"name": "a", "macs_per_s": 1}], **change}
    path = tmp_path / "p.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=words) as caught:
        Platform.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff\xfe", b"{"])
def test_what_is_no_platform_is_refused(tmp_path, content):
    (tmp_path / "p.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"p\.json"):
        Platform.load(tmp_path / "p.json")
    with pytest.raises(ValueError, match="no such file"):
        Platform.load(tmp_path / "none.json")


def test_unknown_presets_list_the_known():
    with pytest.raises(ValueError, match="cortex-m0-m4, sensor-gateway-cloud"):
        Platform.preset("laptop")


@pytest.mark.parametrize(
    ("assignment", "words"),
    [((0, 1), "each of 3 segments"), ((0, 1, 0), "cannot fall"), ((0, 1, 2), r"0\.\.1"), ((0.0, 1.0, 1.0), "whole")],
)
def test_assignments_that_do_not_fit_are_refused(assignment, words):
    with pytest.raises(ValueError, match=words):
        PAIR.cost(pieces(), assignment)


def test_an_operator_without_a_rate_is_refused():
    only = Processor(name="only", operators={"conv": 1e6})
    with pytest.raises(ValueError, match="rates for conv only"):
        Platform("one", (only,)).cost(pieces(), (0, 0, 0))


@pytest.mark.parametrize(
    ("position", "words"),
    [
        ([0, 1], "each of 3 heads"),
        ([1, 0, 2], "never fall"),
        ([0, 1, 1], "end with the last"),
        ([0, 2, 2], "only the fi"),
    ],
)
def test_positions_that_do_not_fit_are_refused(position, words):
    body = pieces()
    with pytest.raises(ValueError, match=words):
        Segments(body.pieces, body.heads, position)


def test_segments_survive_their_dict():
    segments = Segments(pieces().pieces, (Piece(5), *pieces().heads), [0, 0, 1, 2])
    again = Segments.from_dict(json.loads(json.dumps(segments.to_dict())))
    assert again.to_dict() == segments.to_dict()
    assert again.macs.backbone.tolist() == [1e6, 1e6, 3e6, 5e6]
    with pytest.raises(ValueError, match="not of the form"):
        Segments.from_dict({"segments": []})
