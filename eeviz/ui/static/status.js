// The line of news. Both live regions stand before anything is said: readers announce changes, not arrivals.
import { h, say } from "./dom.js";

function render({ model, el }) {
  const info = h("div", { role: "status", "aria-live": "polite", class: "ee-info" });
  const error = h("div", { role: "alert", class: "ee-error-text" });
  const trace = h("pre", {});
  const details = h("details", {}, h("summary", {}, "Details"), trace);
  const dismiss = h("button", { type: "button", class: "ee-button" }, "Dismiss");
  const box = h("div", { class: "ee-status" }, info, error, dismiss, details);
  el.append(box);

  function draw() {
    const level = model.get("level"), message = model.get("message");
    box.dataset.level = level;
    say(info, level === "info" ? message : "");
    say(error, level === "error" ? message : "");
    say(trace, model.get("details"));
    details.hidden = !model.get("details");
    if (details.hidden) details.open = false;
    dismiss.hidden = level === "";
  }

  dismiss.addEventListener("click", () => {
    for (const name of ["level", "message", "details"]) model.set(name, "");
    model.save_changes();
    draw();
  });
  for (const name of ["level", "message", "details"]) model.on(`change:${name}`, draw);
  draw();
}

export default { render };
