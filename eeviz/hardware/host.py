"""Costs on this machine, measured by `clock`: providers of what was clocked of one network, and of any network, clocked anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from ..core.network.bits import AnyBits, Bits, HeadBits
from ..core.network.plan import Plan
from ..core.table.cost import Cost, ProductCost
from .clock import Clocked, check_bits, clock
from .measured import ASSUMED_POWER, REPEATS
from .provider import as_workload, joined

HEADS_LEAVE_OUT = "A head's time is without its confidence and the decision."


@dataclass(frozen=True, eq=False)
class Clocks:
    """What was clocked of one network: latency in s and memory in B of a sample in a batch. No energy."""

    found: tuple[Clocked, ...]
    batch: int

    @property
    def title(self) -> str:
        return _title(self.batch)

    def at(self, bits: Bits) -> Clocked | None:
        """The newest reading at these bits, None where there is none."""
        return next((one for one in reversed(self.found) if (one.bits, one.batch) == (bits, self.batch)), None)

    def costs(self, network, bits: AnyBits | None = None, head_bits: HeadBits = None) -> dict[str, Cost]:
        """Costs of that network, or of its workload. Raises ValueError for bits that were not clocked."""
        work = as_workload(network)
        bits, own = work.at_bits(bits, head_bits)
        check_bits(bits, own)
        one = self.at(bits)
        if one is None:
            raise ValueError(f"the network has not been measured on {self.title} at {bits} bits yet.")
        return {"latency": one.latency(work.position), "memory": work.memory(bits, own)}

    def notes(self, network=None, bits: AnyBits | None = None, head_bits: HeadBits = None) -> tuple[str, ...]:
        """What the figures leave out."""
        return "Energy is not measured on this host: only latency counts here.", HEADS_LEAVE_OUT


@dataclass(frozen=True)
class Host:
    """A provider for searches: every network asked about is clocked anew, warm, median of `repeats`, on one thread.

    Latency in s of one sample in a batch of `batch`, memory in B; energy in J is an assumption, `power` times the latency,
    and measures nothing. bits : 32 (floats) or 8, of backbone and heads alike. Raises ValueError for a batch or repeats
    below 1.
    """

    batch: int = 1
    repeats: int = REPEATS
    power: float = ASSUMED_POWER

    def __post_init__(self):
        if self.batch < 1 or self.repeats < 1:
            raise ValueError(f"batch and repeats must be at least 1, got {self.batch} and {self.repeats}.")

    @property
    def title(self) -> str:
        return f"{_title(self.batch)}, energy assumed"

    def costs(
        self, network, bits: AnyBits | None = None, head_bits: HeadBits = None
    ) -> Mapping[str, Cost | ProductCost]:
        """network : an EarlyExitNetwork, or a Plan, which is built with random weights.

        Raises ValueError for other bits and for a Workload, which cannot be run.
        """
        built = _built(network)
        bits, own = as_workload(network).at_bits(bits, head_bits)
        check_bits(bits, own)
        one = next(o for o in clock(built, bits, (self.batch,), self.repeats) if isinstance(o, Clocked))
        costs = Clocks((one,), self.batch).costs(built, bits, own)
        latency = costs["latency"]
        energy = Cost(self.power * latency.backbone, self.power * latency.heads, "J")
        return joined(latency, energy, costs["memory"])

    def notes(self, network=None, bits: AnyBits | None = None, head_bits: HeadBits = None) -> tuple[str, ...]:
        """What is assumed, and what the figures leave out."""
        return (
            f"Energy is not measured on this host: an assumption, {self.power:g} W times the latency, stands for it and says "
            "nothing that latency does not say.",
            HEADS_LEAVE_OUT,
        )


def _title(batch: int) -> str:
    return f"this host, batch of {batch}" if batch > 1 else "this host"


@lru_cache(maxsize=8)
def _of_plan(plan: Plan):
    from ..nn.build import build

    return build(plan).eval()


def _built(network):
    if isinstance(network, Plan):
        return _of_plan(network)
    if hasattr(network, "branches"):
        return network
    raise ValueError(f"this machine is measured with a network or a plan, got {type(network).__name__}.")
