"""The three WFDB formats that MIT-BIH needs: header, signal format 212, MIT annotations.

https://physionet.org/physiotools/wag/ (header(5), signal(5), annot(5)).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

SYMBOLS = dict(enumerate(" NLRaVFJASEj/Q~|")) | {
    18: "s", 19: "T", 20: "*", 21: "D", 22: '"', 23: "=", 24: "p", 25: "B", 26: "^", 27: "t", 28: "+", 29: "u",
    30: "?", 31: "!", 32: "[", 33: "]", 34: "e", 35: "n", 36: "@", 37: "x", 38: "f", 39: "(", 40: ")", 41: "r",
}  # fmt: skip
_SKIP, _NUMBER, _AUXILIARY = 59, (60, 61, 62), 63


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


def read_header(path: Path) -> Header:
    """The .hea file. Raises ValueError naming it when it is not one."""
    try:
        lines = [line for line in path.read_text("ascii").splitlines() if line.strip() and not line.startswith("#")]
        record, count, rate, samples = lines[0].split()[:4]
        signals = []
        for line in lines[1 : 1 + int(count)]:
            words = line.split()
            gain = float(words[2].split("(")[0].split("/")[0])
            signals.append(Signal(words[0], words[1], gain, int(words[4]), " ".join(words[8:])))
        if len(signals) != int(count):
            raise ValueError(f"{count} signals are promised, {len(signals)} described")
        return Header(record, float(rate.split("/")[0]), int(samples), tuple(signals))
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path}: not a WFDB header ({error}).") from error


def read_signal(folder: Path, header: Header) -> np.ndarray:
    """(samples, signals) int16 of a record whose signals share one file of format 212.

    Raises ValueError for another format and for a file that is too short.
    """
    files = {(s.file, s.format) for s in header.signals}
    if len(files) != 1 or next(iter(files))[1] != "212":
        raise ValueError(f"{folder / header.record}: only signals of one file in format 212 can be read.")
    path = folder / header.signals[0].file
    count = header.samples * len(header.signals)
    raw = np.frombuffer(path.read_bytes(), dtype=np.uint8).astype(np.int16)
    if len(raw) < -(-count * 3 // 2):
        raise ValueError(f"{path}: {len(raw)} bytes hold fewer than the {count} values promised; get it again.")
    triples = np.pad(raw, (0, -len(raw) % 3)).reshape(-1, 3)
    first = triples[:, 0] | ((triples[:, 1] & 0x0F) << 8)
    second = triples[:, 2] | ((triples[:, 1] & 0xF0) << 4)
    values = np.column_stack([first, second]).reshape(-1)[:count]
    return np.where(values > 2047, values - 4096, values).reshape(header.samples, -1).astype(np.int16)


def read_annotations(path: Path) -> tuple[np.ndarray, list[str]]:
    """Sample numbers (n,) int64 and symbols of an annotation file. Raises ValueError naming it when it breaks off.

    Each is a 16-bit word: 6 bits of code, 10 bits of samples since the last; some codes carry more.
    """
    raw = path.read_bytes()
    words = np.frombuffer(raw[: len(raw) // 2 * 2], dtype="<u2").tolist()
    where, symbols, time, index = [], [], 0, 0
    while index < len(words):
        code, step = words[index] >> 10, words[index] & 0x3FF
        index += 1
        if code == 0 and step == 0:
            return np.array(where, dtype=np.int64), symbols
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
            symbols.append(SYMBOLS.get(code, "?"))
    raise ValueError(f"{path}: the annotations break off; get it again.")
