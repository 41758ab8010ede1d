// Text about policies: the strip of the report, pins side by side, the table of exits.
import { h } from "./dom.js";
import { accuracyInterval, calibrationError, costQuantile, ownAccuracy, pairedInterval, routed } from "./metrics.js";
import { costAt, figures, percent, quantity, whole } from "./route.js";

const said = (value, unit) => quantity(value, unit).join(" ");
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(2)}`;
const ends = ({ low, high }) => `${signed(low)} to ${signed(high)} pp`;
const points = (interval) => `${signed(interval.value)} pp (95 % interval ${signed(interval.low)} to ${signed(interval.high)})`;
const beside = (more) => `${percent(Math.abs(more))} ${more > 0 ? "above" : "below"} static`;

export const intervalText = ({ low, high, method }) => `95 % interval ${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)} %, ${method}`;

// The report split at some thresholds: nodes. look: how many times it has been opened.
export function report(table, thresholds, names, look) {
  const now = figures(table, thresholds), { right } = routed(table, thresholds);
  const final = table.right.slice((table.exits - 1) * table.samples), trained = table.networks.at(-1);
  const against = pairedInterval(table, right, trained ? trained.right : final);
  const cells = [
    ["accuracy", percent(now.accuracy, 2), intervalText(accuracyInterval(table, right))],
    [`against ${trained ? trained.name : "its own final exit"}`, `${signed(against.value)} pp`, `95 % interval ${ends(against)}, paired`],
    ["mean cost", said(now.mean, table.unit), beside(now.mean / table.static - 1)],
    ["worst case", said(now.worst, table.unit), beside(now.worst / table.static - 1)],
    ["95 % pay at most", said(costQuantile(now, 0.95), table.unit), ""],
    ["leave at", Array.from(now.share, (share) => percent(share, 0)).join(" · "), names.join(" · ")],
  ];
  const strip = h("div", { class: "ee-strip" }, ...cells.map(([a, b, c]) => h("div", { class: "ee-datum" }, h("span", {}, a), h("b", {}, b), h("small", {}, c))));
  const own = trained ? [h("p", { class: "ee-sentence" }, `Against its own final exit: ${points(pairedInterval(table, right, final))}.`)] : [];
  const of = table.of > table.samples ? ` of ${whole(table.of)}` : "";
  const words = `${table.split || "report"} split, ${whole(table.samples)}${of} samples, look ${look}. Thresholds chosen after looking here would be tuned on it: each look is counted.`;
  return [strip, ...own, h("p", { class: "ee-sentence" }, words)];
}

// The current thresholds beside pinned ones, on the tuning split: nodes.
export function comparison(table, thresholds, pins) {
  const rows = [["now", thresholds], ...Object.entries(pins).sort()];
  if (rows.length === 1) return [h("p", { class: "ee-sentence" }, "Pin a setting as A, change something, and both appear here side by side.")];
  const now = routed(table, thresholds).right;
  const body = rows.map(([name, t]) => {
    const f = figures(table, t);
    return [name, percent(f.accuracy, 2), said(f.mean, table.unit), said(f.worst, table.unit), percent(1 - f.mean / table.static)];
  });
  const same = (t) => t.length === thresholds.length && t.every((one, k) => one === thresholds[k]);
  const differences = rows.slice(1).map(([name, t]) => h("p", { class: "ee-sentence" }, same(t) ? `Now is the setting pinned as ${name}.` : `Now minus ${name}: ${points(pairedInterval(table, now, routed(table, t).right))}.`));
  return [grid(["", "accuracy", "mean", "worst case", "saving"], body), ...differences];
}

const HEAD = ["exit", "threshold", "samples", "share", "right of those leaving", "right on all", "cost", "its own head", "ECE"];

// One row per exit, as numbers.
function exitRows(table, thresholds, names) {
  const now = figures(table, thresholds), cost = costAt(table.terms, thresholds);
  return names.map((name, k) => ({
    name, threshold: k === thresholds.length ? "takes all" : thresholds[k], samples: now.count[k], share: now.share[k],
    left: now.exitAccuracy[k], all: ownAccuracy(table, k), cost: cost[k], head: table.terms.reduce((p, term) => p * term.heads[k], 1), ece: calibrationError(table, k),
  }));
}

export function exitTable(table, thresholds, names) {
  const body = exitRows(table, thresholds, names).map((r) => [
    r.name, r.threshold === null ? "removed" : typeof r.threshold === "number" ? String(Number(r.threshold.toPrecision(4))) : r.threshold, whole(r.samples),
    percent(r.share), percent(r.left, 2), percent(r.all, 2), said(r.cost, table.unit), said(r.head, table.unit), percent(r.ece),
  ]);
  return grid(HEAD, body);
}

export function exitCsv(table, thresholds, names) {
  const quoted = (value) => (typeof value === "string" && /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : String(value));
  const head = ["exit", "threshold", "samples", "share", "accuracy_of_those_leaving", "accuracy_on_all", `cost_${table.unit}`, `head_${table.unit}`, "ece"];
  const rows = exitRows(table, thresholds, names).map((r) => [r.name, typeof r.threshold === "number" ? r.threshold : "", r.samples, r.share, Number.isNaN(r.left) ? "" : r.left, r.all, r.cost, r.head, r.ece]);
  return [head, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
}

function grid(head, body) {
  return h("div", { class: "ee-scroll", tabindex: "0", role: "group", "aria-label": "table" }, h("table", { class: "ee-table" },
    h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, ...body.map((row) => h("tr", {}, ...row.map((text) => h("td", {}, text)))))));
}
