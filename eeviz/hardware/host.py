"""Host: costs on this machine, measured: every segment and head clocked in onnxruntime, as floats or as int8."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..core.bits import FP32, INT8, Bits, HeadBits
from ..core.cost import Cost, ProductCost
from ..core.plan import Plan
from ..core.policy import Policy
from ..packages import require
from .measured import ASSUMED_POWER, REPEATS, WARM
from .provider import as_workload, joined

SAMPLES = 32  # of noise, for the ranges of int8 networks: times do not depend on them


@dataclass(frozen=True)
class Host:
    """Costs on one thread of this machine: latency in s of one sample in a batch of `batch`, energy in J, memory in B.

    Warm, median of `repeats`. Energy is an assumed power times the time, so what saves latency saves energy here.
    bits : 32 (floats) or 8, of backbone and heads alike. Raises ValueError for a batch or repeats below 1.
    """

    batch: int = 1
    repeats: int = REPEATS
    power: float = ASSUMED_POWER

    def __post_init__(self):
        if self.batch < 1 or self.repeats < 1:
            raise ValueError(f"batch and repeats must be at least 1, got {self.batch} and {self.repeats}.")

    @property
    def title(self) -> str:
        return f"this machine, onnxruntime, batch {self.batch}"

    def costs(self, network, bits: Bits | None = None, head_bits: HeadBits = None) -> Mapping[str, Cost | ProductCost]:
        """Measured anew at every call. network : an EarlyExitNetwork, or a Plan, which is built with random weights.

        Raises ValueError for other bits and for a Workload, which cannot be run.
        """
        built = _built(network)
        work = as_workload(built)
        bits, own = work.at_bits(bits, head_bits)
        if bits not in (FP32, INT8) or set(own) != {bits}:
            raise ValueError(f"this machine runs networks at 32 or at 8 bits, all of it at one of them; got {bits}.")
        segments, heads = self.seconds(built, bits)
        backbone = np.cumsum(segments)[list(work.position)]
        latency = Cost(backbone, heads, "s")
        energy = Cost(self.power * latency.backbone, self.power * latency.heads, "J")
        return joined(latency, energy, work.memory(bits, own))

    def seconds(self, network, bits: Bits = FP32) -> tuple[np.ndarray, np.ndarray]:
        """(P,) and (E,) seconds of every segment and head of an EarlyExitNetwork, for one sample of a batch."""
        require("onnx", "onnxruntime", for_="measuring on this machine")
        from ..nn.export import export
        from ..nn.export_int8 import export_int8, session_of

        generator = np.random.default_rng(0)
        x = generator.standard_normal((max(self.batch, SAMPLES), *network.input_shape)).astype(np.float32)
        policy = Policy((0.5,) * (network.exits_count - 1))
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            if bits == FP32:
                files = export(network.folded(), policy, folder).files
            else:
                import torch

                files = export_int8(network, policy, folder, torch.from_numpy(x)).files
            sessions = [(name, session_of(folder / name)) for name in files]
        taken = {name: [] for name in files}
        for _ in range(WARM + self.repeats):  # in the order of inference, so that each meets the caches as there
            features = x[: self.batch]
            for name, session in sessions:
                start = time.perf_counter()
                out = session.run(None, {"x": features})[0]
                taken[name].append((time.perf_counter() - start) / self.batch)
                features = out if name.startswith("segment") else features
        median = {name: float(np.median(values[WARM:])) for name, values in taken.items()}
        return self._by_piece(network, median)

    @staticmethod
    def _by_piece(network, median: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        segments = np.zeros(len(network.segments))
        first = [
            p for p in range(len(segments)) if p == 0 or len(network.at(p - 1))
        ]  # others run inside the one before
        for index, p in enumerate(first):
            segments[p] = median[f"segment_{index}.onnx"]
        return segments, np.array([median[f"head_{k}.onnx"] for k in range(network.exits_count)])

    def notes(self, network, bits: Bits | None = None, head_bits: HeadBits = None) -> tuple[str, ...]:
        """What the figures leave out."""
        return (
            f"Energy is an assumed {self.power:g} W times the time: it says nothing that latency does not say.",
            "A head's time is without its confidence and the decision.",
        )


@lru_cache(maxsize=8)
def _of_plan(plan: Plan):
    from ..nn.planned import build

    return build(plan).eval()


def _built(network):
    if isinstance(network, Plan):
        return _of_plan(network)
    if hasattr(network, "branches"):
        return network
    raise ValueError(f"this machine is measured with a network or a plan, got {type(network).__name__}.")
