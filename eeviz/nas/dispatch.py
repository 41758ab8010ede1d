"""Evaluations on any executor: results placed by index, a worker that dies costs a retry, never a wrong score."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass

from .domain import Genome
from .evaluate import Evaluator, Stopped
from .goal import Goal
from .pareto import Points
from .processes import Apart, process_pool
from .protocols import Method

log = logging.getLogger(__name__)

ATTEMPTS = 2
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Task:
    """One evaluation to do; index is its candidate's id."""

    index: int
    genome: Genome
    evaluator: Evaluator
    method: Method
    goal: Goal


@dataclass(frozen=True, eq=False)
class Done:
    """What a task gave: records as the bytes of an .npz, for they travel and are stored as such; failed: why none."""

    index: int
    genome: Genome
    records: bytes | None
    points: Points
    seconds: float
    failed: str = ""


def work(task: Task, stopped: Callable[[], bool] | None = None) -> Done:
    """Do one task. What is wrong with the candidate itself (a NaN, say) is an answer, not an error."""
    started = time.perf_counter()
    evaluator, method = task.evaluator, task.method
    try:
        records = evaluator.records(task.genome, method.offered, method.measure, stopped=stopped)
        records = method.convert(records)
        points, table = method.points(records, evaluator.space, task.genome, task.goal), records.to_bytes()
    except (ValueError, ArithmeticError) as error:
        return Done(
            task.index, task.genome, None, Points.none(), time.perf_counter() - started, str(error) or repr(error)
        )
    return Done(task.index, task.genome, table, points, time.perf_counter() - started)


class Dispatcher:
    """Runs batches of tasks here (no executor, one worker), in a process apart, in `workers` processes, or on an executor.

    executor : any concurrent.futures.Executor, or a function that makes one; the one it made is closed with this.
    An executor that breaks is replaced by one the function makes, or by processes of our own.
    """

    def __init__(self, executor: Executor | Apart | Callable[[], Executor] | None = None, workers: int = 1):
        if not isinstance(workers, int) or workers < 1:
            raise ValueError(f"workers: expected a whole number of at least 1, got {workers!r}.")
        if executor is not None and not isinstance(executor, Executor | Apart) and not callable(executor):
            raise ValueError(
                f"executor: expected a concurrent.futures.Executor or None, got {type(executor).__name__}."
            )
        self._given = executor if isinstance(executor, Executor) else None
        self._make = (lambda: process_pool(workers)) if executor is None or self._given else executor
        self._apart = executor if isinstance(executor, Apart) else None
        self.serial = self._apart is not None or (executor is None and workers == 1)
        self._own: Executor | None = None

    def run(self, tasks: Sequence[Task], stopped: Callable[[], bool]) -> Iterator[Done]:
        """Results as they come; ends early, without those still under way, once stopped() holds."""
        if self.serial:
            yield from self._one_by_one(tasks, stopped)
            return
        tried: Counter[int] = Counter()
        todo, alone = list(tasks), False
        waiting: dict[Future, Task] = {}
        try:
            while (todo or waiting) and not stopped():
                while todo and not (alone and waiting):
                    try:
                        future = self._executor.submit(work, todo[0])
                    except BrokenExecutor:  # a worker died while idle, or one of those waiting is about to tell
                        if waiting:
                            break
                        self._replace()
                        continue
                    waiting[future] = todo.pop(0)
                    tried[waiting[future].index] += 1
                finished, _ = wait(waiting, POLL_SECONDS, FIRST_COMPLETED)
                for future in finished:
                    task = waiting.pop(future)
                    error = future.exception()
                    broken = isinstance(error, BrokenExecutor)
                    if broken:
                        self._replace()
                    if broken and not alone:
                        # nobody knows which task broke it: all are tried again one by one, and this try counts for none
                        alone, todo = True, [task, *waiting.values(), *todo]
                        tried.subtract(t.index for t in (task, *waiting.values()))
                        waiting.clear()
                        break
                    if error is None:
                        yield _checked(task, future.result())
                    elif tried[task.index] < ATTEMPTS:
                        todo.append(task)
                    else:
                        yield _lost(task, error)
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Close the executor, if it is ours; what it is at is dropped."""
        if self._own is not None:
            self._own.shutdown(wait=False, cancel_futures=True)
            self._own = None

    @property
    def _executor(self) -> Executor:
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = self._make()
        return self._own

    def _replace(self) -> None:
        self._given = None
        self.close()

    def _one_by_one(self, tasks: Sequence[Task], stopped: Callable[[], bool]) -> Iterator[Done]:
        for task in tasks:
            for attempt in range(1, ATTEMPTS + 1):
                if stopped():
                    return
                try:
                    done = self._apart.run(work, task, stopped) if self._apart else work(task, stopped)
                except Stopped:
                    return
                except Exception as error:
                    log.exception("evaluation %d failed", task.index)
                    done = _lost(task, error) if attempt == ATTEMPTS else None
                if done is not None:
                    yield _checked(task, done)
                    break


def _lost(task: Task, error: BaseException) -> Done:
    reason = f"{type(error).__name__}: {error}".strip(": ")
    return Done(task.index, task.genome, None, Points.none(), 0.0, f"tried {ATTEMPTS} times: {reason}")


def _checked(task: Task, done: Done) -> Done:
    if (done.index, done.genome) != (task.index, task.genome):
        raise RuntimeError(f"the executor answered task {task.index} with the result of task {done.index}.")
    return done
