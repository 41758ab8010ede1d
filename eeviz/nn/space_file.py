"""A trained network of a search space on disk: weights.safetensors beside space.json, never a pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..core.space.space import Genome, SearchSpace
from .build import build
from .network import EarlyExitNetwork

FORMAT = 1


def save_network(
    network: EarlyExitNetwork,
    space: SearchSpace,
    genome: Genome,
    folder: Path | str,
    facts: dict[str, Any] | None = None,
) -> None:
    """Write the network of a genome's plan; facts : more entries, say the data set and the recipe."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, folder / "weights.safetensors")
    described = {"space": space.name, "arguments": dict(space.arguments), "genome": list(genome)}
    text = json.dumps({"format": FORMAT, **described, "mean": network.mean, "std": network.std, **(facts or {})})
    (folder / "space.json").write_text(text + "\n", encoding="utf-8")
    for name in ("weights.safetensors", "space.json"):
        (folder / name).chmod(0o644)  # safetensors writes files that only their owner may read


def load_space(folder: Path | str) -> SearchSpace:
    """The space of the network in a folder. Raises ValueError as `load_network`."""
    return _stored(Path(folder))[0]


def load_network(folder: Path | str) -> EarlyExitNetwork:
    """The network in a folder, in evaluation mode. Raises ValueError when a file is missing, damaged or a misfit."""
    folder = Path(folder)
    space, stored = _stored(folder)
    try:
        network = build(space.decode(stored["genome"]).plan, 0, float(stored["mean"]), float(stored["std"]))
        network.load_state_dict(load_file(folder / "weights.safetensors"))
    except (OSError, KeyError, TypeError, SafetensorError) as error:
        raise ValueError(f"{folder} holds no readable network ({type(error).__name__}: {error}).") from error
    except RuntimeError as error:
        raise ValueError(f"{folder}: weights.safetensors does not fit space.json ({error}).") from error
    return network.to(memory_format=torch.channels_last).eval()


def _stored(folder: Path) -> tuple[SearchSpace, dict[str, Any]]:
    try:
        stored = json.loads((folder / "space.json").read_text(encoding="utf-8"))
        if stored["format"] != FORMAT:
            raise ValueError(f"{folder}/space.json: expected a network of format {FORMAT}.")
        arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["arguments"].items()}
        return SearchSpace.preset(stored["space"], **arguments), stored
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder} holds no readable network ({type(error).__name__}: {error}).") from error
