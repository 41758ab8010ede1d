"""Quantization-aware fine-tuning: a quantized network learns with its rounding, an event an epoch, as in training."""

from __future__ import annotations

from collections.abc import Iterator

from torch.nn.utils import parametrize

from ...datasets import Dataset
from ..train.joint import EpochEnd, Recipe, StepEnd, train
from .fake import FakeWeight
from .network import CALIBRATION, QuantizedNetwork

QUICK = Recipe(epochs=2, learning_rate=0.01, warm_up=0.05, weight_decay=1e-5, label_smoothing=0.0)


def fine_tune(
    network: QuantizedNetwork, training: Dataset, validation: Dataset, recipe: Recipe = QUICK, every: int = 0
) -> Iterator[EpochEnd | StepEnd]:
    """Train `network` in place; yields an EpochEnd per epoch, and a StepEnd after `every` steps unless it is 0.

    Ranges are found again on training images between epochs.
    """
    for event in train(network, training, validation, recipe, every=every):
        yield event
        if (
            isinstance(event, EpochEnd) and event.epoch < event.epochs
        ):  # the last epoch's accuracy is that of the network as it stays
            network.calibrate(training.images[:CALIBRATION])
            for module in network.modules():
                if parametrize.is_parametrized(module):
                    for parametrization in module.parametrizations.weight:
                        if isinstance(parametrization, FakeWeight):
                            parametrization.fit(module.parametrizations.weight.original)
