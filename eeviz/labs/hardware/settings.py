"""Settings: which network, on which accelerator, at which bits; a value that form, address and a line of code bring back."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from ...core.network.bits import FP32, Bits
from ..address import parameters

OWN = "own"
"""The network that was given in Python."""

BITS = ("8/8", "6/6", "4/8", "4/4")
"""Weights/activations that quantization and the accelerators both know."""

COSTS = ("energy x latency", "energy", "latency", "macs")
WORDS = {"macs": "MACs"}
FLOAT = ("32/32", "32/32")
"""Backbone and exits unrounded."""

HOSTS = {"this-host": 1, "this-host-batch": 32}
"""This machine, measured: name -> samples at once."""
HOST_BITS = ("8/8", "32/32")
HOST_COSTS = ("latency", "macs")

PAIRS = (("8/8", "8/8"), ("6/6", "6/6"), ("4/4", "8/8"), ("4/4", "4/4"))
"""Backbone and exits that “All of them” measures."""

_NETWORK = re.compile(r"[a-z0-9-]{1,60}")


@dataclass(frozen=True)
class Settings:
    """network : a demo, "own", or method-run-candidate of a stored search. accelerator : of `hardware.shipped` or `HOSTS`.

    bits, head_bits : of the backbone and of the exits, of `BITS`; on this host alike, of `HOST_BITS`. cost : of `COSTS`, on
    this host of `HOST_COSTS`, traded for accuracy. max_drop : of accuracy, against the final classifier. Raises ValueError
    in words.
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
        offered = (*accelerators(), *HOSTS)
        if self.accelerator not in offered:
            raise ValueError(f"accelerator {self.accelerator!r} is unknown: choose one of {', '.join(offered)}.")
        for name in ("bits", "head_bits"):
            if getattr(self, name) not in self.bits_offered:
                raise ValueError(f"{name} {getattr(self, name)!r}: choose one of {', '.join(self.bits_offered)}.")
        if self.batch and self.bits != self.head_bits:
            raise ValueError(
                f"this host runs a network at 8/8 or 32/32 bits, not {self.bits} and {self.head_bits} at once."
            )
        if self.batch and self.cost in COSTS and self.cost not in HOST_COSTS:
            raise ValueError(f"{self.cost} is not measured on this host: choose latency or macs.")
        if self.cost not in COSTS:
            raise ValueError(f"cost {self.cost!r} is unknown: choose one of {', '.join(COSTS)}.")
        if not 0 <= self.max_drop < 1:
            raise ValueError(f"max_drop: expected a share from 0 to below 1, got {self.max_drop!r}.")

    @property
    def batch(self) -> int:
        """Samples at once where this host is measured, 0 on a modelled accelerator."""
        return HOSTS.get(self.accelerator, 0)

    @property
    def bits_offered(self) -> tuple[str, ...]:
        """Bits that the hardware runs."""
        return HOST_BITS if self.batch else BITS

    @property
    def costs_offered(self) -> tuple[str, ...]:
        """Costs that are known of the hardware."""
        return HOST_COSTS if self.batch else COSTS

    @property
    def pair(self) -> tuple[str, str]:
        """Bits of backbone and exits."""
        return self.bits, self.head_bits

    @property
    def read(self) -> tuple:
        """What the costs depend on."""
        return self.network, self.accelerator, *self.pair

    def words(self, bits: str = "") -> str:
        """One line for people. bits : of a network that has its own, in words."""
        at = bits or pair_words(self.pair)
        return f"{self.network} · {hardware_words(self.accelerator)} · {at} · {word(self.cost)} · {drop_words(self)}"


def fitting(accelerator: str, bits: str, head_bits: str, cost: str, **others) -> Settings:
    """Settings with what the hardware does not offer changed to what it does."""
    if accelerator in HOSTS:
        bits = bits if bits in HOST_BITS else HOST_BITS[0]
        head_bits, cost = bits, cost if cost in HOST_COSTS else HOST_COSTS[0]
    else:
        bits, head_bits = (b if b in BITS else BITS[0] for b in (bits, head_bits))
    return Settings(accelerator=accelerator, bits=bits, head_bits=head_bits, cost=cost, **others)


def hardware_words(name: str) -> str:
    """Hardware for people."""
    if name not in HOSTS:
        return name
    return "this host, measured" + (f", batch of {HOSTS[name]}" if HOSTS[name] > 1 else "")


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


def own_words(backbone: Bits, heads: tuple[Bits, ...]) -> str:
    """Bits of a network's own, (E,) of its heads, in words: one number where weights and activations have as many."""
    first, *early = (str(b.weights) if b.weights == b.activations else str(b) for b in (backbone, *heads[:-1]))
    if set(early) <= {first}:
        return f"{first} bits"
    return f"backbone {first}, exits {early[0] if len(set(early)) == 1 else ', '.join(early)} bits"


def answers_words(pair: tuple[str, str], learnt: int) -> str:
    """Whose answers, in words. learnt : images of fine-tuning."""
    return pair_words(pair) + (", fine-tuned" if learnt else "")


def clock_words(one) -> str:
    """What was clocked, in words."""
    said = "FP32" if one.bits == FP32 else "int8"
    return f"{said}, batch of {one.batch}" if one.batch > 1 else f"{said}, one by one"


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
