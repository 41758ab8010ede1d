"""An exported network over several local processes, one a processor of its mapping, joined by sockets over loopback.

Samples travel only when they must: features go on where no head lets a sample leave.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..launch.packages import require
from ..launch.processes import end, start
from .wire import HEADER, LOOPBACK, say

TIMEOUT = 30.0
BLAME_SECONDS = 3.0
START_TIMEOUT = 120.0  # a process that starts on a busy machine imports for a while


class PeerError(RuntimeError):
    """A process of a distributed network ended, failed or fell silent; the message says which and how."""


@dataclass(frozen=True, eq=False)
class Distributed:
    """What a distributed run answered and sent.

    predicted, exit_of (N,) int64, confidence (N,) float32 at that exit. payload : {link: bytes of features sent over it};
    crossed : {link: samples}; header : bytes of headers a sample on the wire, beside its features. seconds : from the
    first sample on. answered : {processor: samples that left there}.
    """

    predicted: np.ndarray
    exit_of: np.ndarray
    confidence: np.ndarray
    payload: dict[str, int]
    crossed: dict[str, int]
    answered: dict[str, int]
    seconds: float
    header: int = HEADER.size


@dataclass(eq=False)
class _Peer:
    name: str
    process: object
    log: Path
    connection: socket.socket | None = None
    port: int | None = None
    ready: bool = False
    heard: float = field(default_factory=time.monotonic)
    passed: int = 0
    moved: float = field(default_factory=time.monotonic)
    buffer: bytes = b""
    result: dict | None = None
    answered: int = 0


def run_distributed(
    folder: Path | str,
    samples,
    timeout: float = TIMEOUT,
    on_start: Callable[[Sequence[int]], None] | None = None,
) -> Distributed:
    """Run `samples` (N, ...), float32 as `network.prepare` gives them, through the network exported into `folder`.

    One process for each processor up to the last that runs anything, in the order of the platform. timeout : seconds
    after which a process that says nothing, or all that take up no sample, count as lost. on_start : is told the processes' ids once they work.

    Raises ValueError for a folder without an export or samples of another shape, PeerError in words when a process
    ends, fails or falls silent. No process is left behind.
    """
    require("onnxruntime", for_="running an exported network")
    network, samples = _read(Path(folder)), np.ascontiguousarray(samples, dtype=np.float32)
    if list(samples.shape[1:]) != network["input"] or not len(samples):
        raise ValueError(f"samples: expected (N >= 1, {', '.join(map(str, network['input']))}), got {samples.shape}.")
    count = 1 + max(step["processor"] for step in network["steps"])
    names = network["processors"][:count]
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        np.save(scratch / "samples.npy", samples)
        server = stack.enter_context(socket.create_server((LOOPBACK, 0)))
        peers: list[_Peer] = []
        stack.callback(_end_all, peers)
        for index, name in enumerate(names):
            peers.append(_start(Path(folder), index, name, server.getsockname()[1], scratch))
        _meet(server, peers)
        begun = time.monotonic()
        for index, peer in enumerate(peers):
            onward = peers[index + 1].port if index + 1 < count else None
            plan = {"next": onward, "samples": str(scratch / "samples.npy"), "shape": _entering(network, index)}
            say(peer.connection, **plan, timeout=timeout)
            peer.heard = peer.moved = time.monotonic()
        if on_start:
            on_start([peer.process.pid for peer in peers])
        answers = _listen(peers, timeout)
        seconds = time.monotonic() - begun
    return _result(network, peers, answers, len(samples), seconds)


def _read(folder: Path) -> dict:
    try:
        network = json.loads((folder / "network.json").read_text("utf-8"))
        if network["format"] != "eeviz-export":
            raise ValueError(f"format {network['format']!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder}: no exported network ({error}). Write one with export(...).") from error
    return network


def _entering(network: dict, index: int) -> list[int]:
    """Shape of the features that reach processor `index`."""
    before = [s["output"] for s in network["steps"] if s["kind"] == "segment" and s["processor"] < index]
    return before[-1] if before else network["input"]


def _start(folder: Path, index: int, name: str, port: int, scratch: Path) -> _Peer:
    log = scratch / f"peer{index}.log"
    root = str(Path(__file__).resolve().parents[2])
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    env["PYTHONPATH"] = os.pathsep.join(p for p in (root, env.get("PYTHONPATH")) if p)
    with log.open("wb") as file:
        command = [sys.executable, "-m", "eeviz.hardware.peer", str(folder.resolve()), str(index), str(port)]
        return _Peer(name, start(command, stdout=file, stderr=file, env=env), log)


def _meet(server: socket.socket, peers: list[_Peer]) -> None:
    """Wait until every process has connected and told where it listens."""
    server.settimeout(0.2)
    last = time.monotonic() + START_TIMEOUT
    while any(not peer.ready for peer in peers):
        for peer in peers:
            _alive(peer)
        if time.monotonic() > last:
            late = next(peer for peer in peers if not peer.ready)
            raise PeerError(f"the process of {late.name} did not start within {START_TIMEOUT:.0f} s.{_log(late)}")
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        connection.settimeout(START_TIMEOUT)
        with connection.makefile("r", encoding="utf-8", newline="\n") as lines:
            index, port = json.loads(lines.readline())["peer"], json.loads(lines.readline())["port"]
        peers[index].connection, peers[index].port, peers[index].ready = connection, port, True


def _listen(peers: list[_Peer], timeout: float) -> list:
    """Collect answers until every process is done."""
    answers: list = []
    with selectors.DefaultSelector() as selector:
        for peer in peers:
            peer.connection.setblocking(False)
            selector.register(peer.connection, selectors.EVENT_READ, peer)
        while any(peer.result is None for peer in peers):
            for key, _ in selector.select(0.1):
                peer = key.data
                data = peer.connection.recv(1 << 16)
                if not data:
                    selector.unregister(peer.connection)
                    if peer.result is None:
                        _ended(peer)
                    continue
                peer.heard = time.monotonic()
                *lines, peer.buffer = (peer.buffer + data).split(b"\n")
                for line in lines:
                    _hear(peer, json.loads(line), peers, answers)
            for peer in peers:
                if peer.result is None and time.monotonic() - peer.heard > timeout:
                    raise PeerError(f"{peer.name} has said nothing for {timeout:g} s and counts as lost.{_log(peer)}")
            if time.monotonic() - max(peer.moved for peer in peers) > timeout:
                raise PeerError(f"no process has taken up a sample for {timeout:g} s.")
    return answers


def _hear(peer: _Peer, words: dict, peers: list[_Peer], answers: list) -> None:
    if words.get("alive", peer.passed) != peer.passed:
        peer.passed, peer.moved = words["alive"], time.monotonic()
    if "answers" in words:
        answers += words["answers"]
        peer.answered += len(words["answers"])
    elif "done" in words:
        peer.result, peer.moved = words, time.monotonic()
    elif "error" in words:
        last = time.monotonic() + BLAME_SECONDS  # what one tells as a broken connection is often another's end
        while time.monotonic() < last:
            for other in peers:
                if other is not peer and other.result is None and other.process.poll() is not None:
                    _ended(other)
            time.sleep(0.05)
        raise PeerError(f"{peer.name} stopped: {words['error']}.{_log(peer)}")


def _alive(peer: _Peer) -> None:
    if peer.process.poll() is not None:
        _ended(peer)


def _ended(peer: _Peer) -> None:
    with contextlib.suppress(Exception):
        peer.process.wait(2)
    code = peer.process.poll()
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
    raise PeerError(f"the process of {peer.name} {how} after {peer.answered} answers.{_log(peer)}")


def _log(peer: _Peer) -> str:
    lines = peer.log.read_text("utf-8", "replace").strip().splitlines() if peer.log.is_file() else []
    return f" It said: {lines[-1]}" if lines else ""


def _end_all(peers: list[_Peer]) -> None:
    for peer in peers:
        if peer.connection:
            peer.connection.close()  # which tells it to end
    for peer in peers:
        end(peer.process)


def _result(network: dict, peers: list[_Peer], answers: list, count: int, seconds: float) -> Distributed:
    if sorted(answer[0] for answer in answers) != list(range(count)):
        raise PeerError(f"{len(answers)} answers came for {count} samples.")
    table = np.array(sorted(answers), dtype=np.float64)  # (N, 4) number, class, exit, confidence
    payload, crossed = {}, {}
    for link, peer in zip(network["links"], peers[:-1], strict=False):
        payload[link], crossed[link] = peer.result["payload"], peer.result["crossed"]
    for link in network["links"][len(peers) - 1 :]:
        payload[link] = crossed[link] = 0
    return Distributed(
        table[:, 1].astype(np.int64),
        table[:, 2].astype(np.int64),
        table[:, 3].astype(np.float32),
        payload,
        crossed,
        {peer.name: peer.answered for peer in peers},
        seconds,
    )
