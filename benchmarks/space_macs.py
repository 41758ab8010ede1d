"""Are the analytic MACs and parameters of architectures exactly those of the networks built from them?

Per space 300 random architectures; for compact every tenth one with all branch designs at every exit. fvcore counts
convolution, linear and matmul operators of backbone segments and branches; parameters are counted by torch.
Run: python benchmarks/space_macs.py [--save]
"""

import numpy as np
import torch
from _line import report

import eeviz as ee
from eeviz.nn.build import build
from eeviz.nn.count.macs import macs

COUNT = 300
SPACES = ("compact", "aebnas", "edanas", "nachos", "static")


def measure(name: str) -> None:
    space, rng = ee.SearchSpace.preset(name), np.random.default_rng(1)
    same_macs = same_parameters = columns = 0
    static = []
    for k in range(COUNT):
        architecture = space.decode(space.sample(rng))
        plan = architecture.offered() if name == "compact" and k % 10 == 0 else architecture.plan
        network, planned = build(plan), plan.macs()
        counted = macs(network)
        same_macs += bool((counted.backbone == planned.backbone).all() and (counted.heads == planned.heads).all())
        same_parameters += sum(p.numel() for p in network.parameters()) == plan.parameters()
        columns += len(planned)
        static.append(planned.static)
    figures = {
        "architectures": COUNT,
        "equal_macs": same_macs,
        "equal_parameters": same_parameters,
        "columns_compared": columns,
        "least_macs": int(min(static)),
        "median_macs": int(np.median(static)),
        "most_macs": int(max(static)),
    }
    report(
        "analytic MACs against fvcore",
        figures,
        at_least={"equal_macs": COUNT, "equal_parameters": COUNT},
        space=name,
        torch=torch.__version__,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in SPACES:
        measure(name)
