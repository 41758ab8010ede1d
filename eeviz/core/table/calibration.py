"""From logits to confidences: measures and temperatures. Temperatures are fitted where thresholds are tuned."""

from __future__ import annotations

import numpy as np

MEASURES = ("max_probability", "margin", "entropy")
BELOW_ONE = np.nextafter(np.float32(1), np.float32(0))
"""Largest float32 below 1: a saturated confidence, so that threshold 1 means nobody leaves."""

_LOG_T = (np.log(0.05), np.log(20.0))


def softmax(logits: np.ndarray, temperature=None) -> np.ndarray:
    """Probabilities (N, E, C) float64 of logits (N, E, C), each exit divided by its temperature (E,)."""
    z = np.asarray(logits, dtype=np.float64)  # (N, E, C)
    if temperature is not None:
        z = z / np.asarray(temperature, dtype=np.float64)[None, :, None]
    z = z - z.max(axis=-1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=-1, keepdims=True)
    return z


def confidence_of(logits: np.ndarray, measure: str = "max_probability", temperature=None) -> np.ndarray:
    """Confidence (N, E) float32 in [0, 1) of logits (N, E, C).

    measure : "max_probability" (top probability), "margin" (top minus second) or "entropy" (1 - H / log C).
    temperature : (E,) positive, or None for 1. Raises ValueError for unknown measures and bad temperatures.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure {measure!r} is unknown: choose one of {', '.join(MEASURES)}.")
    logits = np.asarray(logits)
    if logits.ndim != 3 or logits.shape[-1] < 2:
        raise ValueError(f"logits: expected shape (samples, exits, classes >= 2), got {logits.shape}.")
    if temperature is not None:
        temperature = np.asarray(temperature, dtype=np.float64)
        if temperature.shape != (logits.shape[1],) or not (np.isfinite(temperature) & (temperature > 0)).all():
            raise ValueError(f"temperature: expected {logits.shape[1]} positive numbers, one per exit.")
    p = softmax(logits, temperature)  # (N, E, C)
    if measure == "entropy":
        plogp = np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)
        confidence = 1.0 + plogp.sum(axis=-1) / np.log(p.shape[-1])
    else:
        top = np.partition(p, -2, axis=-1)[..., -2:]  # (N, E, 2) second, first
        confidence = top[..., 1] - top[..., 0] if measure == "margin" else top[..., 1]
    return np.clip(confidence.astype(np.float32), np.float32(0), BELOW_ONE)


def cumulative_confidence(confidence: np.ndarray) -> np.ndarray:
    """Confidence (N, E) float32 of the cumulative rule from each exit's own (N, E): 1 - product of (1 - own) up to it.

    The final classifier keeps its own. NACHOS (Gambella et al. 2024, arXiv:2401.13330); a confidence then depends on
    which exits exist.
    """
    own = np.asarray(confidence, dtype=np.float64)
    if own.ndim != 2 or not ((own >= 0) & (own <= 1)).all():
        raise ValueError(f"confidence: expected (samples, exits) in [0, 1], got {own.shape}.")
    joint = 1.0 - np.cumprod(1.0 - own, axis=1)
    joint[:, -1] = own[:, -1]
    return np.clip(joint.astype(np.float32), np.float32(0), BELOW_ONE)


def negative_log_likelihood(logits: np.ndarray, label: np.ndarray, temperature: float = 1.0) -> float:
    """Mean negative log likelihood (nats) of logits (N, C) divided by one temperature, labels (N,)."""
    z = np.asarray(logits, dtype=np.float64) / temperature
    z = z - z.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), label]))


def fit_temperature(logits: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Temperature (E,) per exit minimising the negative log likelihood on logits (N, E, C), labels (N,).

    Golden-section search on log T in [0.05, 20]; the likelihood has one minimum in 1/T (it is convex there).
    Source: temperature scaling, Guo et al. 2017 (arXiv 1706.04599). Never call it on training images.
    """
    logits, label = np.asarray(logits, dtype=np.float64), np.asarray(label)
    if logits.ndim != 3 or len(logits) != len(label) or len(label) == 0:
        raise ValueError(f"logits (N, E, C) and label (N,) disagree: {logits.shape} and {label.shape}.")
    return np.array([_golden(logits[:, k], label) for k in range(logits.shape[1])])


def _golden(logits: np.ndarray, label: np.ndarray, steps: int = 40) -> float:
    ratio = (np.sqrt(5) - 1) / 2
    low, high = _LOG_T
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    fa, fb = (negative_log_likelihood(logits, label, np.exp(x)) for x in (a, b))
    for _ in range(steps):
        if fa <= fb:
            high, b, fb = b, a, fa
            a = high - ratio * (high - low)
            fa = negative_log_likelihood(logits, label, np.exp(a))
        else:
            low, a, fa = a, b, fb
            b = low + ratio * (high - low)
            fb = negative_log_likelihood(logits, label, np.exp(b))
    return float(np.exp((low + high) / 2))
