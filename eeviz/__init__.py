"""eeviz: see, tune and search early-exit neural networks.

Public names load on first use (PEP 562): `import eeviz` costs milliseconds and loads no torch, plotly or widgets.
"""

import sys
from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_HOME = {
    "Cost": "eeviz.core.table.cost",
    "ProductCost": "eeviz.core.table.cost",
    "ExitRecords": "eeviz.core.table.records",
    "balanced": "eeviz.core.table.records",
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
}

__all__ = list(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'eeviz' has no attribute {name!r}; public names are {', '.join(__all__)}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value  # the next access skips this function
    return value


def __dir__():
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    def __setattr__(self, name, value):
        # Python binds an imported submodule to its package: eeviz.demos, the module, would hide eeviz.demos, the function.
        if name not in _HOME or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
