"""Checkpoints of every training here: one form with a version and an identity, written whole or not at all."""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

VERSION = 2
log = logging.getLogger(__name__)


def write(path: Path | str, identity: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    """Write a checkpoint; a kill at any moment leaves the old one or the new one. identity : plain values by which a run
    knows its own. Returns whether it was written: on a full disk training goes on without, and the log says so."""
    path = Path(path)
    temporary = path.with_name(path.name + ".part")
    try:
        torch.save({"version": VERSION, "identity": dict(identity), **state}, temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch's writer raises the latter on a full disk
        temporary.unlink(missing_ok=True)
        log.warning("%s could not be written (%s): training goes on without it; free some room.", path, error)
        return False
    return True


def read(path: Path | str, before: tuple[str, ...] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Identity and state of a checkpoint. before : entries that were the identity in files without one.

    Raises ValueError, in words, for a file that is cut, empty, no checkpoint or of a newer version. Never unpickles code.
    """
    try:
        check_sums(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
        version = state.get("version", 1)
        identity = state["identity"] if "identity" in state else {name: state[name] for name in before or ("identity",)}
    except Exception as error:
        raise ValueError(
            f"{path} is no readable checkpoint ({type(error).__name__}); remove it to begin anew."
        ) from error
    if version > VERSION:
        raise ValueError(f"{path} has version {version}, this eeviz reads up to {VERSION}: update eeviz.")
    return identity, state


def check_sums(path: Path | str) -> None:
    """Raises zipfile.BadZipFile where a part of a zip is not what its sum says: PyTorch's reader takes it as it is."""
    with zipfile.ZipFile(path) as archive:
        if broken := archive.testzip():
            raise zipfile.BadZipFile(f"{broken} is damaged")


def resume(path: Path | str, identity: Mapping[str, Any], before: tuple[str, ...] = ()) -> dict[str, Any]:
    """The state of a checkpoint of this very run. Raises ValueError as `read`, and for another run's, saying what differs."""
    found, state = read(path, before)
    other = sorted(name for name in {*found, *identity} if found.get(name) != identity.get(name))
    if other:
        raise ValueError(f"{path} was made by another run (its {', '.join(other)}): remove it, or use the same.")
    return state


def restore(path: Path | str, *parts: tuple[Any, Any]) -> None:
    """Load each (module or optimizer, its state). Raises ValueError, in words, where they do not fit."""
    for part, state in parts:
        try:
            part.load_state_dict(state)
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} belongs to another network; remove it or build that one.") from error
