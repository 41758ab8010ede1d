"""A claim against an interval: confirmed, refuted or undecided; and intervals that the core does not have."""

import _line
import numpy as np

DRAWS = 2000


def verdict(low: float, high: float, *, above: float | None = None, below: float | None = None) -> str:
    """What an interval says of the claim that a figure lies above, or below, a bound."""
    if above is not None:
        return "confirmed" if low > above else "refuted" if high <= above else "undecided"
    return "confirmed" if high < below else "refuted" if low >= below else "undecided"


def resampled(figure, *columns: np.ndarray, seed: int = 0, draws: int = DRAWS) -> tuple[float, float]:
    """95 % bootstrap interval of figure(*columns), rows (N,) resampled together."""
    rng, count = np.random.default_rng(seed), len(columns[0])
    found = []
    for _ in range(draws):
        index = rng.integers(0, count, count)
        found.append(figure(*(column[index] for column in columns)))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def claim(text: str, network: str, value: float, low: float, high: float, *, above=None, below=None, **setting) -> None:
    """A line on a claim, with what the interval says of it."""
    said = verdict(low, high, above=above, below=below)
    figures = {"value": float(value), "low": float(low), "high": float(high)}
    _line.report("claim", figures, claim=text, network=network, verdict=said, **setting)
