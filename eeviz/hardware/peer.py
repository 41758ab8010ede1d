"""One process of a distributed network: python -m eeviz.hardware.peer FOLDER INDEX DRIVER_PORT.

It runs its own steps of an exported network, answers for the samples that leave there and hands on the others. It tells
its driver on a connection of its own, one line of JSON each: its port, its answers, what it sent, what went wrong.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from pathlib import Path

import numpy as np

from ..core.table.calibration import confidence_of
from .wire import LOOPBACK, end, receive, say, send

BEAT_SECONDS = 0.25
ANSWERS_AT_ONCE = 64


class _Driver:
    """The connection to the driver: lines out from two threads, one line in; its end ends this process."""

    def __init__(self, port: int, index: int):
        self.connection = socket.create_connection((LOOPBACK, port), timeout=30)
        self.connection.settimeout(None)
        self.lines = self.connection.makefile("r", encoding="utf-8")
        self.lock = threading.Lock()
        self.passed = 0  # samples so far
        self.say(peer=index)

    def say(self, **words) -> None:
        with self.lock:
            say(self.connection, **words)

    def watch(self) -> None:
        """From now on tell every BEAT_SECONDS that we live, and end when the driver does."""
        threading.Thread(target=self._beat, daemon=True).start()
        threading.Thread(target=self._until_it_ends, daemon=True).start()

    def _beat(self) -> None:
        pause = threading.Event()
        while not pause.wait(BEAT_SECONDS):
            try:
                self.say(alive=self.passed)
            except OSError:
                os._exit(1)

    def _until_it_ends(self) -> None:
        try:
            self.lines.read()
        finally:
            os._exit(1)


def main(folder: str, index: int, port: int) -> int:
    """Run until the last sample has passed; the exit code."""
    driver = _Driver(port, index)
    listener = socket.create_server((LOOPBACK, 0)) if index else None
    driver.say(port=listener.getsockname()[1] if listener else None)
    plan = json.loads(driver.lines.readline())  # {"next": port or None, "samples": path or None}
    driver.watch()
    try:
        sent = _serve(Path(folder), index, plan, listener, driver)
    except (ConnectionError, OSError) as error:
        driver.say(error=str(error) or type(error).__name__)
        return 1
    driver.say(done=True, **sent)
    return 0


def _serve(folder: Path, index: int, plan: dict, listener, driver: _Driver) -> dict:
    network = json.loads((folder / "network.json").read_text("utf-8"))
    steps = [(step, _session(folder / step["file"])) for step in network["steps"] if step["processor"] == index]
    onward = socket.create_connection((LOOPBACK, plan["next"]), timeout=plan["timeout"]) if plan["next"] else None
    if listener:
        listener.settimeout(plan["timeout"])
        incoming, _ = listener.accept()
        incoming.settimeout(None)  # a quiet sender is no fault; a dead one closes the connection
        samples = iter(lambda: receive(incoming, tuple(plan["shape"])), None)
    else:
        samples = enumerate(np.load(plan["samples"], allow_pickle=False, mmap_mode="r"))
    answers, payload, crossed = [], 0, 0
    for number, x in samples:
        driver.passed += 1
        x, answer = _run(steps, np.asarray(x, dtype=np.float32)[None], network["measure"])
        if answer:
            answers.append([number, *answer])
            if len(answers) >= ANSWERS_AT_ONCE:
                driver.say(answers=answers)
                answers = []
        else:
            payload += send(onward, number, x)
            crossed += 1
    driver.say(answers=answers)
    if onward:
        end(onward)
        onward.close()
    return {"payload": payload, "crossed": crossed}


def _session(path: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _run(steps, x: np.ndarray, measure: str) -> tuple[np.ndarray, list | None]:
    """Features x (1, ...) after this process's steps, or the answer [class, exit, confidence] where the sample leaves."""
    for step, session in steps:
        out = session.run(None, {"x": x})[0]
        if step["kind"] == "segment":
            x = out
            continue
        sure = confidence_of(out[:, None], measure, [step["temperature"]])[0, 0]
        if sure >= np.float32(step["threshold"]):
            return x, [int(out[0].argmax()), step["exit"], float(sure)]
    return x, None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
