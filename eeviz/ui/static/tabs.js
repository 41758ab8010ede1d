// Tabs: a list of buttons, one panel on show (WAI-ARIA: arrows walk, Home and End jump).
import { h } from "./dom.js";

// pages: [{title, node, shown()}]; shown is called whenever a page comes on show. Returns {node, current()}.
export function tabs(pages, uid, label) {
  let open = 0;
  const buttons = pages.map(({ title }, k) => h("button", { type: "button", role: "tab", id: `${uid}-tab-${k}`, "aria-controls": `${uid}-panel-${k}` }, title));
  const panels = pages.map(({ node }, k) => h("div", { role: "tabpanel", id: `${uid}-panel-${k}`, "aria-labelledby": `${uid}-tab-${k}`, class: "ee-panel" }, node));
  const list = h("div", { role: "tablist", "aria-label": label, class: "ee-tablist" }, ...buttons);

  function show(index, focus = false) {
    open = index;
    buttons.forEach((button, k) => {
      button.setAttribute("aria-selected", String(k === index));
      button.tabIndex = k === index ? 0 : -1;
      panels[k].hidden = k !== index;
    });
    if (focus) buttons[index].focus();
    pages[index].shown();
  }
  buttons.forEach((button, k) => button.addEventListener("click", () => show(k)));
  list.addEventListener("keydown", (event) => {
    const last = pages.length - 1;
    const next = { ArrowRight: open === last ? 0 : open + 1, ArrowLeft: open === 0 ? last : open - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    show(next, true);
  });
  return { node: h("div", { class: "ee-tabs" }, list, ...panels), show, current: () => open };
}
