"""Settings: what a search is asked for, as a value that the form, the address and a line of code bring back."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ...hardware.named import names
from ..settings import LabSettings, Number, Setting, choice, declared, number

METHODS = ("two-level", "aebnas", "edanas", "nachos", "random")
UNLIMITED = 100_000
"""Evaluations of a search that is bounded by seconds."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PREFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9}
_AMOUNT = re.compile(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([kMGmuµn]?)\s*(?:MACs?|s|J)?\s*")


@dataclass(frozen=True)
class DatasetName(Setting):
    """The name of a data set: it names the store's file, and may come from an address."""

    def check(self, name: str, value: Any) -> None:
        if not _NAME.fullmatch(str(value)):
            raise ValueError(f"data {value!r}: expected the name of a data set, such as fashion-mnist.")


@dataclass(frozen=True)
class Methods(Setting):
    """Some of `METHODS`, a comma between them in an address."""

    def check(self, name: str, value: Any) -> None:
        if not value:
            raise ValueError("choose at least one method.")
        if unknown := [m for m in value if m not in METHODS]:
            raise ValueError(f"method {unknown[0]!r} is unknown: choose one of {', '.join(METHODS)}.")

    def write(self, value: Any) -> str:
        return ",".join(value)

    def read(self, word: str) -> tuple[str, ...]:
        return tuple(name for name in word.split(",") if name)


@dataclass(frozen=True)
class Amount(Number):
    """A bound as people type it."""

    def write(self, value: Any) -> str:
        return f"{value:.15g}"

    def read(self, word: str) -> float | None:
        return amount(word)


@dataclass(frozen=True)
class Settings(LabSettings):
    """methods : each searches on its own, all get the same budget and seed.

    cost : name of the cost to trade error for. max_cost, max_worst : bounds on its mean and worst case, or None.
    evaluations, seconds : the budget of each method; with seconds, evaluations do not count. hardware : name of a provider
    of costs beside MACs (`eeviz.hardware.names`), "" for none. Raises ValueError in words.
    """

    FUNCTION = "search_lab"

    dataset: str = declared("fashion-mnist", DatasetName("data"))
    space: str = "compact"
    methods: tuple[str, ...] = declared(("two-level",), Methods("methods"))
    cost: str = declared("macs", Setting("objective", "macs"))
    max_cost: float | None = declared(None, Amount("max_cost", positive=True))
    max_worst: float | None = declared(None, Amount("max_worst", positive=True))
    evaluations: int = number(60, "evaluations", least=1, whole=True)
    seconds: float | None = number(None, "seconds", positive=True)
    seed: int = number(0, "seed", whole=True)
    hardware: str = choice("", lambda: ("", *names()), "hardware", "")

    def __post_init__(self):
        unknown = tuple(m for m in self.methods if m not in METHODS)
        object.__setattr__(self, "methods", tuple(m for m in METHODS if m in self.methods) + unknown)
        super().__post_init__()

    @property
    def question(self) -> tuple:
        """What is searched for, whatever the methods, budget and seed."""
        return self.dataset, self.space, self.cost, self.hardware, self.max_cost, self.max_worst

    @property
    def limit(self) -> int:
        """Evaluations of each method at most."""
        return self.evaluations if self.seconds is None else UNLIMITED

    def goal(self) -> str:
        """The two objectives in words."""
        return f"error against {self.cost}" + (f" on {self.hardware}" if self.hardware else "")

    def bounds(self) -> list[str]:
        """The constraints in words."""
        return [f"{name} ≤ {short(v)}" for name, v in (("mean", self.max_cost), ("worst case", self.max_worst)) if v]

    def words(self) -> str:
        """One line for people."""
        budget = f"{self.evaluations} evaluations" if self.seconds is None else f"{self.seconds:g} s"
        parts = [", ".join(self.methods), self.dataset, self.goal(), *self.bounds(), budget, f"seed {self.seed}"]
        return " · ".join(parts)


def amount(text: str) -> float | None:
    """A bound as people type it: "2.5 M", "800k", "3e6"; None for nothing. Raises ValueError in words."""
    if not text.strip():
        return None
    found = _AMOUNT.fullmatch(text)
    try:
        value = float(Decimal(found[1]) * Decimal(repr(_PREFIXES[found[2]])))  # 1.1 M is 1100000 to the last digit
    except (TypeError, ArithmeticError) as error:
        raise ValueError(f"{text!r} is no amount: write a number, such as 2.5 M or 800 k, or nothing.") from error
    if not 0 < value < math.inf:
        raise ValueError(f"{text!r}: a bound must be above 0 and finite.")
    return value


def short(value: float | None) -> str:
    """The inverse of `amount`: 2500000.0 -> "2.5 M"; "" for None."""
    if value is None:
        return ""
    for prefix in ("G", "M", "k"):
        if value >= _PREFIXES[prefix]:
            for number in (f"{value / _PREFIXES[prefix]:.6g}", repr(value / _PREFIXES[prefix])):
                if amount(f"{number} {prefix}") == value:
                    return f"{number} {prefix}"
    return f"{value:.6g}" if float(f"{value:.6g}") == value else repr(value)
