"""What does earlyon 0.3.0, the packaged peer, reach on the same network, images and minutes?

Run by a Python that has earlyon (`pip install earlyon==0.3.0`) beside this package's requirements. Heads behind the first
and the second stage and the first block of the third, as its own models place them by stage, trained by its two-stage
trainer on a frozen backbone until the time is up, images mirrored and moved as elsewhere; thresholds and temperatures by
its own calibration for a drop of 1.0 pp on one half of the test images, figures from the other, both ways, five shuffles.
Its figures leave out what heads cost; here they are charged. `augment_cifar.py peers` reports what this writes.

Run: python benchmarks/augment_earlyon.py --weights resnet20=FILE --seconds 180 --out FILE.npz
"""

import argparse
import json
import time

import numpy as np
import torch
from augment_cached import multiplications
from earlyon.core.thresholds import calibrate_thresholds, collect_head_logits, simulate_policy
from earlyon.models import custom_ee
from earlyon.training.two_stage_trainer import stage2_train_exits

import eeviz as ee
from eeviz.core.solve.cross_fit import split_in_two
from eeviz.core.table.policy import Routing
from eeviz.nn.augment.inputs import samples_of, variation
from eeviz.nn.models.classifiers import IMAGENET_MEAN, IMAGENET_STD, load

LAYERS, HIDDEN, BATCH, SHUFFLES = ["layer1", "layer2", "layer3.0"], 128, 128, 5


class Clocked:
    """Varied training batches until the time is up: to its trainer, one epoch."""

    def __init__(self, samples, seconds: float, clock):
        self.samples, self.clock, self.until = samples, clock, clock() + seconds
        self.vary, self.generator, self.seen = variation(samples, "auto"), torch.Generator().manual_seed(0), 0

    def __iter__(self):
        while True:
            for index in torch.randperm(len(self.samples), generator=self.generator).split(BATCH):
                if self.clock() > self.until:
                    return
                self.seen += len(index)
                values = self.vary(self.samples.values[index.numpy()], self.generator)
                x = self.samples.prepare(values).contiguous(memory_format=torch.channels_last)
                yield x, torch.from_numpy(self.samples.labels[index.numpy()])


class Part:
    """Samples at given places, in batches, as a loader."""

    def __init__(self, samples, index):
        self.samples, self.index = samples, index

    def __iter__(self):
        for start in range(0, len(self.index), BATCH):
            at = self.index[start : start + BATCH]
            yield self.samples.batch(at), torch.from_numpy(self.samples.labels[at])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", required=True, metavar="NAME=FILE")
    parser.add_argument("--seconds", type=float, required=True, help="for everything up to the trained heads")
    parser.add_argument("--out", required=True)
    parser.add_argument("--cpu", action="store_true", help="seconds of the process")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    started = clock()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    parts = [ee.load_dataset("cifar10", split) for split in ("train", "validation")]
    training = np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts])
    training = samples_of(training, IMAGENET_MEAN, IMAGENET_STD)
    test = samples_of(ee.load_dataset("cifar10", "test"), IMAGENET_MEAN, IMAGENET_STD)
    model = custom_ee(
        load(*options.weights.split("=", 1)).eval(), LAYERS, 10, input_shape=(1, 3, 32, 32), hidden_dim=HIDDEN
    )
    loader = Clocked(training, options.seconds - (clock() - started), clock)
    stage2_train_exits(model, loader, epochs=1, on_epoch_end=lambda log: None)
    model.eval()
    seconds = clock() - started
    backbone, total = multiplications(
        model.backbone, [model.backbone.get_submodule(n) for n in LAYERS], test.batch([0])
    )
    channels = [point.in_channels for point in model.config.exit_points]
    cost = ee.Cost([*backbone, total], [*(c * HIDDEN + HIDDEN * 10 for c in channels), 0.0])
    cache = collect_head_logits(model, Part(test, np.arange(len(test))), "cpu")
    logits = np.stack([part.numpy() for part in cache.logits], axis=1)  # (N, E, C)
    records = ee.ExitRecords.from_logits(logits, test.labels, {"macs": cost}, exits=[*LAYERS, "final"])
    right, spent = np.zeros((2, SHUFFLES, len(test)))
    for shuffle in range(SHUFFLES):
        halves = split_in_two(records, shuffle)
        for chosen_on, reported in (halves, halves[::-1]):
            calibrate_thresholds(model, Part(test, chosen_on), target_accuracy_drop=0.01, fit_temperature=True)
            routing = by_its_rule(model, records)
            check(model, cache, routing)
            right[shuffle, reported] = routing.right[reported]
            spent[shuffle, reported] = routing.cost_at[routing.exit_of][reported]
    records.save(options.out)
    np.savez(options.out.removesuffix(".npz") + "_own.npz", right=right, spent=spent)
    print(json.dumps({"seconds": round(seconds, 1), "images": loader.seen}))


def by_its_rule(model, records: ee.ExitRecords) -> Routing:
    """All samples routed as its configuration says, with this package's costs: disabled exits have no head."""
    config = model.config
    names = [*(point.name for point in config.exit_points), "final"]
    scaled = records.with_confidence("max_probability", tuple(float(config.temperatures[name]) for name in names))
    chosen = [
        threshold if enabled else None
        for threshold, enabled in zip(config.confidence_thresholds, config.enabled_exits, strict=True)
    ]
    return ee.route(scaled, ee.Policy(tuple(chosen)))


def check(model, cache, routing) -> None:
    """Its own simulation must find the same accuracy, but for rounding at a threshold."""
    accuracy = simulate_policy(cache, model).accuracy
    if abs(accuracy - routing.accuracy) > 5e-4:
        raise RuntimeError(f"routed here {routing.accuracy:.4f}, by its own simulation {accuracy:.4f}.")


if __name__ == "__main__":
    main()
