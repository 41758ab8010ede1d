"""A small reader of MATLAB level 5 files: numeric arrays by name, every size checked before memory is taken.

MAT-File Format, The MathWorks, chapter 1. A file is a header of 128 bytes and elements, each with a tag of type and size.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .files import in_words

_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15
_NUMERIC = range(6, 16)  # classes double ... uint64
_COMPLEX = 0x800
_PEEK = 1024  # bytes that hold the tags, the shape and the name of any array worth reading
_AXES = 8


def read_arrays(path: Path, wanted: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The arrays of these names in the file, each of at most that many values.

    Raises ValueError naming the file when it is damaged, of another version, or lacks an array.

    >>> read_arrays(Path("train_32x32.mat"), {"y": 100_000})["y"].shape  # doctest: +SKIP
    (73257, 1)
    """
    with in_words(path, "a MATLAB file with " + " and ".join(wanted)):
        found: dict[str, np.ndarray] = {}
        size = path.stat().st_size
        with path.open("rb") as file:
            order = _order(file.read(128))
            while file.tell() < size and len(found) < len(wanted):
                tag = file.read(8)
                if len(tag) < 8:
                    raise ValueError("it breaks off in a tag")
                kind, length = np.frombuffer(tag, f"{order}u4").tolist()
                if length > size - file.tell():
                    raise ValueError(f"an element of {length:,} bytes is promised, {size - file.tell():,} are there")
                raw = file.read(length)
                if kind == _COMPRESSED:
                    raw = _unpacked(raw, order, wanted)
                if kind in (_MATRIX, _COMPRESSED) and raw:
                    name, array = _matrix(raw, order, wanted)
                    if array is not None:
                        if name in found:
                            raise ValueError(f"{name} is there twice")
                        found[name] = array
        lacking = [name for name in wanted if name not in found]
        if lacking:
            raise ValueError(f"{' and '.join(lacking)} missing")
        return found


def _order(header: bytes) -> str:
    if header[:8] == b"\x89HDF\r\n\x1a\n" or header.startswith(b"MATLAB 7.3"):
        raise ValueError("it is of version 7.3, an HDF5 file, not of version 5")
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
    if len(header) < 128 or order is None or np.frombuffer(header[124:126], f"{order}u2")[0] != 0x0100:
        raise ValueError("its header is not that of version 5")
    return order


def _unpacked(raw: bytes, order: str, wanted: Mapping[str, int]) -> bytes:
    """The compressed element's own bytes; b"" where it is none of the wanted arrays."""
    stream = zlib.decompressobj()
    head = stream.decompress(raw, _PEEK)
    if len(head) < 8:
        raise ValueError("a compressed element breaks off")
    kind, length = np.frombuffer(head[:8], f"{order}u4").tolist()
    if kind != _MATRIX:
        return b""
    name, shape, *_ = _described(head[8:], order)
    if name not in wanted:
        return b""
    most = wanted[name] * 8 + _PEEK
    if length > most:
        raise ValueError(f"{name} of shape {shape} is promised in {length:,} bytes, at most {most:,} are expected")
    rest = stream.decompress(stream.unconsumed_tail, max(1, 8 + length - len(head)))
    if stream.decompress(stream.unconsumed_tail, 1) or not stream.eof or len(head) + len(rest) != 8 + length:
        raise ValueError(f"{name} does not unpack to the {length:,} bytes promised")
    return (head + rest)[8:]


def _element(raw: bytes, at: int, order: str) -> tuple[int, int, int, int]:
    """Type, size, where its data begin and where the next element begins, of the element at `at`."""
    if at + 8 > len(raw):
        raise ValueError("an array breaks off")
    first, length = np.frombuffer(raw, f"{order}u4", 2, at).tolist()
    if first >> 16:  # a small element: its size is in the tag, its data behind it
        kind, length, begin = first & 0xFFFF, first >> 16, at + 4
        if length > 4:
            raise ValueError(f"a small element of {length} bytes")
        return kind, length, begin, at + 8
    return first, length, at + 8, at + 8 + length + -length % 8


def _described(raw: bytes, order: str) -> tuple[str, tuple[int, ...], int, int]:
    """Name, shape, flags and where the values' element begins, of an array's first bytes."""
    kind, length, begin, at = _element(raw, 0, order)
    if (kind, length) != (6, 8) or begin + 8 > len(raw):
        raise ValueError("an array without flags")
    flags = int(np.frombuffer(raw, f"{order}u4", 1, begin)[0])
    kind, length, begin, at = _element(raw, at, order)
    if kind != 5 or length % 4 or not 8 <= length <= 4 * _AXES or begin + length > len(raw):
        raise ValueError(f"an array whose shape takes {length} bytes")
    shape = tuple(np.frombuffer(raw, f"{order}i4", length // 4, begin).tolist())
    if min(shape) < 0:
        raise ValueError(f"an array of shape {shape}")
    kind, length, begin, at = _element(raw, at, order)
    if kind != 1 or length > 63 or begin + length > len(raw):
        raise ValueError("an array without a name")
    return raw[begin : begin + length].decode("ascii"), shape, flags, at


def _matrix(raw: bytes, order: str, wanted: Mapping[str, int]) -> tuple[str, np.ndarray | None]:
    name, shape, flags, at = _described(raw, order)
    if name not in wanted:
        return name, None
    count = math.prod(shape)
    if count > wanted[name]:
        raise ValueError(f"{name} of shape {shape} has more than {wanted[name]:,} values")
    if flags & 0xFF not in _NUMERIC or flags & _COMPLEX:
        raise ValueError(f"{name} is not an array of real numbers")
    kind, length, begin, _ = _element(raw, at, order)
    if kind not in _DTYPES:
        raise ValueError(f"{name} is stored as type {kind}")
    dtype = np.dtype(order + _DTYPES[kind])
    if length != count * dtype.itemsize or begin + length > len(raw):
        raise ValueError(f"{name} of shape {shape} in {length:,} bytes, {count * dtype.itemsize:,} are needed")
    return name, np.frombuffer(raw, dtype, count, begin).reshape(shape, order="F")
