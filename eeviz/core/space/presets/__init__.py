"""Search spaces by name, one module a family; importing this package fills `space.PRESETS`."""

from . import compact, published, zniber

__all__ = ["compact", "published", "zniber"]
