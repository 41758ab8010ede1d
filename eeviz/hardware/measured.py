"""This machine, measured: rates of its processor, and the time of every segment and head of a network on it."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ..core.network.segments import Piece, Segments
from ..core.platform.platform import Platform, Processor
from ..core.table.cost import Cost

NAME = "this-host"
REPEATS, WARM = 31, 3
LEAST_SECONDS = 0.002  # of one reading: shorter calls are repeated inside it
ASSUMED_POWER = 10.0


@dataclass(frozen=True, eq=False)
class Measured:
    """Segments with their seconds on this machine, as read, and the latency that follows.

    segments : pieces and heads with `seconds` for "this-host", of one sample in a batch of `batch`. latency : Cost in s,
    never falling with depth. spread : largest interquartile range of a reading, relative to its median.
    """

    segments: Segments
    latency: Cost
    batch: int
    spread: float


def measure(network, batch: int = 1, x=None, repeats: int = REPEATS, measure: str = "max_probability") -> Measured:
    """Run an EarlyExitNetwork on this machine and clock every segment and head: warm, median of `repeats` passes.

    Seconds are those that one thread computes: on an idle machine what a clock on the wall shows, on a busy one without
    the time in which other programs had the core.

    batch : samples at once; times are per sample. x : (n, ...) prepared samples, None: random ones, seed 0.
    A head's time includes its confidence and the decision. Activations and weights count as float32.
    Raises ValueError for a batch or repeats below 1.
    """
    import torch

    from ..core.table.calibration import confidence_of
    from ..nn.count.describe import describe

    if batch < 1 or repeats < 1:
        raise ValueError(f"batch and repeats must be at least 1, got {batch} and {repeats}.")
    segments = describe(network)
    if x is None:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(batch, *network.input_shape, generator=generator)
    x = x[torch.arange(batch) % len(x)]
    if x.ndim == 4:
        x = x.contiguous(memory_format=torch.channels_last)

    def decide(branch, features) -> np.ndarray:
        return confidence_of(branch(features).numpy()[:, None], measure)[:, 0] >= np.float32(0.5)

    training, threads = network.training, torch.get_num_threads()
    network.eval()
    torch.set_num_threads(1)
    passes = []
    try:
        with torch.inference_mode():
            for _ in range(WARM + repeats):  # in the order of inference, so that every piece meets the caches as there
                taken, features = [], x
                for index, segment in enumerate(network.segments):
                    features = _clocked(taken, segment, features)
                    for k in network.at(index):
                        _clocked(taken, decide, network.branches[k], features)
                passes.append(taken)
    finally:
        torch.set_num_threads(threads)
        network.train(training)
    readings = np.array(passes[WARM:]) / batch  # (repeats, segments and heads in the order they ran)
    median = iter(np.median(readings, axis=0).tolist())
    pieces, heads = [], []
    for index, piece in enumerate(segments.pieces):
        pieces.append(_timed(piece, next(median)))
        heads += [_timed(segments.heads[k], next(median)) for k in network.at(index)]
    low, high = np.quantile(readings, [0.25, 0.75], axis=0)
    made = replace(segments, pieces=tuple(pieces), heads=tuple(heads))
    return Measured(made, latency_of(made), batch, float(((high - low) / np.median(readings, axis=0)).max()))


def _clocked(taken: list[float], work: Callable, *arguments):
    """work(*arguments), its seconds appended to `taken`."""
    start = time.thread_time()
    result = work(*arguments)
    taken.append(time.thread_time() - start)
    return result


def _timed(piece: Piece, seconds: float) -> Piece:
    return piece.with_seconds(**{NAME: seconds})


def latency_of(segments: Segments) -> Cost:
    """Latency in s on this machine from the segments' own readings."""
    taken = np.cumsum([piece.seconds[NAME] for piece in segments.pieces])
    return Cost.measured(taken[segments.position], [head.seconds[NAME] for head in segments.heads], unit="s")


def read(work: Callable[[], object], repeats: int = 15) -> tuple[float, float]:
    """Median seconds of work() and its relative interquartile range, warm; short work is repeated within a reading.

    Seconds are those that the calling thread computed: on an idle machine what a clock on the wall shows, on a busy one
    without the time in which other programs had the core. So `work` must not use other threads.
    """
    work()
    start = time.thread_time()
    work()
    once = time.thread_time() - start
    inner = max(1, round(LEAST_SECONDS / max(once, 1e-9)))
    taken = []
    for _ in range(repeats):
        start = time.thread_time()
        for _ in range(inner):
            work()
        taken.append((time.thread_time() - start) / inner)
    median = statistics.median(taken)
    low, high = np.quantile(taken, [0.25, 0.75])
    return median, float(high - low) / median


@cache
def this_host() -> Platform:
    """One thread of this machine: rates measured on typical layers, once a process; needs PyTorch.

    Its energy is the assumed power of a busy core times the time, as its source says, so savings of energy equal
    savings of latency here.
    """
    import torch
    from torch import nn

    x = torch.randn(1, 32, 16, 16).contiguous(memory_format=torch.channels_last)
    layers = {
        "conv": (nn.Conv2d(32, 32, 3, padding=1, bias=False), x, 32 * 32 * 9 * 256),
        "depthwise": (nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False), x, 32 * 9 * 256),
        "linear": (nn.Linear(1024, 1024, bias=False), torch.randn(1, 1024), 1024 * 1024),
        "matmul": (lambda a: a @ a, torch.randn(128, 128), 128**3),
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            rates = {
                kind: macs / read(lambda f=layer, v=value: f(v))[0] for kind, (layer, value, macs) in layers.items()
            }
            block = np.zeros(1 << 22)
            bandwidth = 2 * block.nbytes / read(block.copy, 5)[0]
    finally:
        torch.set_num_threads(threads)
    how = "Measured here: one thread, float32, batch 1, median of warm repeats"
    sources = {
        "operators": f"{how}: 3x3 convolution and depthwise convolution of 32 channels at 16 x 16, 1024 x 1024 linear.",
        "macs_per_s": f"{how}: 3x3 convolution of 32 channels at 16 x 16.",
        "bytes_per_s": "Measured here: copying 32 MB.",
        "active_power": "Assumed: one busy core of a desktop or server processor.",
        "bits": "Measured in float32.",
        "memory": "Read from the operating system.",
    }
    processor = Processor(
        name=NAME,
        macs_per_s=rates["conv"],
        operators=rates,
        bytes_per_s=bandwidth,
        active_power=ASSUMED_POWER,
        memory=_memory(),
        bits=32,
        sources=sources,
    )
    return Platform(NAME, (processor,))


def _memory() -> float | None:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows
        return None
