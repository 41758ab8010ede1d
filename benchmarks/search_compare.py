"""Which method finds the better front in equal time, on one supernet and one data set, and how soon?

First the searches, one process and one core each, in any order and as many side by side as there are cores to spare:
    python benchmarks/search_compare.py --seed 0 [--methods two-level aebnas ...] [--seconds 1200]
Each fills a store in --work for as long as SECONDS says, or --seconds; a finished search is not repeated, an interrupted one is taken
up. Then the readings of the report split, from the stores alone:
    python benchmarks/search_compare.py --report [--seeds 3] [--save]

Measure: at ten budgets evenly spaced in log-MACs, the report error of the point chosen on search-validation; mean over
the budgets; differences with a paired bootstrap over the report images. `exact` solves the thresholds of every
chosen network again, exactly, on search-validation, for all methods alike. "two-level, fixed head" offers the published
three-convolution head only. The published methods go on in generations of 8 behind their published 340 evaluations,
until their time is over; what they had at 340 is told too. Every reading of the test set is logged beside the stores.
"""

import argparse
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from _line import report as line

import eeviz as ee
from eeviz.nas.methods import method
from eeviz.nas.report import Report, difference, report, report_budgets
from eeviz.nas.resume import resume
from eeviz.nas.snapshot import joined_front
from eeviz.nas.store import Store
from eeviz.nas.supernet import IMAGES, supernet_evaluator

OURS, FIXED = "two-level", "two-level, fixed head"
VARIANTS = {
    OURS: (OURS, {}),
    "aebnas": ("aebnas", {}),
    "edanas": ("edanas", {}),
    "nachos": ("nachos", {}),
    "random": ("random", {}),
    FIXED: (OURS, {"designs": ("three convolutions",)}),
}
SECONDS = {OURS: 1200.0, "aebnas": 600.0}
OTHERS = 240.0
SHORT, WITHIN = 60.0, 0.005  # a minute of search, and how far its mean error may lie from that of the whole run
SOONER = 0.1  # of aebnas's time
CHECKPOINTS = 2.0 ** np.arange(-7, 1, 0.5)  # shares of a run's time
LOW, HIGH = 4e5, 8e6  # MACs: from about the smallest backbone to half the largest
SHOWN = (1, 5, 8)  # budgets of which the differences are told one by one
PUBLISHED = 340  # evaluations of the published methods: 100 + 30 x 8
UNBOUNDED = 100_000


def path(name: str, seed: int, work: Path) -> Path:
    return work / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}.db"


def search(name: str, seed: int, seconds: float, options) -> None:
    """Search for as long as asked, what is in the store included."""
    published, settings = VARIANTS[name]
    space, store = ee.SearchSpace.preset("compact"), path(name, seed, options.work)
    done = 0.0
    if store.is_file():
        known = Store(store)
        done = max((run["seconds"] for run in known.runs()), default=0.0)
        known.close()
    if done >= seconds:
        return
    with ee.search(
        space,
        "fashion-mnist",
        method=method(published, **settings),
        evaluations=UNBOUNDED,
        seconds=seconds - done,
        seed=seed,
        store=store,
        evaluator=supernet_evaluator(space, "fashion-mnist", images=options.images),
    ) as run:
        for _ in run:
            continue
        now = run.snapshot
    figures = {"evaluations": now.evaluations, "failed": now.failed, "hypervolume_validation": now.hypervolume}
    line("search done", figures, method=name, seed=seed, seconds=round(now.seconds, 1), images=options.images)


class Read:
    """A search in its store: reports of its front at any moment, each read from the report split once and kept."""

    def __init__(self, name: str, seed: int, options):
        self.name, self.seed, self.store = name, seed, path(name, seed, options.work)
        self.run = resume(self.store)
        self.steps = self.run.snapshot.history
        self.clock = {c.id: s for c, s in self.run._store.candidates(self.run._run)}
        self.budgets, self.readings = report_budgets(LOW, HIGH), options.work / "readings.json"
        self.evaluator = self.run.evaluator
        self.run.evaluator, self.tables = self, {}
        self.space, self.dataset = self.run.space, self.evaluator.dataset

    @property
    def seconds(self) -> float:
        return self.steps[-1].seconds

    def evaluations(self, seconds: float) -> int:
        return sum(step.seconds <= seconds for step in self.steps)

    def records(self, genome, *arguments, **options):
        """The evaluator's, each table once."""
        key = (genome, arguments, tuple(sorted(options.items())))
        if key not in self.tables:
            self.tables[key] = self.evaluator.records(genome, *arguments, **options)
        return self.tables[key]

    def at(self, seconds: float, exact: bool = False) -> Report | None:
        """The report of the front as it was after so many seconds; None while there was none."""
        archive = [c for c in self.run.archive if self.clock[c.id] <= seconds]
        front = joined_front(archive, self.run.unit)
        if not len(front):
            return None
        kept = self.store.with_suffix("") / f"{len(archive)}{'-exact' * exact}.npz"
        if kept.is_file():
            with np.load(kept, allow_pickle=False) as arrays:
                return Report(**{f.name: arrays[f.name] for f in fields(Report) if f.name in arrays})
        made = report(self.run, self.budgets, self.readings, front, exact)
        kept.parent.mkdir(exist_ok=True)
        np.savez_compressed(kept, **{f.name: getattr(made, f.name) for f in fields(Report) if f.name != "samples"})
        return made

    def tell(self, seconds: float) -> Report | None:
        """Print what the run has after so many seconds."""
        own = self.at(seconds)
        if own is None:
            return None
        count = self.evaluations(seconds)
        figures = {
            "mean_report_error": own.mean_error,
            "mean_validation_error": float(own.expected.mean()),
            "report_error": [round(float(e), 4) for e in own.error],
            "budgets_without_a_point": int(own.above.sum()),
            "evaluations": count,
            "hypervolume_validation": self.steps[count - 1].hypervolume,
        }
        line("search", figures, method=self.name, seed=self.seed, seconds=round(seconds, 1))
        return own


def minute(ours: list[Read]) -> None:
    """A minute of two-level against the whole run."""
    each, pairs = [], []
    for read in ours:
        short, whole = read.at(SHORT), read.at(read.seconds)
        pairs.append((short, whole))
        each.append(short.mean_error - whole.mean_error)
    d = difference([a for a, _ in pairs], [b for _, b in pairs])
    figures = {
        "difference_mean_of_ten": d.value,
        "low": d.low,
        "high": d.high,
        "worst_seed": max(each),
        "each_seed": [round(e, 4) for e in each],
        "evaluations": [read.evaluations(SHORT) for read in ours],
        "evaluations_of_the_whole_run": [len(read.steps) for read in ours],
    }
    line("a minute against the whole run", figures, {"worst_seed": WITHIN}, seconds=[SHORT, round(ours[0].seconds)])


def compare(ours: list[Read], theirs: list[Read], name: str) -> None:
    """Two-level minus another method at equal time, with own and with exact thresholds."""
    moments = {"its end": [read.seconds for read in theirs]}
    if name in ("aebnas", "edanas", "nachos"):
        ends = [read.steps[PUBLISHED - 1].seconds for read in theirs if len(read.steps) >= PUBLISHED]
        if len(ends) == len(theirs):
            moments[f"its {PUBLISHED} published evaluations"] = ends
        else:
            short = {"evaluations": [len(read.steps) for read in theirs]}
            line(f"{name} did fewer than its {PUBLISHED} published evaluations in its time", short, method=name)
    for moment, seconds in moments.items():
        for exact in (False, True):
            a, b = ([r.at(s, exact) for r, s in zip(reads, seconds, strict=True)] for reads in (ours, theirs))
            for place in (None, *SHOWN):
                d = difference(a, b, place)
                where = "mean of ten" if place is None else f"{ours[0].budgets[place]:.3g} MACs"
                figures = {"difference": d.value, "low": d.low, "high": d.high}
                if place is None:
                    figures["each_seed"] = [round(x.mean_error - y.mean_error, 4) for x, y in zip(a, b, strict=True)]
                    figures["verdict"] = verdict(d)
                barred = name == "aebnas" and place is None and moment == "its end"
                line(
                    f"two-level minus {name}",
                    figures,
                    {"low": 0.0} if barred else None,  # never worse beyond the interval
                    budget=where,
                    thresholds="exact" if exact else "own",
                    at=moment,
                    seconds=[round(s) for s in seconds],
                )
    if name == FIXED:
        a, b = ([r.at(read.seconds) for r, read in zip(reads, theirs, strict=True)] for reads in (ours, theirs))
        d = difference(a, b)
        words = {"better": "confirmed", "worse": "refuted", "undecided": "undecided"}[verdict(d)]
        line(
            "searched branches beat fixed ones", {"verdict": words, "difference": d.value, "low": d.low, "high": d.high}
        )


def verdict(d) -> str:
    """Of ours: where the interval of the difference in error lies."""
    return "better" if d.high < 0 else "worse" if d.low > 0 else "undecided"


def sooner(ours: list[Read], theirs: list[Read], name: str) -> None:
    """Share of the other method's time after which two-level has a mean report error as low as it ends with; 1: all of it."""
    shares, seconds = [], []
    for a, b in zip(ours, theirs, strict=True):
        wanted = b.at(b.seconds).mean_error
        moments = [share * b.seconds for share in CHECKPOINTS]
        there = (t for t in moments if (r := a.at(t)) is not None and r.mean_error <= wanted)
        seconds.append(next(there, None))
        shares.append(None if seconds[-1] is None else seconds[-1] / b.seconds)
    figures = {
        "share_of_the_time_worst_seed": 1.0 if None in shares else max(shares),
        "seeds_that_reach_it": len(shares) - shares.count(None),
        "each_seed": [None if s is None else round(s, 4) for s in shares],
        "seconds": [None if s is None else round(s, 1) for s in seconds],
    }
    bars = {"share_of_the_time_worst_seed": SOONER} if name == "aebnas" else None
    line(f"two-level reaches the final figure of {name}", figures, bars, of_seconds=[round(b.seconds) for b in theirs])


def read_all(options) -> None:
    seeds = range(options.seeds)
    ours = [Read(OURS, seed, options) for seed in seeds if path(OURS, seed, options.work).is_file()]
    for read in ours:
        for seconds in (SHORT, OTHERS, SECONDS["aebnas"], read.seconds):
            if seconds <= read.seconds:
                read.tell(seconds)
    minute(ours)
    for name in (n for n in options.methods if n != OURS):
        pairs = [(o, Read(name, o.seed, options)) for o in ours if path(name, o.seed, options.work).is_file()]
        if not pairs:
            line("no search of this method is in the stores", {}, method=name)
            continue
        for _, read in pairs:
            read.tell(read.seconds)
        compare([a for a, _ in pairs], [b for _, b in pairs], name)
        sooner([a for a, _ in pairs], [b for _, b in pairs], name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, help="of each method; default: as SECONDS says")
    parser.add_argument("--images", type=int, default=IMAGES, help="of search-validation")
    parser.add_argument("--work", type=Path, default=Path("build/search_compare"))
    parser.add_argument("--report", action="store_true", help="read the stores instead of searching")
    parser.add_argument("--seeds", type=int, default=3, help="seeds that are read")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    if options.report:
        read_all(options)
        return
    for name in options.methods:
        search(name, options.seed, options.seconds or SECONDS.get(name, OTHERS), options)


if __name__ == "__main__":
    main()
