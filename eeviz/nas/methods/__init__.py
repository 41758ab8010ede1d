"""The methods a search can follow, by name."""

from __future__ import annotations

from ..protocols import Method
from .aebnas import AEBNAS
from .edanas import EDANAS
from .nachos import NACHOS
from .random import Random
from .two_level import TwoLevel

METHODS = {method.name: method for method in (TwoLevel, AEBNAS, EDANAS, NACHOS, Random)}


def method(name: str, **options) -> Method:
    """The method of that name with its options. Raises ValueError for another name or option."""
    if name not in METHODS:
        raise ValueError(f"method {name!r} is unknown: choose one of {', '.join(METHODS)}.")
    unknown = set(options) - set(METHODS[name].__dataclass_fields__)
    if unknown:
        known = ", ".join(METHODS[name].__dataclass_fields__) or "none"
        raise ValueError(f"method {name!r} takes no option {sorted(unknown)[0]!r}; it takes: {known}.")
    return METHODS[name](**options)
