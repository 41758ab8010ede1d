"""Trains a network that a search found on, from its inherited weights."""

from __future__ import annotations

from collections.abc import Iterator

from ..datasets import load_dataset
from ..nn.learned import LearnedExitNetwork, learned_loss
from ..nn.train.joint import Recipe, train


def fine_tuning(network, dataset: str, recipe: Recipe) -> Iterator:
    """Train `network` in place on the data set's training split, learned confidences with it: an iterator of EpochEnd."""
    training, validation = (load_dataset(dataset, split) for split in ("train", "validation"))
    loss = learned_loss if isinstance(network, LearnedExitNetwork) else None
    yield from train(network, training, validation, recipe, loss_of=loss)
