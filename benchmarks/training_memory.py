"""What does keeping freed memory between training steps save, and what does it hold?

Steps of joint training on batches of 128 random images, one thread: a network of `zniber` with all exits (32 x 32) and the
Fashion-MNIST demo's architecture. The same process steps as the C library would have it, with memory kept
(`eeviz.nn.train.malloc`), and as before once more. Time is the process's own; memory is what it holds then, and after.
Run: python benchmarks/training_memory.py   (Linux with glibc)
"""

import os
import resource
import statistics
import time
from pathlib import Path

import _line
import torch

import eeviz as ee
from eeviz.core.space.space import SearchSpace
from eeviz.nn.build import build
from eeviz.nn.make_network import genome_of
from eeviz.nn.train.joint import Recipe, joint_loss, optimizer_of
from eeviz.nn.train.malloc import buffers_kept

STEPS = 5
"""Of which the first two do not count."""


def stepped(network, shape) -> dict:
    """Medians over steps: seconds of this process, page faults, megabytes held."""
    recipe, generator = Recipe(), torch.Generator().manual_seed(0)
    optimizer = optimizer_of(network, recipe)
    x = network.prepare((torch.rand(recipe.batch, *shape, generator=generator) * 255).to(torch.uint8))
    labels = torch.randint(0, 10, (recipe.batch,), generator=generator)
    network.train()
    taken, faults = [], []
    for _ in range(STEPS):
        start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        loss = joint_loss(network(x), labels, recipe)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        taken.append(time.process_time() - start)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return {
        "seconds": statistics.median(taken[2:]), "faults": statistics.median(faults[2:]), "megabytes": held(),
    }  # fmt: skip


def held() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(label: str, bar: dict | None, make, shape) -> None:
    usual = stepped(make(), shape)
    with buffers_kept():
        kept = stepped(make(), shape)
    after, again = held(), stepped(make(), shape)
    usual["seconds"] = min(usual["seconds"], again["seconds"])
    figures = {
        "ratio": kept["seconds"] / usual["seconds"],
        **{f"{name}, usual": value for name, value in usual.items()},
        **{f"{name}, kept": value for name, value in kept.items()},
        "megabytes, after": after,
    }
    _line.report("memory kept in training", figures, bar, network=label, batch=128, threads=1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    measure("fashion demo", None, lambda: ee.load_demo("fashion").network(), (28, 28))
    space = SearchSpace.preset("zniber")
    plan = space.decode(genome_of(space)).plan
    measure("zniber 0.35", {"ratio": 0.9}, lambda: build(plan), (32, 32, 3))
