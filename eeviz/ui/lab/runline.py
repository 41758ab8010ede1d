"""RunLine: the buttons of a lab that runs something, what they mean now, and how far it has come."""

from __future__ import annotations

import anywidget
from traitlets import Bool, List, Unicode

from ..page.assets import module, style
from ..page.errors import guarded


class RunLine(anywidget.AnyWidget):
    """buttons : (name, text, tooltip) each; label : of the group. allowed : names of those that may be pressed; main : the
    one that stands out. progress : per line name, label, share in [0, 1] and words. A press arrives as a message and
    calls the app's method of that name.
    """

    _esm = module("runline.js")
    _css = style("status.css", "runline.css")

    buttons = List().tag(sync=True)
    label = Unicode("").tag(sync=True)
    allowed = List(Unicode()).tag(sync=True)
    main = Unicode("start").tag(sync=True)
    words = Unicode("").tag(sync=True)
    progress = List().tag(sync=True)
    projector = Bool(False).tag(sync=True)

    def __init__(self, app, **traits):
        self.app = app
        super().__init__(**traits)
        self.on_msg(lambda _, message, __: self._hear(message))

    def _hear(self, message: object) -> None:
        name = message.get("name") if isinstance(message, dict) else None
        if name in self.allowed:
            self.press(name)

    def press(self, name: str) -> None:
        """As if that button were pressed; errors are said in the page."""
        act = getattr(self.app, name)
        guarded(self.app.status, lambda: act(), f"“{name.capitalize()}”")()
