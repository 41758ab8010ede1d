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
    if value == 0:
        return f"0 {unit}"
    scale, words = prefixed(value, unit)
    number = f"{value / scale:#.3g}".rstrip(".") if abs(value / scale) < 999.5 else f"{value / scale:.0f}"
    return f"{number} {words}".rstrip()


def prefixed(value: float, unit: str) -> tuple[float, str]:
    """The power of ten in which `quantity` shows a value, and the unit with its prefix: 5200000 -> (1e6, 'M MACs')."""
    counted = unit == "MACs"  # a counted unit keeps its prefix apart from its name and has no fractions of one
    prefixes = [p for p in _PREFIXES if p[0] >= 1] if counted else _PREFIXES
    scale, prefix = next((p for p in prefixes if abs(value) >= 0.9995 * p[0]), (1.0, ""))
    return scale, f"{prefix} {unit}".strip() if counted else f"{prefix}{unit}"


def precisely(value: float, unit: str = "MACs") -> str:
    """As `quantity`, with six significant digits where there are so many: 1638416 -> '1.63842 M MACs'."""
    if not math.isfinite(value) or value == 0:
        return quantity(value, unit)
    scale, words = prefixed(value, unit)
    return f"{value / scale:.6g} {words}".rstrip()


def shown_within(limit: float, unit: str = "MACs") -> float:
    """The most that `quantity` shows as no more than `limit`: who reads 1.64 and asks for 1.64 means what was shown.

    A limit of more digits than are shown is taken as it is.
    """
    if not math.isfinite(limit) or limit <= 0:
        return limit
    scale, _ = prefixed(limit, unit)
    shown = quantity(limit, unit)
    number = shown.split(" ", 1)[0]
    if abs(float(number) * scale - limit) > 1e-9 * limit:
        return limit
    most = limit + 0.5 * 10.0 ** -len(number.partition(".")[2]) * scale
    for _ in range(8):  # the half itself may be rounded up
        if quantity(most, unit) == shown:
            return most
        most = math.nextafter(most, 0.0)
    return limit


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage: 0.9312 -> '93.1 %'; NaN -> '–'."""
    if not math.isfinite(value):
        return "–"
    shown = f"{abs(100 * value):.{digits}f}"
    return f"{'−' if value < 0 and float(shown) else ''}{shown} %"


def saved(share: float, digits: int = 1) -> str:
    """A share of a cost that is saved, in words: 0.42 -> '42.0 % saved', -1.007 -> '100.7 % more'."""
    return f"{percent(abs(share), digits)} {'more' if percent(share, digits).startswith('−') else 'saved'}"


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
