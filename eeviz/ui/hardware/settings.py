"""Settings: which network, on which accelerator, at which bits; a value that form, address and a line of code bring back."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from ...core.bits import Bits
from ..page import parameters

OWN = "own"
"""The network that was given in Python."""

BITS = ("8/8", "6/6", "4/8", "4/4")
"""Weights/activations that quantization and the accelerators both know."""

COSTS = ("energy x latency", "energy", "latency", "macs")
WORDS = {"macs": "MACs"}
FLOAT = ("32/32", "32/32")
"""Backbone and exits unrounded."""

PAIRS = (("8/8", "8/8"), ("6/6", "6/6"), ("4/4", "8/8"), ("4/4", "4/4"))
"""Backbone and exits that “All of them” measures."""

_NETWORK = re.compile(r"[a-z0-9-]{1,60}")


@dataclass(frozen=True)
class Settings:
    """network : a demo, "own", or method-run-candidate of a stored search. accelerator : of `hardware.shipped`.

    bits, head_bits : of the backbone and of the exits, of `BITS`. cost : of `COSTS`, traded for accuracy. max_drop : of
    accuracy, against the final classifier. Raises ValueError in words.
    """

    network: str = "fashion"
    accelerator: str = "edge_tpu_like"
    bits: str = "8/8"
    head_bits: str = "8/8"
    cost: str = "energy x latency"
    max_drop: float = 0.01

    def __post_init__(self):
        if not isinstance(self.network, str) or not _NETWORK.fullmatch(self.network):
            raise ValueError(f"network {self.network!r} is unknown: choose a demo or a network of a stored search.")
        offered = accelerators()
        if self.accelerator not in offered:
            raise ValueError(f"accelerator {self.accelerator!r} is unknown: choose one of {', '.join(offered)}.")
        for name in ("bits", "head_bits"):
            if getattr(self, name) not in BITS:
                raise ValueError(f"{name} {getattr(self, name)!r}: choose one of {', '.join(BITS)}.")
        if self.cost not in COSTS:
            raise ValueError(f"cost {self.cost!r} is unknown: choose one of {', '.join(COSTS)}.")
        if not 0 <= self.max_drop < 1:
            raise ValueError(f"max_drop: expected a share from 0 to below 1, got {self.max_drop!r}.")

    @property
    def pair(self) -> tuple[str, str]:
        """Bits of backbone and exits."""
        return self.bits, self.head_bits

    @property
    def read(self) -> tuple:
        """What the costs depend on."""
        return self.network, self.accelerator, *self.pair

    def words(self) -> str:
        """One line for people."""
        return f"{self.network} · {self.accelerator} · {pair_words(self.pair)} · {word(self.cost)} · {drop_words(self)}"


def accelerators() -> tuple[str, ...]:
    """Names of the accelerators whose layer costs ship with eeviz."""
    from ...hardware import name_of, shipped
    from ...hardware.accelerator import Accelerator

    return tuple(name_of(Accelerator(*one)) for one in shipped())


def word(cost: str) -> str:
    """A cost's name for people."""
    return WORDS.get(cost, cost)


def drop_words(settings: Settings) -> str:
    return f"at most {100 * settings.max_drop:g} pp below the final classifier"


def pair_words(pair: tuple[str, str]) -> str:
    """Bits of backbone and exits, weights/activations, in words."""
    if pair == FLOAT:
        return "FP32"
    return f"{pair[0]} bits" if pair[0] == pair[1] else f"backbone {pair[0]}, exits {pair[1]} bits"


def bits_of(pair: tuple[str, str], exits: int) -> tuple[Bits, tuple[Bits, ...]]:
    """Bits of the backbone and (E,) of the heads; the final classifier has the backbone's."""
    backbone, early = map(Bits.of, pair)
    return backbone, (*[early] * (exits - 1), backbone)


_NAMES = {"net": "network", "hw": "accelerator", "bits": "bits", "exitbits": "head_bits", "objective": "cost"}


def to_query(settings: Settings) -> dict[str, str]:
    """The parameters of an address; the inverse of `from_query`."""
    query = {label: getattr(settings, name) for label, name in _NAMES.items()}
    return {**query, "drop": f"{100 * settings.max_drop:.10g}"}


def from_query(settings: Settings, query: str | None = None) -> Settings:
    """`settings` with what the page's address asks for instead: untrusted text. Raises ValueError in words."""
    asked = parameters(query)
    changed: dict[str, Any] = {name: asked[label] for label, name in _NAMES.items() if label in asked}
    try:
        if "drop" in asked:
            changed["max_drop"] = round(float(asked["drop"]) / 100, 10)
        return replace(settings, **changed)
    except ValueError as error:
        raise ValueError(f"The address does not fit: {error}") from error


def to_code(settings: Settings) -> str:
    """The Python line that opens the lab with these settings."""
    default = Settings()
    words = ["network" if settings.network == OWN else repr(settings.network)]
    for name in Settings.__dataclass_fields__:
        value = getattr(settings, name)
        if name != "network" and value != getattr(default, name):
            words.append(f"{name}={value!r}")
    return f"ee.hardware_lab({', '.join(words)})"
