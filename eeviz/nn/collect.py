"""Network and data -> ExitRecords: the one forward pass after which everything else is instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from ..core.table.cost import Cost
from ..core.table.records import ExitRecords
from ..datasets import Dataset
from .count.macs import macs
from .network import EarlyExitNetwork


@torch.inference_mode()
def logits_of(network: EarlyExitNetwork, images: np.ndarray, batch: int = 250) -> np.ndarray:
    """Logits (N, E, C) float32 of uint8 images (N, H, W[, 3]), in evaluation mode, in the order of the images."""
    training = network.training
    network.eval()
    parts = [network(network.prepare(images[i : i + batch])).numpy() for i in range(0, len(images), batch)]
    network.train(training)
    return np.concatenate(parts)


def collect(
    network: EarlyExitNetwork,
    dataset: Dataset,
    *,
    measure: str = "max_probability",
    temperature=None,
    thumbnails: bool = False,
    costs: Mapping[str, Cost] | None = None,
    split: str | None = None,
    precision: type = np.float32,
    weight: np.ndarray | None = None,
) -> ExitRecords:
    """Records of `network` on a data set, with its MACs as cost "macs" unless `costs` are given.

    temperature : (E,) fitted on a validation split (`eeviz.core.table.calibration.fit_temperature`), or None for 1.
    weight : (N,) what a right answer counts. thumbnails : keep the images. split : another name for the split. precision : np.float16 halves the stored logits;
    confidences are then those of the rounded logits, so that the table agrees with itself.
    """
    logits = logits_of(network, dataset.images).astype(precision)
    return ExitRecords.from_logits(
        logits,
        dataset.labels,
        costs or {"macs": macs(network)},
        measure,
        temperature,
        position=network.position,
        weight=weight,
        group=dataset.groups,
        classes=dataset.classes,
        dataset=dataset.name,
        split=split or dataset.split,
        thumbnails=dataset.images if thumbnails else None,
    )


def noisy(dataset: Dataset, strength: float, seed: int) -> Dataset:
    """The data set with Gaussian noise of standard deviation 255 x `strength` on each pixel, rounded and clipped."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(dataset.images.shape, dtype=np.float32) * np.float32(255 * strength)
    images = np.clip(np.rint(dataset.images + noise), 0, 255).astype(np.uint8)
    return replace(dataset, images=images)
