#!/usr/bin/env bash
# fvcore 0.1.5.post20221221 (torch 2.13.0): run inside any TorchDispatchMode (PyTorch's own FlopCounterMode, say, to compare
# the two counters in one pass), fvcore counts no convolution at all, and does not say so.
#
# The TorchScript trace records a convolution only on the inner call of `_convolution`; a Python dispatch mode takes
# `convolution` out of the tracer's hands before that call. The linear layer of the same network is still counted and the list
# of unsupported operators stays without it, so the total looks like a total. A good guess misses it because a mode that only
# looks on gives the network's outputs unchanged, and because each counter alone is right.
# Seen: alone {'conv': 7776, 'linear': 40}; inside the mode {'linear': 40}, unsupported operators the same in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 fvcore==0.1.5.post20221221 numpy
"$folder/venv/bin/python" - <<'PY'
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)).eval()
x = torch.zeros(1, 3, 8, 8)


def counted():
    analysis = FlopCountAnalysis(model, x).unsupported_ops_warnings(False)
    counts = analysis.by_operator()
    return {name: int(counts[name]) for name in ("conv", "linear") if counts[name]}, dict(analysis.unsupported_ops())


with torch.no_grad():
    alone, inside = counted(), None
    with FlopCounterMode(display=False) as theirs:
        inside = counted()
print(f"alone: {alone[0]}; inside FlopCounterMode: {inside[0]}, not supported: {inside[1]}")
print(f"FlopCounterMode itself: {theirs.get_total_flops() // 2} multiply-accumulates")
assert alone[0] == {"conv": 7776, "linear": 40}
assert inside[0] == {"linear": 40} and inside[1] == alone[1], "convolutions are counted inside a mode now"
assert theirs.get_total_flops() // 2 == 7816
PY
