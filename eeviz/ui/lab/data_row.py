"""DataRow: what a lab says when its data set is not on this machine, with the button that gets it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as widgets

from ...datasets import NAMES, get
from ...jobs import Job, JobState
from ..explorer.controls import button, row


class DataRow:
    """A line, "Get the data" and, while it runs, a bar and "Cancel". asked : gives the name of the data set that the lab
    needs now, "" or another word for none. Nothing is shown while that is on this machine.

    box : the widgets. `follow` is called whenever another data set may be needed.
    """

    def __init__(self, app, asked: Callable[[], str], *, inline: bool = False):
        self.app, self.asked = app, asked
        self.name = ""
        self._job = Job(self._show, self._ended, inline=inline)
        self.words = widgets.HTML()
        self.get = button(
            app, "Get the data", "Downloads the official files and verifies them", self.start, "downloading"
        )
        self.cancel = button(
            app, "Cancel", "What has come is kept; Get the data goes on with it", self._job.cancel, "cancelling"
        )
        self.bar = widgets.FloatProgress(min=0, max=1, layout=widgets.Layout(width="180px"))
        self.bar.tooltip = "Share of the download that has come"
        self.box = row(self.words, self.get, self.bar, self.cancel)
        self.follow()

    def follow(self) -> None:
        """Show what is missing of the data set that is asked for now; a download that runs is left alone."""
        if self._job.state is JobState.RUNNING:
            return
        self.name = self.asked()
        now = get.state(self.name) if self.name in NAMES else None
        self._flags(running=False, lacks=now is not None and not now.complete)
        if now is None or now.complete:
            return
        gone = [split for split, place in now.places.items() if not place]
        part = "" if len(gone) == len(now.places) else f" ({' and '.join(gone)})"
        begun = f" ({now.bytes_begun / 1e6:.0f} MB have come)" if now.bytes_begun else ""
        self.words.value = (
            f'<span class="ee-sentence">{escape(now.about.title)}{part} is not on this machine: {now.about.megabytes} MB'
            f"{begun}, licence: {escape(now.about.licence)}.</span>"
        )

    def start(self) -> None:
        """Download, or go on with a download that broke off."""
        if self._job.state is JobState.RUNNING or self.name not in NAMES:
            return
        name = self.name
        self.bar.value = 0
        self._flags(running=True, lacks=True)
        self._job.start(lambda: get.downloading(name))

    def _show(self, progress) -> None:
        self.bar.value = progress.share
        self.words.value = f'<span class="ee-sentence">{escape(str(progress))} ({progress.share:.0%})</span>'

    def _ended(self, job: Job) -> None:
        if job.state is JobState.RUNNING:
            return
        if job.state is JobState.FAILED:
            written = isinstance(job.error, FileNotFoundError)  # for people, as a ValueError is
            self.app.status.fail(ValueError(str(job.error)) if written else job.error, f"getting {self.name}")
        elif job.state is JobState.DONE:
            self.app.status.info(f"{get.ABOUT[self.name].title} is on this machine now.")
        else:
            self.app.status.info("The download was cancelled; what has come is kept.")
        self.follow()

    def _flags(self, running: bool, lacks: bool) -> None:
        self.box.layout.display = None if lacks else "none"
        self.get.layout.display = "none" if running else None
        self.bar.layout.display = self.cancel.layout.display = None if running else "none"
