"""Platforms as small documents, every figure either a number or {"value": number, "source": words}: JSON, and what adds
itself to `READERS`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).parent / "platforms"
FORMAT = "eeviz-platform"
LIMIT_BYTES = 1 << 20
READERS: dict[str, Callable[[str], object]] = {".json": json.loads}
"""Suffix -> text to plain values; raises ValueError. `eeviz.hardware` adds YAML."""


def shipped() -> dict[str, Path]:
    """Name -> file of the platforms that ship."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.json"))}


def read(path) -> object:
    """The plain values of a file, JSON unless its suffix says otherwise. Raises ValueError in words."""
    path = Path(path)
    parse = READERS.get(path.suffix.lower(), json.loads)
    if not path.is_file():
        raise ValueError(f"{path}: no such file.")
    if path.stat().st_size > LIMIT_BYTES:
        raise ValueError(f"{path}: larger than {LIMIT_BYTES} bytes, not a platform.")
    try:
        return parse(path.read_text("utf-8"))
    except ValueError as error:  # of json and utf-8 too
        raise ValueError(f"{path}: {error}") from error


def write(data: dict, path) -> None:
    """Write plain values as JSON."""
    Path(path).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", "utf-8")
