"""Clocking a network on this machine: every segment and head in onnxruntime, as floats or as int8, warm, one thread."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.network.bits import FP32, INT8, Bits
from ..core.table.cost import Cost
from ..core.table.policy import Policy
from ..launch.packages import require
from .measured import REPEATS, WARM

SAMPLES = 32  # of noise, for the ranges of int8 networks: times do not depend on them
FINE = 1e-6  # s; a clock of the thread's own time that is coarser cannot tell one head from another


@dataclass(frozen=True, eq=False)
class Clocked:
    """Seconds of one sample in a batch, as read: segments (P,), heads (E,).

    spread : largest interquartile range of a piece, relative to its median.
    """

    bits: Bits
    batch: int
    segments: np.ndarray
    heads: np.ndarray
    spread: float

    def latency(self, position: Sequence[int]) -> Cost:
        """Latency in s; position (E,) : the segment behind which each head reads."""
        return Cost(np.cumsum(self.segments)[list(position)], self.heads, "s")


def check_bits(bits: Bits, head_bits: Sequence[Bits] = ()) -> None:
    """Raises ValueError for bits of backbone and heads at which this machine runs no network."""
    if bits not in (FP32, INT8) or not set(head_bits) <= {bits}:
        told = ", ".join(map(str, dict.fromkeys((bits, *head_bits))))
        raise ValueError(f"this machine runs networks at 32 or at 8 bits, all of it at one of them; got {told}.")


def clock(
    network, bits: Bits = FP32, batches: Sequence[int] = (1,), repeats: int = REPEATS
) -> Iterator[tuple[str, float] | Clocked]:
    """Run an EarlyExitNetwork at 32 or 8 bits; yields (what, share done) on the way and a Clocked for each batch.

    Seconds are those that this thread computes: on an idle machine what a clock on the wall shows, on a busy one without
    the time in which others had the core. Raises ValueError for other bits, ImportError without onnxruntime.
    """
    check_bits(bits)
    require("onnx", "onnxruntime", for_="measuring on this machine")
    from ..nn.export.int8 import session_of

    yield "writing the network for onnxruntime", 0.0
    generator = np.random.default_rng(0)
    x = generator.standard_normal((max(*batches, SAMPLES), *network.input_shape)).astype(np.float32)
    with tempfile.TemporaryDirectory() as temporary:
        files = _written(network, bits, Path(temporary), x)
        sessions = [(name, session_of(Path(temporary) / name)) for name in files]
    passes = WARM + repeats
    for number, batch in enumerate(batches):
        taken: dict[str, list[float]] = {name: [] for name in files}
        for done in range(passes):
            _pass(sessions, x[:batch], taken)
            yield f"batch of {batch}: pass {done + 1} of {passes}", (number + (done + 1) / passes) / len(batches)
        yield _clocked(network, bits, batch, {name: np.array(values[WARM:]) for name, values in taken.items()})


def _written(network, bits: Bits, folder: Path, x: np.ndarray) -> tuple[str, ...]:
    from ..nn.export.int8 import export_int8
    from ..nn.export.network import export

    policy = Policy((0.5,) * (network.exits_count - 1))
    if bits == FP32:
        return export(network.folded(), policy, folder).files
    import torch

    return export_int8(network, policy, folder, torch.from_numpy(x)).files


def _pass(sessions, x: np.ndarray, taken: Mapping[str, list[float]]) -> None:
    """Once through the network in the order of inference, so that each piece meets the caches as there."""
    now, features = _now(), x
    for name, session in sessions:
        start = now()
        out = session.run(None, {"x": features})[0]
        taken[name].append((now() - start) / len(x))
        features = out if name.startswith("segment") else features


def _now():
    fine = time.get_clock_info("thread_time").resolution <= FINE
    return time.thread_time if fine else time.perf_counter


def _clocked(network, bits: Bits, batch: int, readings: Mapping[str, np.ndarray]) -> Clocked:
    median = {name: float(np.median(values)) for name, values in readings.items()}
    segments = np.zeros(len(network.segments))
    parts = [p for p in range(len(segments)) if p == 0 or len(network.at(p - 1))]  # others run inside the one before
    for index, p in enumerate(parts):
        segments[p] = median[f"segment_{index}.onnx"]
    heads = np.array([median[f"head_{k}.onnx"] for k in range(network.exits_count)])
    spread = max(float(np.subtract(*np.quantile(v, [0.75, 0.25]))) / median[name] for name, v in readings.items())
    return Clocked(bits, batch, segments, heads, spread)
