"""What the store offers for resuming: runs that differ in the method alone are one search with several methods."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .settings import METHODS, Settings


@dataclass(frozen=True)
class Saved:
    """One search in the store: its settings (evaluations: those of its longest method), how far each method came."""

    settings: Settings
    done: tuple[tuple[str, int], ...]
    seconds: float
    created: str

    def words(self) -> str:
        """One line for the list."""
        counts = " + ".join(f"{name} {count}" for name, count in self.done)
        bounds = self.settings.words().split(" · ")[3:-2]
        extra = "".join(f" · {bound}" for bound in bounds)
        return f"{counts} evaluations{extra} · seed {self.settings.seed} · begun {self.created}"


def saved_in(path: Path | None, settings: Settings) -> tuple[Saved, ...]:
    """The searches in the store at `path`, newest first; none where there is no file yet. Raises StoreError in words.

    Runs that this lab cannot show (other methods' options, bounds on several costs) are left out.
    """
    if path is None or not Path(path).is_file():
        return ()
    from ...search.store import Store

    store = Store(path)
    try:
        runs = store.runs()
    finally:
        store.close()
    groups: dict[str, list[dict]] = {}
    for run in runs:
        asked = run["settings"]
        if run["evaluations"] and asked["method"] in METHODS and _showable(asked):
            key = json.dumps([asked["goal"], asked["seed"], asked["evaluator"]], sort_keys=True)
            groups.setdefault(key, []).append(run)
    found = [_saved(group, settings) for group in groups.values()]
    return tuple(sorted(found, key=lambda one: one.created, reverse=True))


def _showable(asked: dict) -> bool:
    goal = asked["goal"]
    return {*goal["max_cost"], *goal["max_worst"]} <= {goal["cost"]} and asked["options"] == _defaults(asked["method"])


def _defaults(method: str) -> dict:
    from ...search.methods import METHODS as known
    from ...search.settings import options_of

    return options_of(known[method]())


def _saved(group: list[dict], settings: Settings) -> Saved:
    newest: dict[str, dict] = {}
    for run in group:  # another budget makes another run of the same method: the newest counts
        newest[run["settings"]["method"]] = run
    asked, goal = group[-1]["settings"], group[-1]["settings"]["goal"]
    found = Settings(
        dataset=settings.dataset,
        space=settings.space,
        methods=tuple(newest),
        cost=goal["cost"],
        max_cost=goal["max_cost"].get(goal["cost"]),
        max_worst=goal["max_worst"].get(goal["cost"]),
        evaluations=max(evaluations_of(run) for run in newest.values()),
        seed=asked["seed"],
    )
    return Saved(
        found,
        tuple((name, newest[name]["evaluations"]) for name in found.methods),
        max(run["seconds"] for run in newest.values()),
        max(run["created"] for run in newest.values())[:16].replace("T", " "),
    )


def evaluations_of(run: dict, most: int = 2000) -> int:
    """The smallest budget under which a run had its batches, no smaller than what it did: methods scale with it."""
    from ...search.methods import method

    asked = run["settings"]
    scaled, wanted = method(asked["method"]), (asked["first"], asked["batch"])
    for evaluations in range(max(1, run["evaluations"]), most):
        if tuple(scaled.batches(evaluations)) == wanted:
            return evaluations
    return max(most, run["evaluations"])
