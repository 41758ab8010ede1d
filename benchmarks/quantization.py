"""What fewer bits do to accuracy and to the shares of the exits: at thresholds tuned for FP32 and held, and tuned again.

Fashion-MNIST demo; pairs of bits (backbone/exits) by calibration on 250 training images, temperatures those of FP32.
Thresholds are tuned on validation for at most 1 pp below the same table's final classifier, figures are of the test
images, accuracies with 95 % intervals. --fine: bits of 4 are fine-tuned (needs the training images, about 20 minutes).
Run: python benchmarks/quantization.py [--fine]
"""

import sys
from dataclasses import replace

import _line
import numpy as np
import torch

import eeviz as ee
from eeviz import paths
from eeviz.core.bits import Bits
from eeviz.core.metrics import accuracy_interval
from eeviz.nn.collect import collect
from eeviz.nn.quantize import fine_tune, quantize

PAIRS = ((32, 32), (8, 8), (6, 6), (4, 8), (4, 4))
DROP = 0.01


def main() -> None:
    torch.set_num_threads(1)
    demo = ee.load_demo("fashion")
    network = demo.network()
    splits = {name: ee.load_dataset("fashion-mnist", name) for name in ("validation", "test")}
    with np.load(paths.data() / "supernet" / "compact-fashion" / "calibration.npz", allow_pickle=False) as stored:
        images = stored["images"]
    training = ee.load_dataset("fashion-mnist", "train") if "--fine" in sys.argv else None
    held = None
    for backbone, exits in PAIRS:
        made = quantize(network, images, backbone, (*[Bits(exits, exits)] * 3, Bits(backbone, backbone)))
        tuned = training is not None and 4 in (backbone, exits)
        if tuned:
            for _ in fine_tune(made, training, splits["validation"]):
                continue
        tables = {
            name: replace(collect(made, data, temperature=demo.temperature), split=name)
            for name, data in splits.items()
        }
        again = ee.tune(tables["validation"], max_drop=DROP)
        held = held or again
        for how, policy in (("held", held), ("tuned again", again)):
            routing = ee.route(tables["test"], policy)
            interval = accuracy_interval(tables["test"], routing.right)
            figures = {
                "accuracy": routing.accuracy,
                "low": interval.low,
                "high": interval.high,
                "shares": np.round(routing.share, 4).tolist(),
                "final_alone": float(tables["test"].correct[:, -1].mean()),
                "macs_saved": 1 - routing.mean_cost / tables["test"].cost().static,
            }
            _line.report("bits and shares", figures, bits=f"{backbone}/{exits}", thresholds=how, fine_tuned=tuned)


if __name__ == "__main__":
    main()
