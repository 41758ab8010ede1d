"""Seeded tables for benchmarks, shaped like those of real networks: hard samples are hard at every exit."""

import numpy as np

from eeviz import Cost, ExitRecords


def network_like(samples: int, exits: int, seed: int = 0, designs: int = 1, classes: int = 10) -> ExitRecords:
    """Records of `exits` exits with `designs` branch designs each (the final classifier has one).

    A sample's difficulty is shared by all exits; deeper exits are right more often; confidences follow the chance of being
    right, with noise. Costlier designs are a little better.
    """
    rng = np.random.default_rng(seed)
    difficulty, label = rng.normal(size=samples), rng.integers(0, classes, samples)
    backbone = np.cumsum(rng.integers(1_000_000, 3_000_000, exits))
    columns = [(k, d) for k in range(exits) for d in range(designs if k < exits - 1 else 1)]
    confidence = np.empty((samples, len(columns)), dtype=np.float32)
    predicted = np.empty((samples, len(columns)), dtype=np.int64)
    for place, (k, d) in enumerate(columns):
        evidence = 2.2 * (0.4 + 1.8 * (k + 1) / exits + 0.05 * d - difficulty) + 1.2 * rng.normal(size=samples)
        right = rng.random(samples) < 1 / (1 + np.exp(-evidence))
        other = (label + rng.integers(1, classes, samples)) % classes
        predicted[:, place] = np.where(right, label, other)
        chance = 1 / (1 + np.exp(-(evidence + rng.normal(size=samples) - 0.3)))
        confidence[:, place] = 1 / classes + (1 - 1 / classes) * chance
    heads = [int(rng.integers(20_000, 200_000)) * (1 + d) for _, d in columns]
    cost = Cost([backbone[k] for k, _ in columns], heads)
    return ExitRecords(confidence, predicted, label, {"macs": cost}, position=[k for k, _ in columns])
