"""Host: costs on this machine, measured: every segment and head clocked in onnxruntime, as floats or as int8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..core.bits import FP32, INT8, Bits, HeadBits
from ..core.cost import Cost, ProductCost
from ..core.plan import Plan
from .clock import Clocked, clock
from .measured import ASSUMED_POWER, REPEATS
from .provider import as_workload, joined


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
        latency = self._clocked(built, bits).latency(work.position)
        energy = Cost(self.power * latency.backbone, self.power * latency.heads, "J")
        return joined(latency, energy, work.memory(bits, own))

    def seconds(self, network, bits: Bits = FP32) -> tuple[np.ndarray, np.ndarray]:
        """(P,) and (E,) seconds of every segment and head of an EarlyExitNetwork, for one sample of a batch."""
        found = self._clocked(network, bits)
        return found.segments, found.heads

    def _clocked(self, network, bits: Bits) -> Clocked:
        return next(one for one in clock(network, bits, (self.batch,), self.repeats) if isinstance(one, Clocked))

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
