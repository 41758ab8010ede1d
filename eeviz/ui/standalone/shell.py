"""One HTML file around scripts, styles and data: nothing in it is loaded from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape

from ..page.assets import STATIC, style
from .bundle import bundle


def shell(
    title: str, words: str, told: dict, entry: str, styles: Sequence[str], blocks: Sequence[str] = (), solver: str = ""
) -> str:
    """Text of the file.

    words : HTML for those without scripts. told : what the script reads as JSON. entry : its module in static/, "" for
    none. blocks : base64 texts. solver : script of the worker.
    """
    parts = {
        "title": escape(title),
        "style": style(*styles),
        "told": json.dumps(told, allow_nan=False).replace("<", "\\u003c"),
        "blocks": "\n".join(
            f'<script type="application/octet-stream" id="ee-block-{k}">{text}</script>'
            for k, text in enumerate(blocks)
        ),
        "solver": solver,
        "script": bundle(entry) if entry else "",
        "scripts": "ee-scripts" if entry else "",
        "words": words,
    }
    template = (STATIC / "standalone.html").read_text("utf-8")
    return re.sub(r"@([A-Z]+)@", lambda found: parts[found[1].lower()], template)  # once: parts may hold such marks too
