"""Trains a supernet: python -m recipes.make_supernet compact --dataset fashion-mnist --out data/supernet/compact-fashion

Reads the training and the validation split, never the test set; goes on from its checkpoint where one is left.
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

from eeviz.catalogue import load_demo
from eeviz.core.space.space import Genome, SearchSpace
from eeviz.datasets import Dataset, load_dataset
from eeviz.nn.supernet.file import load_supernet, save_supernet
from eeviz.nn.supernet.supernet import Supernet, recalibrate
from eeviz.nn.supernet.training import SandwichRecipe, train_supernet
from eeviz.nn.train.joint import evaluate

log = logging.getLogger("recipes.make_supernet")

CALIBRATION = 500  # training images that ship with the supernet, for the statistics of extracted networks
RANDOM = 6  # random subnets whose accuracy the manifest tells
LICENCES = {
    "weights.safetensors": "BSD-3-Clause",
    "architecture.json": "BSD-3-Clause",
    "calibration.npz": "MIT (Fashion-MNIST, Zalando SE)",
}


def trained(
    space: SearchSpace,
    training: Dataset,
    validation: Dataset,
    recipe: SandwichRecipe,
    work: Path,
    until: int,
    start: Path | None = None,
    teacher=None,
) -> Supernet:
    """The trained supernet of a space, taken up from the checkpoint in `work` where there is one."""
    pixels = training.images / 255.0
    supernet = Supernet(space, round(float(pixels.mean()), 4), round(float(pixels.std()), 4), seed=recipe.seed)
    if start:
        supernet.load_state_dict(load_supernet(start, space).state_dict())
    for event in train_supernet(supernet, training, validation, recipe, work / "checkpoint.pt", teacher=teacher):
        accuracy = "; ".join(f"{name} {a[-1]:.2%} (exits from {min(a):.2%})" for name, a in event.accuracy.items())
        log.info(
            "epoch %d/%d: loss %.3f, validation %s, %.0f s",
            event.epoch, event.epochs, event.loss, accuracy, event.seconds,
        )  # fmt: skip
        if event.epoch == until:
            break
    return supernet.eval()


def calibration_images(training: Dataset) -> np.ndarray:
    """CALIBRATION training images (n, H, W[, 3]) uint8, always the same ones."""
    chosen = np.random.default_rng(0).choice(len(training), CALIBRATION, replace=False)
    return training.images[np.sort(chosen)]


def figures(supernet: Supernet, images: np.ndarray, validation: Dataset) -> dict[str, dict]:
    """Validation accuracy in per cent of several extracted subnets, before and after recalibration on `images`."""
    rng, found = np.random.default_rng(0), {}
    chosen: dict[str, Genome] = {"largest": supernet.space.largest(), "smallest": supernet.space.smallest()}
    chosen |= {f"random {i}": supernet.sample(rng) for i in range(1, RANDOM + 1)}
    for name, genome in chosen.items():
        network = supernet.extract(genome)
        before = evaluate(network, validation)
        after = evaluate(recalibrate(network, images), validation)
        plan = supernet.space.decode(genome).offered()
        best = [
            max(a for a, p in zip(after, plan.position, strict=True) if p == at) for at in range(max(plan.position))
        ]
        found[name] = {
            "MACs of the static network": int(plan.macs().static),
            "final classifier before recalibration": _percent(before[-1]),
            "final classifier": _percent(after[-1]),
            "best branch per exit": [_percent(a) for a in best],
        }
        log.info("%s: %s", name, found[name])
    return found


def finish(supernet: Supernet, out: Path, training: Dataset, validation: Dataset, recipe, command: str) -> None:
    """Write weights, space, calibration images and manifest entries; the figures are those of the written weights."""
    out.mkdir(parents=True, exist_ok=True)
    facts = {"dataset": training.name, "classes": list(training.classes), "recipe": recipe.__dict__}
    save_supernet(supernet, out, facts)
    images = calibration_images(training)
    np.savez_compressed(out / "calibration.npz", images=images)
    told = {
        "weights.safetensors": {
            "recipe": recipe.__dict__,
            "validation, per cent": figures(load_supernet(out), images, validation),
            "validation used for": "watching the training (no epoch was chosen by it, the last counts); its first 500 images "
            "for judging runs of at most 100 steps on 6,000 training images while the recipe was made",
        },
        "architecture.json": {},
        "calibration.npz": {"images": f"{CALIBRATION} training images, for batch-norm statistics"},
    }
    root = next((folder for folder in out.resolve().parents if (folder / "manifest.json").is_file()), out.parent)
    path = root / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"format": 1, "artefacts": {}}
    for name, values in told.items():
        content = (out / name).read_bytes()
        manifest["artefacts"][(out.resolve() / name).relative_to(root.resolve()).as_posix()] = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "licence": LICENCES[name],
            "command": command,
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
            "figures": values,
        }
    manifest["artefacts"] = dict(sorted(manifest["artefacts"].items()))
    path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _percent(share: float) -> float:
    return round(100 * float(share), 2)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m recipes.make_supernet", description=__doc__.splitlines()[0])
    parser.add_argument("space", choices=["compact"])
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--out", type=Path, required=True, help="folder of the artefacts")
    parser.add_argument("--work", type=Path, default=Path("build/make_supernet"), help="folder of the checkpoint")
    parser.add_argument("--epochs", type=int, default=SandwichRecipe.epochs)
    parser.add_argument("--more", type=int, default=SandwichRecipe.more, help="epochs after a warm restart")
    parser.add_argument("--until", type=int, default=0, help="stop after this epoch, to go on later")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of torch; another number changes the last bits")
    parser.add_argument("--start", type=Path, help="folder of a trained supernet whose weights training starts from")
    parser.add_argument("--teacher", help="demo whose network's final classifier every head learns from")
    parser.add_argument("--learning-rate", type=float, default=SandwichRecipe.learning_rate)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    work = options.work / f"{options.space}-{options.dataset}-seed{options.seed}"
    work.mkdir(parents=True, exist_ok=True)
    training, validation = load_dataset(options.dataset, "train"), load_dataset(options.dataset, "validation")
    shape = (1, *training.images.shape[1:]) if training.images.ndim == 3 else training.images.shape[:0:-1]
    space = SearchSpace.preset(options.space, input=tuple(shape), classes=len(training.classes))
    recipe = SandwichRecipe(
        epochs=options.epochs,
        more=options.more,
        seed=options.seed,
        learning_rate=options.learning_rate,
        alone=0.0 if options.teacher else SandwichRecipe.alone,
    )
    teacher = load_demo(options.teacher).network() if options.teacher else None
    supernet = trained(space, training, validation, recipe, work, options.until, options.start, teacher)
    if options.until in (0, recipe.total):
        command = f"python -m recipes.make_supernet {options.space} --dataset {options.dataset} --out {options.out}"
        finish(supernet, options.out, training, validation, recipe, command)


if __name__ == "__main__":
    main()
