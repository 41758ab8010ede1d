// Axes of the chart of accuracy against cost.
import { s } from "./dom.js";
import { quantity } from "./route.js";

const STEPS = [1, 2, 2.5, 5, 10];

function niceStep(span, count) {
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  return power * (STEPS.find((step) => step * power >= raw) ?? 10);
}

// The scale on which view's points and the policy's lie: from just under the lowest to just over the highest accuracy.
// view.whole: the front and the crosses count as well. Badly shifted inputs may lie below: the chart would flatten into a line if it reached down to them.
export function scaleOf(view, now, width, height, font) {
  const counts = (p) => p.kind !== "shifted" && (view.whole || p.kind !== "baseline");
  const shown = [now, ...view.points.filter(counts)].map((p) => p.accuracy).concat(view.whole ? Array.from(view.front.accuracy) : []).filter(Number.isFinite);
  const shifted = view.points.filter((p) => p.kind === "shifted").map((p) => p.accuracy);
  let low = Math.min(...shown);
  const high = Math.max(...shown, ...(view.front ? view.front.accuracy.slice(-1) : []));
  low = Math.min(low, Math.max(Math.min(low, ...shifted), low - (high - low)));
  const margin = Math.max(0.08 * (high - low), 0.003);
  const most = 1.03 * Math.max(view.most, ...view.points.map((p) => p.mean).filter(Number.isFinite)) || 1;
  const from = Math.max(0, low - margin), to = Math.min(1.01, high + margin);
  const left = 4.1 * font, right = width - 0.9 * font, top = 0.9 * font, bottom = height - 3.1 * font;
  return {
    left, right, top, bottom, height, font, low: from, high: to, most, unit: view.unit,
    x: (mean) => left + ((right - left) * mean) / most,
    y: (accuracy) => bottom - ((bottom - top) * (accuracy - from)) / (to - from),
  };
}

// Grid, ticks and titles as SVG nodes.
export function axes(scale, title) {
  const { left, right, top, bottom, font, unit } = scale, nodes = [], line = (d, name) => nodes.push(s("path", { d, class: name }));
  const text = (content, x, y, anchor, more = {}) => nodes.push(s("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor, class: "ee-axis-text", ...more }, content));
  const high = 100 * scale.high, low = 100 * scale.low, step = niceStep(high - low, (bottom - top) / (3.4 * font));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (step / 10 ** Math.floor(Math.log10(step)) === 2.5 ? 1 : 0));
  for (let i = Math.ceil(low / step); i * step <= Math.min(high, 100); i++) {
    const y = scale.y((i * step) / 100);
    line(`M${left} ${y.toFixed(1)}H${right}`, "ee-grid");
    text((i * step).toFixed(digits), left - 0.5 * font, y + 0.35 * font, "end");
  }
  const power = 10 ** (3 * Math.floor(Math.log10(scale.most * 1.0001) / 3)), words = quantity(power, unit)[1];
  const tick = niceStep(scale.most / power, (right - left) / (5.5 * font));
  for (let i = 0; i * tick * power <= scale.most; i++) {
    const x = scale.x(i * tick * power);
    line(`M${x.toFixed(1)} ${bottom}v4`, "ee-axis-line");
    text(String(Number((i * tick).toPrecision(6))), x, bottom + 1.35 * font, "middle");
  }
  line(`M${left} ${top}V${bottom}H${right}`, "ee-axis-line");
  text(`mean cost per sample (${words})`, (left + right) / 2, bottom + 2.75 * font, "middle");
  const middle = (top + bottom) / 2;
  text(title, 0, 0, "middle", { transform: `translate(${(0.95 * font).toFixed(1)} ${middle.toFixed(1)}) rotate(-90)` });
  return nodes;
}
