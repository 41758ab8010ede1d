"""Job: one worker at a time that can be started again, watched and cancelled. No widgets: listeners decide."""

from __future__ import annotations

import enum
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

log = logging.getLogger(__name__)

# A thread that wants the interpreter waits this long for a busy one to give it up. Each message of the page costs several
# such waits while a job computes; Python's own 5 ms add up to a slider that lags.
SWITCH_SECONDS = 0.0005


class JobState(enum.Enum):
    """READY: never started. RUNNING: at work. DONE: finished. CANCELLED: asked to stop and did. FAILED: raised."""

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Job:
    """Runs an iterator of results in a daemon thread; a later `start` makes the earlier run stale.

    on_result(value) and on_state(job) are called on the worker's thread and never by a stale run; the state comes last.
    inline=True runs at once on the caller's thread: for tests and for hosts without threads.
    """

    def __init__(
        self,
        on_result: Callable[[Any], None],
        on_state: Callable[[Job], None] = lambda job: None,
        *,
        inline: bool = False,
    ):
        self._on_result, self._on_state, self._inline = on_result, on_state, inline
        self._lock = threading.RLock()
        self._run = 0
        self._thread: threading.Thread | None = None
        self.state = JobState.READY
        self.error: BaseException | None = None

    def start(self, work: Callable[[], Iterable[Any]]) -> None:
        """Begin `work`; whatever ran before is stopped at its next result and its results are dropped."""
        with self._lock:
            self._run += 1
            run = self._run
            self.error = None
        self._enter(run, JobState.RUNNING)
        if self._inline:
            self._go(run, work)
            return
        sys.setswitchinterval(min(SWITCH_SECONDS, sys.getswitchinterval()))
        self._thread = threading.Thread(target=self._go, args=(run, work), daemon=True, name="eeviz-job")
        self._thread.start()

    def cancel(self) -> None:
        """Stop at the next result; nothing when not running."""
        with self._lock:
            if self.state is not JobState.RUNNING:
                return
            self._run += 1
            run = self._run
        self._enter(run, JobState.CANCELLED)

    def join(self, timeout: float | None = None) -> None:
        """Wait for the worker: for tests and scripts."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _go(self, run: int, work: Callable[[], Iterable[Any]]) -> None:
        try:
            results: Iterator[Any] = iter(work())
            for value in results:
                with self._lock:
                    if run != self._run:
                        close = getattr(results, "close", None)
                        if close:
                            close()
                        return
                    self._on_result(value)
        except Exception as error:
            log.exception("a background job failed")
            self._enter(run, JobState.FAILED, error)
        else:
            self._enter(run, JobState.DONE)

    def _enter(self, run: int, state: JobState, error: BaseException | None = None) -> None:
        with self._lock:
            if run != self._run:
                return
            self.state, self.error = state, error
            self._on_state(self)
