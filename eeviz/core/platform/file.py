"""Platforms as small documents, every figure either a number or {"value": number, "source": words}: JSON, and what adds
itself to `READERS`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from .platform import PRESETS, Link, Platform, Processor

FOLDER = Path(__file__).parent / "platforms"
FORMAT = "eeviz-platform"
LIMIT_BYTES = 1 << 20
READERS: dict[str, Callable[[str], object]] = {".json": json.loads}
"""Suffix -> text to plain values; raises ValueError. `eeviz.hardware` adds YAML."""


def preset(name: str) -> Platform:
    """The preset of that name. Raises ValueError listing the names."""
    files = {path.stem: path for path in sorted(FOLDER.glob("*.json"))}
    if name in files:
        return load(files[name])
    if name in PRESETS:
        return PRESETS[name]()
    more = "" if "this-host" in PRESETS else '; "this-host" needs `import eeviz.hardware` first'
    raise ValueError(f"no platform {name!r}: choose one of {', '.join([*files, *PRESETS])}{more}.")


def load(path) -> Platform:
    """A platform from a file, JSON unless its suffix says otherwise. Raises ValueError in words, naming the file."""
    path = Path(path)
    read = READERS.get(path.suffix.lower(), json.loads)
    if not path.is_file():
        raise ValueError(f"{path}: no such file.")
    if path.stat().st_size > LIMIT_BYTES:
        raise ValueError(f"{path}: larger than {LIMIT_BYTES} bytes, not a platform.")
    try:
        return from_dict(read(path.read_text("utf-8")))
    except ValueError as error:  # of json and utf-8 too
        raise ValueError(f"{path}: {error}") from error


def save(platform: Platform, path) -> None:
    """Write `platform` as JSON."""
    Path(path).write_text(json.dumps(to_dict(platform), indent=2, ensure_ascii=False) + "\n", "utf-8")


def to_dict(platform: Platform) -> dict:
    """The document of a platform."""
    return {
        "format": FORMAT,
        "name": platform.name,
        "processors": [_part(p) for p in platform.processors],
        "links": [_part(link) for link in platform.links],
    }


def from_dict(data) -> Platform:
    """Inverse of `to_dict`. Raises ValueError in words for unknown, missing or impossible entries."""
    if not isinstance(data, Mapping):
        raise ValueError(f"expected a mapping with name, processors and links, got {type(data).__name__}.")
    unknown = sorted(set(map(str, data)) - {"format", "name", "processors", "links"})
    if unknown:
        raise ValueError(f"unknown entries {', '.join(unknown)}: a platform has name, processors and links.")
    if data.get("format", FORMAT) != FORMAT:
        raise ValueError(f"format is {data['format']!r}, expected {FORMAT!r}.")
    parts = {}
    for kind, cls in (("processors", Processor), ("links", Link)):
        entries = data.get(kind, [])
        if not isinstance(entries, list):
            raise ValueError(f"{kind}: expected a list.")
        parts[kind] = [_read(cls, entry, f"{kind}[{i}]") for i, entry in enumerate(entries)]
    return Platform(str(data.get("name", "")), **parts)


def _part(part: Processor | Link) -> dict:
    data = {"name": part.name}
    for name in (*type(part).figures(), *(("operators",) if isinstance(part, Processor) and part.operators else ())):
        value = getattr(part, name)
        if value is None:
            continue
        value = dict(value) if isinstance(value, Mapping) else value
        data[name] = {"value": value, "source": part.sources[name]} if name in part.sources else value
    return data


def _read(cls: type, entry, where: str):
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: expected a mapping, got {type(entry).__name__}.")
    allowed = {"name", *cls.figures(), *(("operators",) if cls is Processor else ())}
    unknown = sorted(set(map(str, entry)) - allowed)
    if unknown:
        raise ValueError(f"{where}: unknown entries {', '.join(unknown)}; known are {', '.join(sorted(allowed))}.")
    values, sources = {}, {}
    for name, value in entry.items():
        if isinstance(value, Mapping) and set(value) <= {"value", "source"} and "value" in value:
            sources[name] = str(value.get("source", ""))
            value = value["value"]
        values[name] = value
    if "operators" in values and not isinstance(values["operators"], Mapping):
        raise ValueError(f"{where}: operators must be a mapping from kind to MACs per second.")
    if "name" not in values:
        raise ValueError(f"{where}: name is missing.")
    return cls(**values, sources={name: text for name, text in sources.items() if text})
