// Mounts headline, controls and picture over one table of records; routes in the page, tells Python at rest.
import { controls } from "./controls.js";
import { h, say } from "./dom.js";
import { headline } from "./headline.js";
import { patterns, picture } from "./picture.js";
import { figures, howMany, percent } from "./route.js";

const REST = 60; // ms without a change that count as rest; a key held down repeats every 33 ms or so
const HELD = 500; // the same while the pointer still holds a thumb: a slow hand or a busy machine is no rest
const STACKED = 52; // width in font sizes below which controls and picture stand one above the other
let instances = 0;

// data: a table as route.js has it, and {names, patterns, colors, positions, removable, unit, static, note, wilson,
//       thresholds, interval, hidden, projector}. onRest(thresholds) is called when the user comes to rest.
// onDraw(figures, thresholds) at every redraw. Returns {setData(data), set({thresholds, interval, hidden, projector}),
// thresholds(), destroy()}.
export function mount(el, data, { onRest = () => {}, onDraw = () => {} } = {}) {
  const root = h("div", { class: "ee-router" });
  el.append(root);
  const observer = new ResizeObserver(() => fit());
  let parts, view, sent, timer = 0, frame = 0, held = false;
  const hold = () => (held = true), release = () => (held = false);
  root.addEventListener("pointerdown", hold);
  ["pointerup", "pointercancel"].forEach((name) => window.addEventListener(name, release, true));

  function setData(next) {
    const uid = `ee${++instances}`;
    view = { ...next };
    sent = view.thresholds;
    observer.disconnect();
    view.colors.light.forEach((light, k) => root.style.setProperty(`--ee-${k}`, `light-dark(${light}, ${view.colors.dark[k]})`));
    parts = {
      headline: headline(view, uid),
      controls: controls(view, uid, change),
      picture: picture(view, uid),
      summary: h("p", { class: "ee-summary", id: `${uid}-summary` }),
      spoken: h("div", { class: "ee-spoken", role: "status", "aria-live": "polite" }),
    };
    const body = h("div", { class: "ee-body" }, parts.controls.node, parts.picture.node);
    root.replaceChildren(patterns(view, uid), parts.headline.node, body, parts.summary, parts.spoken);
    dress();
    observer.observe(root);
    observer.observe(parts.controls.node);
    fit();
  }

  function dress() {
    const hidden = new Set(view.hidden);
    root.classList.toggle("ee-projector", Boolean(view.projector));
    for (const name of ["headline", "sliders", "picture", "summary", "switches", "boxes"]) root.classList.toggle(`ee-no-${name}`, hidden.has(name));
    parts.controls.lock(hidden.has("lock"));
  }

  function fit() {
    const width = root.clientWidth;
    if (!width) return;
    const font = parseFloat(getComputedStyle(root).fontSize);
    const stacked = width < STACKED * font;
    root.classList.toggle("ee-stacked", stacked);
    const beside = stacked ? 0 : parts.controls.node.offsetHeight; // 0 when hidden
    parts.picture.layout(parts.picture.node.clientWidth, Math.max(beside, 18 * font), 0.93 * font);
    draw();
  }

  function draw() {
    frame = 0;
    const now = figures(view, view.thresholds);
    parts.headline.update(now, view.thresholds, view.wilson ? wilsonText(now.interval) : view.interval);
    parts.controls.update(now, view.thresholds);
    parts.picture.update(now, view.thresholds);
    say(parts.summary, sentence(view, now));
    onDraw(now, view.thresholds);
  }
  const redraw = () => (frame ||= requestAnimationFrame(draw)); // one redraw per burst

  function change(k, threshold, settled) {
    const thresholds = [...view.thresholds];
    thresholds[k] = threshold;
    if (threshold !== null) // alternatives at one position: switching one on switches the others off
      thresholds.forEach((_, j) => (thresholds[j] = j !== k && view.positions[j] === view.positions[k] ? null : thresholds[j]));
    if (!same(thresholds, view.thresholds) && !view.wilson) view.interval = ""; // Python has it, at rest
    view.thresholds = thresholds;
    redraw();
    clearTimeout(timer);
    if (settled) rest();
    else timer = setTimeout(rest, held ? HELD : REST);
  }

  function rest() {
    clearTimeout(timer);
    if (same(sent, view.thresholds)) return;
    sent = view.thresholds;
    announce();
    onRest(sent);
  }
  const announce = () => say(parts.spoken, sentence(view, figures(view, view.thresholds)));

  function set(next) {
    const moved = next.thresholds && !same(next.thresholds, view.thresholds);
    if (moved && next.thresholds.length !== view.exits - 1) return; // of records still on their way
    Object.assign(view, next);
    if (moved) {
      clearTimeout(timer);
      sent = view.thresholds;
      announce();
    }
    if ("hidden" in next || "projector" in next) {
      dress();
      fit();
    } else redraw();
  }

  function destroy() {
    observer.disconnect();
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    ["pointerup", "pointercancel"].forEach((name) => window.removeEventListener(name, release, true));
    root.remove();
  }
  setData(data);
  return { setData, set, thresholds: () => view.thresholds, destroy };
}

const same = (a, b) => a.length === b.length && a.every((value, k) => value === b[k]);

const wilsonText = (ends) => `95 % interval ${ends.map((end) => (100 * end).toFixed(1)).join("–")} %`;

// What the picture shows, in one sentence.
function sentence(view, now) {
  const left = view.names.slice(0, -1).flatMap((name, k) => (view.thresholds[k] === null ? [] : [`${percent(now.share[k])} at ${name}`]));
  const rest = `${percent(now.share[view.exits - 1])} reach the final classifier`;
  const ratio = now.mean / view.static;
  return (
    `Of ${howMany(view.samples)}, ${left.length ? `${left.join(", ").replace(" at ", " leave at ")}, and ` : ""}${rest}; ` +
    `${view.units ? `weighted accuracy is ${percent(now.accuracy)}` : `${percent(now.accuracy)} are answered right`} ` +
    `at ${percent(ratio)} of the static network's cost on average.`
  );
}

// A DataView's bytes may start anywhere; typed arrays may not.
const bytes = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);

function read(model) {
  const units = bytes(model.get("_units"));
  return {
    ...model.get("_spec"),
    confidence: new Float32Array(bytes(model.get("_confidence"))),
    right: new Uint8Array(bytes(model.get("_right"))),
    units: units.byteLength ? new Float64Array(units) : null,
    thresholds: model.get("thresholds"),
    interval: model.get("interval"),
    hidden: model.get("hidden"),
    projector: model.get("projector"),
  };
}

function render({ model, el }) {
  const tell = (thresholds) => {
    model.set("thresholds", thresholds);
    model.save_changes();
  };
  const handle = mount(el, read(model), { onRest: tell });
  const names = ["thresholds", "interval", "hidden", "projector"];
  const handlers = names.map((name) => [`change:${name}`, () => handle.set({ [name]: model.get(name) })]);
  handlers.push(["change:_spec", () => handle.setData(read(model))]);
  handlers.forEach(([event, handler]) => model.on(event, handler));
  return () => {
    handlers.forEach(([event, handler]) => model.off(event, handler));
    handle.destroy();
  };
}

export default { render };
