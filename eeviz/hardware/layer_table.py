"""LayerTable: where time and energy go on an accelerator, layer by layer, for people to read and views to draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SORTS = ("cycles", "energy", "energy x latency", "macs")


@dataclass(frozen=True, eq=False)
class LayerTable:
    """L layers in the order in which a sample meets them.

    piece, layer, words : (L,) the segment or exit it belongs to, its name, what it does. macs, cycles : (L,).
    compute : (L,) J of multiplications. levels : (L, M) J by memory; memories : (M,) names, inner to outer.
    units : multipliers of the array.
    """

    piece: tuple[str, ...]
    layer: tuple[str, ...]
    words: tuple[str, ...]
    macs: np.ndarray
    cycles: np.ndarray
    compute: np.ndarray
    levels: np.ndarray
    memories: tuple[str, ...]
    units: int

    def __post_init__(self):
        for name in ("macs", "cycles", "compute", "levels"):
            getattr(self, name).flags.writeable = False

    def __len__(self) -> int:
        return len(self.layer)

    @property
    def energy(self) -> np.ndarray:
        """(L,) J."""
        return self.compute + self.levels.sum(axis=1)

    @property
    def utilisation(self) -> np.ndarray:
        """(L,) share of the multiplications that the array could have made in those cycles; 0 where a layer has none."""
        return _share(self.macs, self.cycles * self.units)

    @property
    def pieces(self) -> tuple[str, ...]:
        """Segments and exits in order, each once."""
        return tuple(dict.fromkeys(self.piece))

    def sums(self) -> dict[str, np.ndarray]:
        """By piece (P,): macs, cycles, energy, compute, utilisation; and levels (P, M)."""
        index = {name: i for i, name in enumerate(self.pieces)}
        at = np.array([index[name] for name in self.piece])
        totals = {"macs": self.macs, "cycles": self.cycles, "energy": self.energy, "compute": self.compute}
        out = {name: np.bincount(at, values, len(index)) for name, values in totals.items()}
        out["levels"] = np.stack([np.bincount(at, column, len(index)) for column in self.levels.T], axis=1)
        out["utilisation"] = _share(out["macs"], out["cycles"] * self.units)
        return out

    def order(self, by: str = "energy x latency") -> np.ndarray:
        """(L,) layers from the most expensive on. Raises ValueError for an unknown figure."""
        if by not in SORTS:
            raise ValueError(f"layers can be sorted by {', '.join(SORTS)}, not by {by!r}.")
        values = self.energy * self.cycles if by == "energy x latency" else getattr(self, by)
        return np.argsort(-values, kind="stable")


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
