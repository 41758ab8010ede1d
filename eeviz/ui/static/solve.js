// The best thresholds of a table, exact on a grid, as eeviz.core.solve has them: the same grid, points and ties.
// No page in here: it runs in a worker, in slices, or in a test.
//
// Each exit has G thresholds and, one past them, *removed*. One table over all of these holds every subset of exits. It
// is built exit by exit: a joint histogram of grid indices and its prefix sums give who is still there.
import { costAt, worstAt } from "./route.js";

const CELLS = 300_000; // of one table
const ALL_CELLS = 30_000_000; // of all tables, where there is one for each choice of exits
const MOST_CELLS = 20_000_000, MOST_TABLES = 1_000_000, MOST_CANDIDATES = 20_000;
const SMALLEST_GRID = 16, ONE_TABLE = 6, CHOSEN = 3, BUCKETS = 4096;
const ROUNDING = 1e-12; // 0.93 - 0.01 must not ask for more than 0.92

// Rising float32 thresholds of ascending confidences (Float32Array): 0, then midpoints between distinct values at sample
// quantiles. A value that many samples share takes up the room of one quantile only.
export function quantileGrid(ascending, size) {
  const start = [];
  ascending.forEach((value, i) => { if (i === 0 || value > ascending[i - 1]) start.push(i); });
  let cut = start.map((_, i) => i).slice(1);
  if (start.length > size) {
    let level = 0;
    const levels = start.map((from, i) => (level += Math.min((start[i + 1] ?? ascending.length) - from, ascending.length / size)));
    cut = [];
    for (let i = 1, at = 0; i < size; i++) {
      while (levels[at] < (level * i) / size) at++;
      if (at + 1 < start.length && cut.at(-1) !== at + 1) cut.push(at + 1);
    }
  }
  return Float32Array.from([0, ...cut.map((i) => between(ascending[start[i - 1]], ascending[start[i]]))]);
}

function between(below, above) {
  const middle = Math.fround((below + above) / 2);
  return middle > below ? middle : above;
}

// table: as route.js has it, and {positions, removable, unit}. options: {grid, maxExits, maxWorst}, each null unless given.
// Returns {accuracy, mean, worst: Float64Array by rising mean cost, thresholds: one array a point, null = removed}.
export function front(table, options = {}) {
  const steps = frontSteps(table, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

// The same in pieces: yields the share done after each table.
export function* frontSteps(table, { grid = null, maxExits = null, maxWorst = null } = {}) {
  const problem = problemOf(table, maxExits, maxWorst);
  const { early } = problem;
  const columns = Array.from({ length: early }, (_, k) => k);
  const places = new Set(table.positions.slice(0, early)).size;
  const exits = problem.maxExits === null ? early : Math.min(problem.maxExits, places);
  if (exits === 0) return problem.front(problem.allowed(0) ? [problem.withoutExits()] : []);
  const many = problem.alternatives || (exits < early && problem.maxExits < early && table.exits > ONE_TABLE);
  const choices = many ? choicesOf(table.positions, early, exits) : [[columns.slice(0, -1), columns.slice(-1)]];
  const depth = many ? exits : early;
  const tables = choices.reduce((sum, [, lasts]) => sum + lasts.length, 0);
  const size = grid ?? gridSize(depth, tables);
  if ((size + 1) ** depth > MOST_CELLS) throw new Error(`${size} thresholds at ${depth} exits are more combinations than one table holds: choose a smaller grid, or fewer exits.`);
  const solver = solverOf(problem, columns.map((k) => quantileGrid(problem.ascending(k), size)));
  let found = [], done = 0;
  for (const [prefix, lasts] of choices) {
    const level = prefix.reduce((level, k) => solver.expand(level, k), solver.start());
    for (const k of lasts) {
      solver.last(level, prefix, k, found);
      if (found.length > MOST_CANDIDATES) found = undominated(found);
      yield ++done / tables;
    }
  }
  return problem.front(undominated(found));
}

// Index of the point of a front that fits: the most accurate with mean cost at most maxCost, or the cheapest that reaches
// minAccuracy; the most accurate where neither is given. -1 where there is none.
export function choose(best, { maxCost = null, minAccuracy = null }) {
  if (maxCost !== null) return best.mean.findLastIndex((mean) => mean <= maxCost);
  if (minAccuracy !== null) return best.accuracy.findIndex((accuracy) => accuracy >= minAccuracy - ROUNDING);
  return best.mean.length - 1;
}

function problemOf(table, maxExits, maxWorst) {
  const { samples, exits, right, units, positions, removable, terms } = table, early = exits - 1;
  const alternatives = positions.slice(0, early).some((at, k) => k > 0 && at === positions[k - 1]);
  if (!removable && alternatives) throw new Error("these records' exits cannot be removed, yet some share a position.");
  if (!removable && maxExits !== null && maxExits < early) throw new Error(`these records' ${early} early exits cannot be removed.`);
  if (removable && maxExits === null && (alternatives || exits > ONE_TABLE)) maxExits = CHOSEN;
  const unitOf = (i) => (units ? units[i] : 1);
  let total = 0, finalRight = 0;
  for (let i = 0; i < samples; i++) {
    total += unitOf(i);
    finalRight += right[early * samples + i] * unitOf(i);
  }
  const kept = (mask) => Array.from({ length: early }, (_, k) => ((mask >> k) & 1 ? 1 : null)); // as thresholds
  const all = 2 ** early - 1;
  const fits = new Map();
  // May exactly these exits have heads, if only with thresholds that keep the worst case?
  function allowed(mask) {
    if (!fits.has(mask)) {
      const chosen = [...Array(early).keys()].filter((k) => (mask >> k) & 1);
      const apart = chosen.every((k, j) => j === 0 || positions[k] !== positions[chosen[j - 1]]);
      const few = maxExits === null || chosen.length <= maxExits;
      fits.set(mask, (removable || mask === all) && apart && few && (maxWorst === null || (withinOf(mask) ?? [true]).some(Boolean)));
    }
    return fits.get(mask);
  }
  // By exit: may samples go as deep as it? null: always. A policy ends at its first threshold of 0: nobody gets past it.
  function withinOf(mask) {
    if (maxWorst === null) return null;
    const worst = worstAt(table, kept(mask));
    if (worst[early] <= maxWorst) return null;
    return Array.from(worst, (cost, k) => k < early && (mask >> k) % 2 === 1 && cost <= maxWorst);
  }
  const alone = (k) => costAt(terms, kept(1 << k))[k];
  const whole = costAt(terms, kept(0))[early], everything = costAt(terms, kept(all));
  const low = removable ? Math.min(whole, ...Array.from({ length: early }, (_, k) => alone(k))) : everything[0];
  return {
    table, early, alternatives, maxExits, total, finalRight, unitOf, kept, allowed, withinOf,
    low, high: whole > low ? whole : everything[early],
    ascending: (k) => table.confidence.slice(k * samples, (k + 1) * samples).sort(),
    withoutExits: () => ({ mean: whole, right: finalRight, exits: 0, thresholds: Array(early).fill(null) }),
    front: (points) => ({
      accuracy: Float64Array.from(points, (p) => p.right / total),
      mean: Float64Array.from(points, (p) => p.mean),
      worst: Float64Array.from(points, (p) => worstAt(table, p.thresholds)[endOf(p.thresholds)]),
      thresholds: points.map((p) => p.thresholds),
    }),
  };
}

function endOf(thresholds) {
  const end = thresholds.indexOf(0);
  return end < 0 ? thresholds.length : end;
}

// A level: every choice at some first exits, as arrays over the cells of their joint grid. staying, right, cost: of the
// samples that pass all of them. mask: which are kept. sizes: of the axes. ended: where a threshold of 0 ended it in time.
function solverOf(problem, grids) {
  const { table, early, unitOf } = problem, { samples, right, confidence, terms, removable } = table;
  const gains = [], bins = grids.map((grid, k) => binned(confidence, k * samples, samples, grid));
  for (let k = 0; k < early; k++) {
    gains.push(Float64Array.from({ length: samples }, (_, i) => (right[k * samples + i] - right[early * samples + i]) * unitOf(i)));
  }
  const sieve = { low: problem.low, scale: problem.high > problem.low ? BUCKETS / (problem.high - problem.low) : 0, most: new Float64Array(BUCKETS).fill(-1) };
  const costs = new Map();
  const costOf = (mask) => costs.get(mask) ?? costs.set(mask, costAt(terms, problem.kept(mask))).get(mask);

  const start = () => ({
    sizes: [], chosen: [], flat: new Int32Array(samples), staying: Int32Array.of(samples), right: Float64Array.of(problem.finalRight),
    cost: Float64Array.of(0), mask: Int32Array.of(0), first: null,
  });

  function sums(level, k, size) {
    const cells = level.staying.length * size;
    const staying = new Int32Array(cells), passing = new Float64Array(cells);
    const flat = new Int32Array(samples), bin = bins[k], gain = gains[k];
    for (let i = 0; i < samples; i++) {
      const at = (flat[i] = level.flat[i] * size + bin[i]);
      staying[at]++;
      passing[at] += gain[i];
    }
    const sizes = [...level.sizes, size];
    prefixSums(staying, sizes);
    prefixSums(passing, sizes);
    return { sizes, flat, staying, passing };
  }

  function expand(level, k) {
    const size = grids[k].length + 1, made = sums(level, k, size), cells = made.staying.length;
    const rights = new Float64Array(cells), cost = new Float64Array(cells), mask = new Int32Array(cells);
    each(level, k, size, made, (at, keeps, hits, paid) => {
      rights[at] = hits;
      cost[at] = paid;
      mask[at] = keeps;
    });
    return { ...made, chosen: [...level.chosen, k], right: rights, cost, mask };
  }

  // visit(cell, mask, right, cost paid by those that have left) for every cell of one more exit.
  function each(level, k, size, { staying, passing }, visit) {
    const bit = 1 << k;
    for (let p = 0, at = 0; p < level.staying.length; p++) {
      const before = level.staying[p], hits = level.right[p], paid = level.cost[p], on = level.mask[p] | bit;
      const everybody = passing[at + size - 1], price = costOf(on)[k];
      for (let i = 0; i < size; i++, at++) {
        const keeps = i < size - 1 || !removable ? on : level.mask[p];
        visit(at, keeps, hits + (everybody - passing[at]), paid + (before - staying[at]) * price);
      }
    }
  }

  // Adds to `found` the points of one table that may be on the front.
  function last(level, prefix, k, found) {
    const size = grids[k].length + 1, made = sums(level, k, size), cells = made.staying.length;
    const means = new Float64Array(cells), rights = new Float64Array(cells);
    const bucketOf = (mean) => Math.max(0, Math.min(BUCKETS - 1, Math.floor((mean - sieve.low) * sieve.scale)));
    const order = [...prefix, k];
    each(level, k, size, made, (at, keeps, hits, paid) => {
      const mean = (paid + made.staying[at] * costOf(keeps)[early]) / samples;
      means[at] = mean;
      rights[at] = fitting(at, keeps, order, made.sizes) ? hits : -1;
      const b = bucketOf(mean);
      if (rights[at] > sieve.most[b]) sieve.most[b] = rights[at];
    });
    const cheaper = new Float64Array(BUCKETS);
    for (let b = 0, most = -1; b < BUCKETS; b++) {
      cheaper[b] = most; // in all cheaper buckets
      most = Math.max(most, sieve.most[b]);
    }
    const close = [];
    for (let at = 0; at < cells; at++) if (rights[at] > cheaper[bucketOf(means[at])]) close.push(point(at, order, made.sizes, means[at], rights[at]));
    for (const one of undominated(close)) found.push(one);
  }

  function fitting(at, mask, order, sizes) {
    if (!problem.allowed(mask)) return false;
    const within = problem.withinOf(mask);
    if (!within) return true;
    for (let j = sizes.length - 1, rest = at; j >= 0; rest = Math.floor(rest / sizes[j]), j--) if (rest % sizes[j] === 0 && within[order[j]]) return true;
    return false;
  }

  function point(at, order, sizes, mean, right) {
    const thresholds = Array(early).fill(null);
    let exits = 0;
    for (let j = sizes.length - 1, rest = at; j >= 0; rest = Math.floor(rest / sizes[j]), j--) {
      const i = rest % sizes[j], kept = i < sizes[j] - 1;
      thresholds[order[j]] = kept ? grids[order[j]][i] : removable ? null : 1;
      exits += kept;
    }
    return { mean, right, exits, thresholds };
  }
  return { start, expand, last };
}

// A sample leaves at grid index i when its confidence is >= grid[i]: when its bin, the count of such i, is above i.
function binned(confidence, from, samples, grid) {
  const bins = new Uint32Array(samples);
  for (let i = 0; i < samples; i++) {
    const value = confidence[from + i];
    let low = 0, high = grid.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (grid[middle] <= value) low = middle + 1;
      else high = middle;
    }
    bins[i] = low;
  }
  return bins;
}

function prefixSums(table, sizes) {
  let stride = 1;
  for (const size of [...sizes].reverse()) {
    const block = stride * size;
    for (let from = 0; from < table.length; from += block) for (let i = from + stride; i < from + block; i++) table[i] += table[i - stride];
    stride = block;
  }
}

// Ties: lower cost, more right, fewer exits, higher thresholds from the first exit on; removed is above all of them.
function undominated(points) {
  const height = (t) => (t === null ? Infinity : t);
  points.sort((a, b) => {
    if (a.mean !== b.mean) return a.mean - b.mean;
    if (a.right !== b.right) return b.right - a.right;
    if (a.exits !== b.exits) return a.exits - b.exits;
    const k = a.thresholds.findIndex((t, j) => t !== b.thresholds[j]);
    return k < 0 ? 0 : height(b.thresholds[k]) > height(a.thresholds[k]) ? 1 : -1;
  });
  let best = -1;
  return points.filter(({ right }) => right > best && ((best = right), true));
}

// All choices of exactly `exits` columns at different positions, as [first columns, last columns] pairs.
function choicesOf(positions, early, exits) {
  let ways = 1;
  for (let i = 0; i < exits; i++) ways = (ways * (early - i)) / (i + 1);
  if (ways > MOST_TABLES) throw new Error(`${exits} of ${early} exits can be chosen in too many ways: keep fewer.`);
  const choices = [];
  const grow = (prefix) => {
    const from = prefix.length ? prefix.at(-1) + 1 : 0, at = prefix.length ? positions[prefix.at(-1)] : -Infinity;
    const later = Array.from({ length: early - from }, (_, i) => from + i).filter((k) => positions[k] > at);
    if (prefix.length === exits - 1) {
      if (later.length) choices.push([prefix, later]);
    } else later.forEach((k) => grow([...prefix, k]));
  };
  grow([]);
  return choices;
}

// The largest G with (G + 1) ** exits cells within reach, for one table and for all of them.
function gridSize(exits, tables) {
  let size = Math.max(2, Math.round(CELLS ** (1 / exits)) + 2);
  while (size ** exits > CELLS && size > 2) size--;
  while (size ** exits * tables > ALL_CELLS && size > SMALLEST_GRID + 1) size--;
  return size - 1;
}
