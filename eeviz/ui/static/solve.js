// The best thresholds of a table, exact on a grid, as eeviz.core.solve has them: the same grid, points and ties.
// No page in here: it runs in a worker, in slices, or in a test.
//
// Each exit has G thresholds and, one past them, *removed*. One table over all of these holds every subset of exits. It
// is built exit by exit: a joint histogram of grid indices and its prefix sums give who is still there.
import { costAt, deepest, worstAt } from "./route.js";

const CELLS = 300_000; // of one table
const ALL_CELLS = 30_000_000; // of all tables, where there is one for each choice of exits
const MOST_CELLS = 20_000_000, MOST_TABLES = 1_000_000, MOST_CANDIDATES = 20_000;
const SMALLEST_GRID = 16, ONE_TABLE = 6, CHOSEN = 3, MOST_CHOICES = 30000, BUCKETS = 4096;
const ROUNDING = 1e-12; // 0.93 - 0.01 must not ask for more than 0.92

// Rising float32 thresholds of ascending confidences (Float32Array): 0, then midpoints between distinct values at sample
// quantiles. A value that many samples share takes up the room of one quantile only.
export function quantileGrid(ascending, size) {
  const start = [];
  for (let i = 0; i < ascending.length; i++) if (i === 0 || ascending[i] > ascending[i - 1]) start.push(i);
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
  if (exits === 0) return problem.front(problem.allowed([], 0) ? [problem.withoutExits()] : []);
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
      for (const point of solver.best(solver.expand(level, k))) found.push(point);
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

// The lowest worst case of any policy.
export function leastWorst(table) {
  const early = table.exits - 1, at = (thresholds) => worstAt(table, thresholds)[deepest(thresholds)];
  if (!table.removable) return at(Array(early).fill(0));
  const none = Array(early).fill(null);
  return Math.min(at(none), ...none.map((_, k) => at(none.with(k, 0))));
}

function problemOf(table, maxExits, maxWorst) {
  const { samples, exits, right, units, positions, removable, terms } = table, early = exits - 1;
  const alternatives = positions.slice(0, early).some((at, k) => k > 0 && at === positions[k - 1]);
  if (!removable && alternatives) throw new Error("these records' exits cannot be removed, yet some share a position.");
  if (!removable && maxExits !== null && maxExits < early) throw new Error(`these records' ${early} early exits cannot be removed.`);
  if (removable && maxExits === null && (alternatives || exits > ONE_TABLE)) maxExits = early * (early - 1) * (early - 2) / 6 <= MOST_CHOICES ? CHOSEN : 2;
  const unitOf = (i) => (units ? units[i] : 1);
  let total = 0, finalRight = 0;
  for (let i = 0; i < samples; i++) {
    total += unitOf(i);
    finalRight += right[early * samples + i] * unitOf(i);
  }
  // A set of exits is a mask over `order`, the exits of one table: bit j for order[j]. As thresholds: null = removed.
  function kept(order, mask) {
    const thresholds = Array(early).fill(null);
    order.forEach((k, j) => { if ((mask >> j) & 1) thresholds[k] = 1; });
    return thresholds;
  }
  // May exactly these exits have heads, if only with thresholds that keep the worst case?
  function allowed(order, mask) {
    const chosen = order.filter((_, j) => (mask >> j) & 1);
    const apart = chosen.every((k, j) => j === 0 || positions[k] !== positions[chosen[j - 1]]);
    const few = maxExits === null || chosen.length <= maxExits;
    return (removable || chosen.length === early) && apart && few && (withinOf(order, mask) ?? [true]).some(Boolean);
  }
  // For each exit of `order`: may samples go as deep as it? null: always. Nobody gets past a threshold of 0.
  function withinOf(order, mask) {
    if (maxWorst === null) return null;
    const worst = worstAt(table, kept(order, mask));
    if (worst[early] <= maxWorst) return null;
    return order.map((k, j) => ((mask >> j) & 1) === 1 && worst[k] <= maxWorst);
  }
  const alone = (k) => costAt(terms, kept([k], 1))[k];
  const whole = costAt(terms, kept([], 0))[early], everything = costAt(terms, Array(early).fill(1));
  const low = removable ? Math.min(whole, ...Array.from({ length: early }, (_, k) => alone(k))) : everything[0];
  const end = (points) => points.map(({ thresholds }) => worstAt(table, thresholds)[deepest(thresholds)]);
  return {
    table, early, alternatives, maxExits, total, finalRight, unitOf, kept, allowed, withinOf,
    low, high: whole > low ? whole : everything[early],
    ascending: (k) => table.confidence.slice(k * samples, (k + 1) * samples).sort(),
    withoutExits: () => ({ mean: whole, right: finalRight, exits: 0, thresholds: Array(early).fill(null) }),
    front: (points) => ({
      accuracy: Float64Array.from(points, (p) => p.right / total),
      mean: Float64Array.from(points, (p) => p.mean),
      worst: Float64Array.from(end(points)),
      thresholds: points.map((p) => p.thresholds),
    }),
  };
}

// A level: all choices at some first exits, as arrays over the cells of their joint grid. staying, right: of the samples
// that pass them all; cost: paid by those that do not; mask: which are kept; flat: each sample's cell; sizes: of the axes.
function solverOf(problem, grids) {
  const { table, early } = problem, { samples, right, confidence, terms, removable } = table;
  const bins = grids.map((grid, k) => binned(confidence, k * samples, samples, grid));
  const gains = grids.map((_, k) => { // by leaving at k, not at the final classifier
    const gain = new Float64Array(samples), units = table.units;
    for (let i = 0; i < samples; i++) gain[i] = (right[k * samples + i] - right[early * samples + i]) * (units ? units[i] : 1);
    return gain;
  });
  const scale = problem.high > problem.low ? BUCKETS / (problem.high - problem.low) : 0;
  const { low } = problem;
  const most = new Float64Array(BUCKETS).fill(-1); // right answers of the points seen in each bucket of cost
  const sets = (order, make) => Array.from({ length: 2 ** order.length }, (_, mask) => make(order, mask));
  const price = (order, exit) => Float64Array.from(sets(order, (_, mask) => costAt(terms, problem.kept(order, mask))[exit]));

  const start = () => ({
    order: [], sizes: [], flat: new Int32Array(samples), staying: Int32Array.of(samples), right: Float64Array.of(problem.finalRight),
    cost: Float64Array.of(0), mask: Int32Array.of(0),
  });

  // The level with one more exit: O(samples) for a joint histogram, O(cells) for its prefix sums.
  function expand(level, k) {
    const size = grids[k].length + 1, sizes = [...level.sizes, size], order = [...level.order, k];
    const cells = level.staying.length * size, bit = 1 << level.order.length;
    const staying = new Int32Array(cells), passing = new Float64Array(cells), flat = new Int32Array(samples);
    for (let i = 0; i < samples; i++) {
      const at = (flat[i] = level.flat[i] * size + bins[k][i]);
      staying[at]++;
      passing[at] += gains[k][i];
    }
    prefixSums(staying, sizes);
    prefixSums(passing, sizes);
    const hits = new Float64Array(cells), cost = new Float64Array(cells), mask = new Int32Array(cells), prices = price(order, k);
    for (let p = 0, at = 0; p < level.staying.length; p++) {
      const before = level.staying[p], everybody = passing[at + size - 1], off = level.mask[p], each = prices[off | bit];
      for (let i = 0; i < size; i++, at++) {
        mask[at] = i < size - 1 || !removable ? off | bit : off;
        hits[at] = level.right[p] + (everybody - passing[at]);
        cost[at] = level.cost[p] + (before - staying[at]) * each;
      }
    }
    return { order, sizes, flat, staying, right: hits, cost, mask };
  }

  // Of a table's cells the points that may be on the front: those with more right answers than any seen in a cheaper bucket.
  function best({ order, sizes, staying, right: hits, cost: mean, mask }) {
    const prices = price(order, early), bucket = new Uint16Array(mean.length);
    const allowed = sets(order, problem.allowed), within = sets(order, problem.withinOf);
    const free = allowed.every(Boolean) && within.every((one) => one === null);
    for (let at = 0; at < mean.length; at++) {
      mean[at] = (mean[at] + staying[at] * prices[mask[at]]) / samples;
      if (!free && (!allowed[mask[at]] || (within[mask[at]] && !indices(at, sizes).some((i, j) => i === 0 && within[mask[at]][j])))) hits[at] = -1;
      const b = (bucket[at] = Math.max(0, Math.min(BUCKETS - 1, (mean[at] - low) * scale)));
      if (hits[at] > most[b | 0]) most[b | 0] = hits[at];
    }
    const cheaper = new Float64Array(BUCKETS);
    for (let b = 0, seen = -1; b < BUCKETS; b++) {
      cheaper[b] = seen;
      seen = Math.max(seen, most[b]);
    }
    const close = [];
    for (let at = 0; at < mean.length; at++) if (hits[at] > cheaper[bucket[at]]) close.push(point(at));
    return undominated(close);

    function point(at) {
      const thresholds = Array(early).fill(null), index = indices(at, sizes);
      index.forEach((i, j) => (thresholds[order[j]] = i < sizes[j] - 1 ? grids[order[j]][i] : removable ? null : 1));
      return { mean: mean[at], right: hits[at], exits: index.filter((i, j) => i < sizes[j] - 1).length, thresholds };
    }
  }
  return { start, expand, best };
}

// A cell's place on each axis.
function indices(at, sizes) {
  const index = [];
  for (let j = sizes.length - 1; j >= 0; j--) {
    index[j] = at % sizes[j];
    at = Math.floor(at / sizes[j]);
  }
  return index;
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
