"""Workloads of networks: equal to those of their plans, and refusals in words."""

import numpy as np
import pytest
import torch
from torch import nn

from eeviz.catalogue import load_demo
from eeviz.core.network.bits import Bits
from eeviz.core.network.workload import Operation, Stream, workload_of
from eeviz.core.platform.platform import Platform
from eeviz.core.space.space import SearchSpace
from eeviz.hardware import Accelerator, Roofline
from eeviz.nn.build import build
from eeviz.nn.count.describe import describe
from eeviz.nn.count.workload import workload
from eeviz.nn.network import EarlyExitNetwork
from eeviz.nn.quantize import quantize


@pytest.mark.parametrize("preset", ["compact", "aebnas", "nachos", "zniber"])
def test_equal_to_the_workload_of_the_plan(preset):
    space = SearchSpace.preset(preset)
    plan = space.decode(space.sample(np.random.default_rng(2))).plan
    ours, theirs = workload(build(plan)), workload_of(plan)
    assert ours == theirs
    assert (ours.ends, ours.weights) == (theirs.ends, theirs.weights)
    assert ours.platform_segments(8).to_dict() == theirs.platform_segments(8).to_dict()


def test_agrees_with_describe():
    space = SearchSpace.preset("zniber")
    network = build(space.decode((0, *[1] * 11, 0)).plan)
    ours, theirs = workload(network).macs(), describe(network).macs
    np.testing.assert_array_equal(ours.backbone, theirs.backbone)
    np.testing.assert_array_equal(ours.heads, theirs.heads)


def network(layer, shape=(4, 8, 8), features=None):
    head = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    made = EarlyExitNetwork([nn.Sequential(layer)], [head], shape)
    made(torch.zeros(1, *shape))
    return made


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.Conv2d(4, 8, 3, groups=2), "grouped"),
        (nn.Conv2d(4, 4, 3, dilation=2), "dilated"),
        (nn.ConvTranspose2d(4, 4, 2), "transposed"),
        (nn.Conv2d(4, 8, 3, groups=4), "grouped"),
    ],
)
def test_layers_without_a_rule_are_refused(layer, words):
    with pytest.raises(ValueError, match=words):
        workload(network(layer))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False)[0]


def test_attention_is_refused():
    with pytest.raises(ValueError, match="no rule"):
        workload(network(Attention(), (6, 4)))


def test_one_dimensional_convolutions_and_rows_of_linear_layers():
    flat = workload(network(nn.Conv1d(2, 6, 5, stride=2, padding=2), (2, 32)))
    assert flat.segments[0] == (Operation("conv", 2, 6, (1, 32), (1, 5), (1, 2), (0, 2)),)
    tokens = workload(network(nn.Linear(4, 5), (7, 4)))
    assert tokens.segments[0] == (Operation("linear", 4, 5, (7, 1)),)
    assert tokens.macs().static == 7 * 20 + 7 * 5 * 3


def test_streams_are_counted_and_named():
    pooled = workload(network(nn.MaxPool2d(2)))
    assert pooled.segments[0] == (Stream("pool", 256, 64),)
    up = workload(network(nn.Upsample(scale_factor=2, mode="bilinear")))
    assert up.segments[0] == (Stream("resize", 4 * 1024, 1024),)
    names = [step.name for _, step in workload(build(SearchSpace.preset("zniber").decode((0,) * 13).plan)).steps()]
    assert "block1.depthwise" in names


def test_a_quantized_network_asks_for_the_same_at_its_own_bits():
    space = SearchSpace.preset("compact")
    plan = space.decode(space.with_exits(space.smallest(), ["linear", "none", "separable", "none"])).plan
    made = build(plan)
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28), dtype=np.uint8)
    rounded = quantize(made, images, "4/8", [8, 4, "4/8"])
    work = workload(rounded)
    assert work == workload(made)
    assert work.at_bits(None, None) == (Bits(4, 8), (Bits(8, 8), Bits(4, 4), Bits(4, 8)))
    core = Roofline(Platform.preset("cortex-m0-m4"))
    ours, theirs = core.costs(rounded), core.costs(plan, "4/8", [8, 4, "4/8"])
    for name in ("latency", "memory"):
        np.testing.assert_array_equal(ours[name].backbone, theirs[name].backbone)
        np.testing.assert_array_equal(ours[name].heads, theirs[name].heads)
    assert Accelerator("edge_tpu_like").costs(rounded, 8)["energy"].static > 0  # bits that are given come first


def test_what_is_computed_of_weights_alone_is_done_beforehand():
    layer = nn.Conv2d(4, 4, 3)
    plain = workload(network(layer))
    assert workload(network(nn.utils.parametrizations.weight_norm(layer))) == plain


def test_the_demos_fullest_layer_is_held_with_a_shortcut():
    work = workload(load_demo("fashion").network())
    assert max(step.reads + step.writes for _, step in work.steps()) == 21_952
    assert max(work.peaks()) == 24_696


def test_training_mode_is_given_back():
    made = network(nn.Conv2d(4, 4, 3)).train()
    workload(made)
    assert made.training
