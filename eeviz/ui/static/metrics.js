// Figures read off tables and routings, as eeviz.core.table.metrics has them. A table is one of route.js's with predicted,
// label and group beside. No page in here.
import { costAt, figures, route, wilson } from "./route.js";

const Z = 1.959963984540054; // 95 %
const RESAMPLES = 2000;

const unit = (table, i) => (table.units ? table.units[i] : 1);

function totalUnits(table) {
  return table.units ? table.units.reduce((a, b) => a + b, 0) : table.samples;
}

// Weighted share of samples for which right(i) is 1.
export function accuracyOf(table, right) {
  let hits = 0;
  for (let i = 0; i < table.samples; i++) hits += right(i) * unit(table, i);
  return hits / totalUnits(table);
}

export const ownAccuracy = (table, k) => accuracyOf(table, (i) => table.right[k * table.samples + i]);

// Exit of each sample and whether its answer was right.
export function routed(table, thresholds) {
  const exitOf = new Uint8Array(table.samples);
  route(table, thresholds, exitOf);
  const right = Uint8Array.from(exitOf, (k, i) => table.right[k * table.samples + i]);
  return { exitOf, right };
}

// Each exit as the only one: {name, accuracy, mean, thresholds}.
export function singleExits(table, names) {
  return names.map((name, k) => {
    const thresholds = Array.from({ length: table.exits - 1 }, (_, j) => (j === k ? 0 : null));
    return { name, accuracy: ownAccuracy(table, k), mean: costAt(table.terms, thresholds)[k], thresholds };
  });
}

// Upper bound: each sample leaves at its first correct kept exit, at the first kept one if none is correct.
export function oracle(table, thresholds) {
  const { samples, exits, right } = table, cost = costAt(table.terms, thresholds);
  const kept = [...Array(exits).keys()].filter((k) => k === exits - 1 || thresholds[k] !== null);
  const count = new Float64Array(exits);
  let hits = 0;
  for (let i = 0; i < samples; i++) {
    const k = kept.find((k) => right[k * samples + i]) ?? kept[0];
    count[k]++;
    hits += right[k * samples + i] * unit(table, i);
  }
  return { name: "oracle", accuracy: hits / totalUnits(table), mean: count.reduce((sum, c, k) => sum + c * cost[k], 0) / samples };
}

// Samples of each true class leaving at each exit: one array of counts a class.
export function classFlow(table, exitOf, classes) {
  const flow = Array.from({ length: classes }, () => new Float64Array(table.exits));
  for (let i = 0; i < table.samples; i++) flow[table.label[i]][exitOf[i]]++;
  return flow;
}

// Counts of right and wrong answers of one exit by confidence, of the samples that reach it.
export function histogram(table, exit, bins, exitOf) {
  const right = new Float64Array(bins), wrong = new Float64Array(bins), from = exit * table.samples;
  for (let i = 0; i < table.samples; i++) {
    if (exitOf[i] < exit) continue;
    const bin = Math.min(Math.floor(table.confidence[from + i] * bins), bins - 1);
    (table.right[from + i] ? right : wrong)[bin]++;
  }
  return { right, wrong };
}

// Expected calibration error of one exit over bins of equal width (Naeini et al. 2015).
export function calibrationError(table, exit, bins = 15) {
  const offered = new Float64Array(bins), confident = new Float64Array(bins), hits = new Float64Array(bins), from = exit * table.samples;
  for (let i = 0; i < table.samples; i++) {
    const confidence = table.confidence[from + i], weight = unit(table, i), bin = Math.min(Math.floor(confidence * bins), bins - 1);
    offered[bin] += weight;
    confident[bin] += weight * confidence;
    hits[bin] += weight * table.right[from + i];
  }
  return offered.reduce((sum, _, b) => sum + Math.abs(hits[b] - confident[b]), 0) / totalUnits(table);
}

// Smallest cost that at least a share q of the samples does not exceed.
export function costQuantile(now, q) {
  const order = [...now.cost.keys()].filter((k) => now.count[k]).sort((a, b) => now.cost[a] - now.cost[b]);
  const samples = now.count.reduce((a, b) => a + b, 0);
  let reached = 0;
  return now.cost[order.find((k) => (reached += now.count[k]) >= q * samples)];
}

// 95 % interval of the accuracy of right (one 0 or 1 a sample): {value, low, high, method}.
export function accuracyInterval(table, right) {
  const value = accuracyOf(table, (i) => right[i]);
  if (table.group || table.units) return intervalOfMean(table, right, value);
  const [low, high] = wilson(right.reduce((a, b) => a + b, 0), table.samples);
  return { value, low, high, method: "Wilson" };
}

// 95 % interval of accuracy(a) - accuracy(b) on the same samples. Without weights and groups: Laplace-adjusted Wald interval
// for paired proportions (Bonett & Price 2012).
export function pairedInterval(table, a, b) {
  const difference = Float64Array.from(a, (hit, i) => hit - b[i]), n = table.samples;
  const value = accuracyOf(table, (i) => difference[i]);
  if (table.group || table.units) return intervalOfMean(table, difference, value);
  let onlyA = 1, onlyB = 1;
  for (const d of difference) {
    if (d > 0) onlyA++;
    else if (d < 0) onlyB++;
  }
  const p = onlyA / (n + 2), q = onlyB / (n + 2), half = Z * Math.sqrt((p + q - (p - q) ** 2) / (n + 2));
  return { value, low: p - q - half, high: p - q + half, method: "paired, Bonett-Price" };
}

function intervalOfMean(table, values, value) {
  if (table.group) return bootstrap(table, values, value);
  let spread = 0;
  values.forEach((v, i) => (spread += (unit(table, i) * (v - value)) ** 2));
  const half = (Z * Math.sqrt(spread)) / totalUnits(table);
  return { value, low: value - half, high: value + half, method: "weighted normal" };
}

// Groups are drawn with replacement; always with the same random numbers, so that a page says the same twice.
function bootstrap(table, values, value) {
  const groups = table.group.reduce((most, g) => Math.max(most, g + 1), 0);
  const total = new Float64Array(groups), offered = new Float64Array(groups);
  values.forEach((v, i) => {
    total[table.group[i]] += v * unit(table, i);
    offered[table.group[i]] += unit(table, i);
  });
  let seed = 1;
  const random = () => { // mulberry32
    let t = (seed = (seed + 0x6d2b79f5) | 0);
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const means = [];
  for (let r = 0; r < RESAMPLES; r++) {
    let sum = 0, below = 0;
    for (let g = 0; g < groups; g++) {
      const drawn = Math.floor(random() * groups);
      sum += total[drawn];
      below += offered[drawn];
    }
    if (below > 0) means.push(sum / below);
  }
  means.sort((a, b) => a - b);
  const at = (q) => means[Math.round(q * (means.length - 1))];
  return { value, low: at(0.025), high: at(0.975), method: `bootstrap over ${groups} groups` };
}

// Where a policy lies on a table: figures with the name of the point.
export const pointAt = (table, thresholds, name) => ({ name, thresholds, ...figures(table, thresholds) });
