"""Evaluators: genome -> ExitRecords on one split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ..core.network.plan import Plan
from ..core.space.space import SearchSpace
from ..core.table.cost import Cost, ProductCost
from ..core.table.records import ExitRecords
from ..datasets import Dataset
from .domain import Genome


class Stopped(Exception):
    """An evaluation was left because the run is to stop."""


class Evaluator(Protocol):
    """Gives the table of any architecture of its space. Picklable; equal genomes give equal tables, to the bit.

    dataset : name of the data set. key : plain values that name everything the tables depend on, for the store.
    """

    space: SearchSpace
    dataset: str
    key: Mapping[str, str | int]

    def costs(self, genome: Genome, offered: bool) -> Mapping[str, Cost | ProductCost]:
        """The costs its records would carry, without computing them. offered : with every design at every exit."""

    def records(
        self,
        genome: Genome,
        offered: bool,
        measure: str = "max_probability",
        split: str = "validation",
        stopped: Callable[[], bool] | None = None,
    ) -> ExitRecords:
        """Records without logits. measure : of `core.calibration`, or "learned" where the heads have one of their own.

        stopped : asked now and then; raises Stopped when it answers True. Raises ValueError for answers that are not
        finite.
        """

    def data(self, split: str = "validation") -> Dataset:
        """The samples that its records are of, in their order."""

    def network(self, genome: Genome, measure: str = "max_probability", plan: Plan | None = None):
        """The network of a genome with its own exits, inherited weights, ready to infer; measure "learned" : one that
        leaves by confidences of its own, ValueError where a head has none. plan : with some of the branches offered on
        this backbone instead (`choose.kept_plan`).
        """
