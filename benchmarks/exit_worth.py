"""Does the ranking of an exit's own failures tell what the exit is worth, better than its calibration error does?

Over all trained branches of the shipped augmentations (CIFAR-10, ECG, five folds of Speech Commands). On validation: the
area under each branch's risk-coverage curve (AURC, how well its confidence ranks its failures), its expected calibration
error (ECE, 15 bins) and its error. On test, at a drop of 1.0 pp with this branch alone: the share of samples that may leave
there, and the share of the cost that is saved, which is also a matter of depth: a late branch ranks its failures well and
has little left to save, so the first reading, of the cost, says more of depth than of confidences. Ranks within each
network, so that networks do not stand for branches; Spearman's correlation over all; bootstrap over branches.

Run: python benchmarks/exit_worth.py [--save]
"""

import sys

import numpy as np
from _line import report
from _verdict import claim, resampled
from scipy.stats import rankdata

import eeviz as ee
from eeviz.core.table.metrics import own_accuracy, reliability
from eeviz.core.table.ranking import risk_coverage_area
from eeviz.launch import paths

DROP, LEAST_BRANCHES = 0.01, 4
TEXT = "the risk-coverage area tells an exit's worth better than its calibration error does"


def main() -> None:
    rows = []
    for name, validation, test in tables():
        early = validation.exits_count - 1
        if early < LEAST_BRANCHES:
            continue
        alone = np.array([worth(test, k) for k in range(early)])  # (early, 2)
        found = {
            "aurc": risk_coverage_area(validation)[:-1],
            "ece": np.array([reliability(validation, k).ece for k in range(early)]),
            "error": 1 - own_accuracy(validation)[:-1],
            "leaving": -alone[:, 0],  # as of the others, lower is better
            "saving": -alone[:, 1],
        }
        print(name, {key: np.round(values, 4).tolist() for key, values in found.items()}, file=sys.stderr)
        rows.append(np.stack([(rankdata(values) - (early + 1) / 2) / early for values in found.values()], axis=1))
    ranks = np.concatenate(rows)  # (branches, 5)
    for worth_at, words in ((3, "share that may leave"), (4, "share of the cost saved")):
        figures = {}
        for column, key in enumerate(("aurc", "ece", "error")):
            pair = ranks[:, [column, worth_at]]
            figures |= {f"{key}_correlation": along(pair), f"{key}_interval": list(resampled(along, pair))}
        report("what tells an exit's worth", figures, worth=words, branches=len(ranks), networks=len(rows))
        three = ranks[:, [0, 1, worth_at]]
        low, high = resampled(better, three)
        claim(TEXT, "all", better(three), low, high, above=0.0, worth=words, branches=len(ranks))


def tables():
    """Name, validation and test records of every shipped augmentation."""
    for name in ("cifar10", "ecg"):
        demo = ee.load_demo(name)
        yield name, demo.validation, demo.test
    for folder in sorted((paths.data() / "speech").glob("fold*")):
        yield folder.name, *(ee.ExitRecords.load(folder / f"{split}.npz") for split in ("validation", "test"))


def worth(records: ee.ExitRecords, k: int) -> tuple[float, float]:
    """Share of samples that leave at one exit alone, and share of the cost that it saves so."""
    alone = records.columns([k, records.exits_count - 1])
    best = ee.front(alone, refine=True)
    index = best.reaching(own_accuracy(records)[-1] - DROP)
    routing = ee.route(alone, best.policy(index))
    return float(routing.share[0]), float(1 - routing.mean_cost / records.cost().static)


def along(ranks: np.ndarray) -> float:
    """Correlation of two columns of ranks that are centred within their networks."""
    a, b = ranks[:, 0], ranks[:, -1]
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    return float(a @ b / scale) if scale else 0.0


def better(ranks: np.ndarray) -> float:
    """By how much the first column's correlation with the last exceeds the second's."""
    return along(ranks[:, [0, 2]]) - along(ranks[:, [1, 2]])


if __name__ == "__main__":
    main()
