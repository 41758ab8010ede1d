"""Settings: what a search is asked for, as a value that the form, the address and a line of code bring back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...hardware.named import names
from ..address import parameters

METHODS = ("two-level", "aebnas", "edanas", "nachos", "random")
UNLIMITED = 100_000
"""Evaluations of a search that is bounded by seconds."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PREFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9}
_AMOUNT = re.compile(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([kMGmuµn]?)\s*(?:MACs?|s|J)?\s*")


@dataclass(frozen=True)
class Settings:
    """methods : each searches on its own, all get the same budget and seed.

    cost : name of the cost to trade error for. max_cost, max_worst : bounds on its mean and worst case, or None.
    evaluations, seconds : the budget of each method; with seconds, evaluations do not count. hardware : name of a provider
    of costs beside MACs (`eeviz.hardware.names`), "" for none. Raises ValueError in words.
    """

    dataset: str = "fashion-mnist"
    space: str = "compact"
    methods: tuple[str, ...] = ("two-level",)
    cost: str = "macs"
    max_cost: float | None = None
    max_worst: float | None = None
    evaluations: int = 60
    seconds: float | None = None
    seed: int = 0
    hardware: str = ""

    def __post_init__(self):
        object.__setattr__(self, "methods", tuple(m for m in METHODS if m in self.methods) + self._unknown())
        if not _NAME.fullmatch(str(self.dataset)):  # it names the store's file, and may come from an address
            raise ValueError(f"data {self.dataset!r}: expected the name of a data set, such as fashion-mnist.")
        if not self.methods:
            raise ValueError("choose at least one method.")
        if unknown := self._unknown():
            raise ValueError(f"method {unknown[0]!r} is unknown: choose one of {', '.join(METHODS)}.")
        if self.hardware and self.hardware not in names():
            raise ValueError(f"hardware {self.hardware!r} is unknown: choose one of {', '.join(names())}.")
        if not isinstance(self.evaluations, int) or self.evaluations < 1:
            raise ValueError(f"evaluations: expected a whole number of at least 1, got {self.evaluations!r}.")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"seed: expected a whole number of at least 0, got {self.seed!r}.")
        for name in ("seconds", "max_cost", "max_worst"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name}: expected a positive number or nothing, got {value!r}.")

    def _unknown(self) -> tuple[str, ...]:
        return tuple(m for m in self.methods if m not in METHODS)

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
        value = float(found[1]) * _PREFIXES[found[2]]
    except (TypeError, ValueError) as error:
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
            return f"{value / _PREFIXES[prefix]:.6g} {prefix}"
    return f"{value:.6g}"


def to_query(settings: Settings) -> dict[str, str]:
    """The parameters of an address; the inverse of `from_query`."""
    query = {"data": settings.dataset, "methods": ",".join(settings.methods), "seed": str(settings.seed)}
    if settings.cost != "macs":
        query["objective"] = settings.cost
    if settings.hardware:
        query["hardware"] = settings.hardware
    if settings.seconds is None:
        query["evaluations"] = str(settings.evaluations)
    else:
        query["seconds"] = f"{settings.seconds:g}"
    for name in ("max_cost", "max_worst"):
        if getattr(settings, name):
            query[name] = f"{getattr(settings, name):.15g}"
    return query


def from_query(settings: Settings, query: str | None = None) -> Settings:
    """`settings` with what the page's address asks for instead: untrusted text. Raises ValueError in words."""
    asked: Mapping[str, str] = parameters(query)
    changed: dict = {}
    try:
        if "data" in asked:
            changed["dataset"] = asked["data"]
        if "objective" in asked:
            changed["cost"] = asked["objective"]
        if "hardware" in asked:
            changed["hardware"] = asked["hardware"]
        if asked.get("methods"):
            changed["methods"] = tuple(name for name in asked["methods"].split(",") if name)
        for name, kind in (("evaluations", int), ("seed", int), ("seconds", float)):
            if name in asked:
                changed[name] = _number(name, asked[name], kind)
        for name in ("max_cost", "max_worst"):
            if name in asked:
                changed[name] = amount(asked[name])
        return replace(settings, **changed)
    except ValueError as error:
        raise ValueError(f"The address does not fit: {error}") from error


def _number(name: str, word: str, kind: type) -> int | float:
    try:
        return kind(word)
    except ValueError as error:
        whole = "a whole number" if kind is int else "a number"
        raise ValueError(f"{name}: expected {whole}, got {word!r}.") from error


def to_code(settings: Settings, store: str = "") -> str:
    """The Python line that opens the lab with these settings."""
    default = Settings()
    words = [repr(settings.dataset)]
    for name in ("methods", "hardware", "cost", "max_cost", "max_worst", "evaluations", "seconds", "seed"):
        value = getattr(settings, name)
        if value != getattr(default, name):
            words.append(f"{name}={list(value) if name == 'methods' else value!r}")
    if store:
        words.append(f"store={store!r}")
    return f"ee.search_lab({', '.join(words)})"
