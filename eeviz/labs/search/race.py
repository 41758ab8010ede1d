"""Race: several searches side by side on one worker, each given as much time as the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping


class Race:
    """Iterates searches (method -> SearchRun): always the one that has had least time does its next evaluation.

    seconds : of each search at most, None for as many as their evaluations take. `stop` ends the iteration from another
    thread; iterating again goes on. One iteration at a time: a second one waits for the first to end.
    """

    def __init__(self, runs: Mapping[str, object], seconds: float | None = None):
        if not runs:
            raise ValueError("a race needs at least one search.")
        self.runs, self.seconds = dict(runs), seconds
        self.snapshots = {name: run.snapshot for name, run in self.runs.items()}
        self._exhausted: set[str] = set()
        self._going, self._stop = threading.Lock(), threading.Event()

    def over(self, name: str) -> bool:
        """Whether this search has used its budget, or has nothing new to propose."""
        now = self.snapshots[name]
        late = self.seconds is not None and now.seconds >= self.seconds
        return now.done or late or name in self._exhausted

    @property
    def done(self) -> bool:
        """Whether all searches are over."""
        return all(map(self.over, self.runs))

    def steps(self, rounds: int | None = None) -> Iterator[tuple[str, object]]:
        """(method, Snapshot) after every evaluation. rounds : evaluations of each search, None for all."""
        with self._going:
            self._stop.clear()
            left = dict.fromkeys(self.runs, rounds)
            while not self._stop.is_set():
                open_ = [name for name in self.runs if not self.over(name) and left[name] != 0]
                if not open_:
                    return
                name = min(open_, key=lambda n: self.snapshots[n].seconds)
                if left[name] is not None:
                    left[name] -= 1
                snapshot = self._one(name)
                if snapshot is not None:
                    self.snapshots[name] = snapshot
                    yield name, snapshot
                elif not self._stop.is_set():
                    self._exhausted.add(name)

    def _one(self, name: str):
        going = iter(self.runs[name])
        try:
            return next(going, None)
        finally:
            going.close()

    def stop(self) -> None:
        """End the iteration under way; an evaluation that has not ended is done again when it goes on."""
        self._stop.set()
        for run in self.runs.values():
            run.stop()

    def close(self) -> None:
        """Stop, wait for the iteration to end, and close the searches."""
        self.stop()
        with self._going:
            for run in self.runs.values():
                run.close()
