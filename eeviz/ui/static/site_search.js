// The reader of a search: the front of one method with the others' beside it; a point on it is a network, drawn below.
import { h, say } from "./dom.js";
import { default as drawing } from "./drawing.js";
import { localModel } from "./local_model.js";
import { button, heading, row } from "./page_parts.js";
import { tradeoff } from "./tradeoff.js";

const told = JSON.parse(document.getElementById("ee-told").textContent), root = document.getElementById("ee-root");
const [main, ...others] = told.lanes;
const figure = (name) => Float64Array.from(main.points, (point) => point[name]);
const front = { accuracy: figure("accuracy"), mean: figure("mean"), worst: figure("worst"), thresholds: main.points.map((point) => point.thresholds) };
const beside = others.flatMap((lane) => lane.points.map((point) => ({ kind: "baseline", name: `${lane.method}: ${point.name}`, accuracy: point.accuracy, mean: point.mean })));

const chart = tradeoff("ee-search", { onPick: show });
const walk = h("input", { type: "range", min: 0, max: main.points.length - 1, class: "ee-walk", "aria-label": "Along the front" });
const walkRow = h("label", { class: "ee-field ee-walk-row" }, h("span", {}, "Along the front"), walk);
const model = localModel({ items: [], empty: "", kinds: told.kinds, projector: false, _colors: told.colors });
const picture = h("div", {}), words = h("p", { class: "ee-sentence", role: "status" }), open = h("a", { class: "ee-link" });
const kept = h("p", { class: "ee-quiet" }, "The store kept the records of a few networks only; of this one it kept the figures.");
const theme = button("☾ Dark", "Light or dark", () => dress(document.body.dataset.jpThemeLight === "true"));

function dress(dark) {
  document.body.dataset.jpThemeLight = String(!dark);
  say(theme, dark ? "☀ Light" : "☾ Dark");
}

function show(index) {
  const point = main.points[index];
  walk.value = index;
  walk.setAttribute("aria-valuetext", `${point.name}, ${point.figures}`);
  chart.move(point);
  say(words, `${point.drawing.title}: ${point.figures}.`);
  say(chart.words, `${main.points.length} networks and thresholds of ${main.method}, none both dearer and no better than another; crosses: ${others.map((lane) => `${lane.points.length} of ${lane.method}`).join(", ")}.`);
  open.hidden = !point.page;
  kept.hidden = Boolean(point.page);
  open.href = `${point.page}#t=${point.thresholds.map((t) => (t === null ? "off" : t)).join(",")}`;
  say(open, "Open this network in the explorer");
  model.put("items", [{ ...point.drawing, title: "" }]);
}

root.replaceChildren(
  h("header", { class: "ee-head" }, h("h1", {}, told.title), row(h("a", { class: "ee-link", href: "index.html" }, "All pages"), theme)),
  h("p", { class: "ee-sentence" }, told.words),
  h("div", { class: "ee-first" },
    h("section", { "aria-label": "Accuracy against cost" }, heading("Accuracy against cost"), chart.node, walkRow),
    h("section", { "aria-label": "The network" }, heading("The network"), words, open, kept)),
  heading("Its drawing"), picture,
);
dress(matchMedia("(prefers-color-scheme: dark)").matches || /dark/.test(location.search));
drawing.render({ model, el: picture });
walk.addEventListener("input", () => show(Number(walk.value)));
const start = Math.max(0, main.points.findLastIndex((point) => point.page)); // one that can be opened
chart.move(main.points[start]);
chart.show({ unit: main.unit, split: "search-validation", colors: [], front, points: beside, most: Math.max(...front.mean), locked: false, whole: true, frontWords: main.method, baselines: others.map((lane) => lane.method).join(", ") });
show(start);
