// The figures of the policy on the tuning split, in one strip.
import { h, put, s, say } from "./dom.js";
import { howMany, percent, quantity } from "./route.js";

function cell(title, hint, name) {
  const number = h("span", { class: "ee-number" }), unit = h("span", { class: "ee-unit" }), below = h("div", { class: "ee-below" });
  const node = h("div", { class: `ee-cell ee-${name}`, title: hint }, h("div", { class: "ee-title" }, title), h("div", { class: "ee-value" }, number, unit), below);
  return { node, number, unit, below };
}

export function headline(data, uid) {
  const accuracy = cell(data.units ? "Accuracy (weighted)" : "Accuracy", "share of samples answered right, wherever they leave", "accuracy");
  const mean = cell("Mean cost", "average over the samples: backbone up to their exit and every head passed", "mean");
  const worst = cell("Worst case", "cost of a sample that goes as deep as any can: past a threshold of 0 nobody gets", "worst");
  const saving = cell("Saving", "mean cost against the static network: same backbone, final classifier only", "saving");
  const bars = data.names.map((_, k) => s("rect", { y: 0, height: "100%", fill: `url(#${uid}-${k})` }));
  const shares = data.names.map(() => h("b", {}));
  const share = h(
    "div",
    { class: "ee-cell ee-shares" },
    h("div", { class: "ee-title" }, "Samples leaving at"),
    s("svg", { class: "ee-bar", "aria-hidden": "true" }, ...bars),
    h("ul", {}, ...data.names.map((name, k) => h("li", { title: name }, swatch(uid, k), h("span", { class: "ee-name" }, name), shares[k]))),
  );
  const note = [howMany(data.samples), data.note].filter(Boolean).join(" · ");
  const node = h(
    "section",
    { class: "ee-headline", "aria-label": "Result" },
    h("div", { class: "ee-note" }, note),
    h("div", { class: "ee-cells" }, accuracy.node, mean.node, worst.node, saving.node, share),
  );
  const [staticNumber, staticUnit] = quantity(data.static, data.unit);
  say(saving.below, `static network ${staticNumber} ${staticUnit}`);

  function update(now, thresholds, interval) {
    say(accuracy.number, (100 * now.accuracy).toFixed(2));
    say(accuracy.unit, " %");
    say(accuracy.below, interval || "95 % interval …");
    for (const [where, value] of [[mean, now.mean], [worst, now.worst]]) {
      const [number, unit] = quantity(value, data.unit);
      say(where.number, number);
      say(where.unit, ` ${unit}`);
    }
    const over = now.worst / data.static - 1;
    say(mean.below, "per sample");
    say(worst.below, `${Math.abs(over) < 5e-4 ? "the same as" : `${percent(Math.abs(over))} ${over > 0 ? "above" : "below"}`} static`);
    const saved = (100 * (1 - now.mean / data.static)).toFixed(1);
    say(saving.number, saved.replace("-", ""));
    say(saving.unit, Number(saved) < 0 ? " % more" : " %");
    let left = 0;
    now.share.forEach((part, k) => {
      put(bars[k], "x", `${(100 * left).toFixed(3)}%`);
      put(bars[k], "width", `${(100 * part).toFixed(3)}%`);
      say(shares[k], k < thresholds.length && thresholds[k] === null ? "off" : percent(part));
      left += part;
    });
  }
  return { node, update };
}

export function swatch(uid, k) {
  return s("svg", { class: "ee-swatch", "aria-hidden": "true" }, s("rect", { width: "100%", height: "100%", rx: 2, fill: `url(#${uid}-${k})` }));
}
