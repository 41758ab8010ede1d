"""Platforms written by hand as YAML: the same entries as in JSON."""

from __future__ import annotations

from pathlib import Path

from ..core import platform_file
from ..core.platform import Platform
from ..packages import require

SUFFIXES = (".yaml", ".yml")


def load(path) -> Platform:
    """From .yaml, .yml or .json. Raises ValueError in words, naming the file."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        return platform_file.load(path)
    require("pyyaml", for_="reading a platform in YAML")
    import yaml

    if not path.is_file():
        raise ValueError(f"{path}: no such file.")
    if path.stat().st_size > platform_file.LIMIT_BYTES:
        raise ValueError(f"{path}: larger than {platform_file.LIMIT_BYTES} bytes, not a platform.")
    try:
        return platform_file.from_dict(yaml.safe_load(path.read_text("utf-8")))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from error


def save(platform: Platform, path) -> None:
    """Write YAML that `load` reads."""
    require("pyyaml", for_="writing a platform in YAML")
    import yaml

    text = yaml.safe_dump(platform_file.to_dict(platform), sort_keys=False, allow_unicode=True)
    Path(path).write_text(text, "utf-8")
