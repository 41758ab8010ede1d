// Stacked bars, one row each: where the samples of a class, or of shifted inputs, leave.
import { h, put, s, say } from "./dom.js";
import { percent } from "./route.js";

const ROOM = 0.06; // share of a bar below which its number is left out

// names: of the exits; fills: SVG paints. Returns {node, update(rows)}, rows: [{name, shares}].
export function stackedBars(names, fills, label) {
  const node = h("ul", { class: "ee-rows", "aria-label": label });
  let made = [];

  function row() {
    const bars = fills.map((fill) => s("rect", { y: 0, height: "100%", fill }));
    const numbers = names.map(() => s("text", { y: "50%", dy: "0.35em", "text-anchor": "middle" }));
    const name = h("span", { class: "ee-row-name" });
    const li = h("li", {}, name, s("svg", { class: "ee-row-bar", "aria-hidden": "true" }, ...bars, ...numbers), h("span", { class: "ee-spoken" }));
    return { li, name, bars, numbers, spoken: li.lastChild };
  }

  function update(rows) {
    if (made.length !== rows.length) {
      made = rows.map(row);
      node.replaceChildren(...made.map((m) => m.li));
    }
    rows.forEach(({ name, shares }, i) => {
      const m = made[i];
      say(m.name, name);
      put(m.name, "title", name);
      let left = 0;
      shares.forEach((share, k) => {
        put(m.bars[k], "x", `${(100 * left).toFixed(2)}%`);
        put(m.bars[k], "width", `${(100 * share).toFixed(2)}%`);
        put(m.numbers[k], "x", `${(100 * (left + share / 2)).toFixed(2)}%`);
        say(m.numbers[k], share >= ROOM ? (100 * share).toFixed(0) : "");
        left += share;
      });
      say(m.spoken, names.map((exit, k) => `${percent(shares[k])} at ${exit}`).join(", "));
    });
  }
  return { node, update };
}

// Which paint is which exit.
export function exitLegend(names, fills) {
  const swatch = (fill) => s("svg", { class: "ee-swatch", "aria-hidden": "true" }, s("rect", { width: "100%", height: "100%", rx: 2, fill }));
  return h("ul", { class: "ee-legend" }, ...names.map((name, k) => h("li", {}, swatch(fills[k]), name)));
}
