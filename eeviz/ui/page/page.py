"""The page around the widgets: address, theme, width; downloads, copying, and the notice of a lost connection."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import anywidget
from traitlets import Bool, Dict, Int, List, Unicode, observe, validate

from ...labs.address import PRIVATE, parameters
from .assets import module, style


def asked_theme(query: str | None = None) -> str:
    """ "dark" or "light", as the address asks for: known before the page has been drawn."""
    return "dark" if "dark" in parameters(query).get("theme", "").lower() else "light"


class Page(anywidget.AnyWidget):
    """The browser's page as Python sees it. Displayed once, takes no room.

    From the page: href (address without its query), query (without private parameters), theme ("light", "dark"),
    width (CSS pixels of the widget's own place), host ("voila", "lab" or "other"), connected (at last it said so).
    To the page: state (parameters that bring this view back; Voila writes them into the address), code (the line that
    does the same in a notebook).
    """

    _esm = module("page.js")
    _css = style("page.css")

    href = Unicode("").tag(sync=True)
    query = Unicode("").tag(sync=True)
    theme = Unicode("light").tag(sync=True)
    width = Int(0).tag(sync=True)
    host = Unicode("").tag(sync=True)
    connected = Bool(True).tag(sync=True)
    state = Dict().tag(sync=True)
    owned = List(Unicode(), help="parameters that state has ever had: gone from it, gone from the address").tag(
        sync=True
    )
    code = Unicode("").tag(sync=True)

    def __init__(self, **traits):
        traits.setdefault("theme", asked_theme())
        super().__init__(**traits)

    @validate("theme")
    def _known_theme(self, proposal):
        if proposal.value not in ("light", "dark"):
            raise ValueError(f'theme {proposal.value!r}: choose "light" or "dark".')
        return proposal.value

    @validate("state")
    def _words(self, proposal):
        private = PRIVATE.intersection(map(str, proposal.value))
        if private:
            raise ValueError(f"state: {', '.join(sorted(private))} must not enter an address.")
        return {str(name): str(value) for name, value in proposal.value.items()}

    @observe("state")
    def _own(self, change) -> None:
        self.owned = sorted({*self.owned, *change.new})

    def address(self, state: Mapping[str, object] | None = None) -> str:
        """The address of this page with its own parameters and `state` (the current one when None) merged in."""
        own = {str(name): str(value) for name, value in (self.state if state is None else state).items()}
        merged = {name: value for name, value in parameters(self.query).items() if name not in self.owned} | own
        return f"{self.href}?{urlencode(merged)}" if merged else self.href

    def download(self, name: str, data: bytes, mime: str = "application/octet-stream") -> None:
        """Hand the bytes to the browser as a file of that name."""
        if not name or any(c in name for c in '/\\:*?"<>|\0'):
            raise ValueError(f"{name!r} is no file name.")
        self.send({"kind": "download", "name": name, "mime": mime}, buffers=[bytes(data)])


class CopyLine(anywidget.AnyWidget):
    """A labelled line of text with a button that copies it, in the page's own click handler.

    text : the line. label : what it is, in words.
    """

    _esm = module("copyline.js")
    _css = style("status.css", "page.css")

    text = Unicode("").tag(sync=True)
    label = Unicode("").tag(sync=True)
