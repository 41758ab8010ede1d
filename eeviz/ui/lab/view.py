"""The lab's views: as the explorer's, drawn by whichever thread brings the news, one at a time."""

from __future__ import annotations

from ..charts.view import View


class LabView(View):
    """A chart of the lab. Snapshots come on the search's thread, clicks on the page's: the state's lock keeps order."""

    def show(self) -> None:
        with self.app.state.lock:
            super().show()

    def changed(self) -> None:
        with self.app.state.lock:
            super().changed()

    def _wanted_look(self) -> dict:
        return {"theme": self.app.style.theme, "projector": self.app.style.projector, "exits": 4}
