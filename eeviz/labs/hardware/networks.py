"""The networks that the lab can show: demos that ship one, networks that a stored search found, one of the caller's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...catalogue import load_demo
from ...core.network.plan import Plan
from ...core.network.workload import workload_of
from ...core.table import format
from ...core.table.records import ExitRecords
from ...launch import paths
from ..search.openings import Openings
from ..search.settings import Settings as SearchSettings
from .settings import OWN, own_words
from .subject import Subject

DEMOS = ("fashion",)
"""Demos that ship their network."""


@dataclass(frozen=True)
class Found:
    """A network on the front of a stored search: method, run and candidate in the store, point of the front.

    accuracy : on search-validation. objective : what it spends of the cost searched for, in words. bits : its own, in words.
    """

    method: str
    run: int
    candidate: int
    point: int
    accuracy: float
    objective: str
    bits: str = ""

    @property
    def name(self) -> str:
        return f"{self.method}-{self.run}-{self.candidate}"

    @property
    def title(self) -> str:
        said = (
            f"found by {self.method}: candidate {self.candidate}, {format.percent(self.accuracy)} at {self.objective}"
        )
        return f"{said}, {self.bits}" if self.bits else said


class Networks:
    """What can be chosen, and the loading of it. given : a Subject of the caller's own; store : of a search, None: the search
    lab's."""

    def __init__(self, given: Subject | None = None, store: str | Path | None = None):
        self.given, self._openings = given, Openings(store)
        self._found: tuple[Found, ...] | None = None
        self._loaded: dict[str, Subject] = {}

    def options(self) -> list[tuple[str, str]]:
        """(title, name) of every network."""
        own = [] if self.given is None else [(self.given.title, OWN)]
        demos = [(load_demo(name).title, name) for name in DEMOS]
        return own + demos + [(found.title, found.name) for found in self.found]

    @property
    def found(self) -> tuple[Found, ...]:
        """The networks on the fronts of the newest stored search of each method. Raises StoreError, OSError in words."""
        if self._found is None:
            self._found = self._read()
        return self._found

    def forget(self) -> None:
        """Offer no stored searches: they cannot be read."""
        self._found = ()

    def load(self, name: str) -> Subject:
        """The network of that name. Raises ValueError, ImportError, FileNotFoundError in words."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Subject:
        if name == OWN and self.given is not None:
            return self.given
        if name in DEMOS:
            return _demo(name)
        found = next((one for one in self.found if one.name == name), None)
        if found is None:
            raise ValueError(f"there is no network {name!r}: choose one of the list.")
        return self._candidate(found)

    def _store(self):
        from ...nas.store import Store

        settings = SearchSettings()
        self._openings.prepare(settings)
        path = self._openings.path(settings)
        return Store(path) if path.is_file() else None

    def _read(self) -> tuple[Found, ...]:
        from ...nas.extract import choice_of
        from ...nas.snapshot import joined_front

        store = self._store()
        if store is None:
            return ()
        space = _space(store)
        try:
            newest = {_question(run): run for run in store.runs() if run["evaluations"]}
            found = []
            for (method, cost, provider), run in newest.items():
                candidates = {candidate.id: candidate for candidate, _ in store.candidates(run["id"])}
                front = joined_front(list(candidates.values()), "MACs")
                # the most accurate point of each candidate that leaves an exit open
                best = {int(c): i for i, c in enumerate(front.candidate) if front.policy(i).kept.any()}
                for candidate, i in best.items():
                    mean, accuracy = float(front.mean_cost[i]), float(front.accuracy[i])
                    spent = format.quantity(mean) if cost == "macs" else f"{mean:.3g} {cost} on {provider}"
                    bits = ""
                    if "bits" in space.index:
                        bits = _bits_words(choice_of(front, i, candidates[candidate].genome, space).plan)
                    found.append(Found(method, run["id"], candidate, i, accuracy, spent, bits))
            return tuple(sorted(found, key=lambda one: -one.accuracy))
        finally:
            store.close()

    def _candidate(self, found: Found) -> Subject:
        from ...nas.extract import choice_of
        from ...nas.snapshot import joined_front

        store = self._store()
        try:
            settings = next(run["settings"] for run in store.runs() if run["id"] == found.run)
            candidates = [candidate for candidate, _ in store.candidates(found.run)]
            records = store.records(found.run, found.candidate)
            space = _space(store)
        finally:
            store.close()
        genome = next(c.genome for c in candidates if c.id == found.candidate)
        choice = choice_of(joined_front(candidates, "MACs"), found.point, genome, space)
        plan = choice.plan
        told = settings["evaluator"]
        own = _supernet(space, told, choice.genome) if told.get("evaluator") == "supernet" else {}
        if records is None and own:
            records = _computed(settings, own["evaluator"], choice.genome)
        elif records is not None:
            if records.exits_count != len(choice.policy.thresholds) + 1:
                raise ValueError(f"the stored answers of {found.name} do not fit its exits: choose another network.")
            records = records.columns([*np.flatnonzero(choice.policy.kept).tolist(), records.exits_count - 1])
        own.pop("evaluator", None)
        return Subject(found.name, found.title, workload_of(plan), records, plan=plan, **own)


def _space(store):
    """The SearchSpace of a store."""
    from ...core.space.space import SearchSpace

    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in store.space["arguments"].items()}
    return SearchSpace.preset(store.space["name"], **arguments)


def _bits_words(plan: Plan) -> str:
    return own_words(*workload_of(plan).at_bits(None, None))


def _question(run: dict) -> tuple[str, str, str]:
    """Method, cost and hardware of a run."""
    asked = run["settings"]
    return asked["method"], asked["goal"]["cost"], asked["evaluator"].get("provider", "")


def _demo(name: str) -> Subject:
    from ...datasets import load_dataset
    from ...nn.count.workload import workload

    demo = load_demo(name)
    network = demo.network()
    dataset = demo.validation.dataset
    return Subject(
        name,
        demo.title,
        workload(network),
        demo.validation,
        network=lambda: network,
        data=lambda: load_dataset(dataset, "validation"),
        calibration=_calibration,
        report=lambda: demo.test,
        training=lambda: load_dataset(dataset, "train"),
    )


def _computed(settings: dict, evaluator: Callable, genome) -> ExitRecords | None:
    """Answers that the store let go of, had again with the supernet; None where that is no longer the one."""
    from ...nas.methods import method

    searched = method(settings["method"])
    try:
        return searched.convert(evaluator().records(genome, False, searched.measure))
    except (ImportError, ValueError):
        return None  # the page says that there are no answers, and shows the costs


def _supernet(space, told: dict, genome) -> dict:
    """Functions of a candidate whose weights come from the supernet that ships with eeviz."""
    from ...datasets import load_dataset
    from ...nas.supernet import supernet_evaluator

    images = told.get("images")

    def evaluator():
        found = supernet_evaluator(space, told["dataset"], images=images)
        if found.key["weights"] != told.get("weights"):
            raise ValueError("this network was found with another supernet: its weights are not here any more.")
        return found

    return {
        "evaluator": evaluator,
        "network": lambda: evaluator().network(genome),
        "data": lambda: evaluator().data("validation"),
        "calibration": _calibration,
        "training": lambda: load_dataset(told["dataset"], "train"),
    }


def _calibration() -> np.ndarray:
    """Training images of Fashion-MNIST that ship with the supernet, (n, 28, 28) uint8."""
    path = paths.data() / "supernet" / "compact-fashion" / "calibration.npz"
    with np.load(path, allow_pickle=False) as stored:
        return stored["images"]
