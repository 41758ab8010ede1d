// The card of one sample: its picture, each exit's confidence against its threshold, and the rule in words.
import { h, say } from "./dom.js";

// Networks are confident: most of what matters lies above 0.9, so that half of the scale shows nines.
const KNEE = 0.9, NINES = 3;
const SCALE = [0, 0.5, 0.9, 0.99, 0.999]; // labelled
const place = (confidence) => {
  if (confidence < KNEE) return (50 * confidence) / KNEE;
  return 50 + 50 * Math.min(1, (-Math.log10(Math.max(1 - confidence, 1e-9)) - 1) / NINES);
};

function scale() {
  const marks = SCALE.map((value) => h("span", { style: `left: ${place(value)}%` }, String(value)));
  return h("li", { class: "ee-card-scale", "aria-hidden": "true" }, h("span", {}), h("div", {}, ...marks));
}

function bar(k) {
  const fill = h("div", { class: "ee-card-fill" }), tick = h("div", { class: "ee-card-tick" });
  const name = h("span", { class: "ee-card-exit" }), said = h("span", { class: "ee-card-said" });
  const numbers = h("span", { class: "ee-card-numbers" });
  const track = h("div", { class: "ee-card-track", "aria-hidden": "true" }, fill, tick);
  const node = h("li", { style: `--ee-gallery-color: var(--ee-gallery-${k})` }, name, track, h("div", { class: "ee-card-told" }, said, numbers));
  return { node, fill, tick, name, said, numbers };
}

export function card(store) {
  const hint = h("p", { class: "ee-card-hint" });
  const canvas = h("canvas", { class: "ee-card-picture", "aria-hidden": "true" });
  const title = h("h4", {}), truth = h("p", {}), verdict = h("p", { class: "ee-card-verdict" });
  const head = h("div", { class: "ee-card-head" }, canvas, h("div", {}, title, truth, verdict));
  const list = h("ul", { class: "ee-card-bars", "aria-label": "Confidence of each exit against its threshold" });
  const rule = h("ol", { class: "ee-card-rule" });
  const paid = h("p", {}), hindsight = h("p", { class: "ee-card-hindsight" });
  const whole = h("div", {}, head, list, rule, paid, hindsight);
  const node = h("section", { class: "ee-card", role: "region", "aria-label": "The selected sample", "aria-live": "polite" }, hint, whole);
  let bars = [];

  function show(told, spec) {
    const empty = !told?.steps;
    whole.hidden = empty;
    say(hint, empty ? "Select a sample to see, in numbers, why it left where it did." : "");
    if (empty) return;
    canvas.hidden = !spec.picture;
    if (spec.picture) store.draw(canvas, told.index);
    say(title, `Sample ${told.index}`);
    say(truth, `True class: ${told.true}`);
    say(verdict, `${told.steps[told.exit].exit} answers ${told.answer}: ${told.right ? "right" : "wrong"}`);
    verdict.classList.toggle("ee-card-wrong", !told.right);
    if (bars.length !== told.steps.length) {
      bars = told.steps.map((_, k) => bar(k));
      list.replaceChildren(...bars.map((b) => b.node), scale());
    }
    told.steps.forEach((step, k) => fillBar(bars[k], step));
    rule.replaceChildren(...told.steps.filter((step) => step.rule).map((step) => h("li", {}, step.rule)));
    say(paid, told.paid);
    say(hindsight, told.hindsight);
  }

  function fillBar(b, step) {
    const final = step.kept && step.threshold === null;
    const state = !step.kept ? "removed" : step.leaves ? "leaves" : step.reached ? "passes" : "unasked";
    b.node.dataset.state = state;
    b.fill.style.width = `${place(step.confidence)}%`;
    b.tick.hidden = step.threshold === null;
    b.tick.style.left = `${place(step.threshold ?? 0)}%`;
    const against = step.threshold === null ? "" : ` ${step.confidence >= step.threshold ? "≥" : "<"} ${step.threshold_text}`;
    say(b.name, step.exit);
    say(b.numbers, `${step.confidence_text}${against}`);
    const mark = step.right ? "✓" : "✕", aside = { removed: " · removed", unasked: " · not asked", passes: "", leaves: final ? "" : " · leaves" }[state];
    say(b.said, `${step.said} ${mark}${aside}`);
  }

  return { node, show };
}
