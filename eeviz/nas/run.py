"""search: an iterator of snapshots. The front is a function of the seed: serial or parallel, interrupted or not."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..core.space.space import SearchSpace
from ..core.table.records import ExitRecords
from ..hardware import CostProvider
from . import settings
from .bounds import cost_range, exit_costs, possible
from .dispatch import Dispatcher, Done, Task
from .domain import Genome
from .evaluate import Evaluator
from .extract import choice_of, genome_of, point_of
from .goal import Bounds, Goal
from .history import History
from .methods import method as method_of
from .methods.domains import backbone_domain
from .pareto import budgets_between
from .processes import Apart
from .protocols import Candidate, Method, Proposal, Situation
from .snapshot import Choice, SearchFront, Snapshot, joined_front
from .store import Store

BUDGETS = 8
REFERENCE_ERROR = 0.5  # of the hypervolume; the reference cost is the largest in the space


def search(
    space: SearchSpace | str,
    dataset: str = "fashion-mnist",
    *,
    method: str | Method = "two-level",
    objectives: tuple[str, str] = ("error", "macs"),
    max_cost: Bounds = None,
    max_worst: Bounds = None,
    evaluations: int = 60,
    seconds: float | None = None,
    seed: int = 0,
    store: str | Path | None = None,
    executor: Executor | Apart | Callable[[], Executor] | None = None,
    workers: int = 1,
    algorithm: str = "nsga2",
    population: int = 40,
    evaluator: Evaluator | None = None,
    provider: CostProvider | str | None = None,
) -> SearchRun:
    """Search `space` for early-exit networks with little error at little average cost: iterate over the result.

    method : "two-level", "aebnas", "edanas", "nachos", "random", or one with options from `eeviz.nas.methods.method`.
    objectives : "error" and the name of a cost. max_cost, max_worst : hard constraints on the mean and on the worst
    case: a number for the cost searched for, or {name: number} for any. evaluations, seconds : the budget; the run ends
    at whichever comes first (only the first makes it a function of the seed). store : an SQLite file; a run with the same
    settings in it is resumed. executor : any concurrent.futures.Executor or a function that makes one, or an
    `eeviz.nas.processes.Apart`; or so many workers, processes of our own. algorithm : of pymoo, for two-level.
    evaluator : else of the data set's supernet, and of a provider (`eeviz.hardware`, or its name) that adds "latency",
    "energy", "energy x latency" and "memory".

    Raises ValueError for unknown names and, with the least that is possible, for bounds; StoreError for a bad store.

    >>> [snapshot.evaluations for snapshot in ee.search("compact", evaluations=2, seed=0)]
    [1, 2]
    """
    if isinstance(space, str):
        space = SearchSpace.preset(space)
    if evaluator is None:
        from .supernet import supernet_evaluator

        evaluator = supernet_evaluator(space, dataset, provider=provider)
    if isinstance(method, str):
        method = method_of(method)
    goal = Goal.of(objectives, max_cost, max_worst)
    return SearchRun(
        evaluator, method, goal, evaluations, seconds, seed, store, Dispatcher(executor, workers), algorithm, population
    )


class SearchRun:
    """A search under way: iterating gives a Snapshot after every evaluation, and may be left and taken up at any time.
    `stop` ends an iteration from another thread; `close` closes store and processes."""

    def __init__(
        self,
        evaluator: Evaluator,
        method: Method,
        goal: Goal,
        evaluations: int,
        seconds: float | None,
        seed: int,
        store: str | Path | None,
        dispatcher: Dispatcher,
        algorithm: str = "nsga2",
        population: int = 40,
        batches: tuple[int, int] | None = None,
    ):
        settings.check(evaluations, seconds, seed, algorithm, population)
        self.evaluator, self.method, self.goal = evaluator, method, goal
        self.space, self.evaluations, self.seconds, self.seed = evaluator.space, evaluations, seconds, seed
        domain = method.domain(self.space)
        named = evaluator.costs(domain.extreme(last=False), method.offered)
        goal.check(named)
        self.unit = named[goal.cost].unit
        possible(domain, evaluator, goal, method.offered, self.space)
        # of the space, not of the method: what several methods reach is read off at the same budgets
        low, high = cost_range(backbone_domain(self.space), lambda g: exit_costs(evaluator, g, True, goal.cost))
        self.budgets = budgets_between(low, high, BUDGETS)
        self.budgets.flags.writeable = False
        self.reference = (REFERENCE_ERROR, high)
        costs = lru_cache(maxsize=65536)(lambda g: exit_costs(evaluator, g, method.offered, goal.cost))
        self._situation = Situation(
            self.space, domain, goal, self.budgets, costs, self.reference, algorithm, population
        )
        self._first, self._batch = batches or method.batches(evaluations)
        self._dispatcher, self._stop = dispatcher, threading.Event()
        self._store = Store(store, settings.space_key(self.space))
        try:
            self._run = self._store.run(self.settings, evaluations)
            self._take_up()
        except BaseException:
            self._store.close()
            raise

    @property
    def settings(self) -> dict:
        """What makes two runs the same run, as plain values."""
        return {
            "method": self.method.name,
            "options": settings.options_of(self.method),
            "goal": self.goal.describe(),
            "seed": self.seed,
            "first": self._first,
            "batch": self._batch,
            "algorithm": self._situation.algorithm,
            "population": self._situation.population,
            "evaluator": dict(self.evaluator.key),
        }

    def __iter__(self) -> Iterator[Snapshot]:
        self._stop.clear()
        started, before = time.perf_counter(), self._clock
        if self._unsaved is not None:
            yield self._keep(*self._unsaved)
        while len(self._archive) < self.evaluations and not self._stopped(started):
            generation, proposal, todo = self._next_generation()
            todo.sort(key=lambda item: item[1])  # backbones that begin alike follow each other: less to compute
            tasks = [Task(i, g, self.evaluator, self.method, self.goal) for i, g in todo]
            for done in self._dispatcher.run(tasks, lambda: self._stopped(started)):
                self._clock = before + time.perf_counter() - started
                yield self._keep(done, generation, dict(proposal.tau))
                if self._stopped(started):
                    return
            if not tasks:
                return  # nothing new can be proposed

    def stop(self) -> None:
        """End the iteration under way, from any thread; what was evaluated is kept and iterating again goes on."""
        self._stop.set()

    def close(self) -> None:
        """Stop; close the store and the processes that the run started."""
        self.stop()
        self._dispatcher.close()
        self._store.close()

    def __enter__(self) -> SearchRun:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SearchRun({self.method.name}, {self.space.name}, {len(self._archive)} of {self.evaluations} done)"

    @property
    def archive(self) -> tuple[Candidate, ...]:
        """All candidates evaluated so far, by id."""
        return tuple(self._archive[i] for i in sorted(self._archive))

    @property
    def front(self) -> SearchFront:
        """The best points of all candidates."""
        return joined_front(self.archive, self.unit)

    @property
    def snapshot(self) -> Snapshot:
        """The run as it is now."""
        archive = self.archive
        return Snapshot(
            method=self.method.name,
            front=joined_front(archive, self.unit),
            evaluations=len(archive),
            total=self.evaluations,
            failed=sum(bool(c.failed) for c in archive),
            generation=max((c.generation for c in archive), default=0),
            seconds=self._clock,
            rate=self._history.rate,
            seconds_left=self._history.left(self.evaluations, self.seconds),
            tau=dict(self._tau),
            budgets=self.budgets,
            reference=self.reference,
            history=tuple(self._history.steps),
            archive=archive,
        )

    @property
    def readings_path(self) -> Path | None:
        """Where readings of the report split are logged: beside the store; None for a run in memory."""
        path = self._store.path
        return None if path is None else path.with_name(f"{path.name}.readings.json")

    def records(self, candidate: int, compute: bool = True) -> ExitRecords:
        """Records of a candidate (by id) on search-validation, with the confidence its method leaves by.

        Where the store has let go of them they are computed again. Raises ValueError when the evaluation failed, and
        for compute=False when they are not in the store.
        """
        stored = self._store.records(self._run, candidate)
        if stored is not None:
            return stored
        if not compute:
            raise ValueError(f"the records of candidate {candidate} are not in the store.")
        method = self.method
        return method.convert(self.evaluator.records(self._archive[candidate].genome, method.offered, method.measure))

    def best(
        self, *, max_cost: float | None = None, min_accuracy: float | None = None, max_drop: float | None = None
    ) -> Choice:
        """The network to take under one condition; without any, the most accurate.

        max_cost : the most accurate of at most this mean cost. min_accuracy : the cheapest that reaches it.
        max_drop : the cheapest that loses at most this share against the most accurate. ValueError names the best there is.
        """
        front = self.front
        index = point_of(front, max_cost, min_accuracy, max_drop)
        return choice_of(front, index, self._archive[int(front.candidate[index])].genome, self.space)

    def network(self, candidate: Choice | int | Genome, retrain=None):
        """The network of a choice, a candidate's id or a genome; its weights inherited from the supernet.

        Of a method with learned confidences a `LearnedExitNetwork`, which leaves as its records say.
        retrain : a Recipe of `eeviz.nn.train.joint`; the network is then trained on. Progress: `fine_tuning`.
        """
        genome = genome_of(candidate, self._archive, self.space)
        plan = candidate.plan if isinstance(candidate, Choice) else None
        network = self.evaluator.network(genome, self.method.measure, plan)
        if retrain is not None:
            for _ in self.fine_tuning(network, retrain):
                continue
        return network

    def fine_tuning(self, network, recipe) -> Iterator:
        """Train a network from `network` on in place: an iterator of EpochEnd."""
        from .fine_tuning import fine_tuning

        yield from fine_tuning(network, self.evaluator.dataset, recipe)

    def _take_up(self) -> None:
        self._archive: dict[int, Candidate] = {}
        self._history = History(self.budgets, self.reference)
        self._clock, self._tau, self._unsaved = 0.0, {}, None
        self._generations = [Proposal(genomes, tau) for genomes, tau in self._store.generations(self._run)]
        for kept, clock in sorted(self._store.candidates(self._run), key=lambda pair: pair[1]):
            points = self.goal.ended(kept.points, self.evaluator.costs, kept.genome, self.method.offered)
            self._clock = clock
            self._enter(replace(kept, points=points), self._generations[kept.generation].tau)

    def _next_generation(self) -> tuple[int, Proposal, list[tuple[int, Genome]]]:
        """The first generation that is not complete, proposed if it is new, and what is left to evaluate of it."""
        start = 0
        for generation, proposal in enumerate(self._generations):
            todo = [(start + i, g) for i, g in enumerate(proposal.genomes) if start + i not in self._archive]
            todo = [(i, g) for i, g in todo if i < self.evaluations]
            if todo:
                return generation, proposal, todo
            start += len(proposal.genomes)
        generation = len(self._generations)
        situation = replace(self._situation, generation=generation, archive=self.archive)
        rng = np.random.default_rng([self.seed, generation])
        proposal = self.method.propose(situation, self._batch if generation else self._first, rng)
        if proposal.genomes:
            self._store.add_generation(self._run, generation, proposal.genomes, proposal.tau)
            self._generations.append(proposal)
        todo = [(start + i, g) for i, g in enumerate(proposal.genomes) if start + i < self.evaluations]
        return generation, proposal, todo

    def _keep(self, done: Done, generation: int, tau: Mapping[str, float]) -> Snapshot:
        candidate = Candidate(done.index, generation, done.genome, done.points, done.seconds, done.failed)
        self._unsaved = (done, generation, tau)  # a store that fails now gets it first when the run goes on
        self._store.add(self._run, candidate, done.records, self._clock)
        self._unsaved = None
        self._enter(candidate, tau)
        return self.snapshot

    def _enter(self, candidate: Candidate, tau: Mapping[str, float]) -> None:
        self._archive[candidate.id] = candidate
        self._tau = tau
        self._history.add(candidate, self._clock, tau)

    def _stopped(self, started: float) -> bool:
        return self._stop.is_set() or time.perf_counter() - started >= (self.seconds or math.inf)
