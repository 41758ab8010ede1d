// The page's one state: thresholds, cost, pins, looks at the report; with undo. Whoever shows something of it asks `on`.
const BURST = 1000; // ms between moves of one slider that are one step for undo

// start: {thresholds, cost, projector, theme, hide}. Calls ears with the names of what changed.
export function pageState(start) {
  const state = { pins: {}, looks: [], reportOpen: false, ...start };
  const ears = [], past = [], future = [];
  let moved = "", time = -Infinity;

  const tell = (...names) => ears.forEach((ear) => ear(new Set(names)));
  function put(thresholds, ...names) {
    state.thresholds = thresholds;
    state.reportOpen = false;
    tell("thresholds", ...names);
  }
  const same = (a, b) => a.every((t, k) => t === b[k]);

  // remember: a step for undo of its own.
  function setThresholds(thresholds, remember = true) {
    const next = thresholds.map((t) => (t === null ? null : Math.fround(t)));
    if (same(next, state.thresholds)) return;
    if (remember) {
      past.push(state.thresholds);
      future.length = 0;
    }
    put(next);
  }

  // A slider moved: several key presses on one slider in a row are one step for undo.
  function move(thresholds) {
    const which = thresholds.flatMap((t, k) => (t === state.thresholds[k] ? [] : [k])).join();
    const goesOn = which === moved && performance.now() - time < BURST;
    setThresholds(thresholds, !goesOn);
    [moved, time] = [which, performance.now()];
  }

  function step(from, to) {
    if (!from.length) return;
    moved = "";
    to.push(state.thresholds);
    put(from.pop());
  }
  return {
    state, setThresholds, move,
    undo: () => step(past, future),
    redo: () => step(future, past),
    canUndo: () => past.length > 0,
    canRedo: () => future.length > 0,
    pin(name) {
      state.pins = { ...state.pins, [name]: state.thresholds };
      tell("pins");
    },
    goToPin: (name) => setThresholds(state.pins[name]),
    look() {
      state.looks = [...state.looks, { time: new Date().toISOString(), thresholds: state.thresholds }];
      state.reportOpen = true;
      tell("report");
    },
    set(values) {
      Object.assign(state, values);
      tell(...Object.keys(values));
    },
    on: (ear) => ears.push(ear),
  };
}

const PARAMETERS = ["t", "m", "cal", "cost", "hide", "projector"];

// What an address asks for, in its query or behind its #: {values, complaints}. told: the file's JSON.
export function fromAddress(told, address = location) {
  const asked = new URLSearchParams(address.search);
  new URLSearchParams(address.hash.slice(1)).forEach((value, name) => asked.set(name, value));
  const values = {}, complaints = [];
  const words = (text) => text.split(",").filter(Boolean);
  if (asked.get("t")) {
    const thresholds = asked.get("t").split(",").map((word) => (/^(off|none)$/i.test(word.trim()) ? null : word.trim() === "" ? NaN : Number(word)));
    const wrong = misfit(thresholds, told.spec);
    if (wrong) complaints.push(wrong);
    else values.thresholds = thresholds.map((t) => (t === null ? null : Math.fround(t)));
  }
  if (asked.has("cost")) {
    if (told.costs[asked.get("cost")]) values.cost = asked.get("cost");
    else complaints.push(`there is no cost “${asked.get("cost")}” here, only ${Object.keys(told.costs).join(", ")}`);
  }
  if (asked.has("hide")) values.hide = words(asked.get("hide"));
  if (asked.has("projector")) values.projector = asked.get("projector") === "1";
  if (/dark/i.test(asked.get("theme") ?? "")) values.theme = "dark";
  else if (asked.has("theme")) values.theme = "light";
  const other = (asked.get("m") && told.measure && asked.get("m") !== told.measure) || (asked.has("cal") && (asked.get("cal") === "1") !== told.calibrated);
  if (other) complaints.push("this file holds one confidence measure, another one needs Python");
  return { values, complaints };
}

// Why thresholds cannot be those of a table, in words; "" when they can.
export function misfit(thresholds, { exits, positions, removable }) {
  if (thresholds.length !== exits - 1) return `it gives ${thresholds.length} thresholds, these exits need ${exits - 1}`;
  const bad = thresholds.find((t) => t !== null && !(t >= 0 && t <= 1));
  if (bad !== undefined) return "a threshold is a number from 0 to 1, or “off”";
  if (!removable && thresholds.includes(null)) return "none of these exits can be removed";
  const kept = positions.slice(0, -1).filter((_, k) => thresholds[k] !== null);
  return new Set(kept).size < kept.length ? "two exits at one position cannot both be on" : "";
}

const shortest = (t) => {
  for (let digits = 1; digits < 9; digits++) if (Math.fround(Number(t.toPrecision(digits))) === t) return Number(t.toPrecision(digits));
  return Number(t.toPrecision(9));
};
const float = (t) => (Number.isInteger(shortest(t)) ? `${shortest(t)}.0` : String(shortest(t)));

// The address that brings a state back: parameters behind the #, as the explorer in Voila has them in its query.
export function toAddress(told, state, address = location) {
  const query = new URLSearchParams(address.search);
  PARAMETERS.forEach((name) => query.delete(name));
  const own = new URLSearchParams({ t: state.thresholds.map((t) => (t === null ? "off" : float(t))).join(",") });
  if (state.cost !== told.cost) own.set("cost", state.cost);
  if (state.hide.length) own.set("hide", state.hide.join(","));
  if (state.projector) own.set("projector", "1");
  const rest = query.toString();
  return `${address.href.split(/[?#]/)[0]}${rest ? `?${rest}` : ""}#${own.toString().replaceAll("%2C", ",")}`;
}

// The line of Python that opens the same view with a kernel.
export function toCode(told, state) {
  const inside = state.thresholds.map((t) => (t === null ? "None" : float(t))).join(", ");
  const words = [told.name ? `'${told.name}'` : "records", `policy=ee.Policy((${inside}${state.thresholds.length === 1 ? "," : ""}))`];
  if (told.measure) words.push(`measure='${told.measure}'`);
  words.push(`calibrated=${told.calibrated ? "True" : "False"}`);
  if (state.cost !== "macs") words.push(`cost=${JSON.stringify(state.cost)}`);
  if (state.hide.length) words.push(`hide=[${state.hide.map((part) => `'${part}'`).join(", ")}]`);
  if (state.projector) words.push("projector=True");
  return `ee.explore(${words.join(", ")})`;
}
