"""A trained network on disk: weights.safetensors beside architecture.json, never a pickle."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..core.space.space import SearchSpace
from . import build
from .learned import LearnedExitNetwork, with_confidences
from .models import inverted_residuals
from .network import EarlyExitNetwork

FILES = ("weights.safetensors", "architecture.json")


def save(network: EarlyExitNetwork, architecture: dict[str, Any], folder: Path | str) -> None:
    """Write the network's weights and architecture into an existing folder."""
    folder = Path(folder)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, folder / FILES[0])
    (folder / FILES[1]).write_text(json.dumps(architecture, indent=2) + "\n", encoding="utf-8")


def load(path: Path | str) -> EarlyExitNetwork:
    """The network in a folder, or in a zip of its two files as the search lab gives, in evaluation mode.

    Raises ValueError when a file is missing, damaged or a misfit.
    """
    path = Path(path)
    if not path.is_file():
        return _load(path, path)
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as file:
                for name in FILES:  # these two by name, nothing else that an archive may hold
                    (Path(folder) / name).write_bytes(file.read(name))
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} holds no readable network ({type(error).__name__}: {error}).") from error
        return _load(Path(folder), path)


def described(space: SearchSpace, genome, network: EarlyExitNetwork) -> dict[str, Any]:
    """The architecture of a genome's network, as `load` reads it."""
    arguments = {name: list(value) if isinstance(value, tuple) else value for name, value in space.arguments}
    return {
        "space": space.name,
        "arguments": arguments,
        "genome": list(genome),
        "mean": network.mean,
        "std": network.std,
        "learned_confidence": isinstance(network, LearnedExitNetwork),
    }


def _load(folder: Path, named: Path) -> EarlyExitNetwork:
    try:
        architecture = json.loads((folder / FILES[1]).read_text(encoding="utf-8"))
        network = _of_space(architecture) if "space" in architecture else inverted_residuals.build(architecture)
        network.load_state_dict(load_file(folder / FILES[0]))
    except (OSError, json.JSONDecodeError, KeyError, TypeError, SafetensorError) as error:
        raise ValueError(f"{named} holds no readable network ({type(error).__name__}: {error}).") from error
    except RuntimeError as error:
        raise ValueError(f"{named}: {FILES[0]} does not fit {FILES[1]} ({error}).") from error
    return network.eval()


def _of_space(architecture: dict[str, Any]) -> EarlyExitNetwork:
    arguments = {name: tuple(v) if isinstance(v, list) else v for name, v in architecture["arguments"].items()}
    space = SearchSpace.preset(architecture["space"], **arguments)
    plan = space.decode(space.check(architecture["genome"])).plan
    network = build.build(plan, mean=float(architecture["mean"]), std=float(architecture["std"]))
    learned = architecture.get("learned_confidence", False) and not plan.learned_confidence
    return with_confidences(network) if learned else network
