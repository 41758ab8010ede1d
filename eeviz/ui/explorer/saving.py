"""The explorer as it stands, as one HTML file: for `Explorer.save_html` and the button under the page."""

from __future__ import annotations

from ...catalogue import load_demo
from ...jobs import Job, JobState
from ..standalone.page import View, html
from .controls import button, row

FILE = "explorer.html"
TOOLTIP = (
    "One file that opens without Python and loads nothing: these records, their report split and shifted inputs if there "
    "are any (confidences, answers, labels, weights, pictures), thresholds and hidden parts. No logits, pins, paths or names"
)


def view_of(app, title: str = "") -> View:
    """What a page of the explorer's current state shows; the report is in it, shut."""
    state = app.state
    note = load_demo(app.name).title if app.name else ""
    return View(
        state.records, state.policy, state.cost, state.report_records, state.static, state.shifted, app.name, title, note,
        app.hide, state.projector,
    )  # fmt: skip


class Saving:
    """The button. Writing takes a second or two, so it is done beside the page."""

    def __init__(self, app, inline: bool = False):
        self.app = app
        self._job = Job(app.guarded(self._made, "saving the page"), self._ended, inline=inline)
        self.button = button(app, "Save as a page", TOOLTIP, self.start, "saving the page")
        self.box = row(self.button)

    def start(self) -> None:
        self.button.disabled = True
        self._job.start(self._work)

    def join(self, timeout: float | None = None) -> None:
        """Wait for the file: for tests."""
        self._job.join(timeout)

    def _work(self):
        yield html(view_of(self.app)).encode()

    def _made(self, data: bytes) -> None:
        self.app.page.download(FILE, data, "text/html")
        self.app.status.info(f"Saved {FILE}, {len(data) / 1e6:.1f} MB: it opens in any browser, without Python.")

    def _ended(self, job: Job) -> None:
        self.button.disabled = job.state is JobState.RUNNING
        if job.error is not None:
            self.app.status.fail(job.error, "saving the page")
