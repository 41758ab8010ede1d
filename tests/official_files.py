"""Small files in the official formats of the data sets, written by hand from the formats' descriptions."""

import hashlib
import io
import struct
import tarfile
import wave
import zlib

import numpy as np

from eeviz.datasets import wfdb


def idx(array: np.ndarray, code: int = 8) -> bytes:
    """An idx file."""
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()


def archive(path, members: dict[str, bytes]) -> str:
    """Write a .tar.gz; its md5."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return "md5:" + hashlib.md5(path.read_bytes()).hexdigest()


def wav(samples: np.ndarray, rate: int = 16_000, channels: int = 1) -> bytes:
    """A 16-bit wav file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as clip:
        clip.setnchannels(channels)
        clip.setsampwidth(2)
        clip.setframerate(rate)
        clip.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()


def packed(signal: np.ndarray) -> bytes:
    """(n, 2) ADC units in format 212."""
    pairs = np.where(signal < 0, signal + 4096, signal).astype(int)
    out = bytearray()
    for a, b in pairs:
        out += bytes([a & 0xFF, (a >> 8) | ((b >> 8) << 4), b & 0xFF])
    return bytes(out)


def annotations(at, symbols) -> bytes:
    """An annotation file of MIT format, with skips, rhythm strings and an end."""
    codes = {symbol: code for code, symbol in wfdb.SYMBOLS.items()}
    out, last = b"", 0
    for time, symbol in zip(at, symbols, strict=True):
        if time - last > 1023:
            skip = time - last
            out += struct.pack("<HHH", wfdb._SKIP << 10, skip >> 16, skip & 0xFFFF)
            last = time
        out += struct.pack("<H", codes[symbol] << 10 | (time - last))
        last = time
        if symbol == "+":
            out += struct.pack("<H", wfdb._AUXILIARY << 10 | 3) + b"(N\0\0"
    return out + b"\0\0"


def record(folder, name: int, lead: int = 0, samples: int = 6000, seed: int = 0):
    """A record of 6,000 samples with beats of every kind; its signal and beats."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    signal = rng.integers(-2048, 2048, (samples, 2))
    at = np.array([40, 50, 400, 700, 1100, 2500, 2900, 3300, 3700, 5990])
    symbols = ["+", "N", "N", "A", "V", "F", "Q", "|", "L", "N"]
    names = ["MLII", "V1"] if lead == 0 else ["V1", "MLII"]
    lines = [f"{name} 2 360 {samples}"] + [f"{name}.dat 212 200 11 1024 {signal[0, i]} 0 0 {names[i]}" for i in (0, 1)]
    (folder / f"{name}.hea").write_text("\n".join([*lines, "# 69 M"]))
    (folder / f"{name}.dat").write_bytes(packed(signal))
    (folder / f"{name}.atr").write_bytes(annotations(at, symbols))
    return signal


def short(text: str) -> bytes:
    """A short string as Python 2 pickles it."""
    return b"U" + bytes([len(text)]) + text.encode()


def batch(images: np.ndarray, labels, key: str = "labels") -> bytes:
    """A CIFAR batch as Python 2 pickled it: text of protocol 2, the array inside as numpy.core.multiarray builds it."""
    raw = images.transpose(0, 3, 1, 2).reshape(len(images), -1).tobytes()
    whole = b"".join(b"K" + bytes([label]) for label in labels)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87R(K\x01M"
        + struct.pack("<H", len(images))
        + b"M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", len(raw))
        + raw
        + b"tb"
    )
    names = b"".join(short(f"x_{i}.png") + b"r" + struct.pack("<I", 256 + i) for i in range(len(images)))
    return (
        b"\x80\x02}q\x01("
        + short("batch_label") + b"q\x02" + short("testing batch 1 of 1") + b"q\x03"
        + short(key) + b"](" + whole + b"e" + short("data") + array
        + short("filenames") + b"](" + names + b"eu."
    )  # fmt: skip


def meta(key: str, names) -> bytes:
    """CIFAR's class names as Python 2 pickled them."""
    return b"\x80\x02}q\x01(" + short(key) + b"](" + b"".join(map(short, names)) + b"eu."


def element(kind: int, content: bytes, order: str = "<") -> bytes:
    """A tagged element of a MATLAB file, padded to eight bytes."""
    return struct.pack(f"{order}II", kind, len(content)) + content + bytes(-len(content) % 8)


def matlab(arrays: dict[str, np.ndarray], packed: bool = False, order: str = "<") -> bytes:
    """A MATLAB file of version 5 with uint8 arrays."""
    mark = b"IM" if order == "<" else b"MI"
    out = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}H", 0x0100) + mark
    for name, array in arrays.items():
        inner = element(6, struct.pack(f"{order}II", 9, 0), order)
        inner += element(5, struct.pack(f"{order}{array.ndim}i", *array.shape), order)
        inner += struct.pack(f"{order}HH", *((1, len(name)) if order == "<" else (len(name), 1))) + name.encode().ljust(
            4, b"\0"
        )
        inner += element(2, array.astype(np.uint8).tobytes(order="F"), order)
        whole = element(14, inner, order)
        if packed:
            whole = zlib.compress(whole)
            whole = struct.pack(f"{order}II", 15, len(whole)) + whole
        out += whole
    return out
