"""Settings: what an augmentation is asked for, as a value that the form, the address and a line of code bring back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ...catalogue import BASES
from ..settings import LabSettings, choice, flag, number, share

HOST = "this-host"
"""The preset whose segments are clocked here."""

PLATFORMS = MappingProxyType(
    {
        "cortex-m0-m4": "Cortex-M0+ with Cortex-M4F, shared memory",
        "sensor-gateway-cloud": "Sensor node, gateway, cloud",
        HOST: "This machine, measured",
    }
)
"""Presets of `Platform` and what menus call them."""

UPLOADED = "uploaded"
"""The model or platform that was given as a file."""

COSTS = ("macs", "latency", "energy", "energy x latency")
BITS = MappingProxyType({"float32": 4, "int8": 1})
"""Number format -> bytes of a weight or activation, for the platform's figures."""


@dataclass(frozen=True)
class Effort:
    """How much an augmentation may take. learn, tune : samples that branches learn on, and that decide, at most.
    passes, joint : over the former, of the branches, and of fine-tuning where it is asked for."""

    name: str
    words: str
    learn: int
    tune: int
    passes: float
    joint: float
    locations: int
    designs: tuple[str, ...]

    def options(self) -> dict[str, Any]:
        """Keyword arguments of `augment`."""
        return {"epochs": self.passes, "locations": self.locations, "designs": self.designs}


EFFORTS: Mapping[str, Effort] = MappingProxyType(
    {
        effort.name: effort
        for effort in (
            Effort("quick", "Quick", 4000, 3000, 4.0, 4.0, 6, ("mlp", "light")),
            Effort("full", "Full", 60_000, 10_000, 8.0, 6.0, 12, ("mlp", "light", "deep")),
        )
    }
)


@dataclass(frozen=True)
class Settings(LabSettings):
    """model : of `BASES`, or "uploaded". platform : of `PLATFORMS`, or "uploaded". cost : of `COSTS`, traded for accuracy.

    numbers : of `BITS`. max_drop : of accuracy, against the model itself. max_exits : early exits at most. effort : of
    `EFFORTS`. claim : the saving whose sensitivity is shown. worst_latency : of the deepest exit at most, s, 0: any.
    fine_tune : whether the backbone is trained on with the branches, once these have learnt.
    Raises ValueError in words.
    """

    FUNCTION = "augment_lab"

    model: str = choice("ecg", (*BASES, UPLOADED), "model")
    platform: str = choice("cortex-m0-m4", (*PLATFORMS, UPLOADED), "platform")
    cost: str = choice("energy", COSTS, "objective")
    numbers: str = choice("int8", BITS, "numbers")
    max_drop: float = share(0.01, "drop")
    max_exits: int = number(2, "exits", least=1, whole=True)
    effort: str = choice("quick", EFFORTS, "effort")
    seed: int = number(0, "seed", whole=True)
    claim: float = share(0.25, "claim")
    worst_latency: float = number(0.0, "worst", 0, per=1e3, expected="seconds, above 0, or 0 for no bound")
    fine_tune: bool = flag(False, "joint")

    def __post_init__(self):
        super().__post_init__()
        if self.max_exits > 4:
            raise ValueError(f"max_exits: at most 4 here, got {self.max_exits}; in Python ee.augment takes more.")

    @property
    def trained(self) -> tuple:
        """What the branches depend on: the rest only decides."""
        return self.model, self.effort, self.seed, self.fine_tune

    def words(self) -> str:
        """One line for people."""
        bound = f" · worst latency at most {1e3 * self.worst_latency:g} ms" if self.worst_latency else ""
        tuned = ", fine-tuned" if self.fine_tune else ""
        return (
            f"{self.model} · {self.platform} · {self.cost} · at most {100 * self.max_drop:g} pp below the model · "
            f"{self.max_exits} exits{bound} · {self.effort}{tuned} · seed {self.seed}"
        )
