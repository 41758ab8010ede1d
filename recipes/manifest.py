"""data/manifest.json: what every committed artefact is, how it was made and what figures it carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path


def now() -> str:
    """UTC, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")


def note(file: Path, command: str, licence: str, figures: Mapping | None = None) -> None:
    """Enter `file` into the manifest.json of the nearest folder above that has one, else beside its folder."""
    file = file.resolve()
    file.chmod(0o644)  # written through temporary files, which only their owner may read
    root = next((folder for folder in file.parents if (folder / "manifest.json").is_file()), file.parent.parent)
    path = root / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"format": 1, "artefacts": {}}
    content = file.read_bytes()
    manifest["artefacts"][file.relative_to(root).as_posix()] = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "licence": licence,
        "command": command,
        "date": now(),
        "figures": dict(figures or {}),
    }
    manifest["artefacts"] = dict(sorted(manifest["artefacts"].items()))
    path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
