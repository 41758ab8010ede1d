"""Plain ES modules of `static/` for anywidget: a module and what it imports from beside it, joined into one text."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"

_IMPORT = re.compile(r"""^import\s*\{[^}]*\}\s*from\s*["']\./(?P<file>[\w.-]+)["'];?[ \t]*\n""", re.MULTILINE)


@lru_cache
def module(name: str) -> str:
    """Text of static/`name` with its imports from "./file.js" placed before it, each once.

    A widget's module is loaded from a blob, where "./file.js" leads nowhere; hence the joining. Imported modules
    share one scope, so names at their top level must differ. Raises FileNotFoundError for a missing file.
    """
    parts: dict[str, str] = {}
    _collect(name, parts)
    return "\n".join(parts.values())


@lru_cache
def style(*names: str) -> str:
    """Text of the style sheets static/`names`, one after the other."""
    return "\n".join((STATIC / name).read_text("utf-8") for name in names)


def _collect(name: str, parts: dict[str, str]) -> None:
    if name in parts:
        return
    source = (STATIC / name).read_text("utf-8")
    for found in _IMPORT.finditer(source):
        _collect(found["file"], parts)
    parts[name] = f"// {name}\n{_IMPORT.sub('', source)}"
