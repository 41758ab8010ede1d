"""Analysis: what takes longer than a redraw (front, its refinement, the baselines), made in the background."""

from __future__ import annotations

from collections.abc import Iterator

from traitlets import Bool, HasTraits, Instance, Tuple

from ...core.solve.thresholds import Front, front
from ...core.solve.tradeoff import Point, baseline_points
from ...core.table.records import ExitRecords
from ...jobs import Job
from .state import ExplorerState

BASELINE_DROP = 0.01


class Analysis(HasTraits):
    """front of the tuning split (grid first, refined later), baselines at a 1 pp drop, and the front of `mine`."""

    front = Instance(Front, allow_none=True)
    refined = Bool(False)
    baselines = Tuple()  # of Point
    mine_front = Instance(Front, allow_none=True)

    def __init__(self, state: ExplorerState, inline: bool = False, on_error=lambda error: None):
        super().__init__()
        self.state = state
        self._on_error = on_error
        self._job = Job(self._take, self._ended, inline=inline)
        self._inline = inline
        state.observe(lambda _: self.refresh(), ["records", "cost", "mine_source"])
        self.refresh()

    def refresh(self) -> None:
        """Start over for the current records and cost: the grid front at once, the rest in the background."""
        records, cost, mine = self.state.records, self.state.cost, self.state.mine_source
        with self.hold_trait_notifications():
            self.front, self.refined, self.baselines = front(records, cost), False, ()
            self.mine_front = front(mine, cost) if mine is not None and cost in mine.costs else None
        self._job.start(lambda: _work(records, cost))

    def join(self, timeout: float | None = None) -> None:
        """Wait for the background work: for tests and scripts."""
        self._job.join(timeout)

    def _take(self, result) -> None:
        if isinstance(result, Front):
            self.front, self.refined = result, True
        else:
            self.baselines = result

    def _ended(self, job: Job) -> None:
        if job.error is not None:
            self._on_error(job.error)


def _work(records: ExitRecords, cost: str) -> Iterator[Front | tuple[Point, ...]]:
    yield front(records, cost, refine=True)
    found: list[Point] = []
    for point in baseline_points(records, cost, BASELINE_DROP):
        found.append(point)
        yield tuple(found)
