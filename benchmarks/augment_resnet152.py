"""How long, and in how much memory, does the whole flow take on a large network?

ResNet-152 as torchvision defines it, random weights, 32 x 32 inputs, 10,000 made-up images: graph, segments, training of
branches on half of them (backbone frozen, one pass), records of the other half, front, policy. Accuracy means nothing
here. One process, one thread. Run: python benchmarks/augment_resnet152.py [--images 10000] [--save]
"""

import argparse
import resource
import sys
import time

import numpy as np
from _line import report

LIMIT_MINUTES, LIMIT_GIGABYTES = 45, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    import torch

    from eeviz.nn.augment import AugmentRun, BranchRecipe
    from eeviz.nn.models import classifiers

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (options.images, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, options.images)
    started = time.perf_counter()
    model = classifiers.build("resnet152", classes=10)
    recipe = BranchRecipe(epochs=1, memory=64)
    run = AugmentRun(
        model,
        (images, labels),
        mean=classifiers.IMAGENET_MEAN,
        std=classifiers.IMAGENET_STD,
        designs=["mlp"],
        recipe=recipe,
    )
    for event in run:
        if event.step % 10 == 0:
            print(f"{event.stage} {event.progress:.0%}, {event.seconds:.0f} s", file=sys.stderr, flush=True)
    policy = run.result.best(max_drop=0.05)
    network = run.result.network(policy)
    network.infer(images[:64])
    report(
        "augment: resnet152, random weights",
        {
            "minutes": (time.perf_counter() - started) / 60,
            "peak_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
            "macs": run.graph.macs,
            "candidate_locations": len(run.graph.locations),
            "branches": len(run.sized),
        },
        at_most={"minutes": LIMIT_MINUTES, "peak_gigabytes": LIMIT_GIGABYTES},
        images=options.images,
    )


if __name__ == "__main__":
    main()
