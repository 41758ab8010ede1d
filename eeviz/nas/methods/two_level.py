"""two-level: backbones outside; positions, branch designs and thresholds inside, solved on one forward pass's table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.space.space import SearchSpace
from ...core.table.records import ExitRecords
from ..acquisition import chosen_by_gain
from ..cross_fitting import cross_fitted
from ..domain import Domain, Genome
from ..evolution import offspring, offspring_of_sets
from ..goal import Goal
from ..pareto import Points
from ..protocols import Candidate, Proposal, Situation, unseen
from ..surrogates import LEAST, Fitted, fit
from .domains import domain

POOL = 192  # offspring of the best candidates, and as many of the best at each budget: surrogates choose among them
BREEDING, MATES = 6, 16  # best candidates at a budget: those that have offspring, those whose endings others take
VARIANTS = 32  # more of them that begin like a chosen one
SPREAD = 12  # random genomes drawn for each one of the first generation, which is spread evenly in log cost


@dataclass(frozen=True)
class TwoLevel:
    """Backbone genes vary; a candidate is the front of everything its offered branches and thresholds can reach.

    max_exits : early exits kept at most. grid : thresholds per exit while searching. designs : branch designs to choose
    from; None: all that are offered. surrogate=False : offspring are evaluated as they come.
    """

    max_exits: int = 3
    grid: int = 12
    designs: tuple[str, ...] | None = None
    surrogate: bool = True

    name = "two-level"
    measure = "max_probability"

    @property
    def offered(self) -> bool:
        """A single design at every exit is the genome's own: no other is computed."""
        return self.designs is None or len(self.designs) != 1

    def domain(self, space: SearchSpace) -> Domain:
        if self.offered:
            return domain(space, lambda gene: [0])
        design = self.designs[0]
        if not any(design in gene.options for gene in space.genes if gene.group == "exits"):
            raise ValueError(f"designs: space {space.name!r} offers no design {design!r}.")
        return domain(space, lambda gene: [gene.options.index(design) if design in gene.options else 0])

    def batches(self, evaluations: int) -> tuple[int, int]:
        return min(evaluations, 16), 8

    def convert(self, records: ExitRecords) -> ExitRecords:
        return records

    def points(self, records: ExitRecords, space: SearchSpace, genome: Genome, goal: Goal) -> Points:
        if self.designs is None or not self.offered:
            return cross_fitted(records, goal, self.max_exits, self.grid)
        heads = space.decode(genome).offered().heads[:-1]
        used = np.array([k for k, head in enumerate(heads) if head.design in self.designs], dtype=int)
        few = cross_fitted(records.columns([*used, len(heads)]), goal, self.max_exits, self.grid)
        thresholds = np.full((len(few), len(heads)), np.nan, dtype=np.float32)
        thresholds[:, used] = few.thresholds
        return Points(few.error, few.cost, few.worst, thresholds)

    def propose(self, situation: Situation, count: int, rng: np.random.Generator) -> Proposal:
        if not situation.archive:
            return Proposal(tuple(spread(situation, count, rng)))
        alive = [c for c in situation.archive if len(c.points)]
        pool = self._pool(situation, alive, rng) if len(alive) >= 4 else []
        tau: dict = {}
        if self.surrogate and len(alive) >= LEAST and len(pool) > count:
            fitted = fit_errors(situation, alive, seed=int(rng.integers(2**31)))
            tau = dict(fitted.tau)
            pool = self._chosen(situation, alive, fitted, pool, count, rng)
        chosen = pool[:count]
        seen = situation.seen | set(chosen)
        return Proposal((*chosen, *unseen(lambda: situation.domain.sample(rng), seen, count - len(chosen))), tau)

    def _pool(self, situation: Situation, alive: list[Candidate], rng: np.random.Generator) -> list[Genome]:
        """New offspring of the best candidates, first over all, then at each budget."""
        domain, parents = situation.domain, [c.genome for c in alive]
        if situation.algorithm == "nsga2":
            sets = [c.points for c in alive]
            children = offspring_of_sets(domain, parents, sets, situation.reference, POOL, rng, situation.population)
        else:
            errors = errors_of(situation, alive)
            children = offspring(situation.algorithm, domain, parents, errors, POOL, rng, situation.population)
        for best in best_at_budgets(situation, alive, BREEDING):
            for a, b in rng.integers(len(best), size=(POOL // len(situation.budgets), 2)):
                children.append(domain.mutate(domain.crossover(best[a], best[b], rng), rng))
        seen = situation.seen
        return [g for g in dict.fromkeys(children) if g not in seen]

    def _chosen(
        self, situation: Situation, alive: list[Candidate], fitted: Fitted, pool, count: int, rng
    ) -> list[Genome]:
        """Of the pool, and of genomes that begin like the ones already chosen and end like the best at the budget."""
        mates, seen = best_at_budgets(situation, alive, MATES), situation.seen

        def variants(genome: Genome, budget: int) -> list[Genome]:
            others = mates[budget]
            drawn = rng.integers(len(others), size=VARIANTS)
            return [g for i in drawn if (g := situation.domain.ending(genome, others[i], rng)) not in seen]

        return chosen_by_gain(
            situation.domain,
            pool,
            lambda genomes: predicted_errors(situation, fitted, genomes),
            best_known(situation, alive),
            count,
            variants,
        )


def spread(situation: Situation, count: int, rng: np.random.Generator) -> list[Genome]:
    """`count` different genomes whose static costs are spread evenly in log cost, the extremes of the domain included."""
    domain = situation.domain
    drawn = unseen(lambda: domain.sample(rng), situation.seen, SPREAD * count)
    drawn = list(dict.fromkeys([*(domain.extreme(last) for last in (False, True)), *drawn]))
    cost = np.log([situation.costs(genome)[-1] for genome in drawn])
    chosen: list[int] = []
    for target in np.linspace(cost.min(), cost.max(), count):
        distance = np.abs(cost - target)
        distance[chosen] = np.inf
        if np.isfinite(distance).any():
            chosen.append(int(np.argmin(distance)))
    return [drawn[i] for i in chosen]


def errors_of(situation: Situation, alive: list[Candidate]) -> np.ndarray:
    """(N, B) errors at budgets; where a candidate is too dear, the error of its cheapest point."""
    errors = [(c.points.at_budgets(situation.budgets), c.points.error[0]) for c in alive]
    return np.array([np.where(np.isnan(error), cheapest, error) for error, cheapest in errors])


def best_at_budgets(situation: Situation, alive: list[Candidate], count: int) -> list[list[Genome]]:
    """For each budget the `count` genomes of lowest error, best first."""
    order = np.argsort(errors_of(situation, alive), axis=0, kind="stable")[:count]  # (count, B)
    return [[alive[i].genome for i in column] for column in order.T]


def features(situation: Situation, genomes: list[Genome]) -> np.ndarray:
    """(N, F) genes, and the logarithms of what leaving at each exit costs."""
    costs = np.log10([situation.costs(genome) for genome in genomes])
    return np.hstack([situation.domain.features(genomes), costs])


def fit_errors(situation: Situation, alive: list[Candidate], seed: int) -> Fitted:
    """Surrogates for the error at each budget."""
    return fit(features(situation, [c.genome for c in alive]), errors_of(situation, alive), seed)


def best_known(situation: Situation, alive: list[Candidate]) -> np.ndarray:
    """(B,) lowest error at each budget so far; where nothing is cheap enough yet, that of the cheapest point."""
    errors = np.array([c.points.at_budgets(situation.budgets) for c in alive])
    cheapest = min((c.points for c in alive), key=lambda points: points.cost[0])
    return np.where(np.isnan(errors), cheapest.error[0], errors).min(axis=0)


def predicted_errors(situation: Situation, fitted: Fitted, genomes: list[Genome]) -> tuple[np.ndarray, np.ndarray]:
    """(N, B) predicted error at each budget, infinite where the genome costs more even if everyone leaves at once, and
    (N, B) its standard deviation.
    """
    known = features(situation, genomes)
    least = np.array([situation.costs(genome).min() for genome in genomes])
    predicted = np.where(least[:, None] <= situation.budgets, fitted.predict(known), np.inf)
    return predicted, fitted.deviation(known)
