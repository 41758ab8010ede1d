"""The address of a page: its parameters, untrusted text."""

from __future__ import annotations

import os
from urllib.parse import parse_qsl

PRIVATE = frozenset({"token"})
"""Parameters of the address that never enter a link."""


def parameters(query: str | None = None) -> dict[str, str]:
    """Parameters of an address without the private ones: untrusted text.

    query : "a=1&b=2" with or without "?"; None takes what Voila says about this page, "" elsewhere. Of repeated
    parameters the last counts.
    """
    if query is None:
        query = os.environ.get("QUERY_STRING", "")
    pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    return {name: value for name, value in pairs if name not in PRIVATE}
