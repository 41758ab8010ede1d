"""Search spaces by name, one module a family."""

from __future__ import annotations

import inspect

from ..space import SearchSpace
from .compact import compact
from .published import aebnas, edanas, nachos, static
from .zniber import zniber

PRESETS = {"compact": compact, "aebnas": aebnas, "edanas": edanas, "nachos": nachos, "static": static, "zniber": zniber}


def preset(name: str, **arguments) -> SearchSpace:
    """The space of that name. Raises ValueError for another name, or an argument it does not take."""
    if name not in PRESETS:
        raise ValueError(f"space {name!r} is unknown: choose one of {', '.join(PRESETS)}.")
    takes = inspect.signature(PRESETS[name]).parameters
    if unknown := set(arguments) - set(takes):
        raise ValueError(f"space {name!r} takes no {sorted(unknown)[0]!r}: it takes {', '.join(takes)}.")
    return PRESETS[name](**arguments)
