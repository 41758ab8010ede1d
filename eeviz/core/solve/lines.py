"""Refinement: from every point of a front, one exit at a time, the best of all real thresholds, until none moves."""

from __future__ import annotations

from itertools import product

import numpy as np

from ..table.policy import deepest_of, mean_cost_of
from ..table.records import ExitRecords
from .problem import Candidates, Problem, between

BAR_STEPS = 1 << 15
CACHE_BYTES = 1 << 26
PLACES_AT_ONCE = 1 << 20
# (64,) the bits of a word below each place
_BELOW = (np.uint64(1) << np.arange(64, dtype=np.uint64)) - np.uint64(1)


def refine(problem: Problem, *starts: Candidates) -> Candidates:
    """The best of the fronts that coordinate-wise exact search over all real thresholds reaches from each start.

    A line is all policies that differ in one exit's threshold, removal and return of the exit included; a line is solved
    once, in O(N). Where a front ends, no single threshold can be moved so that a point improves. Different starts end at
    the same figures nearly everywhere; more of them mend most of what one misses (tables of 150 samples and 4 exits
    that lack a point of the best over all real thresholds, always by one sample: 23 of 120 from one start, 5 from three).
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
        chosen = rng.permutation(todo)[: max(32, len(front) // 16)]
        done.update(rows[i] for i in chosen)
        alike: dict[tuple, list[np.ndarray]] = {}  # lines with the same moving exit and the same other exits
        for i, j in product(chosen.tolist(), range(problem.early)):
            line = front.thresholds[i].copy()
            line[j] = np.nan
            key = (j, line.tobytes())
            if key not in solved:
                solved.add(key)
                alike.setdefault((j, *np.flatnonzero(line == line).tolist()), []).append(line)
        lines.raise_bar(front)
        found = [front]
        for (j, *kept), group in alike.items():
            for start in range(0, len(group), lines.at_once):
                found += lines.solve(j, kept, np.array(group[start : start + lines.at_once]))
        if len(found) > 1:
            front = Candidates.joined(found).best()


class Lines:
    """Solves lines of one table, on sets of samples that are one bit each, in the order of the moving exit's confidence.

    Arrays over B lines: sets (B, words) uint64; over all places S where a line's threshold may stop: (S,).
    """

    def __init__(self, problem: Problem):
        records = problem.records
        self.problem, self.final, self.samples = problem, problem.early, len(records)
        self.removable = records.removable
        self.at_once = max(1, min(64, PLACES_AT_ONCE // self.samples))
        self.column = _Lazy(lambda j: _Column(records, j))
        # the bar: cheapest known mean cost by right answers, in coarser steps where there are too many of them
        self.shift = max(0, records.total_units.bit_length() - BAR_STEPS.bit_length() + 1)
        self.bar = np.full((records.total_units >> self.shift) + 2, np.inf)

    def raise_bar(self, front: Candidates) -> None:
        """From now on only what `front` does not dominate is reported (and a little more, where steps are coarse)."""
        self.bar[:] = np.inf
        np.minimum.at(self.bar, front.right >> self.shift, front.mean_cost)
        self.bar = np.minimum.accumulate(self.bar[::-1])[::-1].copy()

    def solve(self, j: int, kept: list[int], lines: np.ndarray) -> list[Candidates]:
        """What passes the bar when exit j takes any threshold or is removed; lines (B, E-1) float32, NaN but at `kept`."""
        earlier, later = [k for k in kept if k < j], [k for k in kept if k > j]
        with_j = (*earlier, j, *later)
        if not self.problem.allowed(with_j):
            return []  # without j a line is the one policy it was made from
        column, ends = self.column[j], [*later, self.final]
        alive, left, right = self._arriving(column, earlier, lines)  # (B, words), (exits, B), (B,)
        after, right_after = self._passing(column, later, lines, alive)  # (exits, B, words), (B, words)
        here = alive & column.correct[j]
        changes = np.stack([right_after & ~here, here & ~right_after])  # gain and lose by passing
        all_leave = right + column.answers(here)
        # along a line samples pass exit j in the order of their confidence; the best thresholds lie right above one that
        # gains by passing, or above those of equal confidence
        row, place = np.nonzero(_unpacked(changes[0], self.samples))
        stop = column.end[place]
        inside = stop < self.samples
        row, stop = row[inside], stop[inside]
        counts, total = _counts_below(np.concatenate([after, changes]), row, stop)  # (exits + 2, S), (exits + 2, B)
        at_stop, passed = counts[:-2], total[:-2]
        if column.units is None:
            gained, all_gained = counts[-2] - counts[-1], total[-2] - total[-1]
        else:
            gained, all_gained = column.units_gained(changes, row, stop)
        staying = passed.sum(axis=0)
        found: list[Candidates] = []
        if self.problem.allowed(tuple(kept)):
            cost = mean_cost_of([*left, *passed], self.problem.cost_at(tuple(kept))[[*earlier, *ends]], self.samples)
            self._report(found, self._kept_to(cost, tuple(kept), lines), all_leave + all_gained, lines)
        cost_at = self.problem.cost_at(with_j)
        count = [*(n[row] for n in left), staying[row] - at_stop.sum(axis=0), *at_stop]
        mean_cost = mean_cost_of(count, cost_at[[*earlier, j, *ends]], self.samples)
        mean_cost = self._kept_to(mean_cost, with_j, lines, row)
        self._report(found, mean_cost, all_leave[row] + gained, lines, row, j, column.cut[stop])
        if not self.removable:  # nobody leaves: threshold 1, the head is paid
            never = lines.copy()
            never[:, j] = 1
            cost = mean_cost_of([*left, *passed], cost_at[[*earlier, *ends]], self.samples)
            self._report(found, self._kept_to(cost, with_j, never), all_leave + all_gained, never)
        # everyone leaves here: later exits are out of reach and can go
        shallow = lines.copy()
        if self.removable:
            shallow[:, j:] = np.nan
        shallow[:, j] = 0
        cost = mean_cost_of([*left, staying], cost_at[[*earlier, j]], self.samples)
        self._report(found, self._kept_to(cost, with_j, shallow), all_leave, shallow)
        return found

    def _kept_to(self, cost: np.ndarray, kept: tuple[int, ...], lines: np.ndarray, row=None) -> np.ndarray:
        """Mean costs of lines (of line row each), infinite where the worst case is not kept; the heads are at `kept`."""
        if self.problem.within(kept) is None:
            return cost
        dear = self.problem.worst_at(kept)[deepest_of(lines)] > self.problem.max_worst  # (B,)
        return np.where(dear if row is None else dear[row], np.inf, cost)

    def _arriving(self, column: _Column, earlier: list[int], lines: np.ndarray):
        """Who reaches exit j, how many left at each earlier exit, and their right answers."""
        alive, left = np.broadcast_to(column.everyone, (len(lines), len(column.everyone))), []
        right = np.zeros(len(lines), dtype=np.int64)
        for k in earlier:
            leaves = alive & column.confident(k, lines[:, k])
            left.append(_size(leaves))
            right += column.answers(leaves & column.correct[k])
            alive = alive ^ leaves
        return alive, left, right

    def _passing(self, column: _Column, later: list[int], lines: np.ndarray, alive: np.ndarray):
        """Where those that pass exit j leave (later exits and final), and who of them is right."""
        after = np.empty((len(later) + 1, *alive.shape), dtype=np.uint64)
        right, remaining = np.zeros(alive.shape, dtype=np.uint64), alive
        for number, k in enumerate(later):
            after[number] = remaining & column.confident(k, lines[:, k])
            right |= after[number] & column.correct[k]
            remaining = remaining ^ after[number]
        after[-1] = remaining
        return after, right | (remaining & column.correct[self.final])

    def _report(self, found, mean_cost, right, lines, row=None, j=None, thresholds=None) -> None:
        """Keep what passes the bar; with `row` (S,) rising, several places of each line, of which cost rises along it."""
        good = np.flatnonzero(mean_cost < self.bar[(right >> self.shift) + (self.shift > 0)])
        if not len(good):
            return
        chosen = lines[good] if row is None else lines[row[good]]
        if row is not None:
            chosen[:, j] = thresholds[good]
            height = right[good] + row[good] * (self.problem.records.total_units + 1)
            best = np.maximum.accumulate(height)
            rises = np.append(True, best[1:] > best[:-1])
            good, chosen = good[rises], chosen[rises]
        found.append(Candidates(mean_cost[good], right[good], chosen))


class _Column:
    """The table in the order of exit j's confidence, as sets of samples.

    end[i] : the first place beyond those of the confidence at place i. cut[i] : the threshold at which places >= i leave,
    where the confidence rises. everyone, correct[k] : (words,) uint64 sets.
    """

    def __init__(self, records: ExitRecords, j: int):
        order = np.argsort(records.confidence[:, j], kind="stable")
        own = records.confidence[order, j]
        rises = np.flatnonzero(own[1:] > own[:-1]) + 1
        bounds = np.concatenate([[0], rises, [len(own)]])
        self.end = np.repeat(bounds[1:], np.diff(bounds))
        self.cut = np.zeros(len(own), dtype=np.float32)
        self.cut[rises] = between(own[rises - 1], own[rises])
        self.units = None if records.weight is None else records.units[order]
        self.everyone = _packed(np.ones(len(own), dtype=bool))
        self.correct = _Lazy(lambda k: _packed(records.correct[order, k]))
        self._confidence = _Lazy(lambda k: records.confidence[order, k])
        self._confident: dict[tuple[int, float], np.ndarray] = {}

    def confident(self, k: int, thresholds: np.ndarray) -> np.ndarray:
        """(B, words) samples whose confidence at exit k reaches each threshold (B,); neighbouring lines share most."""
        if len(self._confident) * self.everyone.nbytes > CACHE_BYTES:
            self._confident.clear()
        sets = []
        for threshold in thresholds:
            key = (k, float(threshold))
            if key not in self._confident:
                self._confident[key] = _packed(self._confidence[k] >= threshold)
            sets.append(self._confident[key])
        return np.array(sets)

    def answers(self, right: np.ndarray) -> np.ndarray:
        """(B,) what the right answers of each set count, in units."""
        if self.units is None:
            return _size(right)
        return (_unpacked(right, len(self.units)) * self.units).sum(axis=-1)

    def units_gained(self, changes: np.ndarray, row: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Units gained less units lost below each place stop of line row, (S,), and in all, (B,)."""
        gains, loses = (_unpacked(sets, len(self.units)) for sets in changes)
        total = np.cumsum((gains.view(np.int8) - loses.view(np.int8)) * self.units, axis=1)
        return total[row, stop - 1], total[:, -1]


def _packed(members: np.ndarray) -> np.ndarray:
    """Set of samples (N,) bool as (words,) uint64, the first sample in the lowest bit; bits beyond the last are 0."""
    words = np.zeros(-(-len(members) // 64) * 8, dtype=np.uint8)
    bits = np.packbits(members, bitorder="little")
    words[: len(bits)] = bits
    return words.view("<u8").astype(np.uint64, copy=False)


def _unpacked(sets: np.ndarray, samples: int) -> np.ndarray:
    """(..., N) bool of sets (..., words)."""
    octets = np.ascontiguousarray(sets, dtype="<u8").view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=samples, bitorder="little").view(bool)


def _size(sets: np.ndarray) -> np.ndarray:
    """(...,) members of sets (..., words)."""
    return np.bitwise_count(sets).sum(axis=-1, dtype=np.int64)


def _counts_below(sets: np.ndarray, row: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Members of sets (F, B, words) below place stop of line row, (F, S), and in all, (F, B)."""
    kinds, _, words = sets.shape
    count = np.bitwise_count(sets)
    total = np.cumsum(count, axis=2, dtype=np.int32)
    word = row * words + (stop >> 6)
    before = (total - count).reshape(kinds, -1).take(word, axis=1)
    partial = np.bitwise_count(sets.reshape(kinds, -1).take(word, axis=1) & _BELOW.take(stop & 63))
    return before + partial, total[:, :, -1].astype(np.int64)


class _Lazy(dict):
    """Values made at first use."""

    def __init__(self, make):
        super().__init__()
        self._make = make

    def __missing__(self, key):
        self[key] = self._make(key)
        return self[key]
