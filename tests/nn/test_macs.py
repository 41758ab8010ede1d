"""MACs against counts made by hand: convolution, linear and matmul operators count, nothing else does."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from eeviz.nn.count.macs import count_macs, macs  # noqa: E402
from eeviz.nn.models import inverted_residuals  # noqa: E402
from eeviz.nn.network import EarlyExitNetwork  # noqa: E402


def test_operators_by_hand():
    x = torch.zeros(1, 3, 8, 8)
    assert count_macs(nn.Conv2d(3, 5, 3, padding=1), x) == 8 * 8 * 3 * 5 * 9
    assert count_macs(nn.Conv2d(3, 6, 3, stride=2, padding=1, groups=3), x) == 4 * 4 * 6 * 9
    assert count_macs(nn.Sequential(nn.Flatten(), nn.Linear(192, 7)), x) == 192 * 7


def test_batch_norm_pooling_and_element_wise_operators_count_nothing():
    silent = nn.Sequential(
        nn.BatchNorm2d(3), nn.ReLU(), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(1)
    )
    assert count_macs(silent.eval(), torch.zeros(1, 3, 8, 8)) == 0


def test_matmul_counts():
    class Product(nn.Module):
        def forward(self, x):
            return x @ x.transpose(1, 2)

    assert count_macs(Product(), torch.zeros(1, 4, 6)) == 4 * 6 * 4


def test_attention_counts_both_of_its_products():
    class Attention(nn.Module):
        def forward(self, x):
            return nn.functional.scaled_dot_product_attention(x[..., :3, :], x, x[..., :5])

    assert count_macs(Attention(), torch.zeros(1, 2, 4, 8)) == 2 * 3 * 4 * (8 + 5)


def test_a_transformer_layer_is_counted_on_its_fast_path_too():
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True).eval()
    attention, products, perceptron = 4 * 17 * 32 * 32, 2 * 17 * 17 * 32, 2 * 17 * 32 * 64
    with torch.no_grad():
        assert count_macs(layer, torch.zeros(1, 17, 32)) == attention + products + perceptron
    assert torch.backends.mha.get_fastpath_enabled()


def test_costs_are_cumulative_along_the_backbone_and_own_at_the_heads():
    network = EarlyExitNetwork(
        [nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 1)],
        [
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)),
            nn.Sequential(nn.Flatten(), nn.Linear(288, 10)),
        ],
        (1, 6, 6),
    )
    cost = macs(network)
    assert cost.backbone.tolist() == [36 * 4 * 9, 36 * 4 * 9 + 36 * 4 * 8]
    assert cost.heads.tolist() == [40, 2880]
    assert cost.unit == "MACs"


def test_the_demo_network_by_hand():
    def pixels(side):
        return side * side

    def fused(side, channels, out, expansion):
        wide = channels * expansion
        return pixels(side) * (channels * wide * 9 + wide * out)

    def inverted(side, channels, out, expansion):
        wide = channels * expansion
        return pixels(side) * (channels * wide + wide * 9 + wide * out)

    first = pixels(28) * 8 * 9 + fused(14, 8, 16, 3) + fused(14, 16, 16, 2)
    second = first + fused(7, 16, 40, 3) + inverted(7, 40, 40, 3)
    third = second + inverted(7, 40, 40, 3) + inverted(7, 40, 56, 4)
    last = third + 2 * inverted(7, 56, 56, 4)
    cost = macs(inverted_residuals.build(inverted_residuals.FASHION))
    assert cost.backbone.tolist() == [first, second, third, last]
    heads = [
        pixels(7) * (16 * 9 + 16 * 64) + pixels(4) * (64 * 9 + 64 * 96) + 96 * 10,
        pixels(4) * (40 * 9 + 40 * 112) + 112 * 10,
        pixels(4) * (56 * 9 + 56 * 128) + 128 * 10,
        pixels(7) * 56 * 160 + 160 * 10,
    ]
    assert cost.heads.tolist() == heads


def test_static_networks_cost_what_the_design_calls_static():
    static = macs(inverted_residuals.build(inverted_residuals.static(inverted_residuals.FASHION)))
    assert static.static == macs(inverted_residuals.build(inverted_residuals.FASHION)).static
    narrow = [
        macs(inverted_residuals.build(inverted_residuals.static(inverted_residuals.FASHION, w))).static
        for w in (0.5, 0.7, 1.0)
    ]
    assert (np.diff(narrow) > 0).all()


def test_counting_leaves_the_mode_alone():
    network = inverted_residuals.build(inverted_residuals.FASHION).train()
    macs(network)
    assert network.training
