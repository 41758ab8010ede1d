// One row per exit: switch, slider in share leaving, box for the threshold, and what it does.
import { h, put, say } from "./dom.js";
import { swatch } from "./headline.js";
import { decimal, percent, shareAbove, thresholdForShare, whole } from "./route.js";

const STEP = 0.01, FINE_STEP = 0.001;
const RANGE = "between 0 and 1";

// change(k, threshold or null, settled): the user asks for a threshold; settled when no more of the same gesture follows.
export function controls(data, uid, change) {
  const rows = data.names.slice(0, -1).map((name, k) => row(data, uid, name, k, change));
  const last = data.names.length - 1;
  const live = h("div", { class: "ee-live" });
  const letters = Math.max(...data.names.map((name) => name.length));
  const node = h(
    "section",
    { class: "ee-controls", "aria-label": "Thresholds", style: `--ee-names:${Math.min(10, Math.max(5.4, 1.6 + 0.62 * letters))}em` },
    h("div", { class: "ee-heads", "aria-hidden": "true" }, h("span", {}, "confident enough"), h("span", {}, "threshold")),
    ...rows.map((r) => r.node),
    h("div", { class: "ee-row ee-final", role: "group", "aria-label": data.names[last] },
      h("span", { class: "ee-label", title: data.names[last] }, swatch(uid, last), h("span", { class: "ee-name" }, data.names[last])), live),
  );

  function update(now, thresholds) {
    rows.forEach((r, k) => r.update(now, thresholds[k]));
    say(live, now.count[last] ? `${percent(now.share[last])} get here, ${percent(now.exitAccuracy[last])} of them right` : "nobody gets here");
  }
  function lock(locked) {
    for (const r of rows) r.lock(locked);
  }
  return { node, update, lock };
}

function row(data, uid, name, k, change) {
  const ascending = data.confidence.slice(k * data.samples, (k + 1) * data.samples).sort();
  const toggle = h("input", { type: "checkbox", role: "switch", "aria-label": `${name} on` });
  const slider = h("input", { type: "range", min: 0, max: 100, step: "any", "aria-label": `${name} share leaving` });
  const box = h("input", { type: "number", min: 0, max: 1, step: "any", "aria-label": `${name} threshold`, "aria-describedby": `${uid}-hint-${k}` });
  const live = h("div", { class: "ee-live" });
  const hint = h("div", { class: "ee-hint", id: `${uid}-hint-${k}`, role: "alert" });
  const node = h(
    "div",
    { class: "ee-row", role: "group", "aria-label": name, style: `--ee-color:var(--ee-${k})` },
    h("label", { class: "ee-switch", title: `${name}: on, or removed with its head` }, toggle, h("span", {})),
    h("span", { class: "ee-label", title: name }, swatch(uid, k), h("span", { class: "ee-name" }, name)),
    slider, box, live, hint,
  );
  // JupyterLab would take arrow keys and the space bar for commands of its own
  for (const input of [toggle, slider, box]) input.dataset.lmSuppressShortcuts = "true";
  let current = null; // the threshold in force, null when removed
  let remembered = thresholdForShare(ascending, 0.5); // what switching on brings back
  let dragging = false, typing = false;

  const complain = (text) => {
    say(hint, text);
    if (text) box.setAttribute("aria-invalid", "true");
    else box.removeAttribute("aria-invalid");
  };
  const typed = () => {
    const value = box.value === "" ? NaN : Number(box.value);
    return value >= 0 && value <= 1 ? Math.fround(value) : null;
  };

  const ask = (threshold, settled) => {
    current = threshold; // at once: the next event may come before the redraw
    apply();
    change(k, threshold, settled);
  };

  toggle.addEventListener("change", () => ask(toggle.checked ? remembered : null, true));
  slider.addEventListener("input", () => {
    dragging = true;
    complain("");
    ask(thresholdForShare(ascending, slider.value / 100), false);
  });
  slider.addEventListener("change", () => {
    dragging = false;
    ask(current, true);
  });
  box.addEventListener("input", () => {
    typing = true;
    const value = typed();
    complain(value === null ? `${RANGE}, please; still ${decimal(current)}` : "");
    if (value !== null) ask(value, false);
  });
  box.addEventListener("change", () => {
    if (typed() === null) return;
    typing = false;
    ask(current, true);
  });
  box.addEventListener("blur", () => {
    typing = false;
    if (current === null) return;
    box.value = decimal(current);
    if (hint.textContent) complain(`kept ${decimal(current)}: a threshold lies ${RANGE}`);
    box.removeAttribute("aria-invalid");
  });
  box.addEventListener("keydown", (event) => {
    const sign = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!sign) return;
    event.preventDefault(); // step="any" would jump by 1, from one end to the other
    const step = event.shiftKey ? FINE_STEP : STEP;
    const value = Math.min(1, Math.max(0, Math.round((current + sign * step) / FINE_STEP) * FINE_STEP));
    typing = false;
    complain("");
    ask(Math.fround(value), false);
  });
  box.addEventListener("wheel", () => box.blur(), { passive: true }); // scrolling the page must not move a threshold

  function update(now, threshold) {
    if (threshold !== current && !typing) complain("");
    current = threshold;
    const on = threshold !== null;
    if (on) remembered = threshold;
    toggle.checked = on;
    node.classList.toggle("ee-off", !on);
    apply();
    if (!on) {
      box.value = "";
      say(live, "removed: its head is not paid");
      return;
    }
    const confident = shareAbove(ascending, threshold);
    if (!dragging) slider.value = 100 * confident;
    slider.style.setProperty("--ee-fill", `${slider.value}%`);
    if (!typing && box.value !== decimal(threshold)) box.value = decimal(threshold);
    put(slider, "aria-valuetext", `${percent(confident)} of all samples are confident enough, threshold ${decimal(threshold)}`);
    say(live, now.count[k] ? `${percent(now.share[k])} leave here, ${percent(now.exitAccuracy[k])} of them right` : "nobody leaves here");
    put(live, "title", `${whole(now.count[k])} samples leave here, ${whole(now.hits[k])} of them right`);
  }
  let locked = false;
  function apply() {
    slider.disabled = box.disabled = locked || current === null;
    toggle.disabled = locked || !data.removable;
  }
  function lock(value) {
    locked = value;
    apply();
  }
  return { node, update, lock };
}
