"""Base models: trained classifiers that `augment` can start from. Names and words here; weights and data on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import paths


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
        """Are its weights there?"""
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
            "eeviz.nn.loaded.from_checkpoint('resnet32', FILE, 'cifar10'), or upload it in the augment lab as a checkpoint of "
            "a known architecture.",
        ),
    )
}


def bases() -> dict[str, Base]:
    """Those whose weights are there."""
    return {name: base for name, base in BASES.items() if base.ships}


def load_base(name: str):
    """A base model with its data, ready for `augment` (`nn.loaded.Loaded`); imports torch.

    Raises ValueError for an unknown name and where no weights ship, FileNotFoundError, in words, where its data is not on
    this machine.
    """
    if name not in BASES:
        raise ValueError(f"no base model {name!r}: choose one of {', '.join(bases())}.")
    base = BASES[name]
    if not base.weights:
        raise ValueError(f"{base.title}: its weights do not ship; {base.elsewhere}")
    from .nn.loaded import load

    return load(base)
