"""Every combination of grid thresholds over a few exits, *removed* included, counted in one table.

A sample leaves exit k at grid index i when its confidence is >= grid[i]; index G, one past the grid, is *removed*: the
counts are those of a threshold nobody reaches, the cost is without the head. So one table holds all subsets of exits.
"""

from __future__ import annotations

import copy
from itertools import product

import numpy as np

from ..table.policy import mean_cost_of
from .front import undominated
from .problem import Candidates, Problem, between


def quantile_grid(confidence: np.ndarray, size: int) -> np.ndarray:
    """(G,) float32 rising thresholds, G <= size: 0, then midpoints between distinct confidences at sample quantiles.

    confidence : (N,) float32. A value that many samples share takes up the room of one quantile only.
    """
    ordered = np.sort(confidence)
    start = np.flatnonzero(np.append(True, ordered[1:] > ordered[:-1]))  # first of each distinct value
    distinct = ordered[start]
    if len(distinct) <= size:
        cut = np.arange(1, len(distinct))
    else:
        share = np.minimum(np.diff(np.append(start, len(ordered))), len(ordered) / size)
        level = np.cumsum(share)
        cut = np.unique(np.searchsorted(level, level[-1] * np.arange(1, size) / size) + 1)
        cut = cut[cut < len(distinct)]
    return np.append(np.float32(0), between(distinct[cut - 1], distinct[cut]))


class GridSolver:
    """Solves tables over one grid per exit; samples are binned once, tables that differ in their last exit share work.

    grid : exit -> (G,) rising float32 thresholds, for the exits on offer.
    """

    def __init__(self, problem: Problem, grid: dict[int, np.ndarray]):
        records = problem.records
        self.problem, self.samples, self.removable = problem, len(records), records.removable
        self.grid = grid
        self.bins = {
            k: np.searchsorted(grid, records.confidence[:, k], side="right").astype(np.min_scalar_type(len(grid)))
            for k, grid in self.grid.items()
        }
        self.units = None if records.weight is None else records.units
        self.right_type = np.int32 if self.units is None else np.int64
        final = records.correct[:, -1]
        self.all_final = self.right_type(records.units[final].sum())
        # samples whose answer leaving at k, not at the final classifier, makes right and makes wrong
        self.mended = {k: np.flatnonzero(records.correct[:, k] & ~final) for k in grid}
        self.broken = {k: np.flatnonzero(final & ~records.correct[:, k]) for k in grid}
        self.sieve = problem.sieve()
        self._shared: dict = {}

    def priced(self, problem: Problem) -> GridSolver:
        """The same solver with another cost or other allowed sets; bins and sieve are shared."""
        other = copy.copy(self)
        other.problem = problem
        return other

    def forget(self) -> None:
        """Drop what tables with the same last exits shared."""
        self._shared.clear()

    def solve(self, prefix: tuple[int, ...], lasts: tuple[int, ...]) -> Candidates:
        """The Pareto front, as far as no earlier table dominates it, over grid thresholds of `prefix` and one of `lasts`.

        All other exits are removed. O(N) for a joint histogram and O(cells) for its prefix sums: a sample passes exits
        1..k when its bin is <= the threshold's index at each. Where exits cannot be removed, *removed* is threshold 1.
        """
        width = max(len(self.grid[k]) for k in lasts) + 1
        shape = (*(len(self.grid[k]) + 1 for k in prefix), width)
        flat = np.zeros(self.samples, dtype=np.intp)
        right = np.array(self.all_final)
        for j, k in enumerate(prefix):
            flat = flat * shape[j] + self.bins[k]
            right = right[..., None] + self._gained(flat, k, shape[: j + 1])
        flat = flat * width
        place, cells = (flat + self._offsets(lasts, shape)).reshape(-1), len(lasts) * int(np.prod(shape))
        staying = np.bincount(place, minlength=cells).astype(np.int32).reshape(len(lasts), *shape)
        staying = _prefix_sums(staying)  # (B, *shape) samples that pass every exit
        right = right[..., None] + self._gained_by_each(flat, lasts, shape)  # (B, *shape), in units
        mean_cost = self._mean_cost(prefix, lasts, staying, right)
        mean_cost, right = mean_cost.reshape(-1), right.reshape(-1)
        close = self.sieve.sift(mean_cost, right)
        # ties: fewer exits, then higher thresholds from the first exit on; a later last exit has the earlier ones removed
        b, *at = np.unravel_index(close, (len(lasts), *shape))
        exits = sum(i < size - 1 for i, size in zip(at, shape, strict=True))
        best = undominated(mean_cost[close], right[close], exits, *(-i for i in at[:-1]), -b, -at[-1])
        close, b, *at = (i[best] for i in (close, b, *at))
        thresholds = np.full((len(close), self.problem.early), np.nan, dtype=np.float32)
        for k, where in zip(prefix, at, strict=False):
            thresholds[:, k] = self._values(k, len(self.grid[k]) + 1)[where]
        for place in np.unique(b):
            rows = np.flatnonzero(b == place)
            thresholds[rows, lasts[place]] = self._values(lasts[place], width)[at[-1][rows]]
        return Candidates(mean_cost[close], right[close], thresholds)

    def _values(self, k: int, width: int) -> np.ndarray:
        """(width,) thresholds by index: the grid, 1 where it is shorter than its neighbours', *removed* last."""
        values = np.ones(width, dtype=np.float32)
        values[: len(self.grid[k])] = self.grid[k]
        if self.removable:
            values[-1] = np.nan
        return values

    def _offsets(self, lasts: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
        """(B, N) what each last exit adds to a sample's place in the joint histogram."""
        key = (lasts, int(np.prod(shape)))
        if key not in self._shared:
            self._shared[key] = np.stack([self.bins[k] + np.intp(b * key[1]) for b, k in enumerate(lasts)])
        return self._shared[key]

    def _gained(self, flat: np.ndarray, k: int, shape: tuple[int, ...]) -> np.ndarray:
        """Right answers gained by those that leave at exit k, the last of `shape`; flat (N,) places in it."""
        mended, broken = self.mended[k], self.broken[k]
        return _leaving(self._signed(flat[mended], flat[broken], mended, broken, int(np.prod(shape))), shape)

    def _gained_by_each(self, flat: np.ndarray, lasts: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
        """(B, *shape) the same for each last exit."""
        cells = int(np.prod(shape))
        key = (lasts, cells, "answers")
        if key not in self._shared:
            self._shared[key] = [
                (
                    np.concatenate([of[k] for k in lasts]),
                    np.concatenate([self.bins[k][of[k]] + np.intp(b * cells) for b, k in enumerate(lasts)]),
                )
                for of in (self.mended, self.broken)
            ]
        (mended, mended_at), (broken, broken_at) = self._shared[key]
        signed = self._signed(flat[mended] + mended_at, flat[broken] + broken_at, mended, broken, len(lasts) * cells)
        return _leaving(signed, (len(lasts), *shape), first=1)

    def _signed(self, mended_at, broken_at, mended, broken, cells: int) -> np.ndarray:
        # units are at most 2**30: float64 sums of them are exact for fewer than eight million samples
        up = None if self.units is None else self.units[mended]
        down = None if self.units is None else self.units[broken]
        gained, lost = (
            np.bincount(at, weights=weights, minlength=cells) for at, weights in ((mended_at, up), (broken_at, down))
        )
        return (gained - lost).astype(self.right_type)

    def _mean_cost(self, prefix, lasts, staying: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Mean cost of every cell (B, *shape); `right` becomes -1 where the set of kept exits is not allowed."""
        m = len(prefix) + 1
        mean_cost = np.empty(staying.shape)
        every = slice(0, -1) if self.removable else slice(None)
        for chosen in product((True, False) if self.removable else (True,), repeat=m):
            cells = tuple(every if c else slice(-1, None) for c in chosen)
            on_way = tuple(k for k, c in zip(prefix, chosen, strict=False) if c)
            sets = [(*on_way, k) if chosen[-1] else on_way for k in lasts]
            allowed = np.array([self.problem.allowed(kept) for kept in sets])
            if not allowed.any():
                mean_cost[:, *cells], right[:, *cells] = self.problem.charge.static, -1
                continue
            cost_at = np.array([self.problem.cost_at(s)[[*prefix, k, -1]] for s, k in zip(sets, lasts, strict=True)])
            count, before = [], np.array([self.samples])
            for j in range(m):  # those that pass exits 1..j are those that stay when no later exit takes any
                tables = slice(None) if j == m - 1 else slice(0, 1)  # up to the last exit all are equal
                after = staying[tables, *cells[: j + 1], *[-1] * (m - j - 1)]
                count.append((before[..., None] - after).reshape(after.shape + (1,) * (m - j - 1)))
                before = after
            cost_at = cost_at.T.reshape(m + 1, len(lasts), *[1] * m)
            mean_cost[:, *cells] = mean_cost_of([*count, before], cost_at, self.samples)
            for b, kept in enumerate(sets):
                if not allowed[b]:
                    right[b, *cells] = -1
                elif (within := self.problem.within(kept)) is not None:  # policies must end before they cost too much
                    axes = [axis for axis, c in enumerate(chosen) if c]
                    _end(right[b, *cells], [axis for axis, ok in zip(axes, within, strict=False) if ok])
        return mean_cost


def _end(right: np.ndarray, axes: list[int]) -> None:
    """Set `right`, a view of some cells, to -1 but where the threshold of one of these axes is 0, the first of each grid."""
    ends = np.zeros(right.shape, dtype=bool)
    for axis in axes:
        np.moveaxis(ends, axis, 0)[0] = True
    right[~ends] = -1


def _leaving(table: np.ndarray, shape: tuple[int, ...], first: int = 0) -> np.ndarray:
    """From a flat histogram, the sum over those that pass every exit but the last and leave there, by thresholds."""
    passing = _prefix_sums(table.reshape(shape), first)
    return passing[..., -1:] - passing


def _prefix_sums(table: np.ndarray, first: int = 1) -> np.ndarray:
    """Prefix sums in place along every axis from `first` on."""
    # whole slabs beat np.cumsum along every axis but the last, where neighbours are contiguous
    for axis in range(first, table.ndim - 1):
        slabs = np.moveaxis(table, axis, 0)
        for i in range(1, len(slabs)):
            slabs[i] += slabs[i - 1]
    return np.cumsum(table, axis=-1, out=table)
