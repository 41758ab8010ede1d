"""Settings: what an augmentation is asked for, as a value that the form, the address and a line of code bring back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from ...bases import BASES
from ..page import parameters

PLATFORMS = MappingProxyType(
    {
        "cortex-m0-m4": "Cortex-M0+ with Cortex-M4F, shared memory",
        "sensor-gateway-cloud": "Sensor node, gateway, cloud",
        "this-host": "This machine, measured",
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
    """How much an augmentation may take. learn, tune : samples that branches learn on, and that decide, at most."""

    name: str
    words: str
    learn: int
    tune: int
    passes: float
    locations: int
    designs: tuple[str, ...]

    def options(self) -> dict[str, Any]:
        """Keyword arguments of `augment`."""
        return {"epochs": self.passes, "locations": self.locations, "designs": self.designs}


EFFORTS: Mapping[str, Effort] = MappingProxyType(
    {
        effort.name: effort
        for effort in (
            Effort("quick", "Quick", 4000, 3000, 4.0, 6, ("mlp", "light")),
            Effort("full", "Full", 60_000, 10_000, 8.0, 12, ("mlp", "light", "deep")),
        )
    }
)


@dataclass(frozen=True)
class Settings:
    """model : of `BASES`, or "uploaded". platform : of `PLATFORMS`, or "uploaded". cost : of `COSTS`, traded for accuracy.

    numbers : of `BITS`. max_drop : of accuracy, against the model itself. max_exits : early exits at most. effort : of
    `EFFORTS`. claim : the saving whose sensitivity is shown. Raises ValueError in words.
    """

    model: str = "fashion"
    platform: str = "cortex-m0-m4"
    cost: str = "energy"
    numbers: str = "int8"
    max_drop: float = 0.01
    max_exits: int = 2
    effort: str = "quick"
    seed: int = 0
    claim: float = 0.25

    def __post_init__(self):
        for name, offered in (
            ("model", (*BASES, UPLOADED)),
            ("platform", (*PLATFORMS, UPLOADED)),
            ("cost", COSTS),
            ("numbers", BITS),
            ("effort", EFFORTS),
        ):
            if getattr(self, name) not in offered:
                raise ValueError(f"{name} {getattr(self, name)!r} is unknown: choose one of {', '.join(offered)}.")
        for name in ("max_drop", "claim"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: expected a share from 0 to below 1, got {getattr(self, name)!r}.")
        for name, least in (("max_exits", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name}: expected a whole number of at least {least}, got {value!r}.")
        if self.max_exits > 4:
            raise ValueError(f"max_exits: at most 4 here, got {self.max_exits}; in Python ee.augment takes more.")

    @property
    def trained(self) -> tuple:
        """What the branches depend on: the rest only decides."""
        return self.model, self.effort, self.seed

    def words(self) -> str:
        """One line for people."""
        return (
            f"{self.model} · {self.platform} · {self.cost} · at most {100 * self.max_drop:g} pp below the model · "
            f"{self.max_exits} exits · {self.effort} · seed {self.seed}"
        )


_NAMES = {"model": "model", "platform": "platform", "objective": "cost", "numbers": "numbers", "effort": "effort"}


def to_query(settings: Settings) -> dict[str, str]:
    """The parameters of an address; the inverse of `from_query`."""
    query = {word: getattr(settings, name) for word, name in _NAMES.items()}
    return {
        **query,
        "drop": f"{100 * settings.max_drop:.10g}",
        "exits": str(settings.max_exits),
        "seed": str(settings.seed),
        "claim": f"{100 * settings.claim:.10g}",
    }


def from_query(settings: Settings, query: str | None = None) -> Settings:
    """`settings` with what the page's address asks for instead: untrusted text. Raises ValueError in words."""
    asked = parameters(query)
    changed: dict[str, Any] = {name: asked[word] for word, name in _NAMES.items() if word in asked}
    try:
        for word, name in (("drop", "max_drop"), ("claim", "claim")):
            if word in asked:
                changed[name] = float(asked[word]) / 100
        for word, name in (("exits", "max_exits"), ("seed", "seed")):
            if word in asked:
                changed[name] = int(asked[word])
        return replace(settings, **changed)
    except ValueError as error:
        raise ValueError(f"The address does not fit: {error}") from error


def to_code(settings: Settings) -> str:
    """The Python line that opens the lab with these settings."""
    default = Settings()
    words = [repr(settings.model)]
    for name in Settings.__dataclass_fields__:
        value = getattr(settings, name)
        if name != "model" and value != getattr(default, name):
            words.append(f"{name}={value!r}")
    return f"ee.augment_lab({', '.join(words)})"
