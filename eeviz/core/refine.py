"""Refinement: from every point of a front, one exit at a time, the best of all real thresholds, until none moves."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .policy import mean_cost_of
from .problem import Candidates, Problem, between
from .records import ExitRecords

_BAR_BITS = 15
_GAINS, _LOSES, _GONE = 32, 64, 31  # flags beside an exit's number in a uint8


def refine(problem: Problem, *starts: Candidates) -> Candidates:
    """The best of the fronts that coordinate-wise exact search over all real thresholds reaches from each start.

    A line is all policies that differ in one exit's threshold, removal and return of the exit included; a line is solved
    once, in O(N). Where a front ends, no single threshold can be moved so that a point improves. Different starts end at
    the same figures nearly everywhere; a second one mends most of what the first one misses.
    """
    lines = Lines(problem)
    done: set[bytes] = set()
    solved: set[tuple[int, bytes]] = set()
    return Candidates.joined([_follow(problem, lines, start, done, solved) for start in starts]).best()


def _follow(problem: Problem, lines: Lines, front: Candidates, done: set, solved: set) -> Candidates:
    rng = np.random.default_rng(0)
    while True:
        rows = [row.tobytes() for row in front.thresholds]
        todo = [i for i, row in enumerate(rows) if row not in done]
        if not todo:
            return front
        # a few at a time, far apart: a point's lines often improve its neighbours, whose own lines then need no solving
        found = [front]
        lines.raise_bar(front)
        for i in rng.permutation(todo)[: max(8, len(front) // 32)]:
            done.add(rows[i])
            for j in range(problem.early):
                line = front.thresholds[i].copy()
                line[j] = np.nan
                key = (j, line.tobytes())
                if key not in solved:
                    solved.add(key)
                    found += lines.solve(j, line)
        if len(found) > 1:
            front = Candidates.joined(found).best()


class Lines:
    """Solves lines of one table. Holds the columns it meets in the order of each other: O(N E^2) memory."""

    def __init__(self, problem: Problem):
        records = problem.records
        self.problem, self.final, self.samples = problem, problem.early, len(records)
        self.removable = records.removable
        self.column = _Lazy(lambda j: _Column(records, j))
        self.bits = self.samples.bit_length()
        # the bar: cheapest known mean cost by right answers, in coarser steps where there are too many of them
        self.shift = max(0, records.total_units.bit_length() - _BAR_BITS)
        self.bar = np.full((records.total_units >> self.shift) + 2, np.inf)

    def raise_bar(self, front: Candidates) -> None:
        """From now on only what `front` does not dominate is reported (and a little more, where steps are coarse)."""
        self.bar[:] = np.inf
        np.minimum.at(self.bar, front.right >> self.shift, front.mean_cost)
        self.bar = np.minimum.accumulate(self.bar[::-1])[::-1].copy()

    def _below_bar(self, right, mean_cost):
        step = right >> self.shift
        return mean_cost < self.bar[step + (self.shift > 0)]

    def solve(self, j: int, line: np.ndarray) -> list[Candidates]:
        """What passes the bar when exit j takes any threshold or is removed; line (E-1,) float32, NaN at j."""
        kept = np.flatnonzero(line == line).tolist()
        earlier, later = [k for k in kept if k < j], [k for k in kept if k > j]
        with_j = (*earlier, j, *later)
        if not self.problem.allowed(with_j):
            return []  # without j the line is the one policy it was made from
        column, final = self.column[j], self.final
        alive, left, right = self._pass(column, earlier, line)
        exit_code, right_after = self._continue(column, later, line, alive)
        here = column.correct[j]
        changes = alive & (here ^ right_after)
        gains, loses = changes & right_after, changes & here
        # walking up the line samples pass exit j in the order of their confidence: figures are prefix sums
        code = exit_code | gains.view(np.uint8) * np.uint8(_GAINS) | loses.view(np.uint8) * np.uint8(_LOSES)
        # the best thresholds lie right above a sample that gains by passing (with those of equal confidence)
        stop = column.end[np.flatnonzero(gains)]
        stop = stop[stop < self.samples]
        at = np.append(stop, self.samples) - 1
        passed, gained = self._sums(column, code, gains, loses, len(later) + 1, at)  # (exits, S + 1), (S + 1,)
        staying = int(np.count_nonzero(alive))
        all_leave = right + column.answers(alive & here)
        found: list[Candidates] = []
        ends = [*later, final]
        if self.problem.allowed(without := tuple(kept)):
            count = [*left, *(int(p[-1]) for p in passed)]
            cost = mean_cost_of(count, self.problem.cost_at(without)[[*earlier, *ends]], self.samples)
            self._report(found, np.array([cost]), np.array([all_leave + int(gained[-1])]), line[None])
        cost_at = self.problem.cost_at(with_j)
        if self.removable:
            top, beyond = stop, slice(0, -1)
        else:  # never leaving costs the head and is threshold 1
            top, beyond = np.append(stop, self.samples), slice(0, None)
        on_way = [p[beyond] for p in passed]
        count = [*left, staying - sum(on_way), *on_way]
        mean_cost = mean_cost_of(count, cost_at[[*earlier, j, *ends]], self.samples)
        self._line(found, mean_cost, all_leave + gained[beyond], j, column.cut[top], line)
        # everyone leaves here: later exits are out of reach and can go
        shallow = line.copy()
        if self.removable:
            shallow[j:] = np.nan
        shallow[j] = 0
        cost = mean_cost_of([*left, staying], cost_at[[*earlier, j]], self.samples)
        self._report(found, np.array([cost]), np.array([all_leave]), shallow[None])
        return found

    def _pass(self, column: _Column, earlier: list[int], line: np.ndarray):
        """Who is still in the network, how many left at each earlier exit, and their right answers."""
        alive, left, right = column.everyone, [], 0
        for k in earlier:
            leaves = alive & (column.confidence[k] >= line[k])
            left.append(int(np.count_nonzero(leaves)))
            right += column.answers(leaves & column.correct[k])
            alive = alive ^ leaves
        return alive, left, right

    def _continue(self, column: _Column, later: list[int], line: np.ndarray, alive: np.ndarray):
        """Where samples leave that pass exit j (uint8: number among `later`, then final) and whether right there."""
        # bitwise selection is several times faster than np.where on bytes
        exit_code = np.uint8(_GONE) ^ (alive.view(np.uint8) * np.uint8(_GONE ^ len(later)))
        right = column.correct[self.final]
        for number in range(len(later) - 1, -1, -1):
            k = later[number]
            leaves = alive & (column.confidence[k] >= line[k])
            exit_code ^= (exit_code ^ np.uint8(number)) & (0 - leaves.view(np.uint8))
            right = right ^ ((right ^ column.correct[k]) & leaves)
        return exit_code, right

    def _sums(self, column: _Column, code, gains, loses, exits: int, at: np.ndarray):
        """Samples passed, by exit (exits, S), and right answers gained (S,), up to and including each place `at`."""
        passed: list[np.ndarray] = []
        gained = None
        for table, held, has_gain in _packing(exits, self.bits, column.units is None):
            total = np.cumsum(table.take(code))[at]
            for field in range(held):
                passed.append(total >> (self.bits * field) & ((1 << self.bits) - 1))
            if has_gain:
                gained = total >> (self.bits * held)
        if gained is None:
            gained = np.cumsum((gains.view(np.int8) - loses.view(np.int8)) * column.units)[at]
        return passed, gained

    def _line(self, found, mean_cost, right, j, thresholds, line) -> None:
        good = np.flatnonzero(self._below_bar(right, mean_cost))
        if not len(good):
            return
        best = np.maximum.accumulate(right[good])
        good = good[np.append(True, best[1:] > best[:-1])]  # cost rises along the line
        rows = np.repeat(line[None], len(good), axis=0)
        rows[:, j] = thresholds[good]
        self._report(found, mean_cost[good], right[good], rows)

    def _report(self, found, mean_cost, right, rows) -> None:
        if len(right) > 1 or self._below_bar(right[0], mean_cost[0]):
            np.minimum.at(self.bar, right >> self.shift, mean_cost)
            found.append(Candidates(mean_cost, right, rows))


class _Column:
    """The table in the order of exit j's confidence. end[i]: the first place beyond those of sample i's confidence.
    cut[i]: the threshold at which places >= i leave, for places where the confidence rises; 1 beyond the last."""

    def __init__(self, records: ExitRecords, j: int):
        self._records, self._order = records, np.argsort(records.confidence[:, j], kind="stable")
        self.units = None if records.weight is None else records.units[self._order]
        self.everyone = np.ones(len(records), dtype=bool)
        own = records.confidence[self._order, j]
        rises = np.flatnonzero(own[1:] > own[:-1]) + 1
        bounds = np.concatenate([[0], rises, [len(own)]])
        self.end = np.repeat(bounds[1:], np.diff(bounds))
        self.cut = np.zeros(len(own) + 1, dtype=np.float32)
        self.cut[rises] = between(own[rises - 1], own[rises])
        self.cut[-1] = 1
        self.confidence = _Lazy(lambda k: records.confidence[self._order, k])
        self.correct = _Lazy(lambda k: records.correct[self._order, k])

    def answers(self, right: np.ndarray) -> int:
        """What right answers (N,) bool count, in units."""
        return int(np.count_nonzero(right)) if self.units is None else int(self.units[right].sum())


class _Lazy(dict):
    """Values made at first use."""

    def __init__(self, make):
        super().__init__()
        self._make = make

    def __missing__(self, key):
        self[key] = self._make(key)
        return self[key]


@lru_cache(maxsize=256)
def _packing(exits: int, bits: int, with_gain: bool) -> tuple[tuple[np.ndarray, int, bool], ...]:
    """How counts share int64 words, so that one prefix sum serves several: (value of a code, fields, gain on top)."""
    room = 63 // bits
    fields = list(range(exits)) + [-1] * with_gain
    words = []
    for start in range(0, len(fields), room):
        here = fields[start : start + room]
        table = np.zeros(128, dtype=np.int64)
        for place, number in enumerate(here):
            unit = 1 << (bits * place)
            for flags in (0, _GAINS, _LOSES):
                if number >= 0:
                    table[number | flags] += unit
                elif flags:
                    table[flags : flags + _GONE] += unit if flags == _GAINS else -unit
        words.append((table, len(here) - (here[-1] == -1), here[-1] == -1))
    return tuple(words)
