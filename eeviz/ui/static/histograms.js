// Confidence of the samples that reach each exit, right and wrong, with the threshold.
import { h, put, s, say } from "./dom.js";
import { histogram } from "./metrics.js";
import { decimal, percent, whole } from "./route.js";

const BINS = 40, HIGH = 100; // of the drawing, in its own units
const HEADROOM = 1.08;

const bars = (counts, below, most) => counts.reduce((d, count, b) => {
  if (!count) return d;
  const x = ((100 * b) / BINS).toFixed(2), w = (100 / BINS).toFixed(2), top = HIGH - (HIGH * (below[b] + count)) / most;
  return `${d}M${x} ${top.toFixed(2)}h${w}v${((HIGH * count) / most).toFixed(2)}h-${w}z`;
}, "");

// Returns {node, words, update(table, thresholds, exitOf)}.
export function histograms(names) {
  const cells = names.map((name, k) => {
    const right = s("path", { class: "ee-hist-right" }), wrong = s("path", { class: "ee-hist-wrong" });
    const limit = s("path", { class: "ee-hist-limit", "vector-effect": "non-scaling-stroke" });
    const svg = s("svg", { viewBox: `0 0 100 ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" }, right, wrong, limit);
    const note = h("div", { class: "ee-quiet" }), most = h("div", { class: "ee-hist-most ee-quiet" });
    const scale = h("div", { class: "ee-hist-scale ee-quiet", "aria-hidden": "true" }, ...["0", "0.5", "1"].map((text) => h("span", {}, text)));
    const title = h("h4", { style: `color:var(--ee-${k})` }, name);
    return { node: h("figure", {}, title, note, h("div", { class: "ee-hist-frame" }, svg, most), scale), right, wrong, limit, note, most };
  });
  const legend = h("ul", { class: "ee-legend" }, ...["right", "wrong"].map((word) => h("li", {}, h("i", { class: `ee-hist-key ee-hist-${word}` }), word)));
  const words = h("p", { class: "ee-sentence" });
  const node = h("div", {}, legend, h("div", { class: "ee-hists" }, ...cells.map((c) => c.node)), words);

  function update(table, thresholds, exitOf) {
    const made = cells.map((_, k) => histogram(table, k, BINS, exitOf));
    const parts = [];
    made.forEach(({ right, wrong }, k) => {
      const c = cells[k], threshold = thresholds[k], highest = Math.max(...right.map((count, b) => count + wrong[b])), most = HEADROOM * (highest || 1);
      put(c.right, "d", bars(right, new Float64Array(BINS), most));
      put(c.wrong, "d", bars(wrong, right, most));
      const final = k === thresholds.length;
      put(c.limit, "d", final || threshold === null ? "" : `M${(100 * threshold).toFixed(2)} 0V${HIGH}`);
      say(c.note, final ? "takes all that are left" : threshold === null ? "removed" : `≥ ${decimal(Math.fround(threshold))} leaves`);
      say(c.most, highest ? whole(highest) : "");
      if (final) return;
      const reach = exitOf.reduce((n, e) => n + (e >= k), 0), leave = exitOf.reduce((n, e) => n + (e === k), 0);
      const bad = exitOf.reduce((n, e, i) => n + (e === k && !table.right[k * table.samples + i]), 0);
      parts.push(threshold === null ? `${names[k]} is removed` : `${whole(reach)} samples reach ${names[k]}, ${whole(leave)} leave, ${whole(bad)} of them wrong`);
    });
    const last = exitOf.reduce((n, e) => n + (e === thresholds.length), 0) / table.samples;
    parts.push(`${percent(last)} go on to ${names.at(-1)}`);
    say(words, `${parts.join("; ")}. ${BINS} bins of equal width, each exit on its own scale.`);
  }
  return { node, update };
}
