"""Segments as numbers: equal to the MACs that fvcore counts, bytes by hand, alternatives, odd shapes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from eeviz.catalogue import load_demo  # noqa: E402
from eeviz.nn.augment.graph import analyse  # noqa: E402
from eeviz.nn.count.describe import describe  # noqa: E402
from eeviz.nn.count.macs import macs  # noqa: E402
from eeviz.nn.count.workload import workload  # noqa: E402
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
    assert piece.peak_bytes == 200 + 100  # the activation is done in the layer before it
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


def figures(segments):
    pieces = [(dict(p.operators), p.weight_bytes, p.input_bytes, p.output_bytes, p.moved_bytes, p.peak_bytes)
              for p in (*segments.pieces, *segments.heads)]  # fmt: skip
    return pieces, segments.position.tolist(), segments.input_bytes


class Residual(nn.Module):
    """Reads its input's shape first where asked, so that torch.fx gives way to torch.export."""

    def __init__(self, checks: bool):
        super().__init__()
        self.checks = checks
        self.stem, self.one = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.two, self.last = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 16, 3, 2)
        self.three = nn.Conv2d(8, 8, 1)
        self.norm, self.query, self.head = nn.BatchNorm2d(8), nn.Linear(16, 16), nn.Linear(16, 5)

    def forward(self, x):
        if self.checks and x.shape[-1] < 8:
            raise ValueError("too small")
        x = F.relu(self.stem(x))
        x = x + self.two(F.relu(self.norm(self.one(x))))
        x = F.conv2d(x, self.three.weight, padding="same")
        x = self.last(x).flatten(2).transpose(1, 2)
        x = F.scaled_dot_product_attention(self.query(x), x, x)
        return self.head(x.mean(1))


@pytest.mark.parametrize("size", [1, 4])
def test_equal_however_the_graph_was_read(size):
    x = torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    read, plain = [], Residual(False).eval()
    for checks in (False, True):
        model = Residual(checks).eval()
        graph = analyse(model, x)
        body = graph.segments(range(len(graph.locations)))
        network = EarlyExitNetwork(body[:-1], [body[-1]], (3, 12, 12), position=[len(body) - 2]).eval()
        read.append((graph.traced.by, figures(describe(network, size, size))))
    assert [by for by, _ in read] == ["torch.fx", "torch.export"]
    assert read[0][1] == read[1][1]
    whole = describe(EarlyExitNetwork([plain], [nn.Identity()], (3, 12, 12)), size, size).pieces[0]
    rows, pixels = 25, 144
    assert dict(whole.operators) == {
        "conv": pixels * (27 * 8 + 64 + 64) + rows * 72 * 16,
        "depthwise": pixels * 72,
        "linear": rows * 256 + 80,
        "matmul": 2 * rows * rows * 16,
    }
    assert whole.weight_bytes == size * (27 * 8 + 72 + 64 + 64 + 72 * 16 + 256 + 80)


def test_what_waits_for_a_sum_is_held():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.narrow = nn.Conv2d(4, 12, 1), nn.Conv2d(12, 4, 1)

        def forward(self, x):
            return x + self.narrow(torch.relu(self.wide(x)))

    piece = describe(EarlyExitNetwork([Block()], [nn.Flatten()], (4, 5, 5)), 1, 1).pieces[0]
    assert piece.peak_bytes == 25 * (4 + 12 + 4), "the block's input, the wide features and what comes of them"
    assert piece.moved_bytes == 2 * 48 + 25 * ((4 + 12) + (12 + 4) + (4 + 4 + 4))


def test_agrees_with_the_workload_in_every_figure():
    network = load_demo("fashion").network()
    assert figures(describe(network)) == figures(workload(network).platform_segments(32))


def test_a_kernel_used_twice_is_stored_once():
    layer = nn.Conv2d(4, 4, 3, padding=1, bias=False)
    piece = describe(EarlyExitNetwork([nn.Sequential(layer, layer)], [nn.Flatten()], (4, 5, 5)), 1, 1).pieces[0]
    assert (piece.weight_bytes, piece.macs) == (144, 2 * 25 * 144)


def test_recurrent_weights_are_stored_once_and_empty_segments_pass_on_what_they_read():
    class Last(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.inner = kind(4, 6, batch_first=True)

        def forward(self, x):
            return self.inner(x)[0][:, -1]

    for kind, gates in ((nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)):
        body, head = [nn.Identity(), Last(kind)], [nn.Linear(6, 2, bias=False)]
        segments = describe(EarlyExitNetwork(body, head, (9, 4), position=[1]), 1, 1)
        assert segments.pieces[1].weight_bytes == gates * 6 * (4 + 6)
        assert segments.macs.static == 9 * gates * 6 * (4 + 6) + 12
        empty = segments.pieces[0]
        assert (empty.input_bytes, empty.output_bytes, empty.peak_bytes) == (36, 36, 36)


def test_weights_that_are_added_are_stored_and_one_number_a_channel_is_folded():
    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.position, self.scale = nn.Parameter(torch.ones(1, 7, 4)), nn.Parameter(torch.ones(4))
            self.norm, self.last = nn.LayerNorm(4), nn.Linear(4, 3)

        def forward(self, x):
            return self.last(self.norm((x + self.position) * self.scale)).mean(1)

    piece = describe(EarlyExitNetwork([Positions()], [nn.Identity()], (7, 4)), 1, 1).pieces[0]
    assert piece.weight_bytes == 28 + 8 + 12, "positions, the norm's, the layer's"
    assert piece.moved_bytes == piece.weight_bytes + 4 * 28 + (28 + 21) + (21 + 3)
