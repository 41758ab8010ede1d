"""Files of weights as people have them: read without running anything, and the table in them that fits a model."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..train.checkpoint import check_sums

MOST_BYTES = 8 << 30
_DEPTH = 3  # tables lie at most so deep
_COUNTED = "num_batches_tracked"  # absent from old files


class SeveralTables(ValueError):
    """More than one table of a file fits the model. choices : their names, for `weights=`."""

    def __init__(self, path: Path, choices: tuple[str, ...]):
        named = ", ".join(map(repr, choices))
        super().__init__(
            f"{path} holds {len(choices)} tables of weights that fit: {named}. Say which, for example weights={choices[0]!r}."
        )
        self.choices = choices


def read_weights(path: Path | str) -> Mapping[str, Any]:
    """What a checkpoint holds, by name: tensors, or tables of them beside other plain values.

    The content says what it is, not the name's ending. Code in a file is never run. Raises ValueError, in words, when the
    file is missing, damaged, too large, or holds more than plain values.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} does not exist.")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} is larger than {MOST_BYTES >> 30} GB: no classifier that can be augmented here.")
    try:
        if is_safetensors(path):
            return load_file(path)
        with path.open("rb") as file:
            first = file.read(1)
        if first == b"P":
            check_sums(path)
        elif first != b"\x80":  # nor an older pickle
            raise ValueError(f"{path} is no readable checkpoint: neither PyTorch's nor .safetensors, or cut off.")
        with _numbers_of_numpy():
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, SafetensorError, BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is no readable checkpoint ({type(error).__name__}: {_first(error)}).") from error
    except ValueError:
        raise
    except Exception as error:  # pickle.UnpicklingError where the file would run code
        raise ValueError(
            f"{path} holds more than weights (a whole model, or settings beside them), which is never loaded. Where you "
            'trust it, make a safe file of it: torch.save(model.state_dict(), "weights.pt").'
        ) from error
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path} holds a {type(content).__name__}, no table of weights; save the model's state_dict()."
        )
    return content


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as .safetensors do: the length of a JSON header, then the header."""
    with path.open("rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size


def fitting(path: Path | str, content: Mapping[str, Any], expected: Mapping[str, Tensor], weights: str = "") -> dict:
    """The tensors of `content` (see `read_weights`) that a model with the state `expected` takes, by the model's names.

    A table fits when it has every name and shape, whatever prefix they share, and no further weight of the same modules (a
    larger model's table holds a smaller one's). weights : name of the table where several fit.
    Raises SeveralTables, and ValueError where none fits, saying what the nearest lacks, or where a weight is not finite.
    """
    path = Path(path)
    found, nearest = {}, ""
    for name, table in _tables(content):
        for prefix, taken, lacking in _fits(table, expected):
            label = (
                name + (f" ({prefix}*)" if prefix and len(_anchors(table, expected)) > 1 else "") if name else prefix
            )
            if lacking:
                nearest = nearest or lacking
            else:
                found[label.strip() or "the only one"] = taken
    if weights and weights not in found:
        raise ValueError(
            f"{path} holds no table {weights!r} that fits; there is {', '.join(map(repr, found)) or 'none'}."
        )
    if not found:
        raise ValueError(f"{path} does not fit: {nearest or 'it holds no table of weights by name'}.")
    if len(found) > 1 and not weights:
        raise SeveralTables(path, tuple(found))
    chosen = found[weights] if weights else next(iter(found.values()))
    for name, value in chosen.items():
        if not value.isfinite().all():
            raise ValueError(f"{path}: {name} holds values that are not finite: this model's training had failed.")
    return chosen


def _tables(content: Mapping[str, Any], name: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Tensor]]]:
    tensors = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
    if tensors:
        yield name, tensors
    if depth < _DEPTH:
        for key, value in content.items():
            if isinstance(value, Mapping):
                yield from _tables(value, f"{name}.{key}" if name else str(key), depth + 1)


def _anchors(table: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    anchor = next(iter(expected))
    return [k.removesuffix(anchor) for k in table if k == anchor or k.endswith(f".{anchor}")]


def _fits(table: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Iterator[tuple[str, dict[str, Tensor], str]]:
    """(prefix, tensors by the model's names, what is lacking in words) for every prefix under which the model may lie."""
    modules = {name.split(".")[0] for name in expected}
    prefixes = _anchors(table, expected)
    if not prefixes:
        yield "", {}, f"{next(iter(expected))} is missing; found {', '.join(list(table)[:3])}, ..."
    for prefix in prefixes:
        inside = {k[len(prefix) :]: v for k, v in table.items() if k.startswith(prefix)}
        missing = [n for n in expected if n not in inside and not n.endswith(_COUNTED)]
        wrong = [n for n in expected if n in inside and inside[n].shape != expected[n].shape]
        more = [n for n in inside if n not in expected and n.split(".")[0] in modules]
        lacking = ""
        if missing:
            lacking = f"{missing[0]} is missing" + (f", and {len(missing) - 1} more" if len(missing) > 1 else "")
        elif wrong:
            lacking = f"{wrong[0]} is {tuple(inside[wrong[0]].shape)}, expected {tuple(expected[wrong[0]].shape)}"
        elif more:
            lacking = f"it holds more than this model: {more[0]}" + (
                f", and {len(more) - 1} more" if len(more) > 1 else ""
            )
        yield prefix, {n: inside.get(n, expected[n]) for n in expected}, lacking


@contextmanager
def _numbers_of_numpy() -> Iterator[None]:
    """NumPy's plain numbers beside weights are read: scalars of bool, int and float, nothing else."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = [type(np.dtype(kind)) for kind in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")]
    names = [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"), np.dtype, *kinds]
    with torch.serialization.safe_globals(names):
        yield


def _first(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:200]
