// The rule and its figures, as eeviz.core.table.policy has them. No page in here, so that a test can call it with numbers.

// table: {samples, exits, confidence Float32Array (exits - 1 columns), right Uint8Array (exits columns),
//         units Float64Array or null (what a right answer counts), terms [{backbone, heads}], ...}, columns one after another.
// thresholds: one number or null (removed) per exit but the final one. exitOf: optional array that takes each sample's exit.
export function route(table, thresholds, exitOf = null) {
  const { samples, exits, confidence, right, units } = table;
  const branches = exits - 1;
  // float32 >= float32; a removed exit is one that nobody can reach
  const limit = Float64Array.from(thresholds, (t) => (t === null ? Infinity : Math.fround(t)));
  const count = new Float64Array(exits), hits = new Float64Array(exits);
  const offered = units ? new Float64Array(exits) : count;
  const won = units ? new Float64Array(exits) : hits;
  for (let i = 0; i < samples; i++) {
    let k = 0;
    for (let j = i; k < branches && !(confidence[j] >= limit[k]); j += samples) k++;
    const good = right[k * samples + i];
    count[k]++;
    hits[k] += good;
    if (units) {
      offered[k] += units[i];
      won[k] += good * units[i];
    }
    if (exitOf) exitOf[i] = k;
  }
  return { count, hits, offered, won };
}

// What a sample leaving at each exit pays: the product over terms of backbone plus kept heads passed.
export function costAt(terms, thresholds) {
  const exits = thresholds.length + 1;
  const cost = new Float64Array(exits).fill(1);
  for (const { backbone, heads } of terms) {
    let passed = 0;
    for (let k = 0; k < exits; k++) {
      if (k === exits - 1 || thresholds[k] !== null) passed += heads[k];
      cost[k] *= backbone[k] + passed;
    }
  }
  return cost;
}

// The deepest exit that a sample can reach: nobody gets past a threshold of 0.
export function deepest(thresholds) {
  const end = thresholds.findIndex((t) => t !== null && Math.fround(t) === 0);
  return end < 0 ? thresholds.length : end;
}

// The worst case where samples go as deep as each exit and no deeper. Memory is held to the end, whoever gets there.
export function worstAt(table, thresholds) {
  const cost = costAt(table.terms, thresholds);
  return table.unit === "B" ? cost.fill(cost[cost.length - 1]) : cost;
}

const sum = (values) => values.reduce((a, b) => a + b, 0);

export function figures(table, thresholds) {
  const { count, hits, offered, won } = route(table, thresholds);
  const cost = costAt(table.terms, thresholds);
  const total = sum(hits);
  return {
    count,
    hits,
    cost,
    share: count.map((c) => c / table.samples),
    exitAccuracy: won.map((w, k) => w / offered[k]), // NaN where nobody leaves
    accuracy: sum(won) / sum(offered),
    right: total,
    interval: wilson(total, table.samples),
    mean: sum(count.map((c, k) => c * cost[k])) / table.samples,
    worst: worstAt(table, thresholds)[deepest(thresholds)],
  };
}

// Wilson score interval of a share (Wilson 1927), 95 %.
export function wilson(right, samples) {
  const z = 1.959963984540054, share = right / samples, z2 = (z * z) / samples;
  const centre = (share + z2 / 2) / (1 + z2);
  const half = (z / (1 + z2)) * Math.sqrt((share * (1 - share)) / samples + z2 / (4 * samples));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

// ascending: Float32Array of one exit's confidences, sorted. First index whose value is >= t.
function lowerBound(ascending, t) {
  let low = 0, high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] >= t) high = middle;
    else low = middle + 1;
  }
  return low;
}

export const shareAbove = (ascending, t) => 1 - lowerBound(ascending, Math.fround(t)) / ascending.length;

// The threshold that a share of all samples reaches: 1 for nobody, 0 for everyone. Between two neighbouring confidences
// every threshold routes alike, so the shortest decimal is taken: the number shown is the number used.
export function thresholdForShare(ascending, share) {
  const samples = ascending.length, wanted = Math.round(share * samples);
  if (wanted <= 0) return 1;
  if (wanted >= samples) return 0;
  const high = ascending[samples - wanted];
  const below = lowerBound(ascending, high) - 1;
  if (below < 0) return 0;
  for (let digits = 1, scale = 10; digits < 10; digits++, scale *= 10) {
    const t = Math.fround(Math.floor(high * scale) / scale);
    if (t > ascending[below] && t <= high) return t;
  }
  return high;
}

// Shortest decimal that is this float32.
export function decimal(t) {
  for (let digits = 1; digits < 9; digits++) {
    const text = t.toPrecision(digits);
    if (Math.fround(Number(text)) === t) return String(Number(text));
  }
  return String(Number(t.toPrecision(9)));
}

// Numbers as people read them. Digits are kept (1.20, not 1.2), so that nothing jumps during a drag.
export const percent = (value, digits = 1) =>
  Number.isFinite(value) ? `${(100 * value).toFixed(digits).replace("-", "−")} %` : "–";
export const whole = (value) => Math.round(value).toLocaleString("en");
export const howMany = (count) => `${whole(count)} ${count === 1 ? "sample" : "samples"}`;

const PREFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"]];

// [number, prefix and unit]: [“5.23”, “M MACs”], [“2.10”, “ms”].
export function quantity(value, unit) {
  const counted = unit === "MACs";
  const usable = counted ? PREFIXES.filter(([scale]) => scale >= 1) : PREFIXES;
  const [scale, prefix] = usable.find(([size]) => Math.abs(value) >= 0.9995 * size) ?? [1, ""];
  const scaled = value / scale;
  const number = counted && scale === 1 ? whole(scaled) : scaled >= 999.5 ? scaled.toFixed(0) : scaled.toPrecision(3);
  return [number, counted ? `${prefix} ${unit}`.trim() : prefix + unit];
}

// The power of ten in which a value is shown.
function scaleOfQuantity(value, unit) {
  const usable = unit === "MACs" ? PREFIXES.filter(([scale]) => scale >= 1) : PREFIXES;
  return (usable.find(([size]) => Math.abs(value) >= 0.9995 * size) ?? [1])[0];
}

// With six significant digits where there are so many: “1.63842 M MACs”.
export function precisely(value, unit) {
  return `${Number((value / scaleOfQuantity(value, unit)).toPrecision(6))} ${quantity(value, unit)[1]}`;
}

// The most that is shown as no more than `limit`: who reads 1.64 and asks for 1.64 means what was shown. A limit of more
// digits than are shown is taken as it is.
export function shownWithin(limit, unit) {
  if (!(limit > 0) || !Number.isFinite(limit)) return limit;
  const scale = scaleOfQuantity(limit, unit), shown = quantity(limit, unit).join(" "), number = quantity(limit, unit)[0].replaceAll(",", "");
  if (Math.abs(Number(number) * scale - limit) > 1e-9 * limit) return limit;
  let most = limit + 0.5 * 10 ** -(number.split(".")[1] ?? "").length * scale;
  for (let i = 0; i < 8; i++, most -= most * Number.EPSILON) if (quantity(most, unit).join(" ") === shown) return most;
  return limit;
}
