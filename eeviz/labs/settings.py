"""Settings, declared once: each declaration is the check, the parameter of an address and the word in a line of code.

A lab's settings are a frozen dataclass that extends `LabSettings`; its fields come from `choice`, `number`, `share`, `flag`
and `words`, in the order of the checks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, TypeVar

from .address import parameters


@dataclass(frozen=True)
class Setting:
    """One setting. address : its parameter there, "" for none. silent : left out of an address while it has this value."""

    address: str = ""
    silent: Any = None

    def check(self, name: str, value: Any) -> None:
        """Raises ValueError in words."""

    def write(self, value: Any) -> str:
        """The value as a parameter."""
        return str(value)

    def read(self, word: str) -> Any:
        """The value of a parameter, untrusted text. Raises ValueError."""
        return word


@dataclass(frozen=True)
class Choice(Setting):
    """One of some names, or of what a function gives."""

    offered: Collection[str] | Callable[[], Collection[str]] = ()

    @property
    def options(self) -> Collection[str]:
        """The names there are now."""
        return self.offered() if callable(self.offered) else self.offered

    def check(self, name: str, value: Any) -> None:
        if value not in self.options:
            raise ValueError(f"{name} {value!r} is unknown: choose one of {', '.join(o for o in self.options if o)}.")


@dataclass(frozen=True)
class Number(Setting):
    """A number from `least` on, below `below`. whole : an int. per : what an address counts in (100: per cent).
    positive : above 0, or None for nothing. unit : of what is expected, in words."""

    least: float = 0
    below: float = math.inf
    whole: bool = False
    per: float = 1
    positive: bool = False
    expected: str = ""

    def check(self, name: str, value: Any) -> None:
        if self.positive and value is None:
            return
        right = isinstance(value, (int, float)) and not isinstance(value, bool)
        right = right and (isinstance(value, int) or not self.whole) and self.least <= value < self.below
        if not right or (self.positive and not value > 0):
            raise ValueError(f"{name}: expected {self.expected or self._expected}, got {value!r}.")

    @property
    def _expected(self) -> str:
        if self.positive:
            return "a positive number or nothing"
        return f"a whole number of at least {self.least:g}" if self.whole else f"a number of at least {self.least:g}"

    def write(self, value: Any) -> str:
        return str(value) if self.whole else f"{self.per * value:.10g}"

    def read(self, word: str) -> Any:
        try:
            return int(word) if self.whole else round(float(word) / self.per, 12)
        except ValueError as error:
            kind = "a whole number" if self.whole else "a number"
            raise ValueError(f"{self.address}: expected {kind}, got {word!r}.") from error


@dataclass(frozen=True)
class Flag(Setting):
    """True or False; 1 or 0 in an address."""

    def check(self, name: str, value: Any) -> None:
        if not isinstance(value, bool):
            raise ValueError(f"{name}: expected True or False, got {value!r}.")

    def write(self, value: Any) -> str:
        return str(int(value))

    def read(self, word: str) -> bool:
        if word not in ("0", "1"):
            raise ValueError(f"{self.address}: expected 0 or 1, got {word!r}.")
        return word == "1"


def choice(default: str, offered: Collection[str] | Callable[[], Collection[str]], address: str, silent=None) -> Any:
    """A field that holds one of some names."""
    return declared(default, Choice(address, silent, offered))


def number(default: Any, address: str, silent=None, **options) -> Any:
    """A field that holds a number; options as of `Number`."""
    return declared(default, Number(address, silent, **options))


def share(default: float, address: str) -> Any:
    """A field that holds a share from 0 to below 1, in an address in per cent."""
    return declared(default, Number(address, below=1, per=100, expected="a share from 0 to below 1"))


def flag(default: bool, address: str) -> Any:
    """A field that holds True or False; left out of an address while False."""
    return declared(default, Flag(address, False))


def declared(default: Any, setting: Setting) -> Any:
    """A field with a declaration."""
    return field(default=default, metadata={"setting": setting})


@dataclass(frozen=True)
class LabSettings:
    """What a lab is asked for: a value that the form, the address and a line of code bring back.

    FUNCTION : the public function that opens the lab; its first argument is the first field. Raises ValueError in words.
    """

    FUNCTION: ClassVar[str] = ""

    def __post_init__(self):
        for name, setting in settings_of(self).items():
            setting.check(name, getattr(self, name))


S = TypeVar("S", bound=LabSettings)


def settings_of(settings: LabSettings | type[LabSettings]) -> dict[str, Setting]:
    """Field -> its declaration."""
    return {f.name: f.metadata["setting"] for f in fields(settings) if "setting" in f.metadata}


def to_query(settings: LabSettings) -> dict[str, str]:
    """The parameters of an address; the inverse of `from_query`."""
    found = {}
    for name, setting in settings_of(settings).items():
        value = getattr(settings, name)
        if setting.address and value is not None and (setting.silent is None or value != setting.silent):
            found[setting.address] = setting.write(value)
    return found


def from_query(settings: S, query: str | None = None) -> S:
    """`settings` with what the page's address asks for instead: untrusted text. Raises ValueError in words."""
    asked: Mapping[str, str] = parameters(query)
    try:
        changed = {n: s.read(asked[s.address]) for n, s in settings_of(settings).items() if s.address in asked}
        return replace(settings, **changed)
    except ValueError as error:
        raise ValueError(f"The address does not fit: {error}") from error


def to_code(settings: LabSettings, first: str = "", **more: Any) -> str:
    """The Python line that opens the lab with these settings. first : spelling of its first argument where that is no
    literal; more : further keyword arguments."""
    names = [f.name for f in fields(settings)]
    default = {f.name: f.default for f in fields(settings)}
    words = [first or repr(getattr(settings, names[0]))]
    for name in names[1:]:
        value = getattr(settings, name)
        if value != default[name]:
            words.append(f"{name}={list(value) if isinstance(value, tuple) else value!r}")
    words += [f"{name}={value!r}" for name, value in more.items() if value]
    return f"ee.{settings.FUNCTION}({', '.join(words)})"
