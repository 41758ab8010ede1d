"""Workloads: shapes of layers, and what they come to."""

import pickle

import numpy as np
import pytest

from eeviz.core.network.bits import Bits
from eeviz.core.network.layers import AveragePool, Block, Convolution, Linear, Resize, SqueezeExcite
from eeviz.core.network.liveness import alive
from eeviz.core.network.plan import Head, Plan
from eeviz.core.network.workload import Operation, Stream, Workload, steps_of, workload_of
from eeviz.core.space.presets.compact import compact_layers
from eeviz.core.space.space import SearchSpace


@pytest.mark.parametrize("preset", ["compact", "aebnas", "edanas", "nachos", "static", "zniber"])
def test_macs_and_weights_equal_those_of_the_plan(preset):
    space = SearchSpace.preset(preset)
    rng = np.random.default_rng(0)
    for _ in range(3):
        plan = space.decode(space.sample(rng)).offered()
        work, macs = workload_of(plan), plan.macs()
        np.testing.assert_array_equal(work.macs().backbone, macs.backbone)
        np.testing.assert_array_equal(work.macs().heads, macs.heads)
        assert work.position == plan.position


def test_every_layer_of_compact_is_enumerated():
    space = SearchSpace.preset("compact")
    known = {step for layers, shape in compact_layers() for step in steps_of(layers, shape)}
    rng = np.random.default_rng(1)
    for _ in range(20):
        work = workload_of(space.decode(space.sample(rng)).offered())
        assert {s for _, s in work.steps() if isinstance(s, Operation)} <= known


def test_a_block_by_hand():
    layers = (
        Resize(8, "bilinear"),
        Block("b", "dense", (Convolution("c", 6, 3, 2), Convolution("d", 6, 1)), residual=True),
        Linear("l", 5),
    )
    steps = steps_of(layers, (4, 10, 10))
    assert steps == (
        Stream("resize", 4 * 256, 256),
        Operation("conv", 4, 6, (8, 8), (3, 3), (2, 2), (1, 1)),
        Operation("conv", 6, 6, (4, 4)),
        Stream("pool", 256, 64),
        Stream("add", 192, 96),
        Operation("linear", 96, 5),
    )
    assert [s.macs for s in steps] == [0, 4 * 6 * 9 * 16, 36 * 16, 0, 0, 480]
    assert (steps[1].reads, steps[1].writes, steps[1].weights) == (256, 96, 216)


def test_memory_counts_weights_and_the_largest_activations_at_their_bits():
    segment = (Operation("conv", 2, 4, (4, 4), (3, 3), padding=(1, 1)),)  # 72 weights, 32 in, 64 out
    head = (Operation("linear", 64, 10),)
    work = Workload((segment, (Operation("conv", 4, 4, (4, 4)),)), (head, head), (0, 1), 32)
    cost = work.memory(Bits(4, 8), [Bits(8, 8), Bits(2, 4)])
    np.testing.assert_allclose(cost.backbone, [128 + 36, 128 + 36 + 8])  # the second layer holds 64 in, 64 out
    np.testing.assert_allclose(cost.heads, [640, 160])
    assert cost.unit == "B"
    assert cost.at(np.array([True]))[-1] == 128 + 36 + 8 + 640 + 160


def reference(takes, writes, inputs, out):
    """Values alive by step, each tensor kept until whoever counts its readers has seen the last of them."""
    sizes = dict(enumerate([inputs, *writes]))
    readers = {n: sum(n in taken for taken in takes) + (n == out) for n in sizes}
    alive_now, found = {0} if readers[0] else set(), []
    for step, taken in enumerate(takes):
        alive_now.add(step + 1)
        found.append(sum(sizes[n] for n in alive_now))
        for n in set(taken):
            readers[n] -= 1
        alive_now = {n for n in alive_now if readers[n]}
    return tuple(found)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_alive_is_what_a_later_step_still_takes(seed):
    rng = np.random.default_rng(seed)
    steps = int(rng.integers(1, 12))
    writes = rng.integers(1, 100, steps).tolist()
    takes = [tuple(rng.integers(0, i + 1, rng.integers(1, 3)).tolist()) for i in range(steps)]
    inputs, out = int(rng.integers(0, 100)), int(rng.integers(0, steps + 1))
    assert alive(takes, writes, inputs, out) == reference(takes, writes, inputs, out)


def test_shortcuts_and_waiting_taps_are_held():
    stem = Convolution("s", 4, 1)  # 3 x 8 x 8 = 192 values to 256
    block = Block("b", "dense", (Convolution("c", 8, 1), Convolution("d", 4, 1)), residual=True)
    squeezed = Block("e", "dense", (SqueezeExcite("e", 2),))
    halved = Block("h", "dense", (Convolution("f", 6, 3, 2),), residual=True)
    head = (Convolution("g", 2, 1), AveragePool(), Linear("l", 3))
    heads = (Head(0, "early", head), Head(1, "final", head))
    work = workload_of(Plan((3, 8, 8), 3, ((stem, block), (squeezed, halved)), heads))
    assert work.held == (
        (192 + 256, 256 + 512, 256 + 512 + 256, 3 * 256),  # the block's input stays until the sum
        (256 + 4, 256 + 4 + 2, 256 + 2 + 4, 256 + 4 + 256, 256 + 96, 256 + 96 + 64, 96 + 64 + 96),
        (128, 128 + 2, 2 + 3),  # without the tap, for which the second segment waits
        (96 + 32, 32 + 2, 2 + 3),
    )
    assert work.taps == (256, 0)
    assert work.peaks(8) == (1024, 516, 256 + 130, 128)
    assert work.peaks(8, [4, 8])[2] == 256 + 130 / 2
    assert work.memory(8).backbone[0] == 1024 + 3 * 4 + 2 * 4 * 8
    assert work.platform_segments(8).heads[0].peak_bytes == 256 + 130
    assert work.columns([0, 0, 1]).peaks(8) == (1024, 516, 386, 386, 128)


def test_the_fullest_layer_of_zniber_is_a_blocks_with_its_shortcut():
    work = workload_of(SearchSpace.preset("zniber").decode((0, *[1] * 11, 0)).plan)
    assert max(step.reads + step.writes for _, step in work.steps()) == 196_608  # 96 channels to 96 of 32 x 32
    assert max(work.peaks()) == 196_608 + 16 * 32 * 32


def test_columns_repeat_heads_for_other_bits():
    work = workload_of(SearchSpace.preset("zniber").decode((0, *[1] * 11, 0)).plan)
    twice = work.columns([0, 0, 3, len(work.heads) - 1])
    assert twice.position == (0, 0, 3, 11)
    cost = twice.memory(Bits(8, 8), [Bits(8, 8), Bits(4, 4), Bits(8, 8), Bits(8, 8)])
    assert cost.heads[0] == 2 * cost.heads[1]


def test_bits_are_the_plans_unless_given():
    space = SearchSpace.preset("zniber")
    work = workload_of(space.decode((1, *[1] * 11, 0)).plan)  # 4/8: backbone 4, exits 8
    assert work.at_bits(None, None)[0] == Bits(4, 4)
    assert work.at_bits(None, None)[1] == (*[Bits(8, 8)] * 11, Bits(4, 4))
    assert set(work.at_bits(Bits(8, 8), None)[1]) == {Bits(8, 8)}
    assert workload_of(SearchSpace.preset("static").decode((0,) * 46).plan).at_bits(None, None)[0] == Bits(8, 8)


def test_bits_are_given_as_quantize_takes_them():
    work = workload_of(SearchSpace.preset("zniber").decode((0, *[1] * 11, 0)).plan)
    assert work.at_bits("4/8", 8) == (Bits(4, 8), (Bits(8, 8),) * 12)
    assert work.at_bits(4, [8] * 11 + ["4/4"])[1] == (*[Bits(8, 8)] * 11, Bits(4, 4))
    np.testing.assert_array_equal(work.memory("8/8", 4).heads, work.memory(Bits(8, 8), Bits(4, 4)).heads)
    for wrong in (0, "eight", 8.0, [8]):
        with pytest.raises(ValueError, match="bits"):
            work.at_bits(wrong, None)
        with pytest.raises(ValueError, match="bits"):
            work.at_bits(8, wrong)


def test_pairs_of_bits_that_are_none():
    for wrong in [("8",), ("8/8/8",), (8,), "8", ("8/x",), 8, ("8/0",)]:
        with pytest.raises(ValueError, match=r"pair|bits"):
            SearchSpace.preset("zniber", pairs=wrong)
    space = SearchSpace.preset("zniber", pairs="4/8")  # one pair alone
    genome = space.sample(np.random.default_rng(0))
    assert space.decode(genome).plan.bits == Bits(4, 4)
    assert space.decode(genome).offered().heads[0].bits == Bits(8, 8)


def test_platform_segments_move_the_bytes_of_their_bits():
    work = workload_of(SearchSpace.preset("zniber").decode((0, *[1] * 11, 0)).plan)
    eight, four = work.platform_segments(Bits(8, 8)), work.platform_segments(Bits(4, 4))
    assert eight.pieces[3].moved_bytes == 2 * four.pieces[3].moved_bytes
    assert eight.macs.static == work.macs().static
    assert set(eight.pieces[3].operators) == {"conv", "depthwise"}


def test_operations_keep_their_identity_through_pickle():
    operation = Operation("conv", 3, 4, (5, 5), name="stem")
    hash(operation)
    copy = pickle.loads(pickle.dumps(operation))  # noqa: S301
    assert copy == operation
    assert hash(copy) == hash(operation)
    assert copy.name == "stem"


@pytest.mark.parametrize("value", [0, 33, "8/8/8", "eight", None, 2.5, True])
def test_bits_that_are_none(value):
    with pytest.raises(ValueError, match="bits"):
        Bits.of(value)


def test_bits_in_words():
    assert Bits.of("4/8") == Bits(4, 8)
    assert Bits.of(6) == Bits(6, 6)
    assert str(Bits(4, 8)) == "4/8"


def test_a_layer_without_a_rule_is_refused():
    class Strange:
        def out(self, shape):
            return shape

    with pytest.raises(ValueError, match="Strange has no rule"):
        steps_of((Strange(),), (1, 2, 2))
