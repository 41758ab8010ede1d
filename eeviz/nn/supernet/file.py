"""A supernet on disk: weights.safetensors beside space.json, never a pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ...core.space.space import SearchSpace
from .supernet import Supernet

FORMAT = 1


def save_supernet(supernet: Supernet, folder: Path | str, facts: dict[str, Any] | None = None) -> None:
    """Write weights (as float16) and space.json into an existing folder; facts : more entries, say the data set."""
    folder = Path(folder)
    weights = {name.replace("/", "."): p.detach().half().contiguous() for name, p in supernet.named_parameters()}
    save_file(weights, folder / "weights.safetensors")
    text = json.dumps({**_described(supernet.space), "mean": supernet.mean, "std": supernet.std, **(facts or {})})
    (folder / "space.json").write_text(text + "\n", encoding="utf-8")
    for name in ("weights.safetensors", "space.json"):
        (folder / name).chmod(0o644)  # safetensors writes files that only their owner may read


def load_supernet(folder: Path | str, space: SearchSpace | None = None) -> Supernet:
    """The supernet in a folder, float32.

    Raises ValueError when a file is missing or damaged, when the supernet is of another space than `space`, and when
    the space has changed since the supernet was trained.
    """
    folder = Path(folder)
    try:
        stored = json.loads((folder / "space.json").read_text(encoding="utf-8"))
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            raise ValueError(f"{folder}/space.json: expected a supernet of format {FORMAT}.")
        arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["arguments"].items()}
        made = SearchSpace.preset(stored["space"], **arguments)
        mean, std = float(stored["mean"]), float(stored["std"])
        weights = load_file(folder / "weights.safetensors")
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, KeyError, AttributeError, SafetensorError) as error:
        raise ValueError(f"{folder} holds no readable supernet ({type(error).__name__}: {error}).") from error
    if space is not None and made != space:
        raise ValueError(
            f"{folder} is a supernet of space {made.name!r} with {dict(made.arguments)}, not of {space.name!r} with "
            f"{dict(space.arguments)}: choose another folder or train one."
        )
    now = json.loads(json.dumps(_described(made)))
    changed = [key for key in now if now[key] != stored.get(key)]
    if changed:
        raise ValueError(
            f"{folder} was trained for another version of space {made.name!r} ({', '.join(changed)} differ): train it "
            "again with python -m recipes.make_supernet."
        )
    supernet = Supernet(made, mean, std)
    expected = {name: tuple(p.shape) for name, p in supernet.named_parameters()}
    found = {name.replace(".", "/"): tuple(w.shape) for name, w in weights.items()}
    if found != expected:
        wrong = sorted(k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k))[0]
        raise ValueError(
            f"{folder}/weights.safetensors does not fit its space: {wrong.replace('/', '.')} is "
            f"{found.get(wrong, 'missing')}, expected {expected.get(wrong, 'none')}."
        )
    if not all(torch.isfinite(w).all() for w in weights.values()):
        raise ValueError(f"{folder}/weights.safetensors holds values that are not finite.")
    supernet.load_state_dict({name.replace(".", "/"): w.float() for name, w in weights.items()})
    return supernet.eval()


def _described(space: SearchSpace) -> dict[str, Any]:
    """What must not change between training and use: genes, and the MACs of the largest and the smallest subnet."""
    costs = {}
    for name, genome in (("largest", space.largest()), ("smallest", space.smallest())):
        cost = space.decode(genome).offered().macs()
        costs[name] = {"backbone": cost.backbone.tolist(), "heads": cost.heads.tolist()}
    return {
        "format": FORMAT,
        "space": space.name,
        "arguments": {k: list(v) if isinstance(v, tuple) else v for k, v in space.arguments},
        "genes": {gene.name: list(gene.options) for gene in space.genes},
        "macs": costs,
    }
