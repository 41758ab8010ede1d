"""Which method finds the better front in equal time, on one supernet and one data set, and how soon?

Every method runs with every seed for --seconds (its own store in --work; a finished run is not repeated, an interrupted one
is taken up). Measure: at ten budgets evenly spaced in log-MACs, the report error of the point chosen on search-validation;
mean over the budgets; differences with a paired bootstrap over the report images. `exact` solves the thresholds of every
chosen network again, exactly, on search-validation, for all methods alike. "two-level, fixed head" offers the published
three-convolution head only. Every reading of the test set is logged beside the stores.
Run: python benchmarks/search_compare.py [--seconds 600] [--seeds 3] [--methods ...] [--save]
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from _line import report as line

import eeviz as ee
from eeviz.search.methods import method
from eeviz.search.report import difference, report, report_budgets
from eeviz.search.snapshot import joined_front
from eeviz.search.store import Store
from eeviz.search.supernet import supernet_evaluator

VARIANTS = {
    "two-level": ("two-level", {}),
    "aebnas": ("aebnas", {}),
    "edanas": ("edanas", {}),
    "nachos": ("nachos", {}),
    "random": ("random", {}),
    "two-level, fixed head": ("two-level", {"designs": ("three convolutions",)}),
}
LOW, HIGH = 4e5, 8e6  # MACs: from about the smallest backbone to half the largest
SHOWN = (1, 5, 8)  # budgets of which the differences are told one by one
CHECKPOINTS = 12
PUBLISHED = 340  # evaluations of the published methods: 100 + 30 x 8
UNBOUNDED = 100_000


class Remembering:
    """An evaluator that reads each candidate's report table once."""

    def __init__(self, evaluator):
        self.evaluator, self.tables = evaluator, {}

    def __getattr__(self, name):
        return getattr(self.evaluator, name)

    def records(self, genome, *arguments, **options):
        key = (genome, arguments, tuple(sorted(options.items())))
        if key not in self.tables:
            self.tables[key] = self.evaluator.records(genome, *arguments, **options)
        return self.tables[key]


def searched(name: str, seed: int, options) -> tuple:
    """The run, searched for as long as asked, and the clock of each candidate."""
    published, settings = VARIANTS[name]
    space = ee.SearchSpace.preset("compact")
    store = options.work / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}.db"
    done = 0.0
    if store.is_file():
        known = Store(store)
        done = max((run["seconds"] for run in known.runs()), default=0.0)
        known.close()
    chosen = method(published, **settings)
    own = published in ("two-level", "random")
    run = ee.search(
        space,
        "fashion-mnist",
        method=chosen,
        evaluations=UNBOUNDED if own else PUBLISHED,
        seconds=max(options.seconds - done, 1e-3),
        seed=seed,
        store=store,
        evaluator=supernet_evaluator(space, "fashion-mnist", images=options.images),
    )
    for _ in run:
        continue
    clock = {c.id: s for c, s in run._store.candidates(run._run)}
    return run, clock


def at(run, clock, seconds: float):
    """The front as it was after so many seconds."""
    return joined_front([c for c in run.archive if clock[c.id] <= seconds], run.unit)


def curve(name: str, seed: int, options, budgets, readings) -> dict:
    """Report errors at checkpoints of one run, with the method's own and with exact thresholds."""
    run, clock = searched(name, seed, options)
    run.evaluator = Remembering(run.evaluator)
    found = {}
    for seconds in np.geomspace(options.seconds / 60, options.seconds, CHECKPOINTS):
        front = at(run, clock, seconds)
        if not len(front):
            continue
        last = seconds == options.seconds
        own = report(run, budgets, readings, front)
        found[float(seconds)] = own
        figures = {
            "mean_report_error": own.mean_error,
            "mean_validation_error": float(own.expected.mean()),
            "budgets_without_a_point": int(own.above.sum()),
            "evaluations": sum(s <= seconds for s in clock.values()),
        }
        if last:
            found["exact"] = report(run, budgets, readings, front, exact=True)
            figures["mean_report_error_exact_thresholds"] = found["exact"].mean_error
            figures["hypervolume_validation"] = run.snapshot.hypervolume
            figures["report_error"] = [round(float(e), 4) for e in own.error]
            figures["failed"] = run.snapshot.failed
        line("search", figures, method=name, seed=seed, seconds=round(float(seconds), 1), images=options.images)
    run.close()
    return found


def compare(results: dict, options, budgets) -> None:
    """Differences of two-level from each other method, at equal time, and how soon it has what they end with."""
    ours = [results["two-level", seed] for seed in range(options.seeds)]
    end = float(options.seconds)
    for name in options.methods:
        if name == "two-level":
            continue
        theirs = [results[name, seed] for seed in range(options.seeds)]
        for kind, key in (("own thresholds", end), ("exact thresholds", "exact")):
            a, b = [r[key] for r in ours], [r[key] for r in theirs]
            for place in (None, *SHOWN):
                d = difference(a, b, place)
                where = "mean of ten" if place is None else f"{budgets[place]:.3g} MACs"
                figures = {"difference": d.value, "low": d.low, "high": d.high}
                bars = {"low": 0.0} if name == "aebnas" and place is None else None  # never worse beyond the interval
                line(
                    "two-level minus " + name, figures, at_most=bars, budget=where, thresholds=kind, seeds=options.seeds
                )
        sooner = [
            min((t for t, r in a.items() if t != "exact" and r.mean_error <= b[end].mean_error), default=np.inf) / end
            for a, b in zip(ours, theirs, strict=True)
        ]
        figures = {"share_of_the_time_mean": float(np.mean(sooner)), "each_seed": [round(s, 4) for s in sooner]}
        bars = {"share_of_the_time_mean": 0.1} if name == "aebnas" else None
        line(f"two-level reaches the final figure of {name}", figures, at_most=bars, seeds=options.seeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=2000, help="of search-validation")
    parser.add_argument("--methods", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--work", type=Path, default=Path("build/search_compare"))
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if "two-level" not in options.methods:
        options.methods.insert(0, "two-level")
    budgets, readings = report_budgets(LOW, HIGH), options.work / "readings.json"
    results = {}
    for seed, name in product(range(options.seeds), options.methods):  # seed by seed: an early end compares all methods
        results[name, seed] = curve(name, seed, options, budgets, readings)
    compare(results, options, budgets)


if __name__ == "__main__":
    main()
