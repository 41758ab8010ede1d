"""Numbers as people read them: quantities with prefixes, percentages, intervals in words."""

from __future__ import annotations

import math

from .metrics import Interval

_PREFIXES = (
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
)


def quantity(value: float, unit: str = "MACs") -> str:
    """Three significant digits with an SI prefix: 5200000 -> '5.20 M MACs', 0.0021 s -> '2.10 ms'."""
    if not math.isfinite(value):
        return f"– {unit}"
    counted = unit == "MACs"  # a counted unit keeps its prefix apart from its name and has no fractions of one
    prefixes = [p for p in _PREFIXES if p[0] >= 1] if counted else _PREFIXES
    scale, prefix = next((p for p in prefixes if abs(value) >= 0.9995 * p[0]), (1.0, ""))
    if value == 0:
        return f"0 {unit}"
    number = f"{value / scale:#.3g}".rstrip(".") if abs(value / scale) < 999.5 else f"{value / scale:.0f}"
    if counted:
        return f"{number} {prefix} {unit}".replace("  ", " ")
    return f"{number} {prefix}{unit}".rstrip()


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage: 0.9312 -> '93.1 %'; NaN -> '–'."""
    return "–" if not math.isfinite(value) else f"{100 * value:.{digits}f} %"


def points(value: float, digits: int = 2) -> str:
    """A difference of shares in percentage points, signed: -0.0031 -> '−0.31 pp'."""
    return f"{100 * value:+.{digits}f} pp".replace("-", "−")


def interval_percent(interval: Interval, digits: int = 1) -> str:
    """'92.6–93.7 %' of an interval of shares."""
    return f"{100 * interval.low:.{digits}f}–{100 * interval.high:.{digits}f} %"


def interval_points(interval: Interval, digits: int = 2) -> str:
    """'−0.31 pp (95 % interval −0.62 to +0.01)' of an interval of differences."""
    ends = f"{100 * interval.low:+.{digits}f} to {100 * interval.high:+.{digits}f}".replace("-", "−")
    return f"{points(interval.value, digits)} ({100 * interval.level:.0f} % interval {ends})"
