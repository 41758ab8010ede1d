// Rows of pictures, one row an exit, easy to hard; a click or Enter selects, arrows walk. The card tells why.
import { h, say } from "./dom.js";
import { card } from "./gallery_card.js";
import { pictures } from "./gallery_pictures.js";

const OUTCOMES = [["all", "right and wrong"], ["right", "right only"], ["wrong", "wrong only"]];
const LINES = 2; // of pictures per exit, at first
const MORE = 4; // times as many
const MANY = 240; // as in gallery.py
const SETTLE = 80; // ms

const whole = (number) => number.toLocaleString("en");
const percent = (share) => `${(100 * share).toFixed(1)} %`;

function choice(label, options, onPick) {
  const select = h("select", {}, ...options.map(([value, text]) => h("option", { value }, text)));
  select.addEventListener("change", () => onPick(select.value));
  return { node: h("label", { class: "ee-gallery-choice" }, `${label} `, select), select };
}

function options(select, names) {
  select.replaceChildren(...names.map(([value, text]) => h("option", { value }, text)));
}

// One sample on show: a button with its picture, or with its number where there is none.
function cell() {
  const canvas = h("canvas", { "aria-hidden": "true" }), number = h("span", { class: "ee-gallery-number" });
  const mark = h("span", { class: "ee-gallery-mark", "aria-hidden": "true" }, "✕");
  return { node: h("button", { type: "button", class: "ee-gallery-cell", tabindex: "-1" }, canvas, number, mark), canvas, number, index: -1 };
}

function row(k) {
  const name = h("span", { class: "ee-gallery-exit" }), count = h("span", { class: "ee-gallery-count" });
  const strip = h("div", { class: "ee-gallery-strip", role: "group" });
  const none = h("p", { class: "ee-gallery-none" });
  const ends = h("div", { class: "ee-gallery-ends", "aria-hidden": "true" }, h("span", {}), h("span", {}));
  const swatch = h("span", { class: "ee-gallery-swatch", "aria-hidden": "true" });
  const node = h("section", { class: "ee-gallery-row", style: `--ee-gallery-color: var(--ee-gallery-${k})` }, h("h4", {}, swatch, name, count), strip, none, ends);
  return { node, name, count, strip, none, ends, cells: [] };
}

function render({ model, el }) {
  const store = pictures(model);
  const byClass = choice("True class", [], (value) => put({ of_class: value === "" ? null : Number(value) }));
  const byOutcome = choice("Answers", OUTCOMES, (value) => put({ outcome: value }));
  const more = h("button", { type: "button", class: "ee-button" }, "Show more");
  const bar = h("div", { class: "ee-gallery-bar" }, byClass.node, byOutcome.node, more);
  const table = h("div", { class: "ee-gallery-rows" });
  const detail = card(store);
  const root = h("div", { class: "ee-gallery" }, bar, h("div", { class: "ee-gallery-body" }, table, detail.node));
  el.append(root);
  let rows = [], revision = -1, lines = LINES, limit = MANY, timer = 0;
  let here = null; // {row, column} of the cell that Tab reaches

  function put(values) {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  }

  function build() {
    const spec = model.get("_spec");
    spec.light.forEach((light, k) => root.style.setProperty(`--ee-gallery-${k}`, `light-dark(${light}, ${spec.dark[k]})`));
    rows = spec.exits.map((_, k) => row(k));
    table.replaceChildren(...rows.map((r) => r.node));
    options(byClass.select, [["", "all classes"], ...spec.classes.map((name, k) => [String(k), name])]);
    root.classList.toggle("ee-gallery-plain", !spec.picture);
    revision = spec.revision;
    here = null;
  }

  function fill() {
    const spec = model.get("_spec"), told = model.get("_rows"), selected = model.get("selected");
    if (revision !== spec.revision || rows.length !== spec.exits.length) build();
    store.open(spec);
    byClass.select.value = model.get("of_class") === null ? "" : String(model.get("of_class"));
    byOutcome.select.value = model.get("outcome");
    told.forEach((data, k) => fillRow(rows[k], data, k, spec, selected));
    const shown = model.get("shown"), most = Math.max(...told.map((data) => data.total));
    const all = shown >= Math.min(most, limit);
    more.disabled = all && lines === LINES;
    say(more, all && lines > LINES ? "Show fewer" : "Show more");
    store.fetch();
    rove();
  }

  function fillRow(r, data, k, spec, selected) {
    const name = spec.exits[k];
    const filtered = model.get("of_class") !== null || model.get("outcome") !== "all";
    const what = filtered ? "of these leave here" : "samples leave here";
    say(r.name, name);
    const right = data.right_share !== null && model.get("outcome") === "all" ? `, ${percent(data.right_share)} of them right` : "";
    say(r.count, data.kept ? `${whole(data.total)} ${what}${right}` : "removed");
    r.strip.setAttribute("aria-label", `${name}: ${whole(data.total)} ${what}${right}; ${data.index.length} shown, easy to hard`);
    say(r.none, data.total ? "" : data.kept ? "None." : "");
    r.strip.hidden = !data.total;
    r.ends.hidden = data.total < 2;
    say(r.ends.firstChild, `easy: confidence ${data.ends[0] ?? ""}`);
    say(r.ends.lastChild, `hard: ${data.ends[1] ?? ""}`);
    while (r.cells.length < data.index.length) {
      const made = cell();
      r.cells.push(made);
      r.strip.append(made.node);
    }
    r.cells.forEach((c, j) => {
      c.node.hidden = j >= data.index.length;
      if (c.node.hidden) {
        c.index = -1;
        return;
      }
      const index = data.index[j], wrong = data.true[j] !== data.said[j];
      const truth = spec.classes[data.true[j]], said = spec.classes[data.said[j]];
      if (c.index !== index) {
        c.index = index;
        if (spec.picture) store.draw(c.canvas, index);
        else say(c.number, String(index));
      }
      c.node.classList.toggle("ee-gallery-wrong", wrong);
      c.node.setAttribute("aria-pressed", String(index === selected));
      c.node.setAttribute("aria-label", `sample ${index}, true ${truth}, ${name} says ${said}, ${wrong ? "wrong" : "right"}`);
      c.node.title = wrong ? `${truth}, taken for ${said}` : truth;
    });
  }

  // Roving focus: Tab enters the pictures once, arrows walk inside.
  function rove() {
    const seen = rows.map((r) => r.cells.filter((c) => !c.node.hidden));
    if (!here || !seen[here.row]?.[here.column]) {
      const first = seen.findIndex((cells) => cells.length);
      const pressed = seen.flatMap((cells, i) => cells.map((c, j) => ({ c, i, j }))).find(({ c }) => c.index === model.get("selected"));
      here = pressed ? { row: pressed.i, column: pressed.j } : first < 0 ? null : { row: first, column: 0 };
    }
    seen.forEach((cells, i) => cells.forEach((c, j) => (c.node.tabIndex = here && here.row === i && here.column === j ? 0 : -1)));
    return seen;
  }

  function find(target) {
    const node = target.closest?.(".ee-gallery-cell");
    for (let i = 0; node && i < rows.length; i++) {
      const j = rows[i].cells.findIndex((c) => c.node === node);
      if (j >= 0) return { row: i, column: j, index: rows[i].cells[j].index };
    }
    return null;
  }

  table.addEventListener("click", (event) => {
    const at = find(event.target);
    if (!at) return;
    here = at;
    put({ selected: at.index });
    press();
  });
  table.addEventListener("keydown", (event) => {
    const at = find(event.target);
    if (!at) return;
    const seen = rove();
    let { row: i, column: j } = at;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "ArrowLeft") j -= 1;
    else if (event.key === "ArrowRight") j += 1;
    else if (event.key === "Home") j = 0;
    else if (event.key === "End") j = seen[i].length - 1;
    else if (step) {
      do i += step; while (seen[i] && !seen[i].length);
      if (!seen[i]) return;
      j = Math.min(j, seen[i].length - 1);
    } else return;
    event.preventDefault();
    event.stopPropagation(); // in JupyterLab arrows would walk the cells of the notebook
    if (!seen[i][j]) return;
    here = { row: i, column: j };
    rove();
    seen[i][j].node.focus();
  });
  // Whole lines of pictures, whatever the width.
  function fit() {
    const width = table.clientWidth, first = rows.map((r) => r.cells[0]?.node).find((node) => node?.offsetWidth);
    if (!width || !first) return;
    const side = first.offsetWidth, gap = 5; // as in gallery.css
    const columns = Math.max(1, Math.floor((width + gap) / (side + gap)));
    limit = Math.floor(MANY / columns) * columns;
    const shown = Math.min(lines * columns, limit);
    if (shown !== model.get("shown")) put({ shown });
  }
  const sizes = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(fit, SETTLE);
  });
  sizes.observe(table);
  more.addEventListener("click", () => {
    lines = more.textContent === "Show fewer" ? LINES : lines * MORE;
    fit();
  });

  function press() {
    const selected = model.get("selected");
    rows.forEach((r) => r.cells.forEach((c) => c.node.setAttribute("aria-pressed", String(c.index === selected && c.index >= 0))));
    rove();
  }

  function tell() {
    detail.show(model.get("_card"), model.get("_spec"));
    store.fetch();
  }

  function dress() {
    root.classList.toggle("ee-gallery-projector", model.get("projector"));
    fit();
  }

  const ears = [["_spec", fill], ["_rows", fill], ["selected", press], ["_card", tell], ["projector", dress]];
  ears.forEach(([name, ear]) => model.on(`change:${name}`, ear));
  fill();
  tell();
  dress();
  return () => {
    ears.forEach(([name, ear]) => model.off(`change:${name}`, ear));
    sizes.disconnect();
    clearTimeout(timer);
    store.close();
  };
}

export default { render };
