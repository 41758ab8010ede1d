"""Networks to start from: known classifiers, base models, inverted residuals."""

from .classifiers import KNOWN, build, load

__all__ = ["KNOWN", "build", "load"]
