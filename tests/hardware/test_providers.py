"""All cost providers give the same thing; each charges what it says."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from eeviz.core.network.bits import FP32, Bits
from eeviz.core.network.workload import Operation, Stream, Workload, workload_of
from eeviz.core.platform.cost import memory
from eeviz.core.platform.platform import Platform, Processor
from eeviz.core.space.space import SearchSpace
from eeviz.core.table.cost import Cost, ProductCost
from eeviz.hardware import COSTS, Accelerator, Host, Roofline
from eeviz.launch.packages import is_installed

M4 = Roofline(Platform.preset("cortex-m0-m4"))
PROVIDERS = [M4, Accelerator("edge_tpu_like")]


@pytest.fixture
def plan():
    space = SearchSpace.preset("compact")
    return space.decode(space.sample(np.random.default_rng(6))).offered()


@pytest.fixture
def small():
    space = SearchSpace.preset("compact")
    return space.decode(space.with_exits(space.smallest(), ["linear", "none", "none", "none"])).plan


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: type(p).__name__)
def test_the_same_names_shapes_and_order(provider, plan):
    costs = provider.costs(plan)
    assert tuple(costs) == COSTS
    assert all(len(cost) == len(plan.heads) for cost in costs.values())
    product = costs["energy x latency"]
    assert isinstance(product, ProductCost)
    assert product.static == pytest.approx(costs["energy"].static * costs["latency"].static)
    assert isinstance(costs["memory"], Cost)
    assert costs["memory"].unit == "B"
    assert (costs["energy"].heads > 0).all()
    assert provider.title


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: type(p).__name__)
def test_plans_workloads_and_networks_cost_the_same(provider):
    pytest.importorskip("torch")
    from eeviz.nn.build import build

    space = SearchSpace.preset("compact")
    plan = space.decode(space.sample(np.random.default_rng(7))).plan
    for other in (workload_of(plan), build(plan)):
        ours, theirs = provider.costs(plan, Bits(8, 8)), provider.costs(other, Bits(8, 8))
        for name in ("latency", "energy", "memory"):
            np.testing.assert_array_equal(ours[name].backbone, theirs[name].backbone)
            np.testing.assert_array_equal(ours[name].heads, theirs[name].heads)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: type(p).__name__)
def test_fewer_bits_never_cost_more(provider, small):
    eight, four = provider.costs(small, Bits(8, 8)), provider.costs(small, Bits(4, 4))
    for name in ("latency", "energy", "memory"):
        assert four[name].static <= eight[name].static * (1 + 1e-9)
    assert four["memory"].static == eight["memory"].static / 2
    mixed = provider.costs(small, Bits(8, 8), Bits(4, 4))
    np.testing.assert_array_equal(mixed["energy"].heads, four["energy"].heads)
    np.testing.assert_array_equal(mixed["energy"].backbone, eight["energy"].backbone)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: type(p).__name__)
def test_bits_are_given_as_quantize_takes_them(provider, small):
    asked, words = provider.costs(small, Bits(8, 8), Bits(4, 4)), provider.costs(small, "8/8", 4)
    for name in ("latency", "energy", "memory"):
        np.testing.assert_array_equal(asked[name].heads, words[name].heads)
        np.testing.assert_array_equal(asked[name].backbone, words[name].backbone)
    assert provider.notes(small, 8, "4/4") == provider.notes(small, Bits(8, 8), Bits(4, 4))
    with pytest.raises(ValueError, match="bits: expected a number or two"):
        provider.costs(small, "eight")


def test_providers_travel_to_other_processes():
    for provider in (*PROVIDERS, Host(batch=4)):
        copy = pickle.loads(pickle.dumps(provider))  # noqa: S301
        assert copy == provider
        assert hash(copy) == hash(provider)


def test_the_roofline_notes_operators_without_a_rate(plan):
    first = M4.platform.processors[0]
    only_conv = replace(first, operators={"conv": 1e6})
    roofline = Roofline(Platform("one", (only_conv,)))
    assert [note for note in roofline.notes(plan) if "depthwise" in note]
    assert not [note for note in roofline.notes(plan) if " conv " in note]
    with pytest.raises(ValueError, match="assignment"):
        Roofline(M4.platform, (0, 0, 0)).costs(plan)


def test_the_roofline_notes_bits_that_its_rates_are_not_of(small):
    def noted(provider, *bits):
        return [note for note in provider.notes(small, *bits) if "bit" in note]

    assert noted(M4, 8) == []
    for bits in (4, 32):  # the same time and energy, and said so
        assert M4.costs(small, bits)["energy"].static == pytest.approx(M4.costs(small, 8)["energy"].static)
        (note,) = noted(M4, bits)
        assert "cortex-m0+ has rates of 8-bit numbers only" in note
        assert f"at {bits}/{bits} bits" in note
        assert "extrapolated" in note
    (note,) = noted(M4, 8, 4)
    assert "at 4/4 bits" in note
    chain = Roofline(Platform.preset("sensor-gateway-cloud"), (0, 0, 0, 0, 1))
    assert ["gateway has rates of 32-bit" in note for note in noted(chain, 8)] == [True]
    unsaid = Roofline(Platform("own", (Processor(name="own", macs_per_s=1e9, bytes_per_s=1e9),)))
    assert "does not say of which bits" in noted(unsaid)[0]


def test_the_roofline_notes_what_it_charges_no_time_for():
    moves = Workload(((Stream("pool", 64, 16),),), ((Operation("linear", 16, 10),),), (0,), 64)
    without = Roofline(Platform("own", (Processor(name="own", macs_per_s=1e9, bits=8),)))
    assert without.costs(moves)["latency"].backbone[0] == 0
    (note,) = without.notes(moves)
    assert "no memory bandwidth (bytes_per_s): segment 1," in note
    given = Roofline(Platform("own", (Processor(name="own", macs_per_s=1e9, bits=8, bytes_per_s=1e6),)))
    assert given.costs(moves)["latency"].backbone[0] > 0
    assert given.notes(moves) == ()


def test_the_roofline_refuses_what_does_not_fit_the_memory(small):
    work = workload_of(small)
    segments, here, there = work.platform_segments(8), (0,) * len(work.segments), (1,) * len(work.segments)
    needed = memory(M4.platform, segments, here)[0]
    everything = memory(M4.platform, segments, here, np.ones(len(work.heads) - 1, bool))[0]
    assert needed < everything
    first, second = M4.platform.processors
    tight = replace(first, memory=needed - 1)
    with pytest.raises(ValueError, match=r"does not fit cortex-m0\+.*assignment"):
        Roofline(Platform("tight", (tight, second), M4.platform.links)).costs(small, 8)
    moved = Roofline(Platform("tight", (tight, second), M4.platform.links), there)
    assert moved.costs(small, 8)["latency"].static > 0
    with pytest.raises(ValueError, match="does not fit") as caught:
        Roofline(Platform("tight", (tight,))).costs(small, 8)
    assert "assignment" not in str(caught.value)
    enough = Roofline(Platform("enough", (replace(first, memory=needed),)))
    assert enough.costs(small, 8)["latency"].static > 0
    assert [note for note in enough.notes(small, 8) if "with every exit" in note]


def test_a_bad_assignment_is_said_by_notes_and_costs_alike(small):
    for wrong in ((0, 0, 0), (0, 0, 0, 0, 7), (1, 0, 0, 0, 0), (0, 0, 0, 0, -1), (1.0,) * 5):
        for ask in (Roofline(M4.platform, wrong).notes, Roofline(M4.platform, wrong).costs):
            with pytest.raises(ValueError, match="assignment"):
                ask(small)


@pytest.mark.skipif(not is_installed("onnxruntime"), reason="onnxruntime is not installed")
@pytest.mark.parametrize("bits", [FP32, Bits(8, 8)])
def test_this_machine_is_clocked(bits):
    pytest.importorskip("torch")
    space = SearchSpace.preset("compact")
    plan = space.decode(space.with_exits(space.smallest(), ["linear", "none", "separable", "none"])).plan
    host = Host(batch=2, repeats=3)
    costs = host.costs(plan, bits)
    assert tuple(costs) == COSTS
    assert costs["latency"].unit == "s"
    assert (costs["latency"].heads > 0).all()
    assert 0 < costs["latency"].static < 1
    np.testing.assert_allclose(costs["energy"].heads, host.power * costs["latency"].heads)


def test_this_machine_refuses_in_words(plan):
    pytest.importorskip("torch")
    with pytest.raises(ValueError, match="at least 1"):
        Host(batch=0)
    with pytest.raises(ValueError, match="32 or at 8 bits"):
        Host().costs(plan, Bits(4, 4))
    with pytest.raises(ValueError, match="a network or a plan"):
        Host().costs(workload_of(plan))
