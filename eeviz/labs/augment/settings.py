"""Settings: what an augmentation is asked for, as a value that the form, the address and a line of code bring back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from ...catalogue import BASES
from ..address import parameters

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
class Settings:
    """model : of `BASES`, or "uploaded". platform : of `PLATFORMS`, or "uploaded". cost : of `COSTS`, traded for accuracy.

    numbers : of `BITS`. max_drop : of accuracy, against the model itself. max_exits : early exits at most. effort : of
    `EFFORTS`. claim : the saving whose sensitivity is shown. worst_latency : of the deepest exit at most, s, 0: any.
    fine_tune : is the backbone trained on with the branches, once these have learnt?
    Raises ValueError in words.
    """

    model: str = "ecg"
    platform: str = "cortex-m0-m4"
    cost: str = "energy"
    numbers: str = "int8"
    max_drop: float = 0.01
    max_exits: int = 2
    effort: str = "quick"
    seed: int = 0
    claim: float = 0.25
    worst_latency: float = 0.0
    fine_tune: bool = False

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
        if not isinstance(self.fine_tune, bool):
            raise ValueError(f"fine_tune: expected True or False, got {self.fine_tune!r}.")
        if not 0 <= self.worst_latency < float("inf"):
            raise ValueError(
                f"worst_latency: expected seconds, above 0, or 0 for no bound; got {self.worst_latency!r}."
            )
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


_NAMES = {"model": "model", "platform": "platform", "objective": "cost", "numbers": "numbers", "effort": "effort"}


def to_query(settings: Settings) -> dict[str, str]:
    """The parameters of an address; the inverse of `from_query`."""
    query = {word: getattr(settings, name) for word, name in _NAMES.items()}
    if settings.worst_latency:
        query["worst"] = f"{1e3 * settings.worst_latency:.10g}"
    if settings.fine_tune:
        query["joint"] = "1"
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
        for word, name, parts in (("drop", "max_drop", 100), ("claim", "claim", 100), ("worst", "worst_latency", 1e3)):
            if word in asked:
                changed[name] = float(asked[word]) / parts
        for word, name in (("exits", "max_exits"), ("seed", "seed")):
            if word in asked:
                changed[name] = int(asked[word])
        if "joint" in asked:
            if asked["joint"] not in ("0", "1"):
                raise ValueError(f"joint: expected 0 or 1, got {asked['joint']!r}.")
            changed["fine_tune"] = asked["joint"] == "1"
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
