"""The three WFDB formats that MIT-BIH needs: header, signal format 212, MIT annotations.

https://physionet.org/physiotools/wag/ (header(5), signal(5), annot(5)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .files import in_words

SYMBOLS = dict(enumerate(" NLRaVFJASEj/Q~")) | {
    16: "|", 18: "s", 19: "T", 20: "*", 21: "D", 22: '"', 23: "=", 24: "p", 25: "B", 26: "^", 27: "t", 28: "+", 29: "u",
    30: "?", 31: "!", 32: "[", 33: "]", 34: "e", 35: "n", 36: "@", 37: "x", 38: "f", 39: "(", 40: ")", 41: "r",
}  # fmt: skip
_SKIP, _NUMBER, _AUXILIARY = 59, (60, 61, 62), 63
_MOST = 64 << 20  # bytes of a file: a record of MIT-BIH has 2 MB, one of a day at the same rate 50


@dataclass(frozen=True)
class Signal:
    """One signal: its file, storage format, ADC units per mV, the ADC unit that means 0, and its name."""

    file: str
    format: str
    gain: float
    zero: int
    name: str


@dataclass(frozen=True)
class Header:
    """A record: name, samples per second, number of samples, signals."""

    record: str
    rate: float
    samples: int
    signals: tuple[Signal, ...]


def bounded_bytes(path) -> bytes:
    """The content of a file on disk or inside a zip, whose size is looked at first."""
    inside = getattr(path, "root", None)
    size = path.stat().st_size if isinstance(inside, str) else inside.getinfo(path.at).file_size
    if size > _MOST:
        raise ValueError(f"{size:,} bytes, at most {_MOST:,} are expected")
    return path.read_bytes()


def read_header(path) -> Header:
    """The .hea file, with Unix or DOS line ends. Raises ValueError naming it when it is not one."""
    with in_words(path, "a WFDB header"):
        text = bounded_bytes(path).decode("ascii")
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        if not lines:
            raise ValueError("it is empty")
        record, count, rate, samples = lines[0].split()[:4]
        if "/" in record:
            raise ValueError("it describes a record of several segments")
        signals = tuple(_signal(line.split()) for line in lines[1 : 1 + int(count)])
        if not 0 < int(count) == len(signals) == len(lines) - 1:
            raise ValueError(f"{count} signals are promised, {len(lines) - 1} described")
        header = Header(record, float(rate.split("/")[0].split("(")[0]), int(samples), signals)
        if not (0 < header.rate < 1e6 and 0 < header.samples < _MOST):
            raise ValueError(f"{header.samples} samples at {header.rate} Hz")
        return header


def _signal(words: list[str]) -> Signal:
    """file, format, gain(baseline)/units, resolution, zero, first value, checksum, block size, name."""
    if len(words) < 5 or "/" in words[0] or "\\" in words[0]:
        raise ValueError(f"a signal described as {' '.join(words)[:80]!r}")
    gain, _, baseline = words[2].split("/")[0].partition("(")
    if not 0 < abs(float(gain)) < 1e9:
        raise ValueError(f"{gain} units per mV")
    zero = int(baseline.rstrip(")")) if baseline else int(words[4])
    if abs(zero) >= 1 << 15:
        raise ValueError(f"{zero} as the unit that means 0")
    return Signal(words[0], words[1], float(gain), zero, " ".join(words[8:]))


def read_signal(folder, header: Header) -> np.ndarray:
    """(samples, signals) int16 of a record whose signals share one file of format 212.

    Raises ValueError for another format and for a file that is too short.
    """
    files = {(s.file, s.format) for s in header.signals}
    if len(files) != 1 or next(iter(files))[1] != "212":
        raise ValueError(f"{folder / header.record}: only signals of one file in format 212 can be read.")
    path = folder / header.signals[0].file
    count = header.samples * len(header.signals)
    with in_words(path, "a WFDB signal"):
        raw = np.frombuffer(bounded_bytes(path), dtype=np.uint8)
    if len(raw) < -(-count * 3 // 2):
        raise ValueError(f"{path}: {len(raw)} bytes hold fewer than the {count} values promised; get it again.")
    raw = raw[: -(-count * 3 // 2)].astype(np.int16)
    triples = np.pad(raw, (0, -len(raw) % 3)).reshape(-1, 3)
    first = triples[:, 0] | ((triples[:, 1] & 0x0F) << 8)
    second = triples[:, 2] | ((triples[:, 1] & 0xF0) << 4)
    values = np.column_stack([first, second]).reshape(-1)[:count]
    return np.where(values > 2047, values - 4096, values).reshape(header.samples, -1).astype(np.int16)


def read_annotations(path) -> tuple[np.ndarray, list[str]]:
    """Sample numbers (n,) int64 and symbols of an annotation file; a code without a symbol, 15, is "[15]".

    Each is a 16-bit word: 6 bits of code, 10 bits of samples since the last; some codes carry more.
    Raises ValueError naming the file when it breaks off or its times fall.
    """
    with in_words(path, "a file of annotations"):
        raw = bounded_bytes(path)
    words = np.frombuffer(raw[: len(raw) // 2 * 2], dtype="<u2").tolist()
    where, symbols, time, index = [], [], 0, 0
    while index < len(words):
        code, step = words[index] >> 10, words[index] & 0x3FF
        index += 1
        if code == 0 and step == 0:
            at = np.array(where, dtype=np.int64)
            if (np.diff(at, prepend=0) < 0).any():
                raise ValueError(f"{path}: not a file of annotations (their times fall); remove it and get it again.")
            return at, symbols
        if code == _SKIP:
            if index + 2 > len(words):
                break
            skip = (words[index] << 16) | words[index + 1]  # high half first
            time += skip - (1 << 32) * (skip >> 31)
            index += 2
        elif code == _AUXILIARY:
            index += (step + 1) // 2
        elif code not in _NUMBER:
            time += step
            where.append(time)
            symbols.append(SYMBOLS.get(code, f"[{code}]"))
    raise ValueError(f"{path}: the annotations break off; get it again.")
