"""Networks and supernets on disk: weights.safetensors beside architecture.json, never a pickle.

The document holds `format` and `version`, the SHA-256 of its weights, and what the network is: a genome of a search space, a
supernet of one, or an inverted-residual architecture. Documents of before version 2 had no checksum, and were called
space.json where they named a space; they load.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..core.space.space import Genome, SearchSpace
from . import build
from .learned import LearnedExitNetwork, with_confidences
from .models import inverted_residuals
from .network import EarlyExitNetwork

FORMAT, VERSION = "eeviz-network", 2
FILES = ("weights.safetensors", "architecture.json")
_BEFORE = "space.json"
_MOST_BYTES = 1 << 20  # of a document
_DAMAGED = (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError, SafetensorError)


def write(folder: Path | str, weights: dict[str, Tensor], document: dict[str, Any]) -> None:
    """Write weights and the document that says what they are of; the folder is made where it is missing."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: w.detach().contiguous() for name, w in weights.items()}, folder / FILES[0])
    whole = {"format": FORMAT, "version": VERSION, "sha256": _digest(folder / FILES[0]), **document}
    (folder / FILES[1]).write_text(json.dumps({**whole, "own": _own(whole)}, indent=1) + "\n", encoding="utf-8")
    for name in FILES:
        (folder / name).chmod(0o644)  # safetensors writes files that only their owner may read


def read(folder: Path | str, named: Path | str | None = None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The document and the weights in a folder. named : what messages call it.

    Raises ValueError, in words, for a missing or damaged file, a newer version, and weights of another document.
    """
    named, document = named or folder, read_document(folder, named)
    path = Path(folder) / FILES[0]
    try:
        weights = load_file(path)
        digest = _digest(path)
    except _DAMAGED as error:
        raise ValueError(f"{named} holds no readable network ({type(error).__name__}: {error}).") from error
    if document.get("sha256", digest) != digest:
        raise ValueError(f"{named}: {FILES[0]} is not the file that its document was written for: copy both again.")
    if not all(w.isfinite().all() for w in weights.values()):
        raise ValueError(f"{named}: {FILES[0]} holds values that are not finite.")
    return document, weights


def read_document(folder: Path | str, named: Path | str | None = None) -> dict[str, Any]:
    """The document in a folder, whatever it was called. Raises ValueError as `read`."""
    folder, named = Path(folder), named or folder
    path = folder / (_BEFORE if (folder / _BEFORE).is_file() and not (folder / FILES[1]).is_file() else FILES[1])
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"{named}: {path.name} is larger than {_MOST_BYTES:,} bytes, not of a network.")
        document = json.loads(path.read_text(encoding="utf-8"))
    except _DAMAGED as error:
        raise ValueError(f"{named} holds no readable network ({type(error).__name__}: {error}).") from error
    if not isinstance(document, dict) or document.get("format", FORMAT) not in (FORMAT, 1):
        raise ValueError(f"{named}: {path.name} describes no network of eeviz.")
    version = document.get("version", 1)
    if not isinstance(version, int) or version > VERSION:
        raise ValueError(f"{named} has format version {version}, this eeviz reads up to {VERSION}: update eeviz.")
    own = document.pop("own", None)
    if (version > 1 or own is not None) and own != _own(document):
        raise ValueError(f"{named}: {path.name} was damaged or changed by hand: write the network again.")
    return document


def save(network: EarlyExitNetwork, architecture: dict[str, Any], folder: Path | str) -> None:
    """Write a network with its architecture (see `described`), or of `models.inverted_residuals`."""
    write(folder, network.state_dict(), architecture)


def save_network(
    network: EarlyExitNetwork,
    space: SearchSpace,
    genome: Genome,
    folder: Path | str,
    facts: dict[str, Any] | None = None,
) -> None:
    """Write the network of a genome's plan; facts : more entries, say the data set and the recipe."""
    save(network, {**described(space, genome, network), **(facts or {})}, folder)


def load(path: Path | str) -> EarlyExitNetwork:
    """The network in a folder, or in a zip of its two files as the search lab gives, in evaluation mode.

    Raises ValueError when a file is missing, damaged, newer or a misfit.
    """
    path = Path(path)
    if not path.is_file():
        return _built(*read(path), path)
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as file:
                for name in FILES:  # these two by name, nothing else that an archive may hold
                    (Path(folder) / name).write_bytes(file.read(name))
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} holds no readable network ({type(error).__name__}: {error}).") from error
        return _built(*read(folder, path), path)


def load_space(folder: Path | str) -> SearchSpace:
    """The space of the network in a folder. Raises ValueError as `load`, and for a network of no space."""
    document = read_document(folder)
    if "space" not in document:
        raise ValueError(f"{folder} holds a network of no search space.")
    return space_of(document, folder)


def space_of(document: dict[str, Any], named: Path | str) -> SearchSpace:
    """The space that a document names. Raises ValueError in words."""
    try:
        arguments = {name: tuple(v) if isinstance(v, list) else v for name, v in document["arguments"].items()}
        return SearchSpace.preset(document["space"], **arguments)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{named} holds no readable network ({type(error).__name__}: {error}).") from error


def described(space: SearchSpace, genome, network: EarlyExitNetwork) -> dict[str, Any]:
    """The architecture of a genome's network, as `load` reads it."""
    return {
        **named(space),
        "genome": list(genome),
        "mean": network.mean,
        "std": network.std,
        "learned_confidence": isinstance(network, LearnedExitNetwork),
    }


def named(space: SearchSpace) -> dict[str, Any]:
    """A space as plain values that `space_of` reads."""
    return {"space": space.name, "arguments": {n: list(v) if isinstance(v, tuple) else v for n, v in space.arguments}}


def _built(document: dict[str, Any], weights: dict[str, Tensor], path: Path) -> EarlyExitNetwork:
    if document.get("kind") == "supernet" or "genes" in document:
        raise ValueError(
            f"{path} holds a supernet, no single network: load it with eeviz.nn.supernet.file.load_supernet."
        )
    try:
        network = _of_space(document, path) if "space" in document else inverted_residuals.build(document)
        network.load_state_dict(weights)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no readable network ({type(error).__name__}: {error}).") from error
    except RuntimeError as error:
        raise ValueError(f"{path}: {FILES[0]} does not fit {FILES[1]} ({error}).") from error
    return network.eval()


def _of_space(document: dict[str, Any], path: Path) -> EarlyExitNetwork:
    space = space_of(document, path)
    plan = space.decode(space.check(document["genome"])).plan
    network = build.build(plan, mean=float(document["mean"]), std=float(document["std"]))
    learned = document.get("learned_confidence", False) and not plan.learned_confidence
    network = with_confidences(network) if learned else network
    return network.to(memory_format=torch.channels_last)


def _own(document: dict[str, Any]) -> str:
    """The sum of a document without itself."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
