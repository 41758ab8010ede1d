"""What the published single-level methods share: surrogates with adaptive switching, NSGA-II on them, 100 + 30 x 8.

They go back to MSuNAS (Lu et al. 2020, arXiv:2007.10396): a random first archive, then in every generation NSGA-II on
surrogates of both objectives and the evaluation of some candidates from its last population.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.table.records import ExitRecords
from ..evolution import minimize
from ..pareto import Points
from ..protocols import Candidate, Proposal, Situation, unseen
from ..surrogates import LEAST, PUBLISHED, fit

FIRST, GENERATIONS, EACH = 100, 30, 8  # published sizes
INNER_POPULATION, INNER_GENERATIONS = 40, 20


@dataclass(frozen=True)
class Published:
    """Base of the published methods: subclasses say which genes vary, what a candidate reaches and what is minimised."""

    offered = False

    def batches(self, evaluations: int) -> tuple[int, int]:
        """100 random candidates, then 30 generations of 8, scaled to the evaluations there are."""
        share = min(1.0, evaluations / (FIRST + GENERATIONS * EACH))
        return max(min(LEAST, evaluations), round(FIRST * share)), max(2, round(EACH * share**0.5))

    def convert(self, records: ExitRecords) -> ExitRecords:
        return records

    def objectives(self, situation: Situation, error: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """(N, 2) what the method minimises, of errors (N,) and mean costs (N,)."""
        raise TypeError(f"{type(self).__name__} does not say what it minimises.")

    def propose(self, situation: Situation, count: int, rng: np.random.Generator) -> Proposal:
        domain, alive = situation.domain, [c for c in situation.archive if len(c.points)]
        if not situation.archive or len(alive) < LEAST:
            return Proposal(tuple(unseen(lambda: domain.sample(rng), situation.seen, count)))
        truth = np.array([self.best(situation, c.points) for c in alive])  # (N, 2) error and cost
        X = domain.features([c.genome for c in alive])
        seed = int(rng.integers(2**31))
        models = [fit(X, truth[:, i], seed, PUBLISHED, switch=True) for i in (0, 1)]
        tau = {"error": models[0].tau["together"], "cost": models[1].tau["together"]}

        def objectives(genomes: list) -> np.ndarray:
            features = domain.features(genomes)
            error, cost = (model.predict(features)[:, 0] for model in models)
            return self.objectives(situation, error, np.maximum(cost, 1e-9))

        best = np.lexsort(self.objectives(situation, truth[:, 0], truth[:, 1]).T[::-1])
        start = [alive[i].genome for i in best[: INNER_POPULATION // 2]]
        start += unseen(lambda: domain.sample(rng), set(start), INNER_POPULATION - len(start))
        genomes, values = minimize(domain, start, objectives, INNER_GENERATIONS, INNER_POPULATION, rng)
        chosen = self._apart(genomes, values, situation, alive, count)
        seen = situation.seen | set(chosen)
        return Proposal((*chosen, *unseen(lambda: domain.sample(rng), seen, count - len(chosen))), tau)

    def best(self, situation: Situation, points: Points) -> tuple[float, float]:
        """Error and cost of the point of a candidate that the method would keep."""
        values = self.objectives(situation, points.error, points.cost)
        i = int(np.lexsort((values[:, 1], values[:, 0]))[0])
        return float(points.error[i]), float(points.cost[i])

    def _apart(self, genomes, values, situation: Situation, alive: list[Candidate], count: int) -> list:
        """New genomes, those whose second objective lies furthest from all evaluated and chosen ones."""
        known = [self.best(situation, c.points) for c in alive]
        taken = self.objectives(situation, *np.array(known).T)[:, 1].tolist()
        seen, chosen = situation.seen, []
        left = {g: v for g, v in zip(genomes, values[:, 1].tolist(), strict=True) if g not in seen}
        while left and len(chosen) < count:
            genome = max(left, key=lambda g: min(abs(left[g] - t) for t in taken))
            taken.append(left.pop(genome))
            chosen.append(genome)
        return chosen
