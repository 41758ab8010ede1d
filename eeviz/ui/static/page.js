// The page as Python needs to know it, and what Python asks of it. Draws nothing but the notice of a lost connection.
import { h, say } from "./dom.js";

const PRIVATE = ["token"];
const GRACE = 4000; // ms a broken connection may heal before anything is said
const SETTLE = 80; // ms

const theme = () => (document.body.dataset.jpThemeLight === "false" ? "dark" : "light");

function host() {
  if (document.body.dataset.voila) return "voila";
  return globalThis.jupyterapp || document.querySelector("#jp-main-dock-panel, #main.jp-LabShell") ? "lab" : "other";
}

function parameters() {
  const query = new URLSearchParams(location.search);
  PRIVATE.forEach((name) => query.delete(name));
  return query.toString();
}

function withState(state, owned) {
  const query = new URLSearchParams(location.search); // keeps token, theme and whatever else was there
  owned.forEach((name) => query.delete(name));
  Object.entries(state ?? {}).forEach(([name, value]) => query.set(name, value));
  return `${location.pathname}?${query}`;
}

function download({ name, mime }, buffer) {
  const address = URL.createObjectURL(new Blob([buffer], { type: mime }));
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// Calls onState("ok" | "waiting" | "lost" | "restarted") as the kernel's connection changes; returns how to stop.
function watch(kernel, onState) {
  let timer = 0, over = false;
  const tell = (state) => {
    clearTimeout(timer);
    if (over) return;
    over = state === "restarted" || state === "lost"; // the widgets' other halves are gone for good
    onState(state);
  };
  const connection = () => {
    const state = kernel.connectionStatus;
    if (state === "disconnected") tell("lost");
    else if (state === "connected") tell("ok");
    else {
      clearTimeout(timer);
      timer = setTimeout(() => tell("waiting"), GRACE);
    }
  };
  const status = () => {
    if (kernel.status === "dead") tell("lost");
    else if (/restarting$/.test(kernel.status)) tell("restarted");
  };
  kernel.connectionStatusChanged.connect(connection);
  kernel.statusChanged.connect(status);
  kernel.disposed?.connect(() => tell("lost"));
  return () => {
    clearTimeout(timer);
    kernel.connectionStatusChanged.disconnect(connection);
    kernel.statusChanged.disconnect(status);
  };
}

function initialize({ model }) {
  model.on("msg:custom", (message, buffers) => {
    if (message.kind === "download") download(message, buffers[0]);
  });
}

function render({ model, el }) {
  const where = host();
  const put = (values) => {
    const changed = Object.entries(values).filter(([name, value]) => model.get(name) !== value);
    changed.forEach(([name, value]) => model.set(name, value));
    if (changed.length) model.save_changes();
  };
  el.classList.add("ee-page");
  put({ href: location.origin + location.pathname, query: parameters(), theme: theme(), host: where });

  const ruler = h("div", { class: "ee-ruler" });
  el.append(ruler);
  let timer = 0;
  const sizes = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    clearTimeout(timer);
    if (width) timer = setTimeout(() => put({ width }), SETTLE);
  });
  sizes.observe(ruler);

  const themes = new MutationObserver(() => put({ theme: theme(), query: parameters() })); // a choice is in the address
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });

  const address = () => withState(model.get("state"), model.get("owned"));
  const write = () => {
    if (where === "voila") history.replaceState(history.state, "", address());
  };
  model.on("change:state", write);
  if (Object.keys(model.get("state") ?? {}).length) write();

  const text = h("span", {});
  const button = h("button", { type: "button", class: "ee-button" });
  const notice = h("div", { class: `ee-lost ee-lost-${where}`, role: "alert" });
  el.append(notice);
  button.addEventListener("click", () => {
    if (where === "voila") location.assign(address());
    else navigator.clipboard?.writeText(model.get("code")).then(() => say(button, "Copied"), () => say(button, model.get("code")));
  });

  function lost(state) {
    if (state === "ok") {
      notice.replaceChildren();
      put({ connected: true });
      return;
    }
    const what = {
      waiting: "The connection to Python was lost; trying to get it back.",
      lost: "The connection to Python was lost.",
      restarted: "Python was restarted, so this page has lost its other half.",
    }[state];
    const now = "Dragging still works here; charts, tuning and files need Python.";
    const then = where === "voila" ? "Reloading brings this view back." : "Run the notebook again to go on.";
    say(text, `${what} ${now} ${then}`);
    say(button, where === "voila" ? "Reload with this view" : "Copy the line that brings this view back");
    const useful = where === "voila" || model.get("code");
    notice.replaceChildren(text, ...(useful ? [button] : []));
  }

  const kernel = model.widget_manager?.kernel;
  const unwatch = kernel?.connectionStatusChanged ? watch(kernel, lost) : () => {};
  return () => {
    unwatch();
    sizes.disconnect();
    themes.disconnect();
    clearTimeout(timer);
    model.off("change:state", write);
  };
}

export default { initialize, render };
