"""How many activations are alive while each step of a piece of a network runs: what memory must hold at once."""

from __future__ import annotations

from collections.abc import Sequence

INPUT = 0
"""The number of what a piece reads; what its step i gives has the number i + 1."""


def alive(
    takes: Sequence[Sequence[int]], writes: Sequence[int], inputs: int, out: int | None = None
) -> tuple[int, ...]:
    """(S,) values alive while each of S steps runs: what it takes and gives, and what a later step still takes.

    takes : for each step the numbers of what it takes. writes : (S,) values that each gives. inputs : values that the piece
    reads. out : the number of what leaves the piece, alive to its end; None: what the last step gives.
    """
    sizes = [inputs, *writes]
    last = [number - 1 for number in range(len(sizes))]  # the step at which each is needed for the last time
    for step, taken in enumerate(takes):
        for number in taken:
            last[number] = step
    last[len(writes) if out is None else out] = len(writes)
    return tuple(
        sum(size for size, until in zip(sizes[: step + 2], last, strict=False) if until >= step)
        for step in range(len(writes))
    )
