"""An untrained network of the space `zniber` and a data set of noise for it: bits as genes, in seconds."""

import numpy as np

from eeviz.core.space.space import SearchSpace
from eeviz.datasets import Dataset


def noise_network(folder, monkeypatch, *, width=0.1, size=16, channels=1, classes=3, images=60, **evaluator):
    """A QuantizedEvaluator of a saved network; its data set, "noise", has `images` samples in every split."""
    from eeviz.nas import quantized
    from eeviz.nn.build import build
    from eeviz.nn.network_file import save_network

    space = SearchSpace.preset("zniber", input=(channels, size, size), classes=classes, width=width)
    genome = (0, *[1] * 11, 0)
    network = build(space.decode(genome).plan, seed=2, mean=0.4, std=0.3)
    save_network(network, space, genome, folder, {"dataset": "noise"})
    rng = np.random.default_rng(5)
    shape = (images, size, size) if channels == 1 else (images, size, size, channels)
    names = tuple("abcdefghij"[:classes])
    sets = {
        split: Dataset(
            rng.integers(0, 256, shape, dtype=np.uint8), np.arange(images) % classes, names, "noise", split, ""
        )
        for split in ("train", "validation", "test")
    }
    monkeypatch.setattr(quantized, "load_dataset", lambda name, split: sets[split])
    for cache in (quantized._table, quantized._calibration):
        cache.cache_clear()
    return quantized.QuantizedEvaluator("noise", str(folder), **evaluator)
