// Find thresholds: the best under a budget, the cheapest within a drop, the published methods' policies.
import { h, say } from "./dom.js";
import { quantity } from "./route.js";

let made = 0;

// A labelled number: {node, value(), set(value)}.
function numberBox(label, after, value, more = {}) {
  const input = h("input", { type: "number", min: 0, step: "any", value, ...more });
  input.dataset.lmSuppressShortcuts = "true";
  const unit = h("span", {}, after);
  return { node: h("label", { class: "ee-field" }, h("span", {}, label), input, unit), input, unit };
}

// ask({maxCost | maxWorst | minAccuracy | drop}, name): a button was pressed. apply(index): a baseline's.
export function tuning({ ask, apply }) {
  const id = `ee-tuning-${++made}`;
  const budget = numberBox("At most", "", 1);
  const which = h("select", { "aria-label": "of which cost" }, h("option", { value: "maxCost" }, "mean"), h("option", { value: "maxWorst" }, "worst case"));
  const under = h("button", { type: "button", class: "ee-button", title: "The thresholds with the highest accuracy within the budget, exact on a grid" }, "Best under this budget");
  const drop = numberBox("At most", "pp below the final exit", 1, { max: 100 });
  const within = h("button", { type: "button", class: "ee-button", title: "The cheapest thresholds within this drop from the final classifier, exact on a grid" }, "Cheapest within this drop");
  const preset = h("select", { "aria-label": "Baseline" });
  const use = h("button", { type: "button", class: "ee-button", title: "This published method's policy" }, "Apply");
  const presets = h("div", { class: "ee-controls-row" }, h("label", { class: "ee-field" }, h("span", {}, "Baseline"), preset), use);
  const hint = h("p", { class: "ee-field-hint", id, role: "alert" });
  let scale = 1;

  const number = (box, words, most = Infinity) => {
    const value = box.input.value === "" ? NaN : Number(box.input.value);
    const right = value >= 0 && value <= most;
    say(hint, right ? "" : words);
    if (right) box.input.removeAttribute("aria-invalid");
    else box.input.setAttribute("aria-invalid", "true");
    return right ? value : null;
  };
  under.addEventListener("click", () => {
    const value = number(budget, "A budget is a number of at least 0.");
    // 1.1 M is 1100000, not 1100000.0000000002
    if (value !== null) ask({ [which.value]: Number((value * scale).toPrecision(12)) }, "Best under this budget");
  });
  within.addEventListener("click", () => {
    const value = number(drop, "A drop is a number of percentage points from 0 to 100.", 100);
    if (value !== null) ask({ drop: value / 100 }, "Cheapest within this drop");
  });
  use.addEventListener("click", () => apply(Number(preset.value)));
  [budget, drop].forEach((box) => box.input.setAttribute("aria-describedby", id));

  // Another cost: its unit, half of the static network's as a first budget, and the baselines' policies for it.
  function scaleTo(cost, baselines) {
    const [value, unit] = quantity(cost / 2, baselines.unit);
    const prefix = unit.replace(baselines.unit, "").trim();
    scale = { T: 1e12, G: 1e9, M: 1e6, k: 1e3, "": 1, m: 1e-3, "µ": 1e-6, n: 1e-9, p: 1e-12 }[prefix];
    budget.input.value = String(Number(value.replaceAll(",", "")));
    say(budget.unit, `${unit} of the`);
    preset.replaceChildren(...baselines.list.map(({ name }, i) => h("option", { value: i }, name)));
    presets.hidden = !baselines.list.length;
  }
  const node = h("div", {},
    h("div", { class: "ee-controls-row" }, budget.node, which, under),
    h("div", { class: "ee-controls-row" }, drop.node, within),
    presets, hint);
  const busy = (value) => [under, within].forEach((button) => (button.disabled = value));
  return { node, scaleTo, busy };
}
