"""The search lab: `search_lab` builds it; `SearchLab` is what the caller keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...labs.search.openings import Openings
from ...labs.search.settings import Settings
from ...labs.search.state import SearchState, Selection
from ..lab.facade import Lab, asked_for
from ..page.facade import checked_parts
from .app import PARTS, SearchApp


class SearchLab(Lab):
    """Facade of one search lab: plain values in and out, displayed by Jupyter.

    settings, phase, snapshots, selected, code, url; start(), pause(), step(), resume(), stop(), select(), join().
    """

    state: SearchState
    _app: SearchApp

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

    def select(self, method: str, candidate: int, point: int) -> None:
        """Select an operating point of a candidate."""
        self._app.driver.select(method, candidate, point)


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

    >>> lab = ee.search_lab("fashion-mnist", evaluations=20)
    >>> lab.settings.evaluations
    20
    """
    if isinstance(methods, str):
        raise ValueError(f'methods: expected a list of names such as ["{methods}"], got one string.')
    hide = checked_parts(hide, PARTS)
    given = Settings(dataset, space, tuple(methods), cost, max_cost, max_worst, evaluations, seconds, seed, hardware)
    settings, large, complaint = asked_for(given, projector)
    app = SearchApp(SearchState(settings, projector=large), Openings(store, evaluator), hide=hide, complaint=complaint)
    app.open_last()
    return SearchLab(app)
