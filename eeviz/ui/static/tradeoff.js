// Accuracy against mean cost: the front and whatever it is compared with stand still, the point of the policy moves.
import { axes, scaleOf } from "./axes.js";
import { h, put, s, say } from "./dom.js";
import { placed } from "./labels.js";
import { percent, quantity } from "./route.js";

const NEAR = 18; // pixels around the pointer in which a point of the front is meant
const ARM = 5; // half the size of a mark

const SHAPES = {
  circle: (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
  square: (r) => `M${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
  cross: (r) => `M${-r} ${-r}L${r} ${r}M${-r} ${r}L${r} ${-r}`,
  triangle: (r) => `M0 ${-r}L${r} ${r}H${-r}z`,
  diamond: (r) => `M0 ${-r}L${r} 0L0 ${r}L${-r} 0z`,
  star: (r) => `M${[...Array(10)].map((_, i) => [Math.sin((i * Math.PI) / 5), -Math.cos((i * Math.PI) / 5)].map((v) => (v * (i % 2 ? 0.45 : 1.25) * r).toFixed(2)).join(" ")).join("L")}z`,
};
// In the order of the legend: [key, words, shape].
const KINDS = [
  ["static", "static networks", "square"], ["single", "one exit alone", "circle"], ["baseline", "baselines", "cross"],
  ["oracle", "oracle", "star"], ["shifted", "shifted inputs", "diamond"], ["pin", "pins", "triangle"],
];

// onPick(index): a point of the front was clicked.
export function tradeoff(uid, { onPick }) {
  const still = s("g", {}), line = s("path", { class: "ee-front" }), dots = s("path", { class: "ee-front-dots" });
  const marks = s("g", {}), near = s("circle", { class: "ee-near", r: 7, visibility: "hidden" });
  const guide = s("path", { class: "ee-guide" }), point = s("circle", { class: "ee-now", r: 8 }), label = s("text", { class: "ee-now-label" }, "now");
  const svg = s("svg", { class: "ee-chart", role: "img", "aria-label": "Accuracy against cost", "aria-describedby": `${uid}-chart-words` }, still, line, dots, marks, guide, near, point, label);
  const tip = h("div", { class: "ee-tip", "aria-hidden": "true" });
  const legend = h("ul", { class: "ee-legend" });
  const words = h("p", { class: "ee-sentence", id: `${uid}-chart-words` });
  const frame = h("div", { class: "ee-chart-frame" }, svg, tip);
  const node = h("div", {}, frame, legend, words);
  let view = null, now = null, scale = null, places = []; // places: pixels of the front's points

  // next: {unit, split, colors: CSS colours of the exits, front: or null, points: [{kind, name, accuracy, mean, exit}], most: cost}
  function show(next) {
    view = next;
    draw();
  }

  function draw() {
    const width = frame.clientWidth;
    if (!view || !now || !width) return;
    const font = parseFloat(getComputedStyle(frame).fontSize);
    scale = scaleOf(view, now, width, Math.round(Math.min(30 * font, Math.max(21 * font, 0.56 * width))), font);
    put(svg, "width", width);
    put(svg, "height", scale.height);
    put(svg, "viewBox", `0 0 ${width} ${scale.height}`);
    still.replaceChildren(...axes(scale, `accuracy on ${view.split || "these samples"} (%)`));
    drawFront();
    drawMarks(font);
    legend.replaceChildren(...legendItems());
    place();
  }

  function drawFront() {
    const { front } = view;
    places = front ? Array.from(front.mean, (mean, i) => [scale.x(mean), scale.y(front.accuracy[i])]) : [];
    const f = (v) => v.toFixed(1);
    put(line, "d", places.map(([x, y], i) => (i ? `H${f(x)}V${f(y)}` : `M${f(x)} ${f(y)}`)).join("") + (places.length ? `H${f(scale.right)}` : ""));
    put(dots, "d", places.map(([x, y]) => `M${f(x)} ${f(y)}h0`).join(""));
  }

  const seen = () => view.points.filter((p) => Number.isFinite(p.mean) && scale.y(p.accuracy) <= scale.bottom);

  // Along the front's last stretch, for words to keep clear of.
  function tail() {
    if (!places.length) return [];
    const [x, y] = places.at(-1);
    return Array.from({ length: Math.max(0, Math.ceil((scale.right - x) / ARM)) }, (_, i) => [x + i * ARM, y]);
  }

  function drawMarks(font) {
    const shapes = Object.fromEntries(KINDS.map(([kind, , shape]) => [kind, SHAPES[shape](ARM)]));
    const points = seen();
    const made = points.map((p) => s(
      "path",
      { class: `ee-mark ee-mark-${p.kind}`, d: shapes[p.kind], transform: `translate(${scale.x(p.mean).toFixed(1)} ${scale.y(p.accuracy).toFixed(1)})`, style: p.exit === undefined ? null : `--ee-color:${view.colors[p.exit]}` },
      s("title", {}, `${p.name}: ${percent(p.accuracy, 2)} at ${quantity(p.mean, view.unit).join(" ")}`),
    ));
    const curve = points.filter((p) => p.kind === "static").map((p) => `${scale.x(p.mean).toFixed(1)} ${scale.y(p.accuracy).toFixed(1)}`);
    const named = points.filter((p) => p.kind !== "baseline").map((p) => ({ x: scale.x(p.mean), y: scale.y(p.accuracy), text: p.name.replace(/^static, /, "") }));
    const texts = placed(named, [...places, ...tail(), ...points.map((p) => [scale.x(p.mean), scale.y(p.accuracy)])], { left: scale.left, right: scale.right, top: scale.top, bottom: scale.bottom }, font * 0.86)
      .map(({ x, y, text, anchor }) => s("text", { class: "ee-mark-label", x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor }, text));
    marks.replaceChildren(s("path", { class: "ee-static-curve", d: curve.length > 1 ? `M${curve.join("L")}` : "" }), ...made, ...texts);
  }

  function legendItems() {
    const item = (mark, text) => h("li", {}, s("svg", { width: 22, height: 14, viewBox: "-11 -7 22 14", "aria-hidden": "true" }, mark), text);
    const present = new Set(seen().map((p) => p.kind));
    const items = view.front ? [item(s("path", { class: "ee-front", d: "M-11 0H11" }), `${view.frontWords ?? "best thresholds"} (front, ${view.front.mean.length} points)`)] : [];
    for (const [kind, text, shape] of KINDS) if (present.has(kind)) items.push(item(s("path", { class: `ee-mark ee-mark-${kind}`, d: SHAPES[shape](ARM) }), kind === "baseline" ? view.baselines : text));
    return items;
  }

  // Called at display rate: the point, and axes only where it would leave them.
  function move(next) {
    now = next;
    if (!scale) return draw();
    if (now.accuracy < scale.low || now.accuracy > scale.high || now.mean > scale.most) return draw();
    return place();
  }

  function place() {
    const x = scale.x(now.mean), y = scale.y(now.accuracy);
    put(point, "cx", x);
    put(point, "cy", y);
    const over = x > scale.right - 40;
    put(label, "x", over ? x - 13 : x + 13);
    put(label, "y", y + 5);
    put(label, "text-anchor", over ? "end" : "start");
    put(guide, "d", `M${x.toFixed(1)} ${scale.bottom}V${y.toFixed(1)}H${scale.left}`);
  }

  function nearest(event) {
    const box = svg.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = -1, least = NEAR * NEAR;
    places.forEach(([px, py], i) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [best, least] = [i, distance];
    });
    return best;
  }

  svg.addEventListener("pointermove", (event) => {
    const i = view?.locked ? -1 : nearest(event);
    put(near, "visibility", i < 0 ? "hidden" : "visible");
    svg.classList.toggle("ee-pointing", i >= 0);
    tip.hidden = i < 0;
    if (i < 0) return;
    put(near, "cx", places[i][0]);
    put(near, "cy", places[i][1]);
    say(tip, told(i));
    const left = Math.max(4, Math.min(places[i][0] + 14, frame.clientWidth - tip.offsetWidth - 6));
    tip.style.transform = `translate(${left}px, ${Math.max(0, places[i][1] - tip.offsetHeight - 14)}px)`;
  });
  svg.addEventListener("pointerleave", () => {
    put(near, "visibility", "hidden");
    tip.hidden = true;
  });
  svg.addEventListener("click", (event) => {
    const i = view?.locked ? -1 : nearest(event);
    if (i >= 0) onPick(i);
  });
  const told = (i) => `${percent(view.front.accuracy[i], 2)} at ${quantity(view.front.mean[i], view.unit).join(" ")}; thresholds ${view.front.thresholds[i].map((t) => (t === null ? "off" : Number(t.toPrecision(4)))).join(" · ")}. Click to go there.`;
  tip.hidden = true;
  const sizes = new ResizeObserver(() => draw());
  sizes.observe(frame);
  return { node, words, show, move, redraw: draw };
}
