"""Refinement: from every point of a front, one exit at a time, the best of all real thresholds, until none moves."""

from __future__ import annotations

import numpy as np

from .policy import mean_cost_of
from .problem import Candidates, Problem, between
from .records import ExitRecords

BAR_STEPS = 1 << 15
CACHE_BYTES = 1 << 26
# (64,) the bits of a word below each place
_BELOW = (np.uint64(1) << np.arange(64, dtype=np.uint64)) - np.uint64(1)


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
    """Solves lines of one table, on sets of samples that are one bit each, in the order of the moving exit's confidence."""

    def __init__(self, problem: Problem):
        records = problem.records
        self.problem, self.final, self.samples = problem, problem.early, len(records)
        self.removable = records.removable
        self.column = _Lazy(lambda j: _Column(records, j))
        # the bar: cheapest known mean cost by right answers, in coarser steps where there are too many of them
        self.shift = max(0, records.total_units.bit_length() - BAR_STEPS.bit_length() + 1)
        self.bar = np.full((records.total_units >> self.shift) + 2, np.inf)

    def raise_bar(self, front: Candidates) -> None:
        """From now on only what `front` does not dominate is reported (and a little more, where steps are coarse)."""
        self.bar[:] = np.inf
        np.minimum.at(self.bar, front.right >> self.shift, front.mean_cost)
        self.bar = np.minimum.accumulate(self.bar[::-1])[::-1].copy()

    def solve(self, j: int, line: np.ndarray) -> list[Candidates]:
        """What passes the bar when exit j takes any threshold or is removed; line (E-1,) float32, NaN at j."""
        kept = np.flatnonzero(line == line).tolist()
        earlier, later = [k for k in kept if k < j], [k for k in kept if k > j]
        with_j = (*earlier, j, *later)
        if not self.problem.allowed(with_j):
            return []  # without j the line is the one policy it was made from
        column, ends = self.column[j], [*later, self.final]
        alive, left, right = self._arriving(column, earlier, line)
        after, right_after = self._passing(column, later, line, alive)  # (exits, words), (words,)
        here = alive & column.correct[j]
        changes = np.stack([right_after & ~here, here & ~right_after])  # gain and lose by passing
        # along the line samples pass exit j in the order of their confidence; the best thresholds lie right above one
        # that gains by passing, or above those of equal confidence
        stop = column.end[np.flatnonzero(_unpacked(changes[0], self.samples))]
        stop = stop[stop < self.samples]
        counts, total = _counts_below(np.concatenate([after, changes]), stop)  # (exits + 2, S), (exits + 2,)
        at_stop, passed = counts[:-2], total[:-2]
        if column.units is None:
            gained, all_gained = counts[-2] - counts[-1], int(total[-2] - total[-1])
        else:
            gained, all_gained = column.units_gained(changes, stop)
        staying, all_leave = int(passed.sum()), right + column.answers(here)
        found: list[Candidates] = []
        if self.problem.allowed(tuple(kept)):
            cost = mean_cost_of([*left, *passed], self.problem.cost_at(tuple(kept))[[*earlier, *ends]], self.samples)
            self._report(found, np.array([cost]), np.array([all_leave + all_gained]), line[None])
        cost_at = self.problem.cost_at(with_j)
        if not self.removable:  # nobody leaves: threshold 1, the head is paid
            stop, at_stop = np.append(stop, self.samples), np.column_stack([at_stop, passed])
            gained = np.append(gained, all_gained)
        count = [*left, staying - at_stop.sum(axis=0), *at_stop]
        mean_cost = mean_cost_of(count, cost_at[[*earlier, j, *ends]], self.samples)
        self._report_line(found, mean_cost, all_leave + gained, j, column.cut[stop], line)
        # everyone leaves here: later exits are out of reach and can go
        shallow = line.copy()
        if self.removable:
            shallow[j:] = np.nan
        shallow[j] = 0
        cost = mean_cost_of([*left, staying], cost_at[[*earlier, j]], self.samples)
        self._report(found, np.array([cost]), np.array([all_leave]), shallow[None])
        return found

    def _arriving(self, column: _Column, earlier: list[int], line: np.ndarray):
        """Who reaches exit j, how many left at each earlier exit, and their right answers."""
        alive, left, right = column.everyone, [], 0
        for k in earlier:
            leaves = alive & column.confident(k, line[k])
            left.append(_size(leaves))
            right += column.answers(leaves & column.correct[k])
            alive = alive ^ leaves
        return alive, left, right

    def _passing(self, column: _Column, later: list[int], line: np.ndarray, alive: np.ndarray):
        """Where those that pass exit j leave (later exits and final, words), and who of them is right (words,)."""
        after = np.empty((len(later) + 1, len(alive)), dtype=np.uint64)
        right, remaining = np.zeros_like(alive), alive
        for place, k in enumerate(later):
            after[place] = remaining & column.confident(k, line[k])
            right |= after[place] & column.correct[k]
            remaining = remaining ^ after[place]
        after[-1] = remaining
        return after, right | (remaining & column.correct[self.final])

    def _below_bar(self, right: np.ndarray, mean_cost: np.ndarray) -> np.ndarray:
        return mean_cost < self.bar[(right >> self.shift) + (self.shift > 0)]

    def _report_line(self, found, mean_cost, right, j, thresholds, line) -> None:
        good = np.flatnonzero(self._below_bar(right, mean_cost))
        if not len(good):
            return
        best = np.maximum.accumulate(right[good])
        good = good[np.append(True, best[1:] > best[:-1])]  # cost rises along the line
        rows = np.repeat(line[None], len(good), axis=0)
        rows[:, j] = thresholds[good]
        self._report(found, mean_cost[good], right[good], rows)

    def _report(self, found, mean_cost, right, rows) -> None:
        if len(right) > 1 or self._below_bar(right, mean_cost)[0]:
            np.minimum.at(self.bar, right >> self.shift, mean_cost)
            found.append(Candidates(mean_cost, right, rows))


class _Column:
    """The table in the order of exit j's confidence, as sets of samples.

    end[i] : the first place beyond those of the confidence at place i. cut[i] : the threshold at which places >= i leave,
    where the confidence rises; 1 beyond the last. everyone, correct[k], confident(k, t) : (words,) uint64 sets.
    """

    def __init__(self, records: ExitRecords, j: int):
        order = np.argsort(records.confidence[:, j], kind="stable")
        own = records.confidence[order, j]
        rises = np.flatnonzero(own[1:] > own[:-1]) + 1
        bounds = np.concatenate([[0], rises, [len(own)]])
        self.end = np.repeat(bounds[1:], np.diff(bounds))
        self.cut = np.zeros(len(own) + 1, dtype=np.float32)
        self.cut[rises] = between(own[rises - 1], own[rises])
        self.cut[-1] = 1
        self.units = None if records.weight is None else records.units[order]
        self.everyone = _packed(np.ones(len(own), dtype=bool))
        self.correct = _Lazy(lambda k: _packed(records.correct[order, k]))
        self._confidence = _Lazy(lambda k: records.confidence[order, k])
        self._confident: dict[tuple[int, float], np.ndarray] = {}

    def confident(self, k: int, threshold: np.float32) -> np.ndarray:
        """Samples whose confidence at exit k reaches the threshold; neighbouring lines share most of their thresholds."""
        key = (k, float(threshold))
        if key not in self._confident:
            if len(self._confident) * self.everyone.nbytes > CACHE_BYTES:
                self._confident.clear()
            self._confident[key] = _packed(self._confidence[k] >= threshold)
        return self._confident[key]

    def answers(self, right: np.ndarray) -> int:
        """What right answers of a set count, in units."""
        if self.units is None:
            return _size(right)
        return int(self.units[_unpacked(right, len(self.units))].sum())

    def units_gained(self, changes: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, int]:
        """Units gained less units lost below each place stop (S,), and in all, from the two sets of changes."""
        gains, loses = (_unpacked(words, len(self.units)) for words in changes)
        total = np.cumsum((gains.view(np.int8) - loses.view(np.int8)) * self.units)
        return total[stop - 1], int(total[-1])


def _packed(members: np.ndarray) -> np.ndarray:
    """Set of samples (N,) bool as (words,) uint64, the first sample in the lowest bit; bits beyond the last are 0."""
    words = np.zeros(-(-len(members) // 64) * 8, dtype=np.uint8)
    bits = np.packbits(members, bitorder="little")
    words[: len(bits)] = bits
    return words.view("<u8").astype(np.uint64, copy=False)


def _unpacked(words: np.ndarray, samples: int) -> np.ndarray:
    """(N,) bool from _packed's form."""
    return np.unpackbits(words.astype("<u8", copy=False).view(np.uint8), count=samples, bitorder="little").view(bool)


def _size(words: np.ndarray) -> int:
    return int(np.bitwise_count(words).sum())


def _counts_below(sets: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Members of each set (F, words) below each place stop (S,): (F, S), and in all: (F,)."""
    count = np.bitwise_count(sets)
    total = np.cumsum(count, axis=1, dtype=np.int64)
    word = stop >> 6
    below = total - count  # of the words before
    partial = np.bitwise_count(sets.take(word, axis=1) & _BELOW.take(stop & 63))
    return below.take(word, axis=1) + partial, total[:, -1]


class _Lazy(dict):
    """Values made at first use."""

    def __init__(self, make):
        super().__init__()
        self._make = make

    def __missing__(self, key):
        self[key] = self._make(key)
        return self[key]
