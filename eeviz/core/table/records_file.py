"""The .npz form of ExitRecords: plain arrays and one JSON text, never pickle.

Arrays: confidence, predicted, label; optional position, weight, group, exits, classes, logits, thumbnails; `meta` is
JSON with costs, dataset, split, removable, measure, temperature. A file made without eeviz needs `label`, either
`logits` (N, E, C) or `confidence` and `predicted` (N, E), and `backbone` and `heads` (E,) in MACs instead of `meta`.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .cost import Cost, cost_from_dict
from .given import meant

if TYPE_CHECKING:
    from .records import ExitRecords

FORMAT = "eeviz-records"
VERSION = 1
LIMIT_BYTES = 4 << 30  # an archive that unpacks to more is refused before it is read
_ARRAYS = ("confidence", "predicted", "label", "position", "weight", "group", "logits", "thumbnails")


def write(records: ExitRecords, path) -> None:
    """Write `records` to `path`: first beside it, then moved, so that a failed write leaves the old file."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **_plain(records))
        os.chmod(temporary, 0o644)  # mkstemp makes private files; records are meant to be shared
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def packed(records: ExitRecords) -> bytes:
    """The bytes of an .npz."""
    file = io.BytesIO()
    np.savez_compressed(file, **_plain(records))
    return file.getvalue()


def _plain(records: ExitRecords) -> dict[str, np.ndarray]:
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "costs": {name: cost.to_dict() for name, cost in records.costs.items()},
        "dataset": records.dataset,
        "split": records.split,
        "removable": records.removable,
        "measure": records.measure,
        "temperature": records.temperature,
        **({"remarks": records.remarks} if records.remarks else {}),
    }
    arrays = {name: getattr(records, name) for name in _ARRAYS if getattr(records, name) is not None}
    arrays["predicted"] = _smallest(arrays["predicted"])
    arrays["label"] = _smallest(arrays["label"])
    arrays["exits"] = np.array(records.exits)
    if records.classes:
        arrays["classes"] = np.array(records.classes)
    meta["arrays"] = sorted(arrays)
    arrays["meta"] = np.array(json.dumps(meta))
    return arrays


def _smallest(values: np.ndarray) -> np.ndarray:
    return values.astype(np.min_scalar_type(int(values.max())))


def read(source, name: str = "the file") -> dict[str, Any]:
    """Fields of records, from a path, the bytes of an .npz or a binary file: "logits" without "confidence" where the file
    has no more. Raises ValueError in words for anything else; a missing path is one too."""
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), name)
    if isinstance(source, (str, os.PathLike)):
        if not Path(source).is_file():
            raise ValueError(f"{os.fspath(source)}: no such file.")
        with open(source, "rb") as file:
            return _read(file, name_of(source, name))
    return _read(source, name_of(source, name))


def name_of(source, name: str) -> str:
    """What messages call a source: a path's last part, a file's own name, else `name`."""
    if isinstance(source, (str, os.PathLike)):
        return Path(source).name
    return getattr(source, "name", None) or name


def _read(file, name: str) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > LIMIT_BYTES:
            raise ValueError(
                f"{name} unpacks to {unpacked / 1e9:.1f} GB, more than the {LIMIT_BYTES / 1e9:.1f} GB allowed."
            )
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: _array(archive, key, name) for key in archive.files}
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError) as error:
        raise ValueError(
            f"{name} is not a complete .npz file ({error}). Save records with ExitRecords.save(path)."
        ) from error
    try:
        return _fields(arrays)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _array(archive, key: str, name: str) -> np.ndarray:
    try:
        array = archive[key]
        if not isinstance(array, np.ndarray):  # NumPy gives the bytes of a member that is no array
            raise TypeError("no array")
        return array
    except ValueError as error:
        if "pickle" in str(error) or "Object" in str(error):
            raise ValueError(
                f"{name}: array {key!r} holds Python objects (a pickle), which is never opened. Save plain numbers or strings."
            ) from error
        raise ValueError(f"{name}: array {key!r} cannot be read ({error}).") from error
    except Exception as error:  # zlib, struct and tokenizer errors of a damaged member have no common base
        raise ValueError(f"{name}: array {key!r} is damaged ({error}).") from error


def _fields(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    meta = _meta(arrays)
    if lost := sorted(set(map(str, meta.get("arrays") or ())) - set(arrays)):
        raise ValueError(f"array {lost[0]!r} was written and is not there: the file is damaged.")
    if "label" not in arrays:
        found = f"found {', '.join(sorted(arrays)) or 'nothing'}"
        raise ValueError(f"array 'label' is missing; {found}{meant('label', arrays)}")
    fields = {name: arrays[name] for name in ("position", "weight", "group", "thumbnails") if name in arrays}
    fields |= {name: tuple(arrays[name].ravel().tolist()) for name in ("exits", "classes") if name in arrays}
    fields |= {name: str(meta[name]) for name in ("dataset", "split") if name in meta}
    fields |= {"remarks": tuple(map(str, meta["remarks"]))} if meta.get("remarks") else {}
    fields["removable"] = bool(meta.get("removable", True))
    fields |= {"label": arrays["label"], "costs": _costs(meta, arrays), "temperature": meta.get("temperature")}
    if "confidence" not in arrays and "logits" in arrays:
        return fields | {"logits": arrays["logits"], "measure": meta.get("measure") or "max_probability"}
    for name in ("confidence", "predicted"):
        if name not in arrays:
            raise ValueError(f"array {name!r} is missing (or give 'logits'); found {', '.join(sorted(arrays))}.")
    answers = {name: arrays.get(name) for name in ("confidence", "predicted", "logits")}
    return fields | answers | {"measure": str(meta.get("measure", ""))}


def _meta(arrays: dict[str, np.ndarray]) -> dict:
    if "meta" not in arrays:
        return {}
    try:
        meta = json.loads(str(arrays["meta"][()]))
    except (json.JSONDecodeError, IndexError) as error:
        raise ValueError(f"'meta' is not valid JSON ({error}).") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise ValueError("'meta' is not of the format eeviz-records.")
    if meta.get("version", 0) > VERSION:
        raise ValueError(
            f"the file has format version {meta['version']}, this eeviz reads up to {VERSION}: update eeviz."
        )
    return meta


def _costs(meta: dict, arrays: dict[str, np.ndarray]) -> dict:
    if "costs" in meta:
        if not isinstance(meta["costs"], dict):
            raise ValueError("'meta' has costs that are not a mapping.")
        return {str(name): cost_from_dict(cost) for name, cost in meta["costs"].items()}
    if "backbone" in arrays and "heads" in arrays:
        return {"macs": Cost(arrays["backbone"], arrays["heads"])}
    raise ValueError("no costs: give 'meta', or the arrays 'backbone' and 'heads' with the MACs of each exit.")
