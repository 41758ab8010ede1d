"""Plain ES modules of `static/` as one classic script: each in a scope of its own, so that their names may repeat.

A module imported from beside an HTML file does not open from `file://`, and a build step is one more thing to install.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..page.assets import STATIC

_IMPORT = re.compile(
    r"""^import\s*\{(?P<names>[^}]*)\}\s*from\s*["']\./(?P<file>[\w.-]+)["'];?[ \t]*\n""", re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|const|let|class) (\w+))", re.MULTILINE)
_DEFAULT = re.compile(r"^export default ", re.MULTILINE)


@lru_cache
def bundle(entry: str, expose: str = "") -> str:
    """Script text of static/`entry` and everything it imports from "./file.js", each once, in order.

    expose : the global variable that holds the exports of `entry`, none when empty. Raises FileNotFoundError for a missing
    file and ValueError for an import or export in another form than the static files use.
    """
    parts: dict[str, str] = {}
    _collect(entry, parts)
    last = f"globalThis.{expose} = {_variable(entry)};" if expose else ""
    return "\n".join(["(() => {", '"use strict";', *parts.values(), last, "})();"])


def _variable(name: str) -> str:
    return "m_" + re.sub(r"\W", "_", name.removesuffix(".js"))


def _collect(name: str, parts: dict[str, str]) -> None:
    if name in parts:
        return
    source = (STATIC / name).read_text("utf-8")
    for found in _IMPORT.finditer(source):
        _collect(found["file"], parts)
    body = _IMPORT.sub(lambda m: f"const {{{m['names'].replace(' as ', ': ')}}} = {_variable(m['file'])};\n", source)
    names = _EXPORT.findall(body)
    body = _EXPORT.sub("", body)
    if _DEFAULT.search(body):
        body = _DEFAULT.sub("const defaultExport = ", body)
        names.append("default: defaultExport")
    if re.search(r"^(import|export)\b", body, re.MULTILINE):
        raise ValueError(f"{name}: an import or export in a form that cannot be joined.")
    parts[name] = f"// {name}\nconst {_variable(name)} = (() => {{\n{body}\nreturn {{ {', '.join(names)} }};\n}})();"
