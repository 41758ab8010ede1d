"""What the store offers for resuming: runs that differ in the method alone are one search with several methods."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ...hardware.named import names
from .settings import METHODS, UNLIMITED, Settings


@dataclass(frozen=True)
class Saved:
    """One search in the store: its settings, and of each method name, run id and evaluations done."""

    settings: Settings
    done: tuple[tuple[str, int, int], ...]
    seconds: float
    created: str

    def words(self) -> str:
        """One line for the list."""
        counts = " + ".join(f"{name} {count}" for name, _, count in self.done)
        goal = [self.settings.goal()] if self.settings.cost != "macs" or self.settings.hardware else []
        extra = "".join(f" · {part}" for part in (*goal, *self.settings.bounds()))
        return f"{counts} evaluations{extra} · seed {self.settings.seed} · {self.created} UTC"


def saved_in(path: Path | None, settings: Settings) -> tuple[Saved, ...]:
    """The searches in the store at `path`, newest first; none where there is no file yet. Raises StoreError in words.

    Runs that the form cannot show (bounds on several costs, hardware without a name) are left out.
    """
    if path is None or not Path(path).is_file():
        return ()
    runs = _runs(path)
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
    known = asked["evaluator"].get("provider", "") in ("", *names())
    return known and {*goal["max_cost"], *goal["max_worst"]} <= {goal["cost"]}


def _saved(group: list[dict], settings: Settings) -> Saved:
    newest: dict[str, dict] = {}
    for run in group:  # another budget makes another run of the published methods: the newest counts
        newest[run["settings"]["method"]] = run
    asked, goal = group[-1]["settings"], group[-1]["settings"]["goal"]
    found = Settings(
        dataset=settings.dataset,
        space=settings.space,
        methods=tuple(newest),
        cost=goal["cost"],
        max_cost=goal["max_cost"].get(goal["cost"]),
        max_worst=goal["max_worst"].get(goal["cost"]),
        evaluations=max(_budget(run) for run in newest.values()),
        seed=asked["seed"],
        hardware=asked["evaluator"].get("provider", ""),
    )
    return Saved(
        found,
        tuple((name, newest[name]["id"], newest[name]["evaluations"]) for name in found.methods),
        max(run["seconds"] for run in newest.values()),
        max(run["created"] for run in newest.values())[:16].replace("T", " "),
    )


def saved_as(path: Path, settings: dict) -> int:
    """The id that a run's settings have in the store at `path`. Raises ValueError when it is not there."""
    for saved in _runs(path):
        if saved["settings"] == json.loads(json.dumps(settings)):
            return saved["id"]
    raise ValueError(f"{path} no longer holds this search: start it again.")


def _runs(path: Path) -> list[dict]:
    from ...nas.store import Store

    store = Store(path)
    try:
        return store.runs()
    finally:
        store.close()


def _budget(run: dict) -> int:
    """Evaluations it is to have; what it did where only seconds bounded it."""
    return run["evaluations"] if run["total"] >= UNLIMITED else max(run["total"], run["evaluations"])
