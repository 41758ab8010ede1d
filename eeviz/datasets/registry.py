"""The data sets by name, and the module that reads each."""

from __future__ import annotations

import re
from importlib import import_module

_HOME = {
    "fashion-mnist": "fashion",
    "cifar10": "cifar",
    "cifar100": "cifar",
    "svhn": "svhn",
    "speech-commands": "speech",
    "mit-bih": "mitbih",
}
NAMES = tuple(_HOME)
_OTHER = {"mitbih": "mit-bih", "mitdb": "mit-bih", "speech": "speech-commands", "fmnist": "fashion-mnist"}


def module_of(name: str):
    """The module that reads the data set `name`: it has `load(name, split, download)` and `SOURCE`."""
    return import_module(f".{_HOME[name]}", __package__)


def did_you_mean(name: str) -> str:
    """A sentence on the name that is probably meant; "" where none is near.

    >>> did_you_mean("CIFAR-10")
    ' Did you mean cifar10?'
    """
    plain = re.sub(r"[^a-z0-9]", "", str(name).lower())
    meant = {re.sub("-", "", known): known for known in NAMES} | _OTHER
    return f" Did you mean {meant[plain]}?" if plain in meant else ""
