"""Where the figures of costs come from, beside `core.platform`: rooflines, ZigZag's accelerators, this machine, measured."""

from ..core.platform import PRESETS, Platform
from .accelerator import Accelerator
from .host import Host
from .named import name_of, named, names
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
    "load_platform",
    "name_of",
    "named",
    "names",
    "shipped",
]


def _this_host() -> Platform:
    from .measured import this_host

    return this_host()


def load_platform(path) -> Platform:
    """A platform from a JSON or YAML file. Raises ValueError in words for anything else."""
    from .platform_yaml import load

    return load(path)


PRESETS["this-host"] = _this_host
