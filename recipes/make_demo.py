"""Makes a demo from nothing: python -m recipes.make_demo fashion --out data/fashion

Trains the early-exit network and its static counterparts (each from its checkpoint where one is left), fits
temperatures and tunes a policy on validation, and only then reads the test set, once; the reading is appended to
test_readings.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from eeviz.core.solve.thresholds import tune
from eeviz.core.table.calibration import fit_temperature
from eeviz.core.table.metrics import own_accuracy, paired_interval, wilson
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import ExitRecords
from eeviz.datasets import load_dataset
from eeviz.nn import network_file
from eeviz.nn.collect import collect, logits_of, noisy
from eeviz.nn.count.macs import macs
from eeviz.nn.models import inverted_residuals
from eeviz.nn.network import EarlyExitNetwork
from eeviz.nn.train.joint import Recipe, train

log = logging.getLogger("recipes.make_demo")

EPOCHS = 30
WIDTHS = (0.5, 0.7, 1.0)  # of the static networks; the last is the early-exit network's own backbone
SHIFTED = 2500  # first test images that the shifted inputs are made of; all would exceed what is worth committing
NOISE = (0.05, 0.10, 0.20)  # standard deviations of the shifted inputs, as shares of the pixel range
BUDGET = 0.48  # of the static network's MACs that the reported policy may spend on validation
DATA_LICENCE = "MIT (Fashion-MNIST, Zalando SE)"
OWN_LICENCE = "BSD-3-Clause"


def networks() -> dict[str, dict]:
    """Name -> architecture of every network that is trained."""
    return {"early-exit": inverted_residuals.FASHION} | {
        f"static-{w}": inverted_residuals.static(inverted_residuals.FASHION, w) for w in WIDTHS
    }


def trained(name: str, work: Path, recipe: Recipe) -> EarlyExitNetwork:
    """Train one network, or take up its checkpoint in `work`."""
    network = inverted_residuals.build(networks()[name], seed=recipe.seed)
    training, validation = load_dataset("fashion-mnist", "train"), load_dataset("fashion-mnist", "validation")
    for event in train(network, training, validation, recipe, work / f"{name}.pt"):
        accuracy = ", ".join(f"{a:.2%}" for a in event.accuracy)
        log.info(
            "%s epoch %d/%d: loss %.3f, validation %s, %.0f s",
            name, event.epoch, event.epochs, event.loss, accuracy, event.seconds,
        )  # fmt: skip
    return network.eval()


def make(out: Path, work: Path, recipe: Recipe) -> dict:
    """Train what is not trained yet, write every artefact into `out`; returns what was read on the test set."""
    nets = {name: trained(name, work, recipe) for name in networks()}
    out.mkdir(parents=True, exist_ok=True)
    static = {name: net for name, net in nets.items() if name != "early-exit"}
    described = [
        {"name": f"static, width {w}", "width": w, "macs": macs(net).static, "parameters": _parameters(net)}
        for w, net in zip(WIDTHS, static.values(), strict=True)
    ]
    network = nets["early-exit"]
    network_file.save(network, inverted_residuals.FASHION, out)

    validation = load_dataset("fashion-mnist", "validation")
    temperature = fit_temperature(logits_of(network, validation.images), validation.labels)
    costs = {"macs": macs(network)}
    tuned_on = collect(network, validation, temperature=temperature, thumbnails=True, costs=costs)
    tuned_on.save(out / "validation.npz")
    on_validation = _answers(static, validation, out)
    policy = tune(tuned_on, max_cost=BUDGET * described[-1]["macs"])

    # from here on nothing is chosen any more
    test = load_dataset("fashion-mnist", "test")
    records = collect(network, test, temperature=temperature, thumbnails=True, costs=costs)
    records.save(out / "test.npz")
    on_test = _answers(static, test, out)
    (out / "static.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    shifted = []
    for index, strength in enumerate(NOISE, 1):
        moved = collect(
            network,
            noisy(test.head(SHIFTED), strength, seed=recipe.seed + index),
            temperature=temperature,
            costs=costs,
            split=f"noise {strength:.0%}",
            precision=np.float16,
        )
        moved.save(out / f"shifted_{index}.npz")
        shifted.append(moved)

    report = {
        "seed": recipe.seed,
        "policy": list(policy.thresholds),
        "validation": _figures(tuned_on, policy, on_validation, described),
        "test": _figures(records, policy, on_test, described),
        "shifted": {r.split: {"accuracy per exit": _percent(own_accuracy(r))} for r in shifted},
    }
    _append(out / "test_readings.json", {"date": _now(), **report})
    _manifest(out, report, described, recipe, temperature)
    return report


def _answers(static: dict[str, EarlyExitNetwork], dataset, out: Path) -> np.ndarray:
    predicted = np.stack([logits_of(net, dataset.images)[:, -1].argmax(axis=1) for net in static.values()])  # (S, N)
    np.savez_compressed(
        out / f"static_{dataset.split}.npz", predicted=predicted.astype(np.uint8), label=dataset.labels.astype(np.uint8)
    )
    return predicted


def _figures(records: ExitRecords, policy: Policy, static: np.ndarray, described: list[dict]) -> dict:
    routing, label = route(records, policy), records.label
    right, macs_of_static, names = static[-1] == label, described[-1]["macs"], [d["name"] for d in described]
    paired = paired_interval(records, routing.right, right)
    final = wilson(int(records.correct[:, -1].sum()), len(records))
    return {
        "accuracy per exit": _percent(own_accuracy(records)),
        "final exit, 95 % interval": _percent([final.low, final.high]),
        "static networks": dict(zip(names, _percent((static == label).mean(axis=1)), strict=True)),
        "policy": {
            "accuracy": _percent([routing.accuracy])[0],
            "mean MACs": round(routing.mean_cost),
            "share of the static network's MACs": round(routing.mean_cost / macs_of_static, 4),
            "share leaving per exit": [round(float(s), 4) for s in routing.share],
            "paired difference from the static network, pp": _percent([paired.value])[0],
            "95 % interval, pp": _percent([paired.low, paired.high]),
            "interval": paired.method,
        },
    }


def _manifest(out: Path, report: dict, described: list[dict], recipe: Recipe, temperature) -> None:
    path = out.parent / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"format": 1, "artefacts": {}}
    figures = {
        "weights.safetensors": {"recipe": recipe.__dict__, "validation used for": _USE, "test": _READINGS},
        "architecture.json": {},
        "validation.npz": {**report["validation"], "temperature": [round(float(t), 4) for t in temperature]},
        "test.npz": report["test"],
        "static.json": {d["name"]: round(d["macs"]) for d in described},
        "static_validation.npz": report["validation"]["static networks"],
        "static_test.npz": report["test"]["static networks"],
        "test_readings.json": {},
    }
    for index, strength in enumerate(NOISE, 1):
        figures[f"shifted_{index}.npz"] = {
            "noise": strength,
            "images": f"the first {SHIFTED} of test",
            **report["shifted"][f"noise {strength:.0%}"],
        }
    for name, values in figures.items():
        (out / name).chmod(0o644)  # written through temporary files, which only their owner may read
        content = (out / name).read_bytes()
        holds_images = name in ("validation.npz", "test.npz")
        manifest["artefacts"][f"{out.name}/{name}"] = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "licence": f"{DATA_LICENCE}; everything else {OWN_LICENCE}" if holds_images else OWN_LICENCE,
            "command": f"python -m recipes.make_demo {out.name} --out data/{out.name}",
            "date": _now(),
            "figures": values,
        }
    manifest["artefacts"] = dict(sorted(manifest["artefacts"].items()))
    path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


_USE = (
    "watching the training (no epoch was chosen by it: the last counts), choosing among "
    "three ways to train the early exits (loss weight 0.5; 0.2, which is used; backbone frozen after the static training), "
    "fitting one temperature per exit, tuning the reported policy; no network was trained on it"
)

_READINGS = (
    "read twice, both logged in test_readings.json: the first reading, of networks trained for 18 epochs, "
    "led to training all four for 30"
)


def _append(path: Path, reading: dict) -> None:
    readings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    path.write_text(json.dumps([*readings, reading], indent=2) + "\n", encoding="utf-8")


def _parameters(network: EarlyExitNetwork) -> int:
    return sum(p.numel() for p in network.parameters())


def _percent(shares) -> list[float]:
    return [round(100 * float(s), 2) for s in shares]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m recipes.make_demo", description=__doc__.splitlines()[0])
    parser.add_argument("demo", choices=["fashion"])
    parser.add_argument("--out", type=Path, required=True, help="folder of the artefacts; manifest.json lies beside it")
    parser.add_argument("--work", type=Path, default=Path("build/make_demo"), help="folder of the checkpoints")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of torch; another number changes the last bits")
    parser.add_argument("--only", choices=list(networks()), help="train this one and stop (to run side by side)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    work = options.work / f"{options.demo}-seed{options.seed}"
    work.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(epochs=options.epochs, seed=options.seed)
    if options.only:
        trained(options.only, work, recipe)
    else:
        log.info("%s", json.dumps(make(options.out, work, recipe), indent=2))


if __name__ == "__main__":
    main()
