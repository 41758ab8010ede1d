"""Seeded damage to small whole files: cut, flipped, zeroed, doubled, numbers made huge; of text also words exchanged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_HUGE = (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x00\x00\x00\x00", b"\x01\x00\x00\x00")
_WORDS = (b"-1", b"nan", b"1e999", b"99999999999999999999", b"", b"../x", b"\xc3\xa9", b"0", b"inf", b"100/2")


def mutations(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """`count` damaged forms of `content`, always the same for a seed; most damage falls where headers are."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield _damaged(content, rng)


def _damaged(content: bytes, rng: np.random.Generator) -> bytes:
    raw = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        size = max(1, len(raw))
        at = int(rng.integers(min(size, 256)) if rng.uniform() < 0.6 else rng.integers(size))
        kind = rng.integers(8)
        if kind == 0:
            del raw[at:]
        elif kind == 1:
            raw[at : at + 1] = bytes([int(rng.integers(256))])
        elif kind == 2:
            raw[at : at + 4] = _HUGE[rng.integers(len(_HUGE))]
        elif kind == 3:
            raw[at:at] = bytes(rng.integers(0, 256, int(rng.integers(1, 20)), dtype=np.uint8))
        elif kind == 4:
            del raw[at : at + int(rng.integers(1, 20))]
        elif kind == 5:
            raw[at : at + 16] = bytes(16)
        elif kind == 6:
            raw += raw[at : at + 64]
        else:
            words = bytes(raw).split(b" ")
            words[rng.integers(len(words))] = _WORDS[rng.integers(len(_WORDS))]
            raw = bytearray(b" ".join(words))
    return bytes(raw)
