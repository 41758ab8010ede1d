// A lab's buttons and how far what they run has come. A click is a message; which buttons may be pressed comes back.
import { h, put, say } from "./dom.js";

function render({ model, el }) {
  const buttons = new Map(model.get("buttons").map(([name, text, title]) => [name, h("button", { type: "button", class: "ee-button", title }, text)]));
  const words = h("span", { class: "ee-run-words", role: "status", "aria-live": "polite" });
  const bars = h("div", { class: "ee-run-bars" });
  const root = h("div", { class: "ee-run", role: "group", "aria-label": model.get("label") }, h("div", { class: "ee-run-buttons" }, ...buttons.values(), words), bars);
  el.append(root);
  const lines = new Map();
  let keyed = false, pressed = ""; // was the last press by key; the button that had the keyboard when it was switched off
  buttons.forEach((button, name) =>
    button.addEventListener("click", (event) => {
      keyed = event.detail === 0;
      model.send({ kind: "press", name });
    }),
  );
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") event.stopPropagation(); // in JupyterLab Enter would edit the cell
  });

  // A button that is switched off loses the keyboard: it gets it back, or the one that stands out now does. A step
  // comes to its end by itself, so its button is waited for.
  function follow(allowed, main) {
    const here = document.activeElement;
    if (!pressed || (here && here !== document.body && !root.contains(here))) pressed = "";
    else if (allowed.includes(pressed)) focus(pressed);
    else if (pressed !== "step" && allowed.includes(main)) focus(main);
  }

  function focus(name) {
    buttons.get(name).focus({ preventScroll: true });
    pressed = "";
  }

  function line(name) {
    const label = h("span", {}), fill = h("div", { class: "ee-run-fill" }), text = h("span", { class: "ee-run-quiet" });
    const track = h("div", { class: "ee-run-track", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, fill);
    bars.append(label, track, text);
    const made = { label, fill, text, track };
    lines.set(name, made);
    return made;
  }

  function draw() {
    const allowed = model.get("allowed"), main = model.get("main");
    buttons.forEach((button, name) => {
      if (keyed && button === document.activeElement && !allowed.includes(name)) pressed = name;
      button.disabled = !allowed.includes(name);
      button.classList.toggle("ee-run-main", name === main);
    });
    follow(allowed, main);
    say(words, model.get("words"));
    root.classList.toggle("ee-projector", model.get("projector"));
    const progress = model.get("progress"), names = progress.map((one) => one.name);
    if ([...lines.keys()].join("\n") !== names.join("\n")) {
      bars.replaceChildren();
      lines.clear();
      names.forEach(line);
    }
    for (const one of progress) {
      const { label, fill, text, track } = lines.get(one.name);
      say(label, one.label);
      fill.style.width = `${(100 * one.share).toFixed(1)}%`;
      put(track, "aria-valuenow", Math.round(100 * one.share));
      put(track, "aria-label", `${one.name} progress`);
      track.classList.toggle("ee-run-waiting", Boolean(one.waiting));
      if (one.waiting) waits.set(one.name, waits.get(one.name) ?? Date.now());
      else waits.delete(one.name);
      say(text, told(one));
    }
  }

  // What has no news of its own yet shows that time passes.
  const waits = new Map();
  const told = (one) => (one.waiting ? `${one.words} · ${Math.floor((Date.now() - waits.get(one.name)) / 1000)} s` : one.words);
  const clock = setInterval(() => {
    for (const one of model.get("progress")) if (one.waiting && lines.has(one.name)) say(lines.get(one.name).text, told(one));
  }, 1000);

  const ears = ["allowed", "main", "words", "progress", "projector"];
  ears.forEach((name) => model.on(`change:${name}`, draw));
  draw();
  return () => {
    clearInterval(clock);
    ears.forEach((name) => model.off(`change:${name}`, draw));
  };
}

export default { render };
