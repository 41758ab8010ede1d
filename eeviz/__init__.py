"""eeviz: see, tune and search early-exit neural networks.

Public names load on first use (PEP 562): `import eeviz` costs milliseconds and loads no torch, plotly or widgets.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what type checkers and editors see; tests hold it equal to _HOME
    from .catalogue import demos as demos
    from .catalogue import load_demo as load_demo
    from .core.network.segments import Segments as Segments
    from .core.platform.platform import Link as Link
    from .core.platform.platform import Processor as Processor
    from .core.solve.certify import certify as certify
    from .core.solve.front import Front as Front
    from .core.solve.thresholds import front as front
    from .core.solve.thresholds import tune as tune
    from .core.space.space import Architecture as Architecture
    from .core.space.space import SearchSpace as SearchSpace
    from .core.table.cascade import cascade as cascade
    from .core.table.cost import Cost as Cost
    from .core.table.cost import ProductCost as ProductCost
    from .core.table.policy import Policy as Policy
    from .core.table.policy import Routing as Routing
    from .core.table.policy import route as route
    from .core.table.records import ExitRecords as ExitRecords
    from .core.table.records import balanced as balanced
    from .datasets import load_dataset as load_dataset
    from .hardware import Platform as Platform
    from .nas.run import search as search
    from .nn.augment import augment as augment
    from .ui.augment.lab import augment_lab as augment_lab
    from .ui.explorer.explorer import explore as explore
    from .ui.hardware.lab import hardware_lab as hardware_lab
    from .ui.search.lab import search_lab as search_lab
    from .ui.standalone.page import page as page

__version__ = "0.1.0"

_HOME = {
    "Cost": "eeviz.core.table.cost",
    "ProductCost": "eeviz.core.table.cost",
    "ExitRecords": "eeviz.core.table.records",
    "balanced": "eeviz.core.table.records",
    "certify": "eeviz.core.solve.certify",
    "cascade": "eeviz.core.table.cascade",
    "SearchSpace": "eeviz.core.space.space",
    "Architecture": "eeviz.core.space.space",
    "Policy": "eeviz.core.table.policy",
    "Routing": "eeviz.core.table.policy",
    "route": "eeviz.core.table.policy",
    "Front": "eeviz.core.solve.front",
    "augment": "eeviz.nn.augment",
    "front": "eeviz.core.solve.thresholds",
    "tune": "eeviz.core.solve.thresholds",
    "search": "eeviz.nas.run",
    "Platform": "eeviz.hardware",
    "Processor": "eeviz.core.platform.platform",
    "Link": "eeviz.core.platform.platform",
    "Segments": "eeviz.core.network.segments",
    "load_dataset": "eeviz.datasets",
    "load_demo": "eeviz.catalogue",
    "demos": "eeviz.catalogue",
    "explore": "eeviz.ui.explorer.explorer",
    "augment_lab": "eeviz.ui.augment.lab",
    "hardware_lab": "eeviz.ui.hardware.lab",
    "search_lab": "eeviz.ui.search.lab",
    "page": "eeviz.ui.standalone.page",
}

__all__ = list(_HOME)


if not TYPE_CHECKING:  # seen by a type checker, it would make every name a public one

    def __getattr__(name):
        if name not in _HOME:
            raise AttributeError(f"module 'eeviz' has no attribute {name!r}; public names are {', '.join(__all__)}")
        if name == "augment":
            import_module("eeviz.hardware")  # which adds "this-host", the platform that must be measured
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value  # the next access skips this function
        return value


def __dir__():
    return sorted({*globals(), *__all__})
