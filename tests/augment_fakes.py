"""A small picture classifier with data of its own for the augment lab: seconds instead of minutes."""

import numpy as np
import torch
from torch import nn

MEAN, STD = 0.5, 0.25


def classifier():
    """Untrained, but its answers differ between pictures."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4)),
            nn.Sequential(nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Sequential(nn.Conv2d(24, 24, 3, padding=1), nn.ReLU()),
            nn.Sequential(nn.Flatten(), nn.Linear(24 * 16, 64), nn.ReLU(), nn.Linear(64, 10)),
        ).eval()
    with torch.no_grad():
        model[-1][-1].weight.mul_(12.0)
        model[-1][-1].bias.sub_(model(prepared(patches(256, 99))).mean(dim=0))
    return model


def patches(count, seed):
    """(N, 32, 32, 3) uint8: four by four patches of colour."""
    colour = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3))
    return np.kron(colour, np.ones((1, 8, 8, 1))).astype(np.uint8)


def prepared(values):
    return (torch.from_numpy(values).movedim(-1, 1) / 255 - MEAN) / STD


def pictures(count, seed, model):
    """(values, labels): nine in ten labels are the model's own answers."""
    values, rng = patches(count, seed), np.random.default_rng(seed)
    with torch.no_grad():
        said = model(prepared(values)).argmax(dim=1).numpy()
    return values, np.where(rng.random(count) < 0.9, said, rng.integers(0, 10, count))


def fake(count=640):
    """Keyword arguments of `augment_lab`: a model and its data."""
    torch.set_num_threads(1)  # a second one waits for cores that other tests use
    model = classifier()
    parts = {name: pictures(count, k, model) for k, name in enumerate(("calibration", "training", "report"))}
    return {"model": model, **parts, "options": {"mean": MEAN, "std": STD}}
