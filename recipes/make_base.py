"""Trains a base classifier: python -m recipes.make_base speech|ecg --out data/base/speech

speech : five networks, each on three fifths of the speakers; no epoch is chosen, the last counts. ecg : one, on the
training patients; the epoch with the best balanced accuracy on the validation patients counts. Test patients and a
fold's own speakers are not read here. Killed, it goes on from its last epoch.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from eeviz.datasets import load_dataset
from eeviz.nn.augment.inputs import Samples, samples_of, variation
from eeviz.nn.augment.stream import batches
from eeviz.nn.models import use_cases
from eeviz.nn.train import checkpoint as checkpoints
from eeviz.nn.train.optim import parameter_groups, warm_cosine
from recipes.manifest import note

log = logging.getLogger("recipes.make_base")


@dataclass(frozen=True)
class BaseRecipe:
    """AdamW, linear warm-up, cosine to zero; select : the best epoch on validation counts, else the last."""

    epochs: int
    batch: int = 64
    learning_rate: float = 5e-3
    warm_up: float = 0.1
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    select: bool = False
    seed: int = 0


RECIPES = {
    "speech": BaseRecipe(epochs=80, label_smoothing=0.05),
    "ecg": BaseRecipe(epochs=12, batch=128, learning_rate=3e-3, label_smoothing=0.05, select=True),
}
DRAWN = 16_000  # heartbeats an epoch


@dataclass(frozen=True)
class BaseEpoch:
    """One epoch is over: mean loss on varied training samples, (weighted) validation accuracy, seconds it took."""

    epoch: int
    loss: float
    accuracy: float
    seconds: float


def train_base(
    model: nn.Module,
    samples_at: Callable[[int], Samples],
    vary,
    validation: Samples,
    weight: np.ndarray | None,
    recipe: BaseRecipe,
    checkpoint: Path | None = None,
) -> Iterator[BaseEpoch]:
    """Train `model` in place; yields a BaseEpoch per epoch, those of a resumed checkpoint included.

    samples_at : epoch -> training samples. weight (N,) : what a right validation answer counts.
    Raises ValueError when the checkpoint is of another recipe.
    """
    optimizer = torch.optim.AdamW(parameter_groups(model.parameters(), recipe.weight_decay))
    history: list[BaseEpoch] = []
    best = None
    if checkpoint and checkpoint.is_file():
        state = checkpoints.resume(checkpoint, {"recipe": asdict(recipe)}, before=("recipe",))
        checkpoints.restore(checkpoint, (model, state["model"]), (optimizer, state["optimizer"]))
        history, best = [BaseEpoch(**event) for event in state["history"]], state["best"]
        yield from history
    for epoch in range(len(history), recipe.epochs):
        started, samples, total = time.perf_counter(), samples_at(epoch), 0.0
        varied, steps = variation(samples, vary), len(samples) // recipe.batch
        source = batches(samples, varied, recipe.batch, recipe.seed, epoch * steps)
        model.train()
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * warm_cosine((epoch + step / steps) / recipe.epochs, recipe.warm_up)
            x, labels = next(source)
            loss = F.cross_entropy(model(x), labels, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        accuracy = accuracy_of(model, validation, weight)
        if recipe.select and (best is None or accuracy > max(event.accuracy for event in history)):
            best = {name: value.clone() for name, value in model.state_dict().items()}
        history.append(BaseEpoch(epoch + 1, total / steps, accuracy, time.perf_counter() - started))
        if checkpoint:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "best": best}
            state["history"] = [asdict(event) for event in history]
            checkpoints.write(checkpoint, {"recipe": asdict(recipe)}, state)
        yield history[-1]
    if best is not None:
        model.load_state_dict(best)
    model.eval()


def answers(model: nn.Module, samples: Samples, batch: int = 256) -> np.ndarray:
    """Logits (N, C) float32 in evaluation mode."""
    model.eval()
    with torch.inference_mode():
        parts = [
            model(samples.batch(np.arange(i, min(i + batch, len(samples))))) for i in range(0, len(samples), batch)
        ]
    return torch.cat(parts).numpy()


def accuracy_of(model: nn.Module, samples: Samples, weight: np.ndarray | None = None) -> float:
    """Accuracy, each sample counting `weight` (N,)."""
    right = answers(model, samples).argmax(axis=1) == samples.labels
    return float(np.average(right, weights=weight))


def make_speech(fold: int, work: Path, recipe: BaseRecipe) -> nn.Module:
    """The base that has not heard the speakers of `fold`, nor those its thresholds are chosen on."""
    fit, tune, _ = use_cases.speech_parts(fold)
    model = use_cases.BASES["speech"].build().to(memory_format=torch.channels_last)
    fit, tune = (samples_of(part, prepare=use_cases.Spectra()) for part in (fit, tune))
    checkpoint = work / f"fold{fold}.pt"
    for event in train_base(model, lambda epoch: fit, use_cases.vary_speech, tune, None, recipe, checkpoint):
        _tell(f"speech fold {fold}", event)
    return model


def make_ecg(work: Path, recipe: BaseRecipe, width: int | None = None) -> nn.Module:
    """The base of the training patients; width : other than its own channels, for comparison."""
    fit, tune = (use_cases.heartbeats(load_dataset("mit-bih", split)) for split in ("train", "validation"))
    name = "ecg" if width is None else f"ecg-{width}"
    model = use_cases.BASES["ecg"].build(**({} if width is None else {"width": width}))
    weight = use_cases.recall_weights(tune)
    tune = samples_of(tune, prepare=use_cases.Heartbeats())

    def samples_at(epoch: int) -> Samples:
        return samples_of(use_cases.drawn(fit, DRAWN, seed=recipe.seed + epoch), prepare=use_cases.Heartbeats())

    for event in train_base(model, samples_at, use_cases.vary_heartbeats, tune, weight, recipe, work / f"{name}.pt"):
        _tell(name, event)
    return model


def _tell(name: str, event: BaseEpoch) -> None:
    log.info(
        "%s epoch %d: loss %.3f, validation %.2f %%, %.0f s",
        name, event.epoch, event.loss, 100 * event.accuracy, event.seconds,
    )  # fmt: skip


def write(model: nn.Module, path: Path, name: str, recipe: BaseRecipe) -> None:
    """The weights as safetensors, with their entry in the manifest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
    command = f"python -m recipes.make_base {name} --out data/base/{name}"
    note(path, command, "BSD-3-Clause", {"recipe": asdict(recipe)})


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m recipes.make_base", description=__doc__.splitlines()[0])
    parser.add_argument("base", choices=list(RECIPES))
    parser.add_argument("--out", type=Path, required=True, help="folder of the weights")
    parser.add_argument("--work", type=Path, default=Path("build/make_base"), help="folder of the checkpoints")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(use_cases.FOLDS)), help="of speech")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    settings = {**asdict(RECIPES[options.base]), "seed": options.seed}
    recipe = BaseRecipe(**{**settings, "epochs": options.epochs or settings["epochs"]})
    options.work.mkdir(parents=True, exist_ok=True)
    if options.base == "ecg":
        write(make_ecg(options.work, recipe), use_cases.weights_file("ecg", 0, options.out), "ecg", recipe)
        return
    for fold in options.folds:
        made = make_speech(fold, options.work, recipe)
        write(made, use_cases.weights_file("speech", fold, options.out), "speech", recipe)


if __name__ == "__main__":
    main()
