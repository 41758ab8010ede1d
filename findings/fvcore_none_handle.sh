#!/usr/bin/env bash
# fvcore 0.1.5.post20221221 (torch 2.13.0): set_op_handle("aten::batch_norm", None) does not silence batch norm.
#
# The comment beside fvcore's own table of rules recommends exactly this call ("You might want to ignore BN flops due to
# inference-time fusion. Use `set_op_handle("aten::batch_norm", None)`"). None only adds the operator to the ignored ones,
# and a rule that is there already is looked up first: counts stay as they were, with no warning. Only operators without a
# rule become silent. A good guess misses it because the call is accepted and documented, and because the total changes
# little on most networks (batch norm is about 1 % of a ResNet).
# Seen: 17280 of convolution and 1280 of batch norm, before and after the call. Silent it becomes by leaving it out of the
# sum, or by a rule that gives 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 fvcore==0.1.5.post20221221 numpy
"$folder/venv/bin/python" - <<'PY'
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn

model = nn.Sequential(nn.Conv2d(3, 10, 3, padding=1), nn.BatchNorm2d(10)).eval()
x = torch.zeros(1, 3, 8, 8)


def counted(rule=...):
    analysis = FlopCountAnalysis(model, x).unsupported_ops_warnings(False)
    if rule is not ...:
        analysis.set_op_handle("aten::batch_norm", rule)
    return dict(analysis.by_operator())


before, silenced, zero = counted(), counted(None), counted(lambda inputs, outputs: 0)
print(f"as it is: {before}; with None: {silenced}; with a rule that gives 0: {zero}")
assert before["conv"] == 17280 and before["batch_norm"] == 1280
assert silenced == before, "None silences now"
assert zero.get("batch_norm", 0) == 0
PY
