"""Cost providers by name: what a command line, a stored run or a page's address can hold."""

from __future__ import annotations

from itertools import product

from ..core.platform.platform import Platform
from .accelerator import Accelerator
from .provider import CostProvider
from .roofline import Roofline
from .table import shipped
from .zigzag_model import BETWEEN, MAPPINGS

PLATFORMS = ("cortex-m0-m4", "sensor-gateway-cloud")
DRAM = "dram"


def names() -> tuple[str, ...]:
    """Every name: accelerators whose tables ship with eeviz ("-dram": activations leave the chip), and platforms."""
    return (*(_name(accelerator, between) for accelerator, between in shipped()), *PLATFORMS)


def named(provider: CostProvider | str) -> CostProvider:
    """The provider of a name; a provider is itself.

    Beside `names` every accelerator that zigzag-dse computes. Raises ValueError listing the names, and as `Accelerator`.
    """
    if not isinstance(provider, str):
        return provider
    if provider in PLATFORMS:
        return Roofline(Platform.preset(provider))
    for accelerator, between in (*shipped(), *product(MAPPINGS, BETWEEN)):
        if _name(accelerator, between) == provider:
            return Accelerator(accelerator, between)
    raise ValueError(f"hardware {provider!r} is unknown: choose one of {', '.join(names())}.")


def name_of(provider: CostProvider) -> str:
    """The name by which `named` finds the provider; for others a text that tells them apart."""
    if isinstance(provider, Accelerator):
        return _name(provider.name, provider.between)
    name = provider.platform.name if isinstance(provider, Roofline) else None
    return name if name in PLATFORMS and provider == named(name) else repr(provider)


def _name(accelerator: str, between: str) -> str:
    return f"{accelerator}-{DRAM}" if between == DRAM else accelerator
