"""The search lab: `search_lab` builds it; `SearchLab` is what the caller keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...labs.address import parameters
from ...labs.search.openings import Openings
from ...labs.search.settings import Settings, from_query
from ...labs.search.state import SearchState, Selection
from .app import PARTS, LabApp


class SearchLab:
    """Facade of one search lab: plain values in and out, displayed by Jupyter.

    settings, phase, snapshots, selected, code, url; start(), pause(), step(), resume(), stop(), select(), join().
    """

    def __init__(self, app: LabApp):
        self._app = app
        self.state: SearchState = app.state

    @property
    def settings(self) -> Settings:
        """What the form asks for."""
        return self.state.settings

    @property
    def phase(self) -> str:
        """ "idle", "opening", "running", "pausing", "paused", "stopping", "stopped", "done" or "failed"."""
        return self.state.phase

    @property
    def snapshots(self) -> dict:
        """method -> newest Snapshot of the search on show."""
        return {name: lane.snapshot for name, lane in self.state.lanes.items()}

    @property
    def runs(self) -> dict:
        """method -> SearchRun of the search on show: `best`, `records`, `network`."""
        race = self._app.driver.race
        return {} if race is None else dict(race.runs)

    @property
    def selected(self) -> Selection | None:
        """The candidate on show: method, candidate, genome, policy, figures."""
        return self.state.selected

    @property
    def explorer(self):
        """State of the explorer below, None until a candidate was opened there."""
        below = self._app.below.explorer
        return None if below is None else below.state

    @property
    def code(self) -> str:
        """The line that opens the lab with these settings."""
        return self._app.code_line.text

    @property
    def url(self) -> str:
        """The address that opens the lab with these settings in Voila."""
        return self._app.url_line.text

    @property
    def widget(self):
        """The ipywidgets box, to place it in a layout of one's own."""
        return self._app.box

    def start(self) -> None:
        """Begin the search of the form's settings; one that the store knows is taken up."""
        self._app.start()

    def pause(self) -> None:
        """Hold on; `resume` goes on."""
        self._app.pause()

    def step(self) -> None:
        """One evaluation of each method."""
        self._app.step()

    def resume(self) -> None:
        """Go on with the search on show."""
        self._app.resume()

    def stop(self) -> None:
        """End the search; what it found is in the store."""
        self._app.stop()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the search holds, at most `timeout` seconds."""
        self._app.driver.join(timeout)

    def select(self, method: str, candidate: int, point: int) -> None:
        """Select an operating point of a candidate."""
        self._app.driver.select(method, candidate, point)

    def close(self) -> None:
        """Stop, and close the store."""
        self._app.driver.close()

    def __repr__(self) -> str:
        return f"SearchLab({self.settings.words()}; {self.phase})"

    def _repr_mimebundle_(self, **kwargs):
        return self.widget._repr_mimebundle_(**kwargs)


def search_lab(
    dataset: str = "fashion-mnist",
    *,
    space: str = "compact",
    methods: Sequence[str] = ("two-level",),
    cost: str = "macs",
    max_cost: float | None = None,
    max_worst: float | None = None,
    evaluations: int = 60,
    seconds: float | None = None,
    seed: int = 0,
    hardware: str = "",
    store: str | Path | None = None,
    evaluator=None,
    hide: Sequence[str] = (),
    projector: bool = False,
) -> SearchLab:
    """Open the search lab: start a search, watch its front, open what it finds.

    methods : of "two-level", "aebnas", "edanas", "nachos", "random"; each searches on its own with the same budget.
    cost : what error is traded for; max_cost, max_worst : bounds on its mean and worst case. evaluations or seconds :
    budget of each method. hardware : where costs beside MACs come from, of `eeviz.hardware.names`: "latency", "energy",
    "energy x latency", "memory". store : SQLite file, else one per data set in the user's cache folder. evaluator : of
    `eeviz.nas.evaluate`, instead of the data set's supernet. hide : parts to take away, of `PARTS`. projector : large
    type. In Voila the page's address overrides them (data, methods, objective, max_cost, max_worst, evaluations,
    seconds, seed, hardware, projector).

    Raises ValueError where they do not fit.
    """
    if isinstance(hide, str) or isinstance(methods, str):
        raise ValueError("hide and methods: expected lists of names, got one string.")
    if unknown := sorted(set(hide) - set(PARTS)):
        raise ValueError(f"hide: no part is called {', '.join(map(repr, unknown))}; choose of {', '.join(PARTS)}.")
    given = Settings(dataset, space, tuple(methods), cost, max_cost, max_worst, evaluations, seconds, seed, hardware)
    settings, complaint = given, ""
    try:
        settings = from_query(given)
    except ValueError as error:  # what the address asks for is untrusted: open with what the notebook asked for
        complaint = str(error)
    large = projector or parameters().get("projector") == "1"
    app = LabApp(
        SearchState(settings, projector=large), Openings(store, evaluator), hide=tuple(hide), complaint=complaint
    )
    app.open_last()
    return SearchLab(app)
