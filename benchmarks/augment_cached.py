"""What does a plain script of cached features reach, without any of this package's training?

The baseline to beat: 30,000 CIFAR-10 training images pass the backbone once, features behind every other block are kept,
averaged to 4 x 4 cells; one perceptron of 128 hidden units each learns on them for ten epochs, no variation, no
distillation. Written with torch alone but for reading the data; `augment_cifar.py peers` reports its records.

Run: python benchmarks/augment_cached.py --weights resnet20=FILE --out FILE.npz
CIFAR-10 must be where `eeviz.load_dataset("cifar10")` finds it (EEVIZ_DATA).
"""

import argparse
import json
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import eeviz as ee
from eeviz.nn.models.classifiers import IMAGENET_MEAN, IMAGENET_STD, load

IMAGES, UNITS, EPOCHS, BATCH = 30_000, 128, 10, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", required=True, metavar="NAME=FILE")
    parser.add_argument("--out", required=True, help="where the records on the test images go")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    started, cpu = time.perf_counter(), time.process_time()
    model = load(*options.weights.split("=", 1)).eval()
    blocks = [block for stage in (model.layer1, model.layer2, model.layer3) for block in stage][1:-1:2]
    train, test = ee.load_dataset("cifar10", "train"), ee.load_dataset("cifar10", "test")
    kept, _ = features(model, blocks, train.images[:IMAGES])
    seen, final = features(model, blocks, test.images)
    label = torch.from_numpy(train.labels[:IMAGES].astype(np.int64))
    heads = [learnt(x, label) for x in kept]
    with torch.no_grad():
        logits = np.stack([*(head(x.float()).numpy() for head, x in zip(heads, seen, strict=True)), final], axis=1)
    backbone, total = multiplications(model, blocks, torch.zeros(1, 3, 32, 32))
    cost = ee.Cost([*backbone, total], [*(x.shape[1] * UNITS + UNITS * 10 for x in kept), 0])
    exits = [*(f"block {2 * k + 2} mlp" for k in range(len(blocks))), "final"]
    records = ee.ExitRecords.from_logits(logits, test.labels, {"macs": cost}, exits=exits)
    records.save(options.out)
    seconds = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}
    print(json.dumps({name: round(value, 1) for name, value in seconds.items()}))


def features(model: nn.Module, blocks, images: np.ndarray) -> tuple[list[torch.Tensor], np.ndarray]:
    """Features (N, channels * 16) float16 behind each block, and the final logits (N, 10)."""
    tapped, kept, logits = [], [[] for _ in blocks], []
    hooks = [
        block.register_forward_hook(lambda _, __, y: tapped.append(F.adaptive_avg_pool2d(y, 4))) for block in blocks
    ]
    mean, std = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.no_grad():
        for start in range(0, len(images), 100):
            x = torch.from_numpy(images[start : start + 100].copy()).movedim(-1, 1) / 255
            logits.append(model(((x - mean) / std).contiguous(memory_format=torch.channels_last)))
            for part, y in zip(kept, tapped, strict=True):
                part.append(y.flatten(1).half())
            tapped.clear()
    for hook in hooks:
        hook.remove()
    return [torch.cat(part) for part in kept], torch.cat(logits).numpy()


def learnt(x: torch.Tensor, label: torch.Tensor) -> nn.Module:
    """A perceptron trained on features x (N, F)."""
    head = nn.Sequential(nn.Linear(x.shape[1], UNITS), nn.BatchNorm1d(UNITS), nn.ReLU(), nn.Linear(UNITS, 10))
    optimizer = torch.optim.Adam(head.parameters(), 1e-3)
    for _ in range(EPOCHS):
        for index in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(head(x[index].float()), label[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return head.eval()


def multiplications(model: nn.Module, blocks, example: torch.Tensor) -> tuple[list[float], float]:
    """MACs up to each block's output, and of the whole model."""
    counted, at = [0.0], []

    def count(module, _, y):
        each = module.weight[0].numel() * (y.shape[2] * y.shape[3] if y.ndim == 4 else 1)
        counted[0] += each * module.weight.shape[0]

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks += [block.register_forward_hook(lambda *_: at.append(counted[0])) for block in blocks]
    with torch.no_grad():
        model(example)
    for hook in hooks:
        hook.remove()
    return at, counted[0]


if __name__ == "__main__":
    main()
