"""CostProvider: what a network costs on some hardware at given bits. All give the same thing, from different sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..core.network.bits import AnyBits, HeadBits
from ..core.network.plan import Plan
from ..core.network.workload import Workload, workload_of
from ..core.table.cost import Cost, ProductCost

COSTS = ("latency", "energy", "energy x latency", "memory")


class CostProvider(Protocol):
    """Costs of a segmented early-exit network by name: those of COSTS. Values that can be compared, hashed and sent."""

    @property
    def title(self) -> str:
        """A few words for people."""

    def costs(
        self, network, bits: AnyBits | None = None, head_bits: HeadBits = None
    ) -> Mapping[str, Cost | ProductCost]:
        """Costs of one sample, with E entries. network : a Plan, a Workload or an EarlyExitNetwork.

        bits : of the backbone, as `Bits.of` reads them ("4/8", 8), None: the plan's, else 8/8. head_bits : of every head, or
        (E,) of each; None: as the backbone. Raises ValueError in words for what the provider cannot cost: it is never
        silently zero.
        """

    def notes(self, network, bits: AnyBits | None = None, head_bits: HeadBits = None) -> tuple[str, ...]:
        """Where the provider goes beyond what it was made or measured for, in sentences; empty where it does not."""


def as_workload(network) -> Workload:
    """The workload of a Plan, of an EarlyExitNetwork, or the workload itself.

    Raises ValueError for layers without a rule and for anything else.
    """
    if isinstance(network, Workload):
        return network
    if isinstance(network, Plan):
        return workload_of(network)
    if hasattr(network, "segments") and hasattr(network, "branches"):
        from ..nn.count.workload import workload

        return workload(network)
    raise ValueError(f"expected a Plan, a Workload or an EarlyExitNetwork, got {type(network).__name__}.")


def joined(latency: Cost, energy: Cost, memory: Cost) -> dict[str, Cost | ProductCost]:
    """The costs by name, with the product of energy and latency."""
    return dict(zip(COSTS, (latency, energy, ProductCost(energy, latency), memory), strict=True))
