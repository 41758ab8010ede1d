"""What fewer bits do to accuracy and to the shares of the exits: at thresholds tuned for FP32 and held, and tuned again.

The Fashion-MNIST demo, and networks of `zniber`; pairs of bits (backbone/exits) by calibration on 256 training images,
temperatures those of FP32. Thresholds are tuned on validation for at most 1 pp below the same table's final classifier,
by MACs, one for each exit, and as published one for all, held; figures are of the test images, accuracies with 95 %
intervals. Test images are read once for each pair: readings are logged in results/readings.json, answers stay in
benchmarks/answers (not committed), so a run that was stopped goes on.
Published claims on the shares (Zniber et al., arXiv:2512.04705) get verdicts, with paired intervals over images.
--fine COUNT: pairs with 4 bits are also fine-tuned, two passes over COUNT training images (0: all; the demo's 54,000 take
about 20 minutes for both pairs).
Run: python benchmarks/quantization.py [FOLDER ...] [--fine COUNT] [--save]   (folders of eeviz.nn.make_network)
"""

import argparse
from dataclasses import replace
from pathlib import Path

import _line
import numpy as np
import torch
from _answers import digest, kept
from _verdict import claim

import eeviz as ee
from eeviz.core.network.bits import FP32, Bits
from eeviz.core.solve.baselines import global_threshold
from eeviz.core.table.calibration import fit_temperature
from eeviz.core.table.metrics import accuracy_interval, mean_interval
from eeviz.launch import paths
from eeviz.nn.collect import collect
from eeviz.nn.quantize import fine_tune, quantize

PAIRS = ((32, 32), (8, 8), (6, 6), (4, 8), (4, 4))
DROP, SPLITS = 0.01, ("validation", "test")


def of_demo():
    demo = ee.load_demo("fashion")
    with np.load(paths.data() / "supernet" / "compact-fashion" / "calibration.npz", allow_pickle=False) as stored:
        return demo.network(), "fashion-mnist", stored["images"], demo.folder, demo.temperature


def of_folder(folder: Path):
    from eeviz.nn.network_file import load, read_document

    dataset = read_document(folder)["dataset"]
    return load(folder), dataset, ee.load_dataset(dataset, "train").images[:256], folder, None


def answers(given, pair: tuple[int, int], fine: int | None) -> dict[str, ee.ExitRecords]:
    """Answers at a pair of bits on both splits; fine : training images of fine-tuning, None without."""
    network, dataset, images, folder, temperature = given
    made = []

    def rounded():
        if not made:
            backbone, exits = (Bits(bits, bits) for bits in pair)
            made.append(quantize(network, images, backbone, (*[exits] * (network.exits_count - 1), backbone)))
            if fine is not None:
                training = ee.load_dataset(dataset, "train")
                chosen = np.sort(np.random.default_rng(0).permutation(len(training))[: fine or len(training)])
                for _ in fine_tune(made[0], training.subset(chosen), ee.load_dataset(dataset, "validation")):
                    continue
        return made[0]

    def collected(split: str) -> ee.ExitRecords:
        return replace(collect(rounded(), ee.load_dataset(dataset, split), temperature=temperature), split=split)

    how = "" if fine is None else f"-fine{fine}"
    name = f"{folder.name}-{digest(folder)}-bits{pair[0]}-{pair[1]}{how}"
    return {split: kept(name, dataset, split, lambda split=split: collected(split)) for split in SPLITS}


def measure(given, fine: int | None) -> None:
    label, found, held = given[3].name, {}, None
    runs = [(pair, None) for pair in PAIRS]
    runs += [] if fine is None else [(pair, fine) for pair in PAIRS if 4 in pair]
    for pair, count in runs:
        tables = answers(given, pair, count)
        if given[4] is None:  # temperatures of FP32, fitted on validation
            plain = answers(given, (FP32.weights,) * 2, None)["validation"]
            temperature = tuple(fit_temperature(plain.logits, plain.label))
            tables = {split: table.with_confidence(table.measure, temperature) for split, table in tables.items()}
        again = ee.tune(tables["validation"], max_drop=DROP)
        held = held or {
            "held": again,
            "one threshold, held": global_threshold(tables["validation"], max_drop=DROP, values=2001),
        }
        for how, policy in (*held.items(), ("tuned again", again)):
            routing = ee.route(tables["test"], policy)
            found[pair, count, how] = routing
            interval = accuracy_interval(tables["test"], routing.right)
            figures = {
                "accuracy": routing.accuracy,
                "low": interval.low,
                "high": interval.high,
                "shares": np.round(routing.share, 4).tolist(),
                "final_alone": float(tables["test"].correct[:, -1].mean()),
                "macs_saved": 1 - routing.mean_cost / tables["test"].cost().static,
            }
            bits = {
                "bits": f"{pair[0]}/{pair[1]}",
                "thresholds": how,
                "fine_tuned": 0 if count is None else count or "all",
            }
            _line.report("bits and shares", figures, network=label, **bits)
    claims(tables["test"], found, label, fine)


def claims(test: ee.ExitRecords, found: dict, label: str, fine: int | None) -> None:
    """Published: with fewer bits more samples reach the final classifier, fewer leave at the first exit; the latter not at
    every step."""
    plain, last = (32, 32), test.exits_count - 1
    for count in (None,) if fine is None else (None, fine):
        for how in ("held", "one threshold, held", "tuned again"):
            at = lambda pair, c=count, h=how: found[pair, c if 4 in pair else None, h].exit_of  # noqa: E731
            first = int(at(plain).min())
            setting = {"thresholds": how, "fine_tuned": count is not None}
            for pair in ((8, 8), (4, 8), (4, 4)):
                bits = f"{pair[0]}/{pair[1]}"
                change = mean_interval(test, (at(pair) == last).astype(float) - (at(plain) == last))
                claim(
                    f"at {bits} a larger share reaches the final classifier than at FP32", label, change.value, change.low,
                    change.high, above=0.0, **setting,
                )  # fmt: skip
                change = mean_interval(test, (at(pair) == first).astype(float) - (at(plain) == first))
                claim(
                    f"at {bits} a smaller share leaves at the first exit than at FP32", label, change.value, change.low,
                    change.high, below=0.0, **setting,
                )  # fmt: skip
            change = mean_interval(test, (at((4, 4)) == first).astype(float) - (at((4, 8)) == first))
            claim(
                "at 4/4 a larger share leaves at the first exit than at 4/8", label, change.value, change.low, change.high,
                above=0.0, **setting,
            )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--fine", type=int, metavar="COUNT", help="training images to fine-tune on, 0: all")
    parser.add_argument("--save", action="store_true", help="replace the committed results")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    measure(of_demo(), asked.fine)
    for path in asked.folders:
        measure(of_folder(path), asked.fine)
