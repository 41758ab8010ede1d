"""A supernet on disk, in the form of `network_file`: weights as float16, and what its space must still be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...core.space.space import SearchSpace
from .. import network_file
from .supernet import Supernet


def save_supernet(supernet: Supernet, folder: Path | str, facts: dict[str, Any] | None = None) -> None:
    """Write a supernet; facts : more entries, say the data set."""
    weights = {name.replace("/", "."): p.detach().half() for name, p in supernet.named_parameters()}
    document = {"kind": "supernet", **_described(supernet.space), "mean": supernet.mean, "std": supernet.std}
    network_file.write(folder, weights, {**document, **(facts or {})})


def load_supernet(folder: Path | str, space: SearchSpace | None = None) -> Supernet:
    """The supernet in a folder, float32.

    Raises ValueError when a file is missing, damaged or newer, when the supernet is of another space than `space`, and
    when the space has changed since the supernet was trained.
    """
    folder = Path(folder)
    stored, weights = network_file.read(folder)
    if "genes" not in stored:
        raise ValueError(f"{folder} holds a single network, no supernet.")
    made = network_file.space_of(stored, folder)
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
    try:
        supernet = Supernet(made, float(stored["mean"]), float(stored["std"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder} holds no readable supernet ({type(error).__name__}: {error}).") from error
    expected = {name: tuple(p.shape) for name, p in supernet.named_parameters()}
    found = {name.replace(".", "/"): tuple(w.shape) for name, w in weights.items()}
    if found != expected:
        wrong = sorted(k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k))[0]
        raise ValueError(
            f"{folder}/weights.safetensors does not fit its space: {wrong.replace('/', '.')} is "
            f"{found.get(wrong, 'missing')}, expected {expected.get(wrong, 'none')}."
        )
    supernet.load_state_dict({name.replace(".", "/"): w.float() for name, w in weights.items()})
    return supernet.eval()


def _described(space: SearchSpace) -> dict[str, Any]:
    """What must not change between training and use: genes, and the MACs of the largest and the smallest subnet."""
    costs = {}
    for name, genome in (("largest", space.largest()), ("smallest", space.smallest())):
        cost = space.decode(genome).offered().macs()
        costs[name] = {"backbone": cost.backbone.tolist(), "heads": cost.heads.tolist()}
    return {
        **network_file.named(space),
        "genes": {gene.name: list(gene.options) for gene in space.genes},
        "macs": costs,
    }
