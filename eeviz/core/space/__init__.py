"""Search spaces: genes, architectures, presets."""

from . import presets

__all__ = ["presets"]
