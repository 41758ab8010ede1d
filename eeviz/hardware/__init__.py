"""Where the figures of costs come from, beside `core.platform`: rooflines, ZigZag's accelerators, this machine, measured."""

from ..core.platform.file import READERS
from ..core.platform.platform import CLOCKS, PRESETS, Platform
from .accelerator import Accelerator
from .host import Host
from .named import name_of, named, names
from .platform_yaml import SUFFIXES, read
from .provider import COSTS, CostProvider
from .roofline import Roofline
from .table import shipped

__all__ = [
    "COSTS",
    "Accelerator",
    "CostProvider",
    "Host",
    "Platform",
    "Roofline",
    "name_of",
    "named",
    "names",
    "shipped",
]


def _this_host() -> Platform:
    from .measured import this_host

    return this_host()


def _clocked(network, measure: str):
    from .measured import measure as clock

    return clock(network, measure=measure).segments


PRESETS["this-host"] = _this_host
CLOCKS["this-host"] = _clocked
READERS.update(dict.fromkeys(SUFFIXES, read))
