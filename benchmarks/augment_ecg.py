"""Heartbeats of unseen patients (MIT-BIH, DS2): what do early exits save, at which loss of balanced accuracy?

Balanced accuracy is the mean recall of N, S and V (AAMI classes; F counts for cost alone). Everything was chosen on
validation patients of DS1: base, branches, temperatures, policies, these in two ways: by the drop in balanced accuracy,
where right answers of an exit that the final classifier lacks make up for wrong ones, and by what is lost of the final
classifier's right answers, with nothing made up: five patients are few, and luck with one of them is no ground to exit. Intervals by bootstrap over patients; figures with
and without record 202, whose patient is also record 201 of the training patients. Energy on Cortex-M0+ with
Cortex-M4F, in int8, chosen for energy; every figure of that platform halved and doubled. Beside it static networks of
fewer channels, trained alike. Reads the records that `python -m recipes.make_case ecg --out data/ecg` wrote.

Run: python benchmarks/augment_ecg.py [--save]
"""

import hashlib
import json

import numpy as np
from _answers import logged
from _line import report

import eeviz as ee
from eeviz.core.network.segments import Segments
from eeviz.core.platform.sensitivity import sensitivity
from eeviz.core.table.metrics import mean_interval, own_accuracy

DROPS = (0.0, 0.005, 0.01)
FLOOR, SAVED, CLAIM = 0.70, 0.783, 0.749
SAME_PATIENT = 201  # of records 201 (training) and 202 (test)


def main() -> None:
    demo = ee.load_demo("ecg")
    logged("mit-bih", f"demo ecg, {hashlib.sha256((demo.folder / 'test.npz').read_bytes()).hexdigest()[:12]}")
    tuned, test = demo.validation, demo.test
    without = np.flatnonzero(test.group != SAME_PATIENT)
    for name, rows in (("all patients", np.arange(len(test))), ("without record 202", without)):
        base(name, test.subset(rows))
        static(name, demo, test, rows)
    for rule, records in (("drop", tuned), ("lost", tuned.subset(np.flatnonzero(tuned.correct[:, -1])))):
        best = ee.front(records, max_exits=3, refine=True)
        for drop in DROPS:
            # of the records' final accuracy, which is 1 where only what it gets right is looked at
            least = own_accuracy(records)[-1] - (drop if rule == "drop" else drop / own_accuracy(tuned)[-1])
            policy = best.policy(best.reaching(least - 1e-12))
            for name, rows in (("all patients", np.arange(len(test))), ("without record 202", without)):
                saving(name, tuned, test.subset(rows), policy, drop, rule)
            energy(demo, records, test, own_accuracy(records)[-1] - least, drop, rule)


def base(name: str, test: ee.ExitRecords) -> None:
    """Is the base any good, and is its last exit its best?"""
    last = mean_interval(test, test.correct[:, -1])
    gains = [mean_interval(test, test.correct[:, k].astype(float) - test.correct[:, -1]) for k in range(_last(test))]
    report(
        f"ecg base: {name}",
        {
            "balanced_accuracy": last.value,
            "balanced_accuracy_interval": _pair(last),
            "recall": {c: _percent(test.correct[test.label == k, -1].mean()) for k, c in enumerate(test.classes)},
            "exits": list(test.exits),
            "exits_balanced_accuracy": [_percent(a) for a in own_accuracy(test)],
            "exits_better_beyond_interval": [test.exits[k] for k, gain in enumerate(gains) if gain.low > 0],
            "patients": len(np.unique(test.group)),
            "macs": test.cost().static,
        },
        at_least={"balanced_accuracy": FLOOR},
    )


def saving(name: str, tuned: ee.ExitRecords, test: ee.ExitRecords, policy, drop: float, rule: str) -> None:
    """One policy, chosen on validation by a rule, on the test patients."""
    routing = ee.route(test, policy)
    lost = mean_interval(test, test.correct[:, -1].astype(float) - routing.right)
    report(
        f"ecg early exit: {name}",
        {
            "macs_saved": 1 - routing.mean_cost / test.cost().static,
            "worst_over_static": routing.worst_cost / test.cost().static,
            "drop_pp": 100 * lost.value,
            "drop_pp_interval": _pair(lost, 100),
            "balanced_accuracy": mean_interval(test, routing.right).value,
            "balanced_accuracy_on_validation": ee.route(tuned, policy).accuracy,
            "share": {test.exits[k]: round(float(s), 4) for k, s in enumerate(routing.share) if s > 0},
        },
        at_least={"macs_saved": SAVED},
        at_most={"drop_pp": 1.0},
        asked_pp=100 * drop,
        rule=rule,
    )


def static(name: str, demo, test: ee.ExitRecords, rows: np.ndarray) -> None:
    """Static networks of fewer channels, trained alike, against the base."""
    part = test.subset(rows)
    for network in demo.static[:-1]:
        right = network.right("test")[rows]
        gain = mean_interval(part, right.astype(float) - part.correct[:, -1])
        report(
            f"ecg static: {name}",
            {
                "balanced_accuracy": mean_interval(part, right).value,
                "gain_over_base_pp": 100 * gain.value,
                "gain_over_base_pp_interval": _pair(gain, 100),
                "macs": network.macs,
                "macs_saved": 1 - network.macs / part.cost().static,
            },
            network=network.name,
        )


def energy(demo, tuned: ee.ExitRecords, test: ee.ExitRecords, below: float, drop: float, rule: str) -> None:
    """Mapped for energy on `tuned`, at most `below` its final accuracy."""
    segments = Segments.from_dict(json.loads((demo.folder / "segments.json").read_text(encoding="utf-8")))
    mapping = ee.Platform.preset("cortex-m0-m4").map(
        segments, tuned, "energy", max_drop=below, max_exits=3, refine=True
    )
    figures, result = mapping.figures(test), sensitivity(mapping, test, claim=CLAIM)
    lost = mean_interval(test, test.correct[:, -1].astype(float) - mapping.route(test).right)
    report(
        "ecg energy on cortex-m0-m4",
        {
            "energy_saved": figures["energy"]["saving"],
            "energy_mean_j": figures["energy"]["mean"],
            "energy_worst_over_static": figures["energy"]["worst"] / figures["energy"]["static"],
            "latency_saved": figures["latency"]["saving"],
            "macs_saved": 1 - mapping.route(test, "macs").mean_cost / test.cost().static,
            "drop_pp": 100 * lost.value,
            "drop_pp_interval": _pair(lost, 100),
            "lowest_saving_halved_doubled": result.lowest,
            "open": result.is_open,
        },
        at_least={"energy_saved": CLAIM},
        at_most={"drop_pp": 1.0},
        asked_pp=100 * drop,
        rule=rule,
        assignment=list(mapping.assignment),
        conclusion=str(result),
    )


def _last(records: ee.ExitRecords) -> int:
    return records.exits_count - 1


def _pair(interval, scale: float = 1.0) -> list[float]:
    return [round(scale * interval.low, 4), round(scale * interval.high, 4)]


def _percent(share) -> float:
    return round(100 * float(share), 2)


if __name__ == "__main__":
    main()
