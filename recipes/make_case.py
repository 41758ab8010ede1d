"""Makes a use case's early-exit network and its records: python -m recipes.make_case speech|ecg --out data/speech

Takes the shipped base, trains branches (speech: then everything jointly), collects records on `validation`, which
choose, and last on `test`, which report; benchmarks/augment_speech.py and augment_ecg.py turn them into figures. Every
reading of the heartbeats' test patients is appended to test_readings.json. Killed, it goes on from its checkpoints.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from eeviz.core.table.metrics import own_accuracy
from eeviz.core.table.records import ExitRecords
from eeviz.datasets import Dataset, load_dataset
from eeviz.nn.augment import Augmentation, AugmentRun, BranchRecipe, JointRecipe, JointRun
from eeviz.nn.augment.inputs import samples_of
from eeviz.nn.collect import logits_of
from eeviz.nn.count.macs import count_macs
from eeviz.nn.models import use_cases
from recipes.case_files import SPLITS, note_all, percent, write_networks, write_part
from recipes.make_base import RECIPES, answers, make_ecg
from recipes.manifest import now

log = logging.getLogger("recipes.make_case")

SPEECH = {"designs": {"light": 0.05, "deep": 0.14}, "locations": [0, 2, 4, 6]}
SPEECH_COLUMNS = ["deep", "light", "light", "light"]  # design per location; chosen on validation speakers of fold 0
JOINT = JointRecipe(epochs=22, batch=64, learning_rate=0.05, early_weight=1.0, label_smoothing=0.05)
ECG = {"designs": {"mlp": 0.03, "deep": 0.08}, "locations": [0, 1, 2, 3]}
ECG_RECIPE = {"epochs": 4, "distillation": 0.8, "label_smoothing": 0.05}  # chosen on validation patients
LEARNT_ON = 32_000  # drawn heartbeats
SMALLER = (2, 3, 4)  # channels of the static networks beside the base, which has 8
LICENCE = {
    "speech": "CC BY 4.0 (Speech Commands, Warden 2018) for labels and speakers; everything else BSD-3-Clause",
    "ecg": "ODC-By (MIT-BIH Arrhythmia Database, Moody & Mark 2001) for labels and patients; everything else BSD-3-Clause",
}


def speech(fold: int, out: Path, work: Path, seed: int = 0) -> Augmentation:
    """One fold: networks of three fifths of the speakers, records on the next and on the fold's own."""
    model = use_cases.base_model("speech", fold)
    fit, tune, report = use_cases.speech_parts(fold)
    recipe = BranchRecipe(epochs=3, batch=64, label_smoothing=0.05, seed=seed)
    run = AugmentRun(
        model, tune, training=fit, prepare=use_cases.Spectra(), vary=use_cases.vary_speech, recipe=recipe,
        checkpoint=work / f"speech{fold}-branches.pt", **SPEECH,
    )  # fmt: skip
    _run(f"speech fold {fold}", run)
    columns = [k for k, size in enumerate(run.sized) if size.design == SPEECH_COLUMNS[size.location]]
    joint = JointRun(
        run.result, fit, tune, replace(JOINT, seed=seed), columns, use_cases.vary_speech,
        work / f"speech{fold}-joint.pt",
    )  # fmt: skip
    made = _run(f"speech fold {fold}", joint)
    write_networks(made.network(), [{"name": "the base before", "macs": made.graph.macs, "width": 1.0}], out)
    for part, split in zip((tune, report), SPLITS, strict=True):
        before = answers(model, samples_of(part, prepare=use_cases.Spectra())).argmax(axis=1)
        write_part(records_on(made, part, split), before[None], out, split)
    return made


def ecg(out: Path, work: Path, seed: int = 0, test: bool = True) -> Augmentation:
    """Frozen base, branches learnt on the training patients; static networks of fewer channels beside it."""
    model = use_cases.base_model("ecg")
    fit, tune = (use_cases.heartbeats(load_dataset("mit-bih", split)) for split in ("train", "validation"))
    recipe = BranchRecipe(seed=seed, **ECG_RECIPE)
    run = AugmentRun(
        model, tune, training=use_cases.drawn(fit, LEARNT_ON, seed=seed), prepare=use_cases.Heartbeats(),
        vary=use_cases.vary_heartbeats, balance=True, recipe=recipe, checkpoint=work / "ecg-branches.pt", **ECG,
    )  # fmt: skip
    made = _run("ecg", run)
    static = [*(make_ecg(work, RECIPES["ecg"], width) for width in SMALLER), model]
    described = [
        {"name": f"static, {width} channels", "macs": count_macs(net, made.graph.example[:1]), "width": width / 8}
        for width, net in zip((*SMALLER, 8), static, strict=True)
    ]
    write_networks(made.network(), described, out)
    for split in SPLITS if test else SPLITS[:1]:
        # the test patients come last: nothing is chosen any more
        part = tune if split == "validation" else use_cases.heartbeats(load_dataset("mit-bih", "test"))
        samples = samples_of(part, prepare=use_cases.Heartbeats())
        predicted = np.stack([answers(net, samples).argmax(axis=1) for net in static])  # (S, N)
        records = records_on(made, part, split)
        write_part(records, predicted, out, split)
        balanced = [float(np.average(row == part.labels, weights=records.weight)) for row in predicted]
        figures = {
            "balanced accuracy over N, S, V per exit": percent(own_accuracy(records)),
            "static networks": dict(zip([d["name"] for d in described], percent(balanced), strict=True)),
        }
        log.info("%s: %s", split, json.dumps(figures))
        if split == "test":
            _append(out / "test_readings.json", {"date": now(), "exits": records.exits, **figures})
    return made


def records_on(made: Augmentation, part: Dataset, split: str) -> ExitRecords:
    """Records on samples of a part, with the temperatures of the choosing ones."""
    old = made.records
    return ExitRecords.from_logits(
        logits_of(made.network(), part.images), part.labels, old.costs, old.measure, old.temperature,
        position=old.position, exits=old.exits, classes=part.classes, dataset=part.name, split=split,
        group=part.groups, weight=use_cases.recall_weights(part) if part.name == "mit-bih" else None,
    )  # fmt: skip


def _run(name: str, run) -> Augmentation:
    for event in run:
        if event.step % 50 == 0 and event.stage != "calibration":
            accuracy = ", ".join(f"{a:.1%}" for a in event.accuracy)
            log.info("%s %s %.0f %%, %.0f s: %s", name, event.stage, 100 * event.progress, event.seconds, accuracy)
    log.info("%s, choosing samples: %s", name, percent(own_accuracy(run.result.records)))
    return run.result


def _append(path: Path, reading: dict) -> None:
    readings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    path.write_text(json.dumps([*readings, reading], indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m recipes.make_case", description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=list(LICENCE))
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the records; of speech a subfolder each fold"
    )
    parser.add_argument("--work", type=Path, default=Path("build/make_case"), help="folder of the checkpoints")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(use_cases.FOLDS)), help="of speech")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-test", action="store_true", help="ecg: leave the test patients unread")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    if options.case == "ecg":
        ecg(options.out, options.work, options.seed, not options.no_test)
    else:
        for fold in options.folds:
            speech(fold, options.out / f"fold{fold}", options.work, options.seed)
    command = f"python -m recipes.make_case {options.case} --out data/{options.out.name}"
    note_all(options.out, command, LICENCE[options.case])


if __name__ == "__main__":
    main()
