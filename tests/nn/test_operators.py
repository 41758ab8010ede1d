"""Every operator that multiplies, against counts by hand; random graphs; counters that must agree."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from eeviz.nn.count import macs as counting
from eeviz.nn.count.macs import count_macs
from eeviz.nn.count.operators import MULTIPLIES, RULES, recording, walk


class Made(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def w(*shape):
    return torch.ones(*shape)


CASES = {  # name: (input, forward, MACs by hand)
    "conv1d": ((1, 2, 96), nn.Conv1d(2, 8, 5, padding=2), 96 * 5 * 2 * 8),
    "conv1d same": ((1, 2, 96), nn.Conv1d(2, 8, 5, padding="same"), 96 * 5 * 2 * 8),
    "conv1d valid": ((1, 2, 96), nn.Conv1d(2, 8, 5, padding="valid"), 92 * 5 * 2 * 8),
    "conv1d same dilated": ((1, 2, 96), nn.Conv1d(2, 8, 4, padding="same", dilation=3), 96 * 4 * 2 * 8),
    "conv2d": ((1, 3, 8, 8), nn.Conv2d(3, 5, 3, stride=2, padding=1), 16 * 9 * 3 * 5),
    "conv2d same": ((1, 3, 8, 8), nn.Conv2d(3, 5, 3, padding="same"), 64 * 9 * 3 * 5),
    "depthwise": ((1, 6, 8, 8), nn.Conv2d(6, 6, 3, padding=1, groups=6), 64 * 9 * 6),
    "depthwise same": ((1, 6, 8, 8), nn.Conv2d(6, 6, 3, padding="same", groups=6), 64 * 9 * 6),
    "grouped": ((1, 6, 8, 8), nn.Conv2d(6, 4, 3, padding=1, groups=2), 64 * 9 * 3 * 4),
    "conv3d": ((1, 2, 4, 4, 4), nn.Conv3d(2, 3, 3, padding=1), 64 * 27 * 2 * 3),
    "conv3d same": ((1, 2, 4, 4, 4), nn.Conv3d(2, 3, 3, padding="same"), 64 * 27 * 2 * 3),
    "transposed 1d": ((1, 3, 10), nn.ConvTranspose1d(3, 5, 4, stride=2), 10 * 4 * 3 * 5),
    "transposed 2d": ((1, 3, 5, 5), nn.ConvTranspose2d(3, 5, 4, stride=2), 25 * 16 * 3 * 5),
    "transposed grouped": ((1, 4, 5, 5), nn.ConvTranspose2d(4, 6, 3, groups=2), 25 * 9 * 4 * 3),
    "functional": ((1, 3, 8, 8), lambda x: F.conv2d(x, w(5, 3, 3, 3), padding="same"), 64 * 9 * 3 * 5),
    "functional valid": ((1, 3, 8), lambda x: F.conv1d(x, w(5, 3, 3), padding="valid"), 6 * 3 * 3 * 5),
    "without a batch": ((3, 8, 8), lambda x: F.conv2d(x, w(5, 3, 3, 3), padding="same"), 64 * 9 * 3 * 5),
    "conv_tbc": ((6, 1, 3), lambda x: torch.conv_tbc(x, w(3, 3, 4), w(4), 1), 6 * 3 * 3 * 4),
    "linear": ((1, 7, 4), nn.Linear(4, 5), 7 * 4 * 5),
    "bilinear": ((1, 6), lambda x: F.bilinear(x, x, w(5, 6, 6)), 5 * 6 * 6),
    "bilinear on rows": ((1, 3, 6), lambda x: F.bilinear(x, x[..., :4], w(5, 6, 4)), 3 * 5 * 6 * 4),
    "mm": ((4, 6), lambda x: torch.mm(x, x.t()), 4 * 6 * 4),
    "bmm": ((2, 4, 6), lambda x: torch.bmm(x, x.transpose(1, 2)), 2 * 4 * 6 * 4),
    "addmm": ((4, 6), lambda x: torch.addmm(w(4, 3), x, w(6, 3)), 4 * 6 * 3),
    "baddbmm": ((2, 4, 6), lambda x: torch.baddbmm(w(1, 3), x, w(2, 6, 3)), 2 * 4 * 6 * 3),
    "addbmm": ((2, 4, 6), lambda x: torch.addbmm(w(4, 3), x, w(2, 6, 3)), 2 * 4 * 6 * 3),
    "addmv": ((4, 6), lambda x: torch.addmv(w(4), x, w(6)), 4 * 6),
    "mv": ((4, 6), lambda x: torch.mv(x, w(6)), 4 * 6),
    "dot": ((6,), lambda x: torch.dot(x, w(6)), 6),
    "vdot": ((6,), lambda x: torch.vdot(x, w(6)), 6),
    "matmul of a stack and a vector": ((2, 4, 6), lambda x: x @ w(6), 2 * 4 * 6),
    "matmul of a vector and a stack": ((2, 4, 6), lambda x: w(4) @ x, 2 * 4 * 6),
    "matmul of a stack and a matrix": ((2, 3, 4, 6), lambda x: x @ w(6, 5), 2 * 3 * 4 * 6 * 5),
    "matmul, one side broadcast": ((2, 1, 4, 6), lambda x: x @ w(3, 6, 5), 2 * 3 * 4 * 6 * 5),
    "graph product A @ x": ((3, 5, 8), lambda x: w(5, 5) @ x, 3 * 5 * 5 * 8),
    "sparse graph product": ((5, 8), lambda x: torch.sparse.mm(torch.eye(5).to_sparse(), x), 5 * 8),
    "inner": ((3, 4, 6), lambda x: torch.inner(x, w(2, 6)), 3 * 4 * 6 * 2),
    "outer, element by element": ((6,), lambda x: torch.outer(x, x), 0),
    "tensordot": ((2, 3, 4), lambda x: torch.tensordot(x, w(3, 4, 5), 2), 2 * 12 * 5),
    "einsum": ((2, 3, 4), lambda x: torch.einsum("bij,jk->bik", x, w(4, 5)), 2 * 3 * 4 * 5),
    "einsum of large sizes": ((2, 61, 53), lambda x: torch.einsum("bij,bkj->bik", x, x), 2 * 61 * 61 * 53),
    "einsum of three": ((2, 3), lambda x: torch.einsum("bi,ij,bj->b", x, w(3, 4), x @ w(3, 4)), 24 + 24 + 8),
    "chain of products": ((2, 9), lambda x: torch.linalg.multi_dot([x, w(9, 3), w(3, 8)]), 2 * 9 * 3 + 2 * 3 * 8),
    "matrix_power": ((3, 3), lambda x: torch.matrix_power(x, 3), 2 * 27),
    "vmap": ((3, 4, 6), lambda x: torch.vmap(lambda a: a @ a.T)(x), 3 * 4 * 6 * 4),
    "vmap of mv": ((3, 4, 6), lambda x: torch.vmap(lambda a: a @ w(6))(x), 3 * 4 * 6),
    "euclidean distances": ((1, 4, 6), lambda x: torch.cdist(x, w(1, 5, 6)), 4 * 5 * 6),
    "many distances": ((1, 40, 6), lambda x: torch.cdist(x, w(1, 50, 6)), 40 * 50 * 6),
    "attention": (
        (1, 2, 4, 8),
        lambda x: F.scaled_dot_product_attention(x[..., :3, :], x, x[..., :5]),
        2 * 3 * 4 * (8 + 5),
    ),
    "causal attention": ((1, 2, 4, 8), lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), 2 * 16 * 16),
    "two linear layers": ((1, 8), nn.Sequential(nn.Linear(8, 4), nn.GELU(), nn.Linear(4, 2)), 32 + 8),
}
T, LAYER = 17, 4 * 17 * 32 * 32 + 2 * 17 * 17 * 32
CASES |= {
    "multi-head attention": (
        (1, T, 32),
        lambda x, m=nn.MultiheadAttention(32, 4, batch_first=True).eval(): m(x, x, x)[0],
        LAYER,
    ),
    "multi-head attention, no weights asked": (
        (1, T, 32),
        lambda x, m=nn.MultiheadAttention(32, 4, batch_first=True).eval(): m(x, x, x, need_weights=False)[0],
        LAYER,
    ),
    "encoder layer": ((1, T, 32), nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), LAYER + 2 * T * 32 * 64),
    "encoder": (
        (1, T, 32),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2),
        2 * (LAYER + 2 * T * 32 * 64),
    ),
    "lstm": ((1, 7, 8), lambda x, m=nn.LSTM(8, 5, batch_first=True): m(x)[0], 7 * 4 * 5 * (8 + 5)),
    "lstm, two ways, two layers": (
        (1, 7, 8),
        lambda x, m=nn.LSTM(8, 5, 2, batch_first=True, bidirectional=True): m(x)[0],
        2 * 7 * 4 * 5 * (8 + 5) + 2 * 7 * 4 * 5 * (10 + 5),
    ),
    "lstm with a projection": (
        (1, 7, 8),
        lambda x, m=nn.LSTM(8, 5, batch_first=True, proj_size=3): m(x)[0],
        7 * (4 * 5 * (8 + 3) + 5 * 3),
    ),
    "gru": ((1, 7, 8), lambda x, m=nn.GRU(8, 5, batch_first=True): m(x)[0], 7 * 3 * 5 * (8 + 5)),
    "rnn": ((1, 7, 8), lambda x, m=nn.RNN(8, 5, batch_first=True): m(x)[0], 7 * 5 * (8 + 5)),
    "lstm cell": ((1, 8), lambda x, m=nn.LSTMCell(8, 5): m(x)[0], 4 * 5 * (8 + 5)),
}


@pytest.mark.parametrize("name", CASES)
def test_by_hand(name):
    shape, function, expected = CASES[name]
    module = function if isinstance(function, nn.Module) else Made(function)
    module.eval()
    x = torch.zeros(*shape)
    assert count_macs(module, x) == expected
    with torch.no_grad(), FlopCounterMode(display=False) as theirs:  # it knows fewer operators, never more MACs
        module(x)
    assert theirs.get_total_flops() <= 2 * expected
