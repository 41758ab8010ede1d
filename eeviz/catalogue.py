"""What ships with eeviz: demos, a trained network's records each, and base models that `augment` can start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from .core.table.records import ExitRecords
from .launch import paths

_DEMOS = {
    "fashion": (
        "Fashion-MNIST, 4 exits",
        "a compact inverted-residual network with 4 exits on Fashion-MNIST, static counterparts, noisy test images",
        "fashion",
        "python -m recipes.make_demo fashion --out data/fashion",
    ),
    "speech": (
        "Speech commands, DS-CNN-S made early-exit",
        "a trained DS-CNN-S with branches, fine-tuned jointly; unheard speakers (the first of five folds)",
        "speech/fold0",
        "python -m recipes.make_case speech --out data/speech",
    ),
    "ecg": (
        "Heartbeats, a 1-D CNN made early-exit",
        "a trained heartbeat classifier with branches in two designs, by patient; balanced accuracy over N, S, V",
        "ecg",
        "python -m recipes.make_case ecg --out data/ecg",
    ),
    "cifar10": (
        "CIFAR-10, ResNet-32 made early-exit",
        "a public ResNet-32 with branches in two designs, plain ResNet-20 beside it; both were trained on all training "
        "images, so one random half of the test images chooses, the other reports; no pictures",
        "cifar10",
        "python benchmarks/augment_cifar.py full --weights resnet20=FILE resnet32=FILE --work FOLDER --ship data/cifar10",
    ),
}
_CHECKPOINT = {
    "cifar10": "eeviz.nn.models.loaded.from_checkpoint('resnet32', FILE, 'cifar10') reads its public checkpoint"
}


@dataclass(frozen=True, eq=False, repr=False)
class StaticNetwork:
    """A network of the backbone's kind with the final classifier only, trained on its own.

    macs : of one sample. width : of its channels against the demo's backbone (a shallower one may have all).
    answers : split -> predicted (N,) int.
    labels : split -> (N,) int.
    """

    name: str
    macs: float
    width: float
    answers: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]

    def __repr__(self) -> str:
        return f"StaticNetwork({self.name}, {self.macs / 1e6:.2f} million MACs)"

    def predicted(self, split: str) -> np.ndarray:
        """(N,) predicted class on "validation" or "test"; empty for a split it was not run on."""
        return self.answers.get(split, np.zeros(0, np.int64))

    def right(self, split: str) -> np.ndarray:
        """(N,) bool, was it right on "validation" or "test"; empty for a split it was not run on."""
        return self.predicted(split) == self.labels.get(split, np.zeros(0, np.int64))


@dataclass(frozen=True, eq=False, repr=False)
class Demo:
    """A demo's folder, read on demand: each table is loaded once, at first use."""

    name: str
    title: str
    folder: Path

    def __repr__(self) -> str:
        return f"Demo({self.name}: {self.title})"

    @cached_property
    def validation(self) -> ExitRecords:
        """Records of the validation split: temperatures were fitted and thresholds are tuned here."""
        return ExitRecords.load(self.folder / "validation.npz")

    @cached_property
    def test(self) -> ExitRecords:
        """Records of the test split: for reporting only."""
        return ExitRecords.load(self.folder / "test.npz")

    @cached_property
    def shifted(self) -> tuple[tuple[str, ExitRecords], ...]:
        """(label, records) of the test images with rising noise."""
        records = [ExitRecords.load(path) for path in sorted(self.folder.glob("shifted_*.npz"))]
        return tuple((r.split, r) for r in records)

    @cached_property
    def static(self) -> tuple[StaticNetwork, ...]:
        """The separately trained static networks by rising MACs; the last has the demo's own backbone."""
        described = json.loads((self.folder / "static.json").read_text(encoding="utf-8"))
        answers, labels = {}, {}
        for split in ("validation", "test"):
            with np.load(self.folder / f"static_{split}.npz", allow_pickle=False) as stored:
                answers[split], labels[split] = _frozen(stored["predicted"]), _frozen(stored["label"])  # (S, N), (N,)
        return tuple(
            StaticNetwork(d["name"], d["macs"], d["width"], {s: a[i] for s, a in answers.items()}, labels)
            for i, d in enumerate(described)
        )

    @cached_property
    def temperature(self) -> tuple[float, ...] | None:
        """(E,) temperatures fitted on validation, as in the records."""
        return self.validation.temperature

    def network(self):
        """The trained EarlyExitNetwork, in evaluation mode; imports torch (ImportError says what to install).

        Raises ValueError where a demo ships its records alone.
        """
        from .nn import network_file

        if not (self.folder / "architecture.json").is_file():
            base = _CHECKPOINT.get(self.name, f"eeviz.nn.models.loaded.load_base({self.name!r}) gives it")
            raise ValueError(
                f"the demo {self.name!r} ships its records alone; to have the network, augment the base again: "
                f"{base}, eeviz.augment makes it early-exit."
            )
        return network_file.load(self.folder)


def demos() -> dict[str, str]:
    """Names of the demos and a line on each.

    >>> sorted(ee.demos())
    ['cifar10', 'ecg', 'fashion', 'speech']
    """
    return {name: entry[1] for name, entry in _DEMOS.items()}


def load_demo(name: str = "fashion") -> Demo:
    """A demo by name. Raises ValueError for an unknown one, FileNotFoundError when its files are not there.

    >>> demo = ee.load_demo("fashion")
    >>> demo.validation
    ExitRecords(6000 samples, 4 exits, fashion-mnist validation)
    """
    if name not in _DEMOS:
        raise ValueError(f"no demo {name!r}: choose one of {', '.join(_DEMOS)}.")
    title, _, place, command = _DEMOS[name]
    folder = paths.data() / place
    if not (folder / "validation.npz").is_file():
        raise FileNotFoundError(
            f"{folder} holds no records of the demo {name!r}: install eeviz again, or run {command}"
        )
    return Demo(name, title, folder)


def _frozen(array: np.ndarray) -> np.ndarray:
    array = array.astype(np.int64)
    array.flags.writeable = False
    return array


@dataclass(frozen=True)
class Base:
    """A classifier to start from: title for menus, a line on where it comes from, the data set it answers for, its
    weights' place in the data folder, "" where they do not ship. result : the demo in which it was made early-exit, ""
    where there is none; told : what a reader of that result should know; elsewhere : how to come by weights that do not
    ship."""

    name: str
    title: str
    line: str
    dataset: str
    weights: str
    result: str = ""
    told: str = ""
    elsewhere: str = ""

    @property
    def ships(self) -> bool:
        """Whether its weights are there."""
        return bool(self.weights) and (paths.data() / self.weights).is_file()


BASES: Mapping[str, Base] = {
    base.name: base
    for base in (
        Base(
            "fashion",
            "Fashion-MNIST: inverted residuals",
            "The network of the Fashion-MNIST demo with its exits taken away. It was trained together with exits, so its early "
            "features are better than an ordinary classifier's, and so are the savings.",
            "fashion-mnist",
            "fashion/weights.safetensors",
        ),
        Base(
            "speech",
            "Speech commands: DS-CNN",
            "The small depthwise-separable network on 49 x 10 mel features, trained without exits; speakers of the report "
            "part are in no other part.",
            "speech-commands",
            "base/speech/fold0.safetensors",
            "speech",
            "Shipped result: branches in one design a location, then backbone and branches fine-tuned together, so that its "
            "final classifier is no longer the base's; speakers of the first of five folds report.",
        ),
        Base(
            "ecg",
            "Heartbeats: 1-D residual network",
            "A network on single beats of MIT-BIH and their two RR intervals, trained without exits; split by patient.",
            "mit-bih",
            "base/ecg/weights.safetensors",
            "ecg",
            "Shipped result: the base as it was, branches in two designs; accuracy is the mean recall of N, S and V. "
            "Validation patients decide, the test patients report.",
        ),
        Base(
            "cifar10",
            "CIFAR-10: ResNet-32",
            "A public checkpoint that has seen every training image (Y. Idelbayev); its weights do not ship. To train branches "
            "on it or on others, choose a checkpoint of a known architecture.",
            "cifar10",
            "",
            "cifar10",
            "Shipped result: the network as it was, branches in two designs learnt on the training images. One random half of "
            "the test images decides, the other reports: on the training images its exits look far better than they are. Plain "
            "ResNet-20, on the same images, is the static network to beat.",
            "get resnet32-d509ac18.th of Y. Idelbayev's pytorch_resnet_cifar10 (BSD-2-Clause) and use "
            "eeviz.nn.models.loaded.from_checkpoint('resnet32', FILE, 'cifar10'), or upload it in the augment lab as a checkpoint of "
            "a known architecture.",
        ),
    )
}


def bases() -> dict[str, Base]:
    """Those whose weights are there."""
    return {name: base for name, base in BASES.items() if base.ships}
