"""Segments as numbers: equal to the MACs that fvcore counts, bytes by hand, alternatives, odd shapes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from eeviz.nn.count.describe import describe  # noqa: E402
from eeviz.nn.count.macs import macs  # noqa: E402
from eeviz.nn.models import inverted_residuals  # noqa: E402
from eeviz.nn.network import EarlyExitNetwork  # noqa: E402


def test_macs_equal_the_count():
    network = inverted_residuals.build(inverted_residuals.FASHION)
    segments, counted = describe(network), macs(network)
    assert segments.macs.backbone.tolist() == counted.backbone.tolist()
    assert segments.macs.heads.tolist() == counted.heads.tolist()
    assert any(piece.operators.get("depthwise") for piece in segments.pieces)
    assert network.training


def test_bytes_by_hand():
    body = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=False))
    head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 25, 3))
    segments = describe(EarlyExitNetwork([body], [head], (2, 5, 5)), activation_bytes=1, weight_bytes=0.5)
    piece = segments.pieces[0]
    assert dict(piece.operators) == {"conv": 25 * (8 * 2 * 9 + 4 * 8)}
    assert piece.weight_bytes == 0.5 * (8 * 2 * 9 + 4 * 8)
    assert (piece.input_bytes, piece.output_bytes, segments.input_bytes) == (50, 100, 50)
    assert piece.peak_bytes == 200 + 200
    assert piece.moved_bytes == piece.weight_bytes + (50 + 200) + (200 + 100)
    assert dict(segments.heads[0].operators) == {"linear": 300}


def test_signals_depthwise_and_attention():
    class Attention(nn.Module):
        def forward(self, x):  # (n, channels, length)
            q = x.transpose(1, 2)
            return torch.matmul(torch.matmul(q, x).softmax(-1), q).mean(1)

    body = nn.Conv1d(4, 4, 3, groups=4, bias=False)
    segments = describe(EarlyExitNetwork([body], [nn.Sequential(Attention(), nn.Linear(4, 2))], (4, 10)))
    assert dict(segments.pieces[0].operators) == {"depthwise": 8 * 4 * 3}
    assert dict(segments.heads[0].operators) == {"linear": 8, "matmul": 2 * 8 * 8 * 4}


def test_alternatives_share_their_segment():
    def head():
        return nn.Sequential(nn.Flatten(), nn.Linear(9, 2))

    network = EarlyExitNetwork([nn.Identity()] * 3, [head(), head(), head()], (1, 3, 3), position=[1, 1, 2])
    segments = describe(network)
    assert len(segments) == 3
    assert segments.position.tolist() == [1, 1, 2]
    np.testing.assert_array_equal(segments.macs.heads, [18, 18, 18])
