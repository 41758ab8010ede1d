"""What a run shows after every evaluation: immutable, so that a view may keep it while the run goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..core.network.plan import Plan
from ..core.solve.front import Front, undominated
from ..core.table import format
from ..core.table.policy import Policy
from .domain import Genome
from .protocols import Candidate


@dataclass(frozen=True, eq=False, repr=False)
class SearchFront(Front):
    """A front over several candidates: candidate (M,) int ids beside accuracy, costs and thresholds of each point.

    thresholds (M, E-1) belong to the columns of the candidate's records; rows of candidates with fewer columns than
    others are filled up with NaN: width (M,) says how many count.
    """

    candidate: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    width: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self):
        super().__post_init__()
        for name in ("candidate", "width"):
            array = np.array(getattr(self, name), dtype=np.int64)
            if array.shape != (len(self),):
                raise ValueError(f"{name}: expected one integer per point, got shape {array.shape}.")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def policy(self, index: int) -> Policy:
        """The policy of one point, for its candidate's records."""
        return Policy(tuple(self.thresholds[index, : self.width[index]]))


def joined_front(candidates: Sequence[Candidate], unit: str) -> SearchFront:
    """The best points of all candidates; of equal ones the earlier candidate's."""
    sets = [c for c in candidates if len(c.points)]
    early = max((c.points.thresholds.shape[1] for c in sets), default=0)
    rows = [(c, i) for c in sets for i in range(len(c.points))]
    cost, accuracy = np.array([(c.points.cost[i], 1 - c.points.error[i]) for c, i in rows]).reshape(-1, 2).T
    chosen = [rows[row] for row in undominated(cost, accuracy, np.arange(len(rows))).tolist()]
    thresholds = np.full((len(chosen), early), np.nan, dtype=np.float32)
    width = [c.points.thresholds.shape[1] for c, _ in chosen]
    for line, (c, i) in enumerate(chosen):
        thresholds[line, : width[line]] = c.points.thresholds[i]
    return SearchFront(
        accuracy=np.array([1 - c.points.error[i] for c, i in chosen]),
        mean_cost=np.array([c.points.cost[i] for c, i in chosen]),
        worst_cost=np.array([c.points.worst[i] for c, i in chosen]),
        thresholds=thresholds,
        unit=unit,
        candidate=np.array([c.id for c, _ in chosen], dtype=np.int64),
        width=np.array(width, dtype=np.int64),
    )


@dataclass(frozen=True, eq=False)
class Step:
    """How far the run was after one evaluation: errors (8,) at the budgets (NaN: none reached yet), hypervolume.

    seconds : of the run so far. tau : rank correlation of the surrogates that proposed this generation, or None.
    """

    evaluations: int
    seconds: float
    errors: np.ndarray
    hypervolume: float
    tau: float | None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run after an evaluation.

    evaluations of total are done, failed of them without a result; generation is the one under way. seconds : of the
    run, those before a resumption included. rate : evaluations/s lately. seconds_left : estimate, None at first.
    tau : surrogate -> Kendall tau for samples left out of its fit, of this generation's proposal; empty at first.
    budgets (8,) : mean costs of `errors` (8,), the best error at each. reference : (error, cost) of the hypervolume.
    history : one Step per evaluation. archive : all candidates by id.
    """

    method: str
    front: SearchFront
    evaluations: int
    total: int
    failed: int
    generation: int
    seconds: float
    rate: float
    seconds_left: float | None
    tau: Mapping[str, float]
    budgets: np.ndarray
    reference: tuple[float, float]
    history: tuple[Step, ...]
    archive: tuple[Candidate, ...]

    @property
    def errors(self) -> np.ndarray:
        """(8,) lowest error at each budget so far."""
        return self.history[-1].errors if self.history else np.full(len(self.budgets), np.nan)

    @property
    def hypervolume(self) -> float:
        """Of the front, in error x decades of cost below `reference`."""
        return self.history[-1].hypervolume if self.history else 0.0

    @property
    def done(self) -> bool:
        """Whether all evaluations are done."""
        return self.evaluations >= self.total

    def __repr__(self) -> str:
        return f"Snapshot({self.method}: {self.evaluations}/{self.total} evaluations, {self.front!r})"


@dataclass(frozen=True)
class Choice:
    """One network chosen from a front.

    candidate : its id. plan : of the network, with the exits that the policy keeps, each at its own bits; genome : the same
    as far as the space's genes can say it. policy : for the candidate's records. own_policy : for the network. accuracy,
    mean_cost, worst_cost : on search-validation, cross-fitted where the method does so, in `unit`.
    """

    candidate: int
    genome: Genome
    policy: Policy
    own_policy: Policy
    accuracy: float
    mean_cost: float
    worst_cost: float
    unit: str
    plan: Plan

    def __repr__(self) -> str:
        return (
            f"Choice(candidate {self.candidate}: {format.percent(self.accuracy, 2)} at {format.quantity(self.mean_cost, self.unit)}, "
            f"worst case {format.quantity(self.worst_cost, self.unit)}, {self.own_policy!r})"
        )
