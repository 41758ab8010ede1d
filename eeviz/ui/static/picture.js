// The routing picture: one river of samples from the input; at every exit those that leave split into right and wrong.
// Layers keep their order from the trunk to the right edge, so no two ribbons ever cross.
import { h, put, s, say } from "./dom.js";
import { percent, quantity, whole } from "./route.js";

const GLYPH = 0.56, BOLD = 0.66; // width of a character, in font sizes, of a wide face

export function picture(data, uid) {
  const { names, exits } = data, last = exits - 1;
  const each = (make) => names.map((_, k) => make(k));
  const paint = (k) => `url(#${uid}-${k})`;
  const text = (name, ...children) => s("text", { class: name }, ...children);
  const trunk = each(() => s("path", { class: "ee-trunk" }));
  const right = each((k) => s("path", { class: "ee-right", fill: paint(k) }));
  const wrong = each((k) => s("path", { class: "ee-wrong", fill: paint(k), stroke: `var(--ee-${k})` }));
  const gates = each((k) => s("line", { class: "ee-gate", stroke: `var(--ee-${k})` }));
  const leaders = each(() => s("line", { class: "ee-leader" }));
  const label = each(() => text("ee-exit"));
  const share = each(() => text("ee-share"));
  const count = each(() => text("ee-count"));
  const ticks = each(() => s("line", { class: "ee-axis" }));
  const price = each(() => text("ee-price"));
  const axis = s("line", { class: "ee-axis" }), axisTitle = text("ee-price ee-start");
  const input = text("ee-exit ee-start", "Input"), inputCount = text("ee-share ee-start");
  const ends = { right: [text("ee-exit ee-start"), text("ee-share ee-start")], wrong: [text("ee-exit ee-start"), text("ee-share ee-start")] };
  const svg = s(
    "svg",
    { role: "img", "aria-label": "Routing picture", "aria-describedby": `${uid}-summary` },
    ...trunk, ...leaders, ...wrong, ...right, ...gates, axis, ...ticks, axisTitle, ...price,
    input, inputCount, ...label, ...share, ...count, ...ends.right, ...ends.wrong,
  );
  const node = h("section", { class: "ee-picture" }, svg);
  const depth = depths(data.terms, exits);
  let g = null; // the geometry, from layout()

  function layout(width, height, font) {
    if (width < 10) return;
    g = geometry(data, depth, width, height, font);
    put(svg, "width", width);
    put(svg, "height", g.height);
    put(svg, "viewBox", `0 0 ${width} ${g.height}`);
    put(svg, "font-size", font);
    const line = 1.3 * font;
    at(input, 0, font);
    at(inputCount, 0, font + line);
    say(inputCount, whole(data.samples));
    span(axis, 0, g.axis, g.x[last], g.axis);
    at(axisTitle, 0, g.axis + 1.25 * font);
    say(axisTitle, g.lines === 2 ? "Cost" : data.unit);
    names.forEach((name, k) => {
      const top = font + (k % g.tiers) * g.lines * line, x = g.x[k];
      at(label[k], x, top);
      at(share[k], x, top + line);
      at(count[k], x, top + 2 * line);
      say(label[k], clip(name, g.letters));
      label[k].append(s("title", {}, name));
      span(ticks[k], x, g.axis, x, g.axis + 4);
      at(price[k], x, g.axis + 1.25 * font + (k % g.tiers) * line);
      put(leaders[k], "y1", top + (g.lines - 1) * line + 0.4 * font);
    });
  }

  function update(now, thresholds) {
    if (!g) return;
    const scale = g.thick / data.samples, { x, bend, top } = g;
    const wrongTotal = data.samples - now.right;
    let above = 0, below = 0; // wrong and right samples that have left so far
    let from = 0;
    for (let k = 0; k < exits; k++) {
      const on = k === last || thresholds[k] !== null;
      const misses = now.count[k] - now.hits[k];
      const y0 = top + above * scale, y1 = top + g.thick - below * scale; // the trunk that reaches this exit
      put(trunk[k], "d", box(from, y0, x[k], y1));
      from = x[k];
      span(gates[k], x[k], y0, x[k], y1);
      put(leaders[k], "x1", x[k]);
      put(leaders[k], "x2", x[k]);
      put(leaders[k], "y2", y0);
      put(wrong[k], "d", misses ? ribbon(x[k], bend, g.end, y0, misses * scale, -g.rise) : "");
      put(right[k], "d", now.hits[k] ? ribbon(x[k], bend, g.end, y1 - now.hits[k] * scale, now.hits[k] * scale, g.fall) : "");
      for (const mark of [gates[k], label[k], share[k], count[k], price[k], leaders[k]]) mark.classList.toggle("ee-gone", !on);
      const two = g.lines === 2, cost = quantity(now.cost[k], data.unit).join(" ");
      say(share[k], on ? (two ? `${percent(now.share[k])} · ${whole(now.count[k])}` : percent(now.share[k])) : "removed");
      say(count[k], on && !two ? whole(now.count[k]) : "");
      say(price[k], on ? (two ? cost : cost.replace(` ${data.unit}`, "")) : "");
      above += misses;
      below += now.hits[k];
    }
    const line = 1.3 * g.font;
    // the labels of the two ends follow their ribbons and keep clear of each other and of the edges
    const wrongMiddle = top - g.rise + (wrongTotal * scale) / 2;
    const rightMiddle = top + g.fall + (wrongTotal + now.right / 2) * scale;
    const upper = Math.max(g.font, Math.min(wrongMiddle + 0.35 * g.font - line / 2, g.axis - 4 * line));
    const lower = Math.min(g.axis - 0.6 * line, Math.max(rightMiddle + 0.35 * g.font - line / 2, upper + 2.3 * line));
    endLabel(ends.wrong, g, Math.min(upper, lower - 2.3 * line), "wrong", wrongTotal, data);
    endLabel(ends.right, g, lower, "right", now.right, data);
  }
  return { node, layout, update };
}

function endLabel([head, tail], g, y, word, samples, data) {
  at(head, g.end + 0.6 * g.font, y);
  at(tail, g.end + 0.6 * g.font, y + 1.3 * g.font);
  say(head, `${whole(samples)} ${word}`);
  say(tail, percent(samples / data.samples));
}

// How deep each exit lies, 0 to 1, by the backbone alone: it does not move when an exit is switched off.
function depths(terms, exits) {
  const at = (k) => terms.reduce((product, term) => product * term.backbone[k], 1);
  const whole = at(exits - 1);
  return Array.from({ length: exits }, (_, k) => (whole ? at(k) / whole : (k + 1) / exits));
}

function geometry(data, depth, width, height, font) {
  const { exits, samples } = data, line = 1.3 * font;
  const digits = whole(samples).length;
  const margin = (digits + 6) * BOLD * font + 0.6 * font; // “4,620 wrong”
  const end = width - margin, last = exits - 1;
  const bend = Math.min(5 * font, 0.14 * width);
  const inputWidth = Math.max(digits + 2, 7) * GLYPH * font; // “Input”, “5,000”
  const x1 = end - bend - 0.5 * font;
  const wide = (digits + 9) * GLYPH * font, slim = Math.max(digits, 8) * GLYPH * font;
  const first = (room) => Math.min(inputWidth + room / 2, x1);
  const room = (need) => (last ? (x1 - first(need)) / last : x1);
  const lines = room(wide) >= wide ? 2 : 3;
  const need = lines === 2 ? wide : slim;
  const tiers = Math.min(3, Math.max(1, Math.ceil(need / Math.max(room(need), 1))));
  const gap = Math.min(need / tiers, room(need));
  const x = depth.map((d) => d * x1);
  for (let k = 0; k < exits; k++) x[k] = Math.max(x[k], k ? x[k - 1] + gap : Math.min(first(need), x1 - last * gap));
  x[last] = x1;
  for (let k = last - 1; k >= 0; k--) x[k] = Math.min(x[k], x[k + 1] - gap);
  const rise = 1.5 * font, fall = 2.6 * font;
  const top = tiers * lines * line + 0.6 * font + rise;
  const foot = fall + 0.8 * font + (tiers + 0.4) * line;
  const thick = Math.min(Math.max(height - top - foot, 5 * font), 22 * font);
  return {
    x, bend, end, top, rise, fall, thick, lines, tiers, font,
    letters: Math.max(3, Math.floor((gap * tiers) / (BOLD * font) - 0.5)),
    axis: top + thick + fall + 0.8 * font,
    height: top + thick + foot,
  };
}

const box = (x0, y0, x1, y1) => `M${x0.toFixed(1)} ${y0.toFixed(2)}H${x1.toFixed(1)}V${y1.toFixed(2)}H${x0.toFixed(1)}Z`;

// A ribbon `size` high that leaves at (x, y), shifts by `shift` within `bend`, and runs on to `end`.
function ribbon(x, bend, end, y, size, shift) {
  const f = (value) => value.toFixed(2);
  const middle = f(x + bend / 2), after = f(x + bend);
  return (
    `M${f(x)} ${f(y)}C${middle} ${f(y)} ${middle} ${f(y + shift)} ${after} ${f(y + shift)}H${f(end)}` +
    `V${f(y + shift + size)}H${after}C${middle} ${f(y + shift + size)} ${middle} ${f(y + size)} ${f(x)} ${f(y + size)}Z`
  );
}

function at(node, x, y) {
  put(node, "x", x);
  put(node, "y", y);
}

function span(node, x1, y1, x2, y2) {
  put(node, "x1", x1);
  put(node, "y1", y1);
  put(node, "x2", x2);
  put(node, "y2", y2);
}

const clip = (name, letters) => (name.length <= letters ? name : `${name.slice(0, Math.max(1, letters - 1))}…`);

// Fills of the exits: the colour, and lines over it that tell exits apart without colour.
export function patterns(data, uid) {
  const lines = { "/": ["M0 8L8 0M-2 2L2 -2M6 10L10 6"], "\\": ["M0 0L8 8M-2 6L2 10M6 -2L10 2"], "-": ["M0 4H8"], "|": ["M4 0V8"] };
  lines.x = [...lines["/"], ...lines["\\"]];
  lines["+"] = [...lines["-"], ...lines["|"]];
  const make = (shape, k) =>
    s(
      "pattern",
      { id: `${uid}-${k}`, patternUnits: "userSpaceOnUse", width: 8, height: 8 },
      s("rect", { width: 8, height: 8, fill: `var(--ee-${k})` }),
      ...(shape === "." ? [s("circle", { cx: 4, cy: 4, r: 1.3, class: "ee-dot" })] : (lines[shape] ?? []).map((d) => s("path", { d, class: "ee-hatch" }))),
    );
  return s("svg", { class: "ee-defs", "aria-hidden": "true", width: 0, height: 0 }, s("defs", {}, ...data.patterns.map(make)));
}
