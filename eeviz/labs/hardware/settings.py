"""Settings: which network, on which accelerator, at which bits; a value that form, address and a line of code bring back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ...core.network.bits import FP32, Bits
from ..settings import LabSettings, Setting, choice, declared, share

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


def accelerators() -> tuple[str, ...]:
    """Names of the accelerators whose layer costs ship with eeviz."""
    from ...hardware import name_of, shipped
    from ...hardware.accelerator import Accelerator

    return tuple(name_of(Accelerator(*one)) for one in shipped())


@dataclass(frozen=True)
class NetworkName(Setting):
    """A demo, or a network of a stored search, by name."""

    def check(self, name: str, value: Any) -> None:
        if not isinstance(value, str) or not _NETWORK.fullmatch(value):
            raise ValueError(f"{name} {value!r} is unknown: choose a demo or a network of a stored search.")


@dataclass(frozen=True)
class Settings(LabSettings):
    """network : a demo, "own", or method-run-candidate of a stored search. accelerator : of `hardware.shipped` or `HOSTS`.

    bits, head_bits : of the backbone and of the exits, of `BITS`; on this host alike, of `HOST_BITS`. cost : of `COSTS`, on
    this host of `HOST_COSTS`, traded for accuracy. max_drop : of accuracy, against the final classifier. Raises ValueError
    in words.
    """

    FUNCTION = "hardware_lab"

    network: str = declared("fashion", NetworkName("net"))
    accelerator: str = choice("edge_tpu_like", lambda: (*accelerators(), *HOSTS), "hw")
    bits: str = declared("8/8", Setting("bits"))
    head_bits: str = declared("8/8", Setting("exitbits"))
    cost: str = choice("energy x latency", COSTS, "objective")
    max_drop: float = share(0.01, "drop")

    def __post_init__(self):
        super().__post_init__()
        for name in ("bits", "head_bits"):
            if getattr(self, name) not in self.bits_offered:
                raise ValueError(f"{name} {getattr(self, name)!r}: choose one of {', '.join(self.bits_offered)}.")
        if self.batch and self.bits != self.head_bits:
            raise ValueError(
                f"this host runs a network at 8/8 or 32/32 bits, not {self.bits} and {self.head_bits} at once."
            )
        if self.batch and self.cost not in HOST_COSTS:
            raise ValueError(f"{self.cost} is not measured on this host: choose latency or macs.")

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
