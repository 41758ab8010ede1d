"""The demo `cifar10`, written from the records of augment_cifar.py: public networks, and no image beyond the test images."""

import json
import sys
from pathlib import Path

import numpy as np

import eeviz as ee
from eeviz.core.solve.cross_fit import split_in_two
from eeviz.core.table.calibration import fit_temperature
from eeviz.nn.augment import Augmentation, AugmentRun
from eeviz.nn.models import classifiers
from recipes.case_files import SPLITS, note_all, percent, write_networks, write_part

LICENCE = (
    "CIFAR-10 (Krizhevsky 2009) states no licence: its labels alone, no pictures; the networks that answered are BSD-2-Clause "
    "(Y. Idelbayev, pytorch_resnet_cifar10); everything else BSD-3-Clause"
)
SAMPLES = (
    "one half of CIFAR-10's 10,000 test images, drawn at random (eeviz.core.solve.cross_fit.split_in_two, seed 0): the networks saw "
    "every training image, so one half stands as validation, temperatures were fitted there alone, and the other is test"
)


def ship(mode: str, work: Path, out: Path) -> None:
    """The demo: one random half of the test images chooses ("validation": temperatures and, in use, exits, designs and
    thresholds), the other reports ("test"). Both networks saw every training image, so that no other images are left.
    mode : of the run whose records lie in `work`, with what its branches were.
    """
    records, plain = (ee.ExitRecords.load(work / f"{mode}-{name}.npz") for name in ("resnet32", "resnet20"))
    if not np.array_equal(records.label, plain.label):
        sys.exit(f"{work}: the records of resnet32 and resnet20 are not of the same images; run {mode} again.")
    static = [
        {"name": name, "macs": of.cost().static, "width": 1.0}
        for name, of in (("ResNet-20", plain), ("ResNet-32", records))
    ]
    write_networks(
        untrained("resnet32", records, json.loads((work / f"{mode}-resnet32.json").read_text())["built"]), static, out
    )
    predicted = np.stack([plain.predicted[:, -1], records.predicted[:, -1]])  # (2, N), by rising MACs
    halves = split_in_two(records, 0)
    temperature = tuple(map(float, fit_temperature(records.logits[halves[0]], records.label[halves[0]])))
    for half, split in zip(halves, SPLITS, strict=True):
        part = records.subset(half).with_confidence(records.measure, temperature)
        write_part(part, predicted[:, half], out, split)
        print(f"{split}: {len(half)} images, accuracy per exit {percent(part.correct.mean(axis=0))}")
    networks = "--weights resnet20=FILE resnet32=FILE"
    command = f"python benchmarks/augment_cifar.py {mode} {networks} --work FOLDER --ship data/{out.name}"
    note_all(out, command, LICENCE, {"samples": SAMPLES})


def untrained(name: str, records: ee.ExitRecords, built: list):
    """The network of these records with fresh weights, on which its segments do not depend; built without data.

    built : location and design of each of its branches.
    """
    blank = (np.zeros((10, 32, 32, 3), np.uint8), np.arange(10))
    run = AugmentRun(
        classifiers.build(name),
        blank,
        training=blank,
        mean=classifiers.IMAGENET_MEAN,
        std=classifiers.IMAGENET_STD,
        locations=sorted({location for location, _ in built}),
    )
    made = [[run.locations[size.location].index, size.design] for size in run.sized]
    kept = [made.index(entry) for entry in built]
    sized, branches = tuple(run.sized[k] for k in kept), tuple(run.branches[k] for k in kept)
    if [float(size.macs) for size in sized] != records.cost().heads[:-1].tolist():
        sys.exit(f"the records of {name} are of other branches than its run describes: train again.")
    return Augmentation(run.graph, run.locations, sized, branches, records, run.calibration.prepare).network()
