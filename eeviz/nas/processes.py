"""Processes that evaluate: a pool of them, or a single one beside this one, which stays quick to answer."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, wait
from typing import Any

from .evaluate import Stopped

POLL_SECONDS = 0.05
COURTESY = 5  # by how much a process beside a page gives way to it (Unix niceness)


def process_pool(workers: int, courtesy: int = 0) -> ProcessPoolExecutor:
    """Fresh processes: forking one that has run torch can hang. They end with this process, however it ends."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare, (courtesy,))


class Apart:
    """One process for evaluations, one at a time, while this one goes on answering: an `executor` for `search`.

    Several runs may share it: whoever has its turn is served. It starts at the first evaluation, and anew after it died;
    `close` ends it. The front is that of evaluations done here.
    """

    def __init__(self):
        self._pool: ProcessPoolExecutor | None = None

    def run(self, function: Callable[[Any], Any], argument: Any, stopped: Callable[[], bool]) -> Any:
        """function(argument), computed there. Raises Stopped when `stopped` answers True before it is done, and what the
        function raises; BrokenExecutor when the process dies.
        """
        if self._pool is None:
            self._pool = process_pool(1, COURTESY)
        try:
            future = self._pool.submit(function, argument)
            while not wait([future], POLL_SECONDS).done:
                if stopped():
                    future.cancel()
                    raise Stopped
            return future.result()
        except BrokenExecutor:
            self.close()
            raise

    def close(self) -> None:
        """End the process; what it is at is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _prepare(courtesy: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    if courtesy and hasattr(os, "nice"):
        os.nice(courtesy)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # a killed driver cannot tell its workers, and they hold both ends of their queue: they would wait for ever
    multiprocessing.parent_process().join()
    os._exit(1)
