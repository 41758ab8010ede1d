// The candidates as a table: sorted by a click on a heading, walked with the arrow keys, selected with Enter or a click.
import { h, say } from "./dom.js";

function render({ model, el }) {
  const head = h("tr", {}), body = h("tbody", {});
  const none = h("p", { class: "ee-candidates-none" });
  const table = h("table", { role: "grid", "aria-label": "Candidates" }, h("thead", {}, head), body);
  const scroll = h("div", { class: "ee-candidates-scroll" }, table);
  const root = h("div", { class: "ee-candidates" }, scroll, none);
  el.append(root);
  let order = null; // {column, down}
  let here = 0;

  function columns() {
    head.replaceChildren(
      ...model.get("columns").map((title, c) => {
        const button = h("button", { type: "button" }, title);
        button.addEventListener("click", () => {
          order = { column: c, down: order?.column === c ? !order.down : true };
          fill();
        });
        return h("th", { scope: "col" }, button);
      }),
    );
  }

  function sorted() {
    const rows = [...model.get("rows")];
    if (!order) return rows;
    const value = (row) => row.values[order.column];
    return rows.sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === y) return 0;
      if (x === null || y === null) return x === null ? 1 : -1;
      return (x < y ? -1 : 1) * (order.down ? -1 : 1);
    });
  }

  function fill() {
    const rows = sorted(), selected = model.get("selected"), focused = body.contains(document.activeElement);
    [...head.children].forEach((th, c) => th.setAttribute("aria-sort", order?.column === c ? (order.down ? "descending" : "ascending") : "none"));
    here = Math.min(here, Math.max(rows.length - 1, 0));
    const at = rows.findIndex((row) => row.key === selected);
    if (at >= 0 && !focused) here = at;
    body.replaceChildren(
      ...rows.map((row, i) => {
        const tr = h("tr", { tabindex: i === here ? "0" : "-1", "aria-selected": String(row.key === selected) }, ...row.cells.map((text) => h("td", {}, text)));
        tr.dataset.key = row.key;
        return tr;
      }),
    );
    scroll.hidden = !rows.length;
    say(none, rows.length ? model.get("note") : "No candidate has been evaluated yet.");
    root.classList.toggle("ee-projector", model.get("projector"));
    if (focused) body.children[here]?.focus();
  }

  function choose(tr) {
    if (!tr?.dataset.key) return;
    model.set("chosen", "");
    model.set("chosen", tr.dataset.key);
    model.save_changes();
  }

  function mark() {
    const selected = model.get("selected");
    [...body.children].forEach((tr) => tr.setAttribute("aria-selected", String(tr.dataset.key === selected)));
  }

  body.addEventListener("click", (event) => choose(event.target.closest("tr")));
  body.addEventListener("keydown", (event) => {
    const tr = event.target.closest("tr"), rows = [...body.children];
    if (!tr) return;
    let to = rows.indexOf(tr);
    if (event.key === "ArrowDown") to += 1;
    else if (event.key === "ArrowUp") to -= 1;
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = rows.length - 1;
    else if (event.key === "Enter" || event.key === " ") choose(tr);
    else return;
    event.preventDefault();
    event.stopPropagation(); // in JupyterLab keys would walk the cells of the notebook
    if (!rows[to]) return;
    rows.forEach((row, i) => (row.tabIndex = i === to ? 0 : -1));
    here = to;
    rows[to].focus();
  });
  const ears = [["columns", () => (columns(), fill())], ["rows", fill], ["selected", mark], ["note", fill], ["projector", fill]];
  ears.forEach(([name, ear]) => model.on(`change:${name}`, ear));
  columns();
  fill();
  return () => ears.forEach(([name, ear]) => model.off(`change:${name}`, ear));
}

export default { render };
