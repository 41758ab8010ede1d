"""What travels between the processes of a distributed network: one message a sample, a header and its features.

Numpy and the standard library only: the processes that use it load nothing else but onnxruntime.
"""

from __future__ import annotations

import json
import socket
import struct

import numpy as np

HEADER = struct.Struct("<QI")  # number of the sample, bytes that follow
END = (1 << 64) - 1  # number that says no more samples come
MOST_BYTES = 1 << 28
LOOPBACK = "127.0.0.1"


def send(connection: socket.socket, number: int, features: np.ndarray) -> int:
    """Send one sample's features, float32; how many bytes of features went."""
    payload = np.ascontiguousarray(features, dtype="<f4").tobytes()
    connection.sendall(HEADER.pack(number, len(payload)) + payload)
    return len(payload)


def end(connection: socket.socket) -> None:
    """Say that no more samples come."""
    connection.sendall(HEADER.pack(END, 0))


def receive(connection: socket.socket, shape: tuple[int, ...]) -> tuple[int, np.ndarray] | None:
    """The next sample's number and features `shape`, None after the last. Raises ConnectionError when the other side is
    gone or sends something else."""
    number, size = HEADER.unpack(_exactly(connection, HEADER.size))
    if number == END:
        return None
    if size != 4 * int(np.prod(shape)) or size > MOST_BYTES:
        raise ConnectionError(f"sample {number} came with {size} bytes, features of shape {shape} were expected")
    return number, np.frombuffer(_exactly(connection, size), dtype="<f4").reshape(shape)


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts, missing = [], size
    while missing:
        part = connection.recv(min(missing, 1 << 16))
        if not part:
            raise ConnectionError("the connection ended in the middle")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def say(connection: socket.socket, **words) -> None:
    """Send one line of JSON."""
    connection.sendall(json.dumps(words).encode() + b"\n")
