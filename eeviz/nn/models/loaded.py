"""Trained classifiers with their data, as `augment` takes them: base models, and checkpoints of known architectures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from torch import nn

from ...catalogue import BASES, Base, bases, load_demo
from ...datasets import Dataset, load_dataset
from . import classifiers, use_cases
from .weight_file import read_weights

STANDARDISATIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "imagenet": MappingProxyType({"mean": classifiers.IMAGENET_MEAN, "std": classifiers.IMAGENET_STD}),
        "none": MappingProxyType({}),
    }
)
"""How the inputs of a checkpoint were standardised -> mean and std as keyword arguments of `augment`."""

_COLOUR = tuple(name for name in classifiers.KNOWN if name.startswith("resnet"))
FITTING: Mapping[str, tuple[str, ...]] = MappingProxyType(dict.fromkeys(("cifar10", "cifar100", "svhn"), _COLOUR))
"""Data set -> known architectures whose input its samples are."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A classifier and samples it was not trained on (`calibration`), samples its branches may learn on (None: half of
    the calibration samples), samples to report on, and further keyword arguments of `augment`."""

    model: nn.Module
    calibration: Dataset
    training: Dataset | None = None
    report: Dataset | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def load_base(name: str) -> Loaded:
    """A base model of the catalogue with its data, ready for `augment`.

    Raises ValueError for an unknown name and where no weights ship, FileNotFoundError, in words, where its data is not on
    this machine.
    """
    if name not in BASES:
        raise ValueError(f"no base model {name!r}: choose one of {', '.join(bases())}.")
    base = BASES[name]
    if not base.weights:
        raise ValueError(f"{base.title}: its weights do not ship; {base.elsewhere}")
    return _LOADERS[base.name](base)


def from_checkpoint(
    architecture: str, checkpoint: Path | str, dataset: str, standardised: str = "imagenet", weights: str = ""
) -> Loaded:
    """A known architecture with the weights of a checkpoint, and the data set it answers for.

    One half of the test samples decides, the other reports: public checkpoints were trained on every training sample, the
    ones that load_dataset holds back for validation too, where their exits look far better than they are.
    standardised : of `STANDARDISATIONS`. weights : name of the table where several in the file fit. Raises ValueError for a checkpoint that is not readable or does not fit, and for
    data of another kind; FileNotFoundError where the data is not on this machine.
    """
    if standardised not in STANDARDISATIONS:
        raise ValueError(f"inputs {standardised!r}: choose one of {', '.join(STANDARDISATIONS)}.")
    if architecture not in FITTING.get(dataset, ()):
        fits = [name for name, architectures in FITTING.items() if architecture in architectures]
        raise ValueError(
            f"{architecture} does not take samples of {dataset}"
            + (f": choose one of {', '.join(fits)}." if fits else "; use ee.augment(model, data) in Python.")
        )
    read_weights(checkpoint)  # before minutes may go into data
    test = load_dataset(dataset, "test")
    model = classifiers.load(architecture, checkpoint, weights, classes=len(test.classes))
    order = np.random.default_rng(0).permutation(len(test))
    tune, report = (np.sort(part) for part in np.array_split(order, 2))
    options = STANDARDISATIONS[standardised]
    return Loaded(model, test.subset(tune), _if_there(dataset, "train"), test.subset(report), options)


def _fashion(base: Base) -> Loaded:
    network = load_demo("fashion").network()
    model = nn.Sequential(*network.segments, network.branches[-1]).eval()
    calibration = load_dataset(base.dataset, "validation")
    parts = (_if_there(base.dataset, split) for split in ("train", "test"))
    return Loaded(model, calibration, *parts, {"mean": network.mean, "std": network.std})


def _speech(base: Base) -> Loaded:
    fit, tune, report = use_cases.speech_parts(0)
    options = {"prepare": use_cases.Spectra(), "vary": use_cases.vary_speech}
    return Loaded(use_cases.base_model("speech", 0), tune, fit, report, options)


def _ecg(base: Base) -> Loaded:
    fit, tune, report = (
        use_cases.heartbeats(load_dataset(base.dataset, split)) for split in ("train", "validation", "test")
    )
    options = {"prepare": use_cases.Heartbeats(), "vary": use_cases.vary_heartbeats, "balance": True}
    return Loaded(use_cases.base_model("ecg"), tune, use_cases.drawn(fit, 32_000), report, options)


def _if_there(dataset: str, split: str) -> Dataset | None:
    try:
        return load_dataset(dataset, split)
    except FileNotFoundError:
        return None


_LOADERS: Mapping[str, Callable[[Base], Loaded]] = {"fashion": _fashion, "speech": _speech, "ecg": _ecg}
