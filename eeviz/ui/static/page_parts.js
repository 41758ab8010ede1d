// Head, foot and small rows of buttons of the page.
import { default as copyLine } from "./copyline.js";
import { h, say } from "./dom.js";
import { localModel } from "./local_model.js";
import { whole } from "./route.js";

export const button = (text, title, act) => {
  const node = h("button", { type: "button", class: "ee-button", title }, text);
  node.addEventListener("click", act);
  return node;
};
export const row = (...children) => h("div", { class: "ee-controls-row" }, ...children);
export const heading = (text) => h("h3", { class: "ee-heading" }, text);

function tick(text, act) {
  const box = h("input", { type: "checkbox" });
  box.addEventListener("change", () => act(box.checked));
  return { node: h("label", { class: "ee-field" }, box, h("span", {}, text)), box };
}

export function header(told, page) {
  const theme = button("", "Light or dark", () => page.set({ theme: page.state.theme === "dark" ? "light" : "dark" }));
  const large = tick("projector (large type)", (projector) => page.set({ projector }));
  const known = (text) => !text || told.title.toLowerCase().includes(text.toLowerCase());
  const note = [told.note, told.dataset].filter((text) => !known(text)).join(" · ");
  const node = h("header", { class: "ee-head" }, h("div", {}, h("h1", {}, told.title), h("p", { class: "ee-quiet" }, note)), row(large.node, theme));
  function dress({ theme: now, projector }) {
    say(theme, now === "dark" ? "☀ Light" : "☾ Dark");
    large.box.checked = projector;
  }
  return { node, dress };
}

export function history(page) {
  const undo = button("↶ Undo", "Back to the setting before the last change", page.undo);
  const redo = button("↷ Redo", "Forward again", page.redo);
  const reset = button("Reset", "Every exit open for its most confident half", () => page.setThresholds(page.state.start));
  const update = () => ([undo.disabled, redo.disabled] = [!page.canUndo(), !page.canRedo()]);
  return { node: row(undo, redo, reset), update };
}

export function pins(page) {
  const made = ["A", "B"].map((name) => ({
    name, pin: button(`Pin ${name}`, `Remember this setting as ${name}`, () => page.pin(name)), go: button(`Go to ${name}`, `Return to ${name}`, () => page.goToPin(name)),
  }));
  const update = () => made.forEach(({ name, go }) => (go.disabled = !page.state.pins[name]));
  return { node: row(...made.flatMap(({ pin, go }) => [pin, go])), update };
}

export function costChoice(names, page) {
  const select = h("select", {}, ...names.map((name) => h("option", { value: name }, name)));
  select.addEventListener("change", () => page.set({ cost: select.value }));
  const node = h("label", { class: "ee-field" }, h("span", {}, "Cost"), select);
  node.hidden = names.length < 2;
  return { node, update: () => (select.value = page.state.cost) };
}

export function foot() {
  const lines = ["Code", "Link"].map((label) => ({ model: localModel({ label, text: "" }), el: h("div", {}) }));
  lines.forEach(({ model, el }) => copyLine.render({ model, el }));
  const update = (code, link) => [code, link].forEach((text, i) => lines[i].model.put("text", text));
  return { node: h("div", {}, ...lines.map(({ el }) => el)), update };
}

const TERMS = [
  ["exit", "A classifier part of the way through the network. A sample that leaves there pays for the network up to it, and for every head it passed."],
  ["threshold", "The confidence an exit needs to answer. A sample leaves at the first exit whose confidence reaches the threshold, else at the final classifier. 0: everyone leaves; 1: nobody; off: the exit is removed and its head is not paid."],
  ["mean cost", "Averaged over the samples; MACs are the multiply-accumulates of convolutions and linear layers."],
  ["worst case", "What a sample pays that goes as deep as any can. With exits it lies above the static network's cost, for their heads are paid on the way."],
  ["static network", "The same kind of network with its final classifier only: every sample pays the same."],
  ["front", "For every mean cost the most accurate thresholds there are on a fine grid, over every choice of exits: no point of it is beaten in both."],
  ["oracle", "An upper bound nobody reaches: each sample leaves at the first exit that is right, as if that were known."],
  ["baselines", "Thresholds as published methods choose them, for one percentage point of accuracy less than the final classifier's."],
  ["report", "Samples that chose nothing. Thresholds are chosen on the tuning split, so that their figures there are optimistic."],
  ["ECE", "Expected calibration error: how far confidence and accuracy lie apart on average."],
];

export const terms = () => h("details", { class: "ee-terms" }, h("summary", {}, "What the words mean"), h("dl", {}, ...TERMS.flatMap(([word, text]) => [h("dt", {}, word), h("dd", {}, text)])));

// What is in the file, for whoever passes it on.
export function about(told) {
  const tables = [told.tuning, told.report, ...told.shifted].filter(Boolean);
  const rows = tables.map((t) => `${t.name || t.split || "records"}: ${whole(t.samples)}${t.of > t.samples ? ` of ${whole(t.of)}` : ""} samples`);
  const { picture } = told;
  if (picture) rows.push(`pictures of ${picture.step > 1 ? `every ${picture.step}th sample` : "the samples"} ${picture.levels < 256 ? `in ${picture.levels} grey levels` : ""}`);
  const words = `This file holds, for ${told.exits.length} exits, each sample's confidences and answers, its label${told.tuning.units ? ", its weight" : ""}${told.tuning.group ? ", the number of its group" : ""}: ${rows.join("; ")}. It loads nothing from anywhere, and nothing leaves it. Made with eeviz ${told.version}.`;
  return h("details", { class: "ee-terms" }, h("summary", {}, "What is in this file"), h("p", { class: "ee-sentence" }, words));
}
