"""The base classifiers of the speech and heartbeat use cases: their input, their variation, who learns and who reports.

speech : DS-CNN-S (Zhang et al. 2017, arXiv:1711.07128) on 49 x 10 log-mel values, five folds by speaker.
ecg : HeartbeatCNN on a beat and what its RR intervals say, split by patient (de Chazal et al. 2004).
Weights that ship lie in data/base/<name>; `python -m recipes.make_base` makes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...datasets import Dataset, load_dataset
from ...launch import paths
from . import classifiers

FOLDS = 5
BALANCED = ("N", "S", "V")
"""Classes of heartbeats whose mean recall is reported; F is too rare (388 test beats, nearly all of one patient)."""

SHARES: Mapping[str, float] = {"N": 0.40, "S": 0.25, "V": 0.25, "F": 0.10}
"""Of the heartbeats that networks learn on (see `drawn`)."""

_FLOOR = float(np.log(1e-6))  # log-mel of digital silence
_LONG, _SHORT = 100, 10  # beats of the running means


@dataclass(frozen=True)
class Base:
    """A base: architecture of `known`, its options, the data set it reads, weight files by part."""

    name: str
    title: str
    architecture: str
    dataset: str
    options: Mapping[str, float] = field(default_factory=dict)

    def build(self, **options) -> nn.Module:
        """Untrained, in evaluation mode; options : instead of its own."""
        return classifiers.build(self.architecture, **{**self.options, **options})


BASES: Mapping[str, Base] = {
    "speech": Base(
        "speech", "DS-CNN-S on twelve speech commands", "ds-cnn-s", "speech-commands", {"classes": 12, "dropout": 0.0}
    ),
    "ecg": Base(
        "ecg", "1-D CNN on single heartbeats", "heartbeat-cnn", "mit-bih",
        {"classes": 4, "extra": 4, "width": 8, "dropout": 0.0},
    ),
}  # fmt: skip


def weights_file(name: str, fold: int = 0, folder: Path | None = None) -> Path:
    """Where the weights of a base lie; fold : of "speech", the one whose speakers it has not heard."""
    folder = paths.data() / "base" / name if folder is None else folder
    return folder / (f"fold{fold}.safetensors" if name == "speech" else "weights.safetensors")


def base_model(name: str, fold: int = 0) -> nn.Module:
    """A trained base that ships with eeviz, in evaluation mode. Raises ValueError for an unknown name or fold."""
    if name not in BASES or not 0 <= fold < (FOLDS if name == "speech" else 1):
        raise ValueError(f"no base {name!r} with fold {fold}: choose speech (folds 0 to {FOLDS - 1}) or ecg.")
    base = BASES[name]
    return classifiers.load(base.architecture, weights_file(name, fold), **base.options)


# speech ---------------------------------------------------------------------------------------------------------------


def speech_folds(groups: np.ndarray) -> np.ndarray:
    """(N,) fold 0 ... 4 of each clip, by the speaker's name alone."""
    names, index = np.unique(groups, return_inverse=True)
    digests = [hashlib.sha1(f"fold {name}".encode()).digest() for name in names.tolist()]
    return np.array([int.from_bytes(d[:4], "big") % FOLDS for d in digests])[index]


def speech_parts(fold: int) -> tuple[Dataset, Dataset, Dataset]:
    """Clips to learn on (three folds), to choose on (the next fold) and to report on (`fold`); no speaker in two."""
    whole = Dataset.joined([load_dataset("speech-commands", split) for split in ("train", "validation", "test")])
    folds = speech_folds(whole.groups)
    tune, report = folds == (fold + 1) % FOLDS, folds == fold
    named = zip((~tune & ~report, tune, report), ("train", "validation", "test"), strict=True)
    return tuple(replace(whole.subset(chosen), split=f"{split}, fold {fold}") for chosen, split in named)


class Spectra:
    """Log-mel (n, 49, 40, 1) -> (n, 1, 49, 10): bands averaged by four, standardised by fixed numbers."""

    def __call__(self, batch: np.ndarray) -> Tensor:
        x = torch.from_numpy(np.array(batch, dtype=np.float32))
        return (x.reshape(len(x), 1, x.shape[1], -1, 4).mean(-1) + 5.8) / 4.6


def vary_speech(x: Tensor, generator: torch.Generator) -> Tensor:
    """Clips (n, 49, 40, 1) stretched and moved in time, moved in pitch, louder or softer, parts masked, noisy."""
    n, frames, bands = x.shape[:3]

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=generator)

    time = torch.arange(frames) - frames / 2  # (frames,)
    time = (time * uniform(0.85, 1.15, 1) + frames / 2 + uniform(-6, 6, 1)).round().long().clamp(0, frames - 1)
    band = (torch.arange(bands) + uniform(-2, 2, 1)).round().long().clamp(0, bands - 1)
    y = x[..., 0].to(torch.float32)[torch.arange(n)[:, None, None], time[:, :, None], band[:, None, :]]
    y = y + uniform(-1.5, 1.5, 1, 1) + 0.3 * torch.randn(y.shape, generator=generator)
    for axis, length, widest in ((1, frames, 8), (2, bands, 7)):
        start, width = uniform(0, length, 1), uniform(0, widest, 1)
        masked = (torch.arange(length) >= start) & (torch.arange(length) < start + width)  # (n, length)
        y = torch.where(masked[:, :, None] if axis == 1 else masked[:, None, :], torch.tensor(-5.8), y)
    return y.clamp_min(_FLOOR)[..., None]


# heartbeats -----------------------------------------------------------------------------------------------------------


def heartbeats(dataset: Dataset) -> Dataset:
    """The data set with samples (N, 256 + 4) float32: the beat, then what its RR intervals say.

    The beat less its median, in units of the running mean of its patient's beats' standard deviations; logarithms of the
    interval before and after over the running mean, and before over the mean of the last ten; standard deviation of
    the last ten logarithms. Running means reach back at most 100 beats of the record and never ahead.
    """
    beats = dataset.images[..., 0].astype(np.float32)  # (N, 256)
    beats = beats - np.median(beats, axis=1, keepdims=True)
    rr = np.log(np.maximum(dataset.extra["rr"], 0.1)).astype(np.float64)  # (N, 2)
    spread = beats.std(axis=1).astype(np.float64)
    side = np.zeros((len(dataset), 4))
    for record in np.unique(dataset.extra["record"]):
        rows = np.flatnonzero(dataset.extra["record"] == record)
        before, after = rr[rows, 0], rr[rows, 1]
        usual, recent = running_mean(before, _LONG), running_mean(before, _SHORT)
        wander = np.sqrt(np.maximum(running_mean(before**2, _SHORT) - recent**2, 0))
        side[rows] = np.stack([before - usual, after - usual, before - recent, wander], axis=1)
        beats[rows] /= np.maximum(running_mean(spread[rows], _LONG), 5.0)[:, None]
    values = np.concatenate([beats, np.clip(4 * side, -4, 4)], axis=1).astype(np.float32)
    return replace(dataset, images=np.clip(values, -10, 10))


def running_mean(values: np.ndarray, reach: int) -> np.ndarray:
    """(N,) mean of each value and those before it, `reach` in all at most."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - reach, 0)
    return (total[last] - total[first]) / (last - first)


class Heartbeats:
    """(n, 256 + K) -> (n, 1 + K, 256): the beat as a signal, side values as constant channels."""

    def __call__(self, batch: np.ndarray) -> Tensor:
        x = torch.from_numpy(np.array(batch, dtype=np.float32))
        return classifiers.with_intervals(x[:, :256], x[:, 256:])


def vary_heartbeats(x: Tensor, generator: torch.Generator) -> Tensor:
    """Beats (n, 256 + K) scaled, stretched and moved in time, on a wandering baseline, noisy; side values a little so."""
    n, length = len(x), 256

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, 1, generator=generator)

    time = (torch.arange(length) - 100) * uniform(0.85, 1.15) + 100 + uniform(-8, 8)  # about the R peak
    beat = x[:, :length].gather(1, time.round().long().clamp(0, length - 1))
    phase = torch.arange(length) / length * uniform(0.5, 3.0) + uniform(0, 1)
    beat = beat * torch.exp(uniform(-0.4, 0.4)) + uniform(-0.3, 0.3) * torch.sin(2 * np.pi * phase)
    beat = beat + uniform(0, 0.15) * torch.randn(beat.shape, generator=generator)
    side = x[:, length:] * uniform(0.85, 1.15) + 0.08 * torch.randn(n, x.shape[1] - length, generator=generator)
    return torch.cat([beat, side], dim=1)


def drawn(dataset: Dataset, count: int, shares: Mapping[str, float] = SHARES, seed: int = 0) -> Dataset:
    """`count` samples with replacement: classes by `shares`, within a class patients by the root of their number.

    So a rare class is learnt, and not from one patient alone.
    """
    rng = np.random.default_rng(seed)
    weight = np.zeros(len(dataset))
    for index, name in enumerate(dataset.classes):
        own = dataset.labels == index
        patients, place, number = np.unique(dataset.groups[own], return_inverse=True, return_counts=True)
        if len(patients):
            weight[own] = shares.get(name, 0.0) / (np.sqrt(number).sum() * np.sqrt(number[place]))
    return dataset.subset(rng.choice(len(dataset), count, p=weight / weight.sum()))


def recall_weights(dataset: Dataset, names: tuple[str, ...] = BALANCED) -> np.ndarray:
    """(N,) what a right answer counts so that accuracy becomes the mean recall of the classes `names`."""
    weight = np.zeros(len(dataset))
    for index in (dataset.classes.index(name) for name in names):
        own = dataset.labels == index
        if own.any():
            weight[own] = len(dataset) / (len(names) * own.sum())
    return weight
