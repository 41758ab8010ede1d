"""Speech commands of unheard speakers: what do early exits save in DS-CNN-S, at which loss of accuracy?

Five folds by speaker, each of the 4,890 clips reported once, by networks that never heard its speaker: bases and
early-exit networks learn on three folds, temperatures, positions and thresholds come from the next, figures from the
last. The drop is from the base as it was before joint fine-tuning, on the same clips; beside it the drop from the
fine-tuned network's own final classifier. Intervals by bootstrap over speakers. Reads the records that
`python -m recipes.make_case speech --out data/speech` wrote.

Run: python benchmarks/augment_speech.py [--save]
"""

from dataclasses import replace

import numpy as np
from _line import report

import eeviz as ee
from eeviz.core.table.metrics import mean_interval, own_accuracy
from eeviz.launch import paths

DROPS = (0.0, 0.005, 0.01, 0.015)
SAVED, DROP = 0.5967, 1.5
MARGIN = 0.005  # a policy tuned on about 980 clips loses about so much more on new ones; asked for less from the start


def main() -> None:
    folders = sorted((paths.data() / "speech").glob("fold*"))
    parts = [_fold(folder) for folder in folders]
    labels = np.concatenate([test.label for _, test, _, _ in parts])
    groups = np.concatenate([test.group for _, test, _, _ in parts])
    whole = replace(_stub(labels), group=groups)
    before = np.concatenate([base for _, _, _, base in parts])
    final = np.concatenate([test.correct[:, -1] for _, test, _, _ in parts])
    fronts = [ee.front(tuned, max_exits=3, refine=True) for tuned, _, _, _ in parts]
    for drop in DROPS:
        right, spent, kept = [], [], []
        for best, (_, test, tuned_base, _) in zip(fronts, parts, strict=True):
            wanted = tuned_base.mean() - (drop - MARGIN)
            policy = best.policy(best.reaching(min(wanted, best.accuracy[-1])))
            routing = ee.route(test, policy)
            right.append(routing.right)
            spent.append(routing.cost_at[routing.exit_of] / test.cost().static)
            kept.append([test.exits[k] for k in np.flatnonzero(policy.kept)])
        right, spent = np.concatenate(right).astype(float), np.concatenate(spent)
        lost, saved = mean_interval(whole, before - right), mean_interval(whole, 1 - spent)
        own = mean_interval(whole, final - right)
        report(
            "speech early exit, jointly fine-tuned",
            {
                "macs_saved": saved.value,
                "macs_saved_interval": _pair(saved),
                "drop_pp": 100 * lost.value,
                "drop_pp_interval": _pair(lost, 100),
                "drop_from_own_final_pp": 100 * own.value,
                "drop_from_own_final_pp_interval": _pair(own, 100),
                "accuracy": float(right.mean()),
                "base_accuracy": float(before.mean()),
                "own_final_accuracy": float(final.mean()),
                "clips": len(whole),
                "speakers": len(np.unique(groups)),
            },
            at_least={"macs_saved": SAVED},
            at_most={"drop_pp": DROP},
            asked_drop_pp=round(100 * (drop - MARGIN), 2),
            kept=kept,
        )
    accuracy = np.mean([own_accuracy(test) for _, test, _, _ in parts], axis=0)
    report(
        "speech exits",
        {"accuracy": [round(100 * float(a), 2) for a in accuracy]},
        exits=list(parts[0][1].exits),
        share_of_macs=[round(float(b / parts[0][1].cost().static), 4) for b in parts[0][1].cost().backbone],
        heads=[round(float(h / parts[0][1].cost().static), 4) for h in parts[0][1].cost().heads],
    )


def _fold(folder):
    """Records that choose, records that report, and where the base was right on each."""
    right = []
    for split in ("validation", "test"):
        with np.load(folder / f"static_{split}.npz", allow_pickle=False) as stored:
            right.append((stored["predicted"][-1] == stored["label"]).astype(float))
    tables = [ee.ExitRecords.load(folder / f"{split}.npz") for split in ("validation", "test")]
    return (*tables, *right)


def _stub(labels: np.ndarray) -> ee.ExitRecords:
    """Records that only hold whose clip is whose: each fold's network has a table of its own."""
    confidence = np.zeros((len(labels), 1))
    return ee.ExitRecords(confidence, labels[:, None], labels, {"macs": ee.Cost([1.0], [0.0])})


def _pair(interval, scale: float = 1.0) -> list[float]:
    return [round(scale * interval.low, 4), round(scale * interval.high, 4)]


if __name__ == "__main__":
    main()
