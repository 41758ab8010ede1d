"""The last lines of a page: the view as code and as an address, and the size of the type."""

from __future__ import annotations

import ipywidgets as widgets

from .page import CopyLine


class Foot(widgets.VBox):
    """code_line, url_line, projector. Ticking the box sets `app.state.projector`; `app.page` hears of every link."""

    def __init__(self, app):
        self.app = app
        self.code_line, self.url_line = CopyLine(label="Code"), CopyLine(label="Link")
        self.projector = widgets.Checkbox(
            value=app.state.projector,
            description="projector (large type)",
            indent=False,
            layout=widgets.Layout(width="auto"),
        )
        self.projector.observe(
            app.guarded(lambda change: setattr(app.state, "projector", change.new), "changing the type size"), "value"
        )
        super().__init__([self.code_line, self.url_line, self.projector])

    def link(self, code: str, query: dict[str, str]) -> None:
        """Show the view as code and as an address."""
        page = self.app.page
        page.state, page.code = query, code
        self.code_line.text, self.url_line.text = code, page.address(query)

    def dress(self) -> None:
        """Follow the type size, and have the whole page follow."""
        large = self.projector.value = self.app.state.projector
        (self.app.box.add_class if large else self.app.box.remove_class)("ee-projector")
