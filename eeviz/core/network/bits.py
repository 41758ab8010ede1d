"""Bits: how many bits the numbers of a layer have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bits:
    """Bits of an element: of weights, and of the activations that a layer reads and writes; 32 is floating point.

    Raises ValueError for other than whole numbers in 1..32.
    """

    weights: int = 8
    activations: int = 8

    def __post_init__(self):
        for name in ("weights", "activations"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= 32:
                raise ValueError(f"bits of {name}: expected a whole number in 1..32, got {value!r}.")
            object.__setattr__(self, name, int(value))

    @classmethod
    def of(cls, value: Bits | int | str) -> Bits:
        """From Bits, one number for both, or weights/activations as in "4/8". Raises ValueError for anything else."""
        if isinstance(value, Bits):
            return value
        parts = value.split("/") if isinstance(value, str) else [value]
        if len(parts) > 2 or (isinstance(value, str) and not all(part.isdigit() for part in parts)):
            raise ValueError(f'bits: expected a number or two as in "4/8", got {value!r}.')
        numbers = [int(part) if isinstance(part, str) else part for part in parts]
        return cls(numbers[0], numbers[-1])

    def __str__(self) -> str:
        return f"{self.weights}/{self.activations}"


FP32, INT8 = Bits(32, 32), Bits(8, 8)
AnyBits = Bits | int | str
"""What `Bits.of` reads."""
HeadBits = AnyBits | Sequence[AnyBits] | None


def heads_at(head_bits: HeadBits, bits: Bits, count: int) -> tuple[Bits, ...]:
    """(E,) bits of every head; None: those of the backbone. Raises ValueError for another number of them, and for what
    `Bits.of` does not read."""
    if head_bits is None:
        return (bits,) * count
    if not isinstance(head_bits, tuple | list | np.ndarray):
        return (Bits.of(head_bits),) * count
    if len(head_bits) != count:
        raise ValueError(f"head_bits: expected one for each of {count} heads, got {len(head_bits)}.")
    return tuple(Bits.of(own) for own in head_bits)
