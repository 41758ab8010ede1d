"""A trained network on disk: weights.safetensors beside architecture.json, never a pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from .mobile import build
from .network import EarlyExitNetwork


def save(network: EarlyExitNetwork, architecture: dict[str, Any], folder: Path | str) -> None:
    """Write the network's weights and architecture into an existing folder."""
    folder = Path(folder)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, folder / "weights.safetensors")
    (folder / "architecture.json").write_text(json.dumps(architecture, indent=2) + "\n", encoding="utf-8")


def load(folder: Path | str) -> EarlyExitNetwork:
    """The network in a folder, in evaluation mode. Raises ValueError when a file is missing, damaged or a misfit."""
    folder = Path(folder)
    try:
        architecture = json.loads((folder / "architecture.json").read_text(encoding="utf-8"))
        network = build(architecture)
        network.load_state_dict(load_file(folder / "weights.safetensors"))
    except (OSError, json.JSONDecodeError, KeyError, SafetensorError) as error:
        raise ValueError(f"{folder} holds no readable network ({type(error).__name__}: {error}).") from error
    except RuntimeError as error:
        raise ValueError(f"{folder}: weights.safetensors does not fit architecture.json ({error}).") from error
    return network.eval()
