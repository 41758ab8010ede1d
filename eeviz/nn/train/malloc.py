"""Keeping the memory that a training step frees for the next one.

glibc gives every large buffer that is freed back to the kernel, and the next step takes it again page by page: up to half
of a step's time where activations are large (`benchmarks/training_memory.py`).
"""

from __future__ import annotations

import ctypes
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

TRIM, PAD, MAPPED = -1, -2, -4  # M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX of malloc.h
KEPT = ((MAPPED, 0), (TRIM, -1), (PAD, 256 << 20))
USUAL = ((MAPPED, 65536), (TRIM, 64 << 20), (PAD, 128 << 10))  # as glibc has them once it has met large buffers

_lock = threading.Lock()
_users = 0

_P = ParamSpec("_P")
_T = TypeVar("_T")


@contextmanager
def buffers_kept() -> Iterator[None]:
    """Within, this process keeps what it frees; at the end of the last one it gives back what nobody holds.

    Holds at most what training took at its peak. Numbers do not change. Does nothing where the C library is not glibc.
    """
    global _users
    library = _glibc()
    with _lock:
        _users += 1
        if library is not None and _users == 1:
            _set(library, KEPT)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if library is not None and _users == 0:
                _set(library, USUAL)
                library.malloc_trim(0)


def keeping_buffers(training: Callable[_P, Iterator[_T]]) -> Callable[_P, Iterator[_T]]:
    """A generator function whose steps run within `buffers_kept`, from its first value to its end."""

    @wraps(training)
    def within(*arguments: _P.args, **named: _P.kwargs) -> Iterator[_T]:
        with buffers_kept():
            yield from training(*arguments, **named)

    return within


def _set(library: ctypes.CDLL, options) -> None:
    for option, value in options:
        library.mallopt(option, value)


def _glibc() -> ctypes.CDLL | None:
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return None
    try:
        library = ctypes.CDLL(None)
        library.mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
        library.malloc_trim.argtypes = (ctypes.c_size_t,)
    except (OSError, AttributeError):
        return None
    return library
