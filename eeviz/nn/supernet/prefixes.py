"""Answers of many subnets of one supernet, with everything that equal prefixes share computed once.

A prefix is the backbone up to one stage's end. Its batch norms are calibrated on training images and depend on the
prefix alone, and so do the branches there: what is remembered equals what would be computed again, to the last bit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..network import fold
from .supernet import Supernet, calibrate

BATCH = 400  # heads take a third less time than in batches of 100, segments the same


@dataclass(frozen=True, eq=False)
class _Tap:
    """Output of a prefix: for the calibration images, and for the evaluated ones in batches."""

    calibration: Tensor
    batches: tuple[Tensor, ...]

    @property
    def bytes(self) -> int:
        return sum(x.nbytes for x in (self.calibration, *self.batches))


@dataclass(frozen=True, eq=False)
class _Answer:
    """Logits (N, C) of one head, and its learned confidence (N,) where it has one."""

    logits: np.ndarray
    learned: np.ndarray | None

    @property
    def bytes(self) -> int:
        return self.logits.nbytes + (0 if self.learned is None else self.learned.nbytes)


class Interrupted(Exception):
    """Asked to stop between two batches."""


class Prefixes:
    """Runs subnets of `supernet` on named sets of images, remembering at most cache_bytes of what prefixes gave.

    calibration : training images, uint8. splits : name -> () -> images uint8. cache_bytes=0 remembers nothing.
    computed : segments computed so far. Not for several threads at once.
    """

    def __init__(
        self,
        supernet: Supernet,
        calibration: np.ndarray,
        splits: dict[str, Callable[[], np.ndarray]],
        cache_bytes: int,
    ):
        self.supernet, self.calibration, self.splits, self.cache_bytes = supernet, calibration, splits, cache_bytes
        self.computed = 0
        # answers are small and spare a head each; large taps must not push them out
        self._answered = _Remembered(cache_bytes // 4)
        self._taps = _Remembered(cache_bytes - cache_bytes // 4)
        self._inputs: dict[str, _Tap] = {}

    @torch.inference_mode()
    def answers(
        self, genome: Sequence[int], heads: Sequence[int], split: str, stopped: Callable[[], bool] | None = None
    ) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """Logits (N, len(heads), C) of these heads of the offered plan, and {head: learned confidence (N,)}.

        stopped : asked between batches; raises Interrupted once it answers True. One intra-op thread is used, whatever
        the process has.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            found = self._answers(genome, heads, split, stopped or (lambda: False))
        finally:
            torch.set_num_threads(threads)
        logits = np.stack([found[k].logits for k in heads], axis=1)
        return logits, {k: found[k].learned for k in heads if found[k].learned is not None}

    def _answers(self, genome, heads, split, stopped) -> dict[int, _Answer]:
        plan = self.supernet.space.decode(genome).offered()
        prefixes = [(split, plan.segments[: s + 1]) for s in range(len(plan.segments))]
        names = {k: (prefixes[plan.position[k]], plan.heads[k].name, plan.heads[k].layers) for k in heads}
        found = {k: answer for k, name in names.items() if (answer := self._answered.get(name)) is not None}
        missing = [k for k in heads if k not in found]
        if not missing:
            return found
        network, confidences = self.supernet.extract(genome), self.supernet.confidences(genome)
        known: dict[int, _Tap] = {}

        def tap(s: int) -> _Tap:  # -1 : the images
            if s < 0:
                return self._input(split)
            if s not in known:
                known[s] = self._taps.get(prefixes[s]) or self._through(network.segments[s], tap(s - 1), stopped)
                if s < len(prefixes) - 1:  # nothing but the final classifier follows the last
                    self._taps.put(prefixes[s], known[s])
            return known[s]

        for k in reversed(missing):  # the deepest first: a prefix remembered there saves all before it
            found[k] = self._answer(network.branches[k], tap(plan.position[k]), confidences.get(k), stopped)
            self._answered.put(names[k], found[k])
        return found

    @property
    def held(self) -> int:
        """Bytes remembered."""
        return self._taps.held + self._answered.held

    def forget(self) -> None:
        """Remember nothing any more, and count from 0."""
        self._answered, self._taps = _Remembered(self._answered.limit), _Remembered(self._taps.limit)
        self.computed = 0

    def _input(self, split: str) -> _Tap:
        if split not in self._inputs:
            images = self.splits[split]()
            batches = [self.supernet.prepare(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
            self._inputs[split] = _Tap(self.supernet.prepare(self.calibration), tuple(batches))
        return self._inputs[split]

    def _through(self, segment, tap: _Tap, stopped) -> _Tap:
        self.computed += 1
        calibration = calibrate(segment, tap.calibration)
        segment = fold(segment)
        batches = []
        for x in tap.batches:
            if stopped():
                raise Interrupted
            batches.append(segment(x))
        return _Tap(calibration, tuple(batches))

    def _answer(self, branch, tap: _Tap, confidence, stopped) -> _Answer:
        calibrate(branch, tap.calibration)
        branch = fold(branch)
        logits, learned = [], []
        for x in tap.batches:
            if stopped():
                raise Interrupted
            for layer in branch[:-1]:
                x = layer(x)
            logits.append(branch[-1](x))
            if confidence is not None:
                learned.append(torch.sigmoid(torch.nn.functional.linear(x.flatten(1), *confidence))[:, 0])
        return _Answer(torch.cat(logits).numpy(), torch.cat(learned).numpy() if learned else None)


class _Remembered:
    """The most recently used values of at most `limit` bytes together."""

    def __init__(self, limit: int):
        self.limit, self.held = limit, 0
        self._values: OrderedDict[Hashable, _Tap | _Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> _Tap | _Answer | None:
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: Hashable, value: _Tap | _Answer) -> None:
        if value.bytes > self.limit or key in self._values:
            return
        self._values[key] = value
        self.held += value.bytes
        while self.held > self.limit:
            self.held -= self._values.popitem(last=False)[1].bytes
