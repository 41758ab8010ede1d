"""Takes up a run of a store by its settings alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from ..core.space.space import SearchSpace
from .dispatch import Dispatcher
from .evaluate import Evaluator
from .goal import Goal
from .methods import method
from .processes import Apart
from .run import SearchRun
from .store import Store, StoreError
from .supernet import supernet_evaluator


def resume(
    path: str | Path,
    run: int | None = None,
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    executor: Executor | Apart | Callable[[], Executor] | None = None,
    workers: int = 1,
    evaluator: Evaluator | None = None,
) -> SearchRun:
    """The run of that id in a store, the last one unless told; evaluations : another budget than it had.

    Raises StoreError when the store cannot be read, ValueError when it holds no such run, or one of another evaluator.
    """
    store = Store(path)
    try:
        runs, space = {r["id"]: r for r in store.runs()}, store.space
    finally:
        store.close()
    if not runs:
        raise ValueError(f"{path} holds no run yet.")
    if run is not None and run not in runs:
        raise ValueError(f"{path} holds no run {run}: choose one of {', '.join(map(str, runs))}.")
    found = runs[max(runs) if run is None else run]
    settings = found["settings"]
    arguments = {name: _tuple(value) for name, value in space["arguments"].items()}
    if evaluator is None:
        stored = settings["evaluator"]
        evaluator = supernet_evaluator(
            SearchSpace.preset(space["name"], **arguments),
            stored.get("dataset", ""),
            images=stored.get("images"),
            provider=stored.get("provider"),
        )
    if dict(evaluator.key) != settings["evaluator"]:
        raise StoreError(
            f"run {found['id']} of {path} was evaluated by {settings['evaluator']}, now it would be "
            f"{dict(evaluator.key)}: the supernet or the data have changed, so start a new run."
        )
    goal = settings["goal"]
    return SearchRun(
        evaluator,
        method(settings["method"], **{name: _tuple(value) for name, value in settings["options"].items()}),
        Goal.of(("error", goal["cost"]), goal["max_cost"] or None, goal["max_worst"] or None),
        found["total"] if evaluations is None else evaluations,
        seconds,
        settings["seed"],
        path,
        Dispatcher(executor, workers),
        settings["algorithm"],
        settings["population"],
        (settings["first"], settings["batch"]),
    )


def _tuple(value):
    return tuple(value) if isinstance(value, list) else value
