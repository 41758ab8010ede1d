"""Quantization-aware fine-tuning: a quantized network learns with its rounding, an event an epoch, as in training."""

from __future__ import annotations

from collections.abc import Iterator

from torch.nn.utils import parametrize

from ...datasets import Dataset
from ..training import EpochEnd, Recipe, train
from .fake import FakeWeight
from .network import CALIBRATION, QuantizedNetwork

QUICK = Recipe(epochs=2, learning_rate=0.01, warm_up=0.05, weight_decay=1e-5, label_smoothing=0.0)


def fine_tune(
    network: QuantizedNetwork, training: Dataset, validation: Dataset, recipe: Recipe = QUICK
) -> Iterator[EpochEnd]:
    """Train `network` in place; yields an EpochEnd per epoch. Ranges are found again on training images between epochs."""
    epochs = train(network, training, validation, recipe)
    for event in epochs:
        yield event
        if event.epoch < event.epochs:  # the last epoch's accuracy is that of the network as it stays
            network.calibrate(training.images[:CALIBRATION])
            for module in network.modules():
                if parametrize.is_parametrized(module):
                    for parametrization in module.parametrizations.weight:
                        if isinstance(parametrization, FakeWeight):
                            parametrization.fit(module.parametrizations.weight.original)
