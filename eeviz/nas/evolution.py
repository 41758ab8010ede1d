"""pymoo behind one function: offspring of evaluated candidates, varied inside a domain, by any of its algorithms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from math import comb

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.crossover import Crossover
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.survival import Survival

from .domain import Domain, Genome
from .pareto import Points, exclusive_hypervolumes, ranks

_CLASSES = {
    "nsga2": ("nsga2", "NSGA2"),
    "nsga3": ("nsga3", "NSGA3"),
    "unsga3": ("unsga3", "UNSGA3"),
    "rvea": ("rvea", "RVEA"),
    "spea2": ("spea2", "SPEA2"),
    "sms-emoa": ("sms", "SMSEMOA"),
}
_DIRECTED = ("nsga3", "unsga3", "rvea")  # need reference directions
ALGORITHMS = tuple(_CLASSES)


class _Problem(Problem):
    """Integer genomes; objectives are set from outside."""

    def __init__(self, domain: Domain, objectives: int):
        low = [options[0] for options in domain.values]
        high = [options[-1] for options in domain.values]
        super().__init__(n_var=len(low), n_obj=objectives, xl=np.array(low), xu=np.array(high), vtype=int)


class _Crossover(Crossover):
    def __init__(self, domain: Domain):
        super().__init__(2, 2, prob=0.9)
        self.domain = domain

    def _do(self, problem, X, *args, random_state=None, **kwargs):
        children = [
            (self.domain.crossover(a, b, random_state), self.domain.crossover(b, a, random_state))
            for a, b in zip(X[0], X[1], strict=True)
        ]
        return np.array(children, dtype=int).transpose(1, 0, 2)  # (2, matings, G)


class _Mutation(Mutation):
    def __init__(self, domain: Domain):
        super().__init__(prob=1.0)
        self.domain = domain

    def _do(self, problem, X, *args, random_state=None, **kwargs):
        return np.array([self.domain.mutate(genome, random_state) for genome in X], dtype=int)


class SetSurvival(Survival):
    """Candidates that are sets of points: best rank of any point, ties by exclusive hypervolume within the rank."""

    def __init__(self, points: Callable[[Genome], Points], reference: tuple[float, float]):
        super().__init__(filter_infeasible=False)
        self.points, self.reference = points, reference

    def _do(self, problem, pop, *args, n_survive=None, **kwargs):
        rank, alone = standing([self.points(tuple(x)) for x in pop.get("X").tolist()], self.reference)
        for individual, r, a in zip(pop, rank.tolist(), alone.tolist(), strict=True):
            individual.set("rank", r)
            individual.set("crowding", a)
        order = np.lexsort((-alone, rank))
        return pop[order[:n_survive]]


def standing(sets: Sequence[Points], reference: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """(N,) best rank of any of a candidate's points, and (N,) the hypervolume it alone adds among those of its rank."""
    rank = ranks(sets)
    alone = np.zeros(len(sets))
    for value in np.unique(rank):
        same = np.flatnonzero(rank == value)
        alone[same] = exclusive_hypervolumes([sets[i] for i in same], reference)
    return rank, alone


def offspring_of_sets(
    domain: Domain, parents: Sequence[Genome], points: Sequence[Points], reference, count: int, rng: np.random.Generator,
    population: int,
) -> list[Genome]:  # fmt: skip
    """Offspring by NSGA-II with `SetSurvival`: tournaments by rank and exclusive hypervolume among the best parents."""
    of = dict(zip(parents, points, strict=True))
    algorithm = NSGA2(
        pop_size=min(population, len(parents)),
        n_offsprings=count,
        sampling=np.array(parents),
        crossover=_Crossover(domain),
        mutation=_Mutation(domain),
        survival=SetSurvival(of.__getitem__, reference),
    )
    algorithm.tournament_type = "comp_by_rank_and_crowding"
    objectives = np.zeros((len(parents), 2))  # unused: the survival reads points
    return _children(algorithm, domain, objectives, rng)


def offspring(
    name: str, domain: Domain, parents: Sequence[Genome], objectives: np.ndarray, count: int, rng: np.random.Generator,
    population: int,
) -> list[Genome]:  # fmt: skip
    """Offspring by one of `ALGORITHMS` of evaluated parents, objectives (N, M) to be minimised."""
    options = {"n_offsprings": count, "sampling": np.array(parents), "crossover": _Crossover(domain)}
    options |= {"mutation": _Mutation(domain), "pop_size": min(population, len(parents))}
    return _children(_algorithm(name, objectives.shape[1], options), domain, objectives, rng)


def minimize(
    domain: Domain, start: Sequence[Genome], objectives: Callable[[list[Genome]], np.ndarray], generations: int,
    population: int, rng: np.random.Generator,
) -> tuple[list[Genome], np.ndarray]:  # fmt: skip
    """NSGA-II on cheap objectives (genomes -> (N, 2)): the last population's genomes and their objectives."""
    algorithm = NSGA2(
        pop_size=population, sampling=np.array(start), crossover=_Crossover(domain), mutation=_Mutation(domain)
    )
    algorithm.setup(_Problem(domain, 2), termination=("n_gen", generations), seed=int(rng.integers(2**31)))
    while algorithm.has_next():
        asked = algorithm.ask()
        if asked is None or not len(asked):
            break
        asked.set("F", objectives([tuple(x) for x in asked.get("X").tolist()]))
        _feasible(asked)
        algorithm.tell(infills=asked)
    return [tuple(x) for x in algorithm.pop.get("X").tolist()], algorithm.pop.get("F")


def _children(algorithm, domain: Domain, objectives: np.ndarray, rng: np.random.Generator) -> list[Genome]:
    # a fresh algorithm each generation: its state is the archive, so a resumed run continues as an unbroken one
    algorithm.setup(_Problem(domain, objectives.shape[1]), termination=("n_gen", 10), seed=int(rng.integers(2**31)))
    parents = algorithm.ask()
    index = {tuple(x): i for i, x in enumerate(np.asarray(algorithm.initialization.sampling).tolist())}
    parents.set("F", objectives[[index[tuple(x)] for x in parents.get("X").tolist()]])
    _feasible(parents)
    algorithm.tell(infills=parents)
    if len(algorithm.pop) > algorithm.pop_size:
        algorithm.pop = algorithm.survival.do(
            algorithm.problem, algorithm.pop, n_survive=algorithm.pop_size, algorithm=algorithm,
            random_state=algorithm.random_state,
        )  # fmt: skip
    children = algorithm.ask()
    return [] if children is None else [tuple(int(v) for v in x) for x in children.get("X")]


def _feasible(population: Population) -> None:
    for individual in population:
        individual.evaluated |= {"F", "G", "H"}


def _algorithm(name: str, objectives: int, options: dict):
    from pymoo.util.ref_dirs import get_reference_directions

    if name in _DIRECTED:
        parts = max([p for p in range(1, 13) if comb(objectives + p - 1, p) <= options["pop_size"]], default=1)
        options["ref_dirs"] = get_reference_directions("das-dennis", objectives, n_partitions=parts)
    module, attribute = _CLASSES[name]
    return getattr(import_module(f"pymoo.algorithms.moo.{module}"), attribute)(**options)
