"""Costs of an early-exit network: what a sample pays that leaves at each exit.

A cost depends on the exit taken and on which exits have heads, on nothing else.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np


def _vector(values, name: str) -> np.ndarray:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected one number per exit, got {values!r}.") from error
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: expected a vector with one number per exit, got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: every entry must be finite, got {array.tolist()}.")
    if (array < 0).any():
        raise ValueError(f"{name}: costs cannot be negative, got {array.tolist()}.")
    array.flags.writeable = False
    return array


def _kept(kept, exits: int) -> np.ndarray:
    array = np.asarray(kept)
    if array.shape != (exits - 1,) or array.dtype != bool:
        raise ValueError(
            f"kept: expected {exits - 1} booleans (every exit but the final one), got shape {array.shape}, {array.dtype}."
        )
    return array


@dataclass(frozen=True, eq=False)
class Cost:
    """Additive cost of E exits: backbone up to the tap plus every head passed.

    backbone : (E,) cumulative cost of the backbone up to each exit's tap, never falling, in `unit`.
    heads : (E,) cost of each exit's own branch; the last is the final classifier.
    unit : "MACs" (multiply-accumulates of convolution, linear and matmul operators), "s", "J", ...

    Raises ValueError for negative, non-finite or falling backbone costs and for lengths that disagree.

    >>> cost = ee.Cost(backbone=[2e6, 5e6], heads=[1e5, 5e4])
    >>> cost.at([True]).tolist()
    [2100000.0, 5150000.0]
    >>> float(cost.static)
    5050000.0
    """

    backbone: np.ndarray
    heads: np.ndarray
    unit: str = "MACs"

    def __post_init__(self):
        backbone, heads = _vector(self.backbone, "backbone"), _vector(self.heads, "heads")
        if backbone.shape != heads.shape:
            raise ValueError(
                f"backbone has {backbone.size} exits, heads has {heads.size}: both need one number per exit."
            )
        if (np.diff(backbone) < 0).any():
            raise ValueError(
                f"backbone: a cumulative cost cannot fall with depth, got {backbone.tolist()}. "
                "For noisy measurements use Cost.measured(...)."
            )
        object.__setattr__(self, "backbone", backbone)
        object.__setattr__(self, "heads", heads)

    @classmethod
    def measured(cls, backbone, heads, unit: str) -> Cost:
        """Cost from measurements: a falling backbone (E,) is made monotone, with a warning."""
        backbone = _vector(backbone, "backbone")
        monotone = np.maximum.accumulate(backbone)
        if (monotone != backbone).any():
            warnings.warn(f"measured cost falls with depth, made monotone: {backbone.tolist()} {unit}", stacklevel=2)
        return cls(monotone, heads, unit)

    def __len__(self) -> int:
        return self.backbone.size

    def __repr__(self) -> str:
        return f"Cost({len(self)} exits, static {self.static:.4g} {self.unit})"

    @property
    def terms(self) -> tuple[Cost, ...]:
        """The additive costs whose product this is."""
        return (self,)

    def at(self, kept) -> np.ndarray:
        """(E,) float64: what a sample leaving at exit k pays when exactly the exits `kept` (E-1,) bool have heads.

        The final classifier is always there. The entry of an exit without a head is the backbone up to its tap
        plus the heads passed.
        """
        has_head = np.append(_kept(kept, len(self)), True)
        return self.backbone + np.cumsum(np.where(has_head, self.heads, 0.0))

    def worst(self, kept) -> np.ndarray:
        """(E,) float64: the worst case where samples go as deep as each exit and no deeper; kept as in `at`.

        Memory (unit "B") is held to the end, whoever gets there.
        """
        at = self.at(kept)
        return np.full_like(at, at[-1]) if self.unit == "B" else at

    @property
    def static(self) -> float:
        """Cost of the same backbone with the final classifier and no other head."""
        return float(self.backbone[-1] + self.heads[-1])

    def columns(self, index) -> Cost:
        """The cost of some of its exits, by integer index (M,); what lies between two of them is still paid."""
        return Cost(self.backbone[index], self.heads[index], self.unit)

    def to_dict(self) -> dict:
        return {"backbone": self.backbone.tolist(), "heads": self.heads.tolist(), "unit": self.unit}


@dataclass(frozen=True, eq=False)
class ProductCost:
    """Product of two costs per sample (energy x latency), averaged afterwards.

    energy, latency : Cost with the same number of exits. Raises ValueError when they disagree.

    >>> energy, latency = ee.Cost([2, 4], [1, 1], unit="J"), ee.Cost([1, 3], [0, 1], unit="s")
    >>> ee.ProductCost(energy, latency).at([True]).tolist()
    [3.0, 24.0]
    """

    energy: Cost
    latency: Cost

    def __post_init__(self):
        if len(self.energy) != len(self.latency):
            raise ValueError(f"energy has {len(self.energy)} exits, latency {len(self.latency)}: they must agree.")

    def __len__(self) -> int:
        return len(self.energy)

    def __repr__(self) -> str:
        return f"ProductCost({len(self)} exits, static {self.static:.4g} {self.unit})"

    @property
    def unit(self) -> str:
        return f"{self.energy.unit}·{self.latency.unit}"

    @property
    def terms(self) -> tuple[Cost, ...]:
        """The additive costs whose product this is."""
        return self.energy.terms + self.latency.terms

    def at(self, kept) -> np.ndarray:
        """(E,) float64: energy.at(kept) * latency.at(kept)."""
        return self.energy.at(kept) * self.latency.at(kept)

    def worst(self, kept) -> np.ndarray:
        """(E,) float64: the worst case where samples go as deep as each exit and no deeper; kept as in `at`."""
        return self.energy.worst(kept) * self.latency.worst(kept)

    @property
    def static(self) -> float:
        """Cost of the same backbone with the final classifier and no other head."""
        return self.energy.static * self.latency.static

    def columns(self, index) -> ProductCost:
        """The cost of some of its exits, by integer index (M,)."""
        return ProductCost(self.energy.columns(index), self.latency.columns(index))

    def to_dict(self) -> dict:
        return {"energy": self.energy.to_dict(), "latency": self.latency.to_dict()}


def cost_from_dict(data: dict) -> Cost | ProductCost:
    """Inverse of `to_dict`. Raises ValueError for anything else."""
    if not isinstance(data, dict):
        raise ValueError(f"cost: expected a mapping with 'backbone' and 'heads', got {type(data).__name__}.")
    if "energy" in data and "latency" in data:
        return ProductCost(cost_from_dict(data["energy"]), cost_from_dict(data["latency"]))
    if "backbone" not in data or "heads" not in data:
        raise ValueError(f"cost: expected 'backbone' and 'heads', got {sorted(map(str, data))}.")
    return Cost(data["backbone"], data["heads"], str(data.get("unit", "MACs")))
