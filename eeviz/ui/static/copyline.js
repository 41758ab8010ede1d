// A line of text and a button that copies it. Copied here and not through Python: browsers want the click itself.
import { h, say } from "./dom.js";

const SHOWN = 2000; // ms

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text); // absent without https or localhost
  } catch {
    const area = h("textarea", { readonly: "", class: "ee-offscreen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("the browser refused to copy");
  }
}

function render({ model, el }) {
  const label = h("span", { class: "ee-copy-label" });
  const line = h("code", { tabindex: "0" });
  const button = h("button", { type: "button", class: "ee-button" }, "Copy");
  const news = h("span", { role: "status", "aria-live": "polite", class: "ee-copy-news" });
  el.append(h("div", { class: "ee-copy" }, label, line, button, news));
  let timer = 0;

  const draw = () => {
    say(label, model.get("label"));
    say(line, model.get("text"));
    button.setAttribute("aria-label", `Copy ${model.get("label")}`.trim());
  };
  button.addEventListener("click", async () => {
    try {
      await copy(model.get("text"));
      say(news, "Copied");
    } catch {
      getSelection().selectAllChildren(line);
      say(news, "Could not copy: the line is selected, press Ctrl+C");
    }
    clearTimeout(timer);
    timer = setTimeout(() => say(news, ""), SHOWN);
  });
  model.on("change:text", draw);
  model.on("change:label", draw);
  draw();
  return () => clearTimeout(timer);
}

export default { render };
