"""What a search is worth on images it has never seen: the only reader of the report split, and it keeps a log.

Measure: at ten budgets evenly spaced in log cost, the report error of the point chosen on search-validation; mean over
the budgets. Nothing is filtered or chosen again on the report split.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..core.solve.thresholds import front
from ..core.table.metrics import Interval, mean_interval
from ..core.table.policy import Policy, route
from ..core.table.records import ExitRecords
from .pareto import budgets_between
from .run import SearchRun
from .snapshot import SearchFront

BUDGETS = 10
RESAMPLES = 2000
SPLIT = "test"


@dataclass(frozen=True, eq=False)
class Report:
    """budgets (B,) average costs; error (B,) and cost (B,) on the report split of the points chosen on search-validation.

    expected (B,) : their error on search-validation. wrong (B, N) bool : which report images they get wrong.
    candidate (B,) : ids. samples : one of the tables, of which labels, weights and groups are those of all. Where nothing is as cheap as a budget, the cheapest point stands in: `above` (B,) bool.
    """

    method: str
    budgets: np.ndarray
    error: np.ndarray
    cost: np.ndarray
    expected: np.ndarray
    wrong: np.ndarray
    candidate: np.ndarray
    above: np.ndarray
    samples: ExitRecords | None = None

    @property
    def mean_error(self) -> float:
        """Mean over the budgets: the measure."""
        return float(self.error.mean())


def report_budgets(low: float, high: float) -> np.ndarray:
    """(10,) budgets evenly spaced in log cost."""
    return budgets_between(low, high, BUDGETS)


def report(
    run: SearchRun,
    budgets: np.ndarray,
    readings: Path | str | None,
    search_front: SearchFront | None = None,
    exact: bool = False,
) -> Report:
    """Evaluate on the report split what `run` would choose at each budget; the reading is logged in `readings` (JSON).

    search_front : of an earlier moment of the run; None: now. exact : thresholds of the chosen network's kept exits are
    first solved again, exactly, on search-validation. readings None: beside the store; a run in memory needs a path.
    Raises ValueError when nothing has been found.
    """
    found = run.front if search_front is None else search_front
    if not len(found):
        raise ValueError("nothing has been found: there is nothing to report.")
    budgets = np.asarray(budgets, dtype=np.float64)
    index = [found.within(budget) for budget in budgets]
    above = np.array([i is None for i in index])
    index = [0 if i is None else i for i in index]
    _log_reading(run, readings, sorted({int(found.candidate[i]) for i in index}))
    genomes = {c.id: c.genome for c in run.archive}  # ids have gaps where a generation was left
    tables: dict[int, ExitRecords] = {}
    chosen: dict[int, tuple[np.ndarray, float, float]] = {}
    for i in set(index):
        candidate = int(found.candidate[i])
        policy = found.policy(i)
        if exact:
            policy = sharpened(run.records(candidate), policy, run.goal.cost)
        if candidate not in tables:
            method = run.method
            tables[candidate] = method.convert(
                run.evaluator.records(genomes[candidate], method.offered, method.measure, split=SPLIT)
            )
        routing = route(tables[candidate], policy, run.goal.cost)
        chosen[i] = (~routing.right, routing.mean_cost, routing.accuracy)
    wrong = np.array([chosen[i][0] for i in index])
    return Report(
        method=run.method.name,
        budgets=budgets,
        error=np.array([1 - chosen[i][2] for i in index]),
        cost=np.array([chosen[i][1] for i in index]),
        expected=1 - found.accuracy[index],
        wrong=wrong,
        candidate=found.candidate[index],
        above=above,
        samples=next(iter(tables.values())),
    )


def sharpened(records: ExitRecords, policy: Policy, cost: str) -> Policy:
    """The best policy over the same exits at no higher average cost on these records: all real thresholds."""
    if not records.removable or not policy.kept.any():
        return policy
    kept = np.flatnonzero(policy.kept)
    few = records.columns([*kept, records.exits_count - 1])
    best = front(few, cost, refine=True)
    index = best.within(route(records, policy, cost).mean_cost)
    thresholds = [None] * len(policy.thresholds)
    for k, threshold in zip(kept, best.policy(index).thresholds, strict=True):
        thresholds[k] = threshold
    return Policy(tuple(thresholds))


def difference(
    a: Sequence[Report], b: Sequence[Report], budget: int | None = None, level: float = 0.95, seed: int = 0
) -> Interval:
    """Mean error of `a` minus that of `b`, mean over their seeds, with a paired bootstrap over the report images.

    Weighted where their samples have weights; groups are drawn where they have groups. budget : index of one budget; None: mean over all. The interval holds for these seeds: it says how sure the difference is on new images, not for new seeds.
    """
    per_image = _per_image(a, budget) - _per_image(b, budget)
    samples = a[0].samples
    if samples is not None and (samples.weight is not None or samples.group is not None):
        return mean_interval(samples, per_image, level, seed)
    rng = np.random.default_rng(seed)
    count = len(per_image)
    draws = np.array([per_image[rng.integers(0, count, count)].mean() for _ in range(RESAMPLES)])
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(per_image.mean()), float(low), float(high), "paired bootstrap over images", level)


def _per_image(reports: Sequence[Report], budget: int | None) -> np.ndarray:
    """(N,) share of the points of all reports that get an image wrong."""
    rows = slice(None) if budget is None else slice(budget, budget + 1)
    return np.mean([report.wrong[rows].mean(axis=0) for report in reports], axis=0)


def _log_reading(run: SearchRun, readings: Path | str | None, candidates: list[int]) -> None:
    path = run.readings_path if readings is None else Path(readings)
    if path is None:
        raise ValueError("every reading of the report split is logged: give a store, or the path of the readings.")
    log = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    log.append(
        {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "dataset": run.evaluator.dataset,
            "split": SPLIT,
            "method": run.method.name,
            "seed": run.seed,
            "evaluations": len(run.archive),
            "candidates": candidates,
        }
    )
    path.write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
