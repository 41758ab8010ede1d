// Picks or catches one file, checks its size here, and sends it slice by slice, each after the last was acknowledged.
import { h, say } from "./dom.js";

const SLICE = 1 << 20; // bytes, well below the websocket's limit
const megabytes = (size) => `${(size / 1e6).toFixed(1)} MB`;

function render({ model, el }) {
  const input = h("input", { type: "file", class: "ee-upload-input", tabindex: "-1" });
  const choose = h("button", { type: "button", class: "ee-button" });
  const hint = h("span", { class: "ee-upload-hint" }, "or drop a file here");
  const cancel = h("button", { type: "button", class: "ee-button" }, "Cancel");
  const progress = h("progress", { max: "1", value: "0", "aria-label": "upload" });
  const news = h("div", { role: "status", "aria-live": "polite", class: "ee-upload-news" });
  const path = h("input", { type: "text", placeholder: "/folder/records.npz", spellcheck: "false" });
  const open = h("button", { type: "button", class: "ee-button" }, "Open path");
  const byPath = h("div", { class: "ee-upload-path" }, h("label", {}, "Path where Python runs ", path), open);
  const zone = h("div", { class: "ee-upload", role: "group" }, choose, input, hint, progress, cancel, byPath, news);
  el.append(zone);

  let transfer = 0, running = null; // {id, file, offset, percent}

  function draw() {
    say(choose, model.get("label"));
    zone.setAttribute("aria-label", model.get("label"));
    input.accept = model.get("accept");
    byPath.hidden = !model.get("paths");
    progress.hidden = cancel.hidden = !running;
    hint.hidden = Boolean(running);
    choose.disabled = open.disabled = Boolean(running);
  }

  function end(text, wrong = false) {
    running = null;
    input.value = "";
    zone.classList.toggle("ee-upload-wrong", wrong);
    say(news, text);
    draw();
  }

  function begin(file) {
    if (running || !file) return;
    const limit = model.get("limit");
    if (file.size > limit) {
      end(`${file.name} is too big: ${megabytes(file.size)}, at most ${megabytes(limit)}.`, true);
      return;
    }
    running = { id: `${Date.now()}-${++transfer}`, file, offset: 0, percent: -1 };
    progress.value = 0;
    zone.classList.remove("ee-upload-wrong");
    say(news, `${file.name}: starting`);
    draw();
    model.send({ kind: "begin", transfer: running.id, name: file.name, size: file.size });
  }

  async function next() {
    const now = running, { file, offset } = now;
    const end_ = Math.min(offset + SLICE, file.size);
    let data;
    try {
      data = await file.slice(offset, end_).arrayBuffer();
    } catch (error) {
      if (running !== now) return;
      model.send({ kind: "cancel" });
      end(`${file.name} could not be read: ${error.message}`, true);
      return;
    }
    if (running !== now) return; // cancelled meanwhile
    model.send({ kind: "slice", transfer: now.id, offset }, undefined, [data]);
    now.offset = end_;
    progress.value = end_ / file.size;
    const tenth = Math.floor((10 * end_) / file.size); // a reader speaks every change: ten of them, not hundreds
    if (tenth !== now.percent) {
      now.percent = tenth;
      say(news, end_ < file.size ? `${file.name}: ${10 * tenth} % of ${megabytes(file.size)} sent` : `${file.name}: reading`);
    }
  }

  model.on("msg:custom", hear);
  function hear(message) {
    if (message.transfer !== (running ? running.id : null) && message.transfer !== "path") return;
    if (message.kind === "go" && running) next();
    else if (message.kind === "refused") end(message.message, true);
    else if (message.kind === "done") end(running ? `${running.file.name}: opened` : "Opened");
  }

  choose.addEventListener("click", () => input.click());
  input.addEventListener("change", () => begin(input.files[0]));
  cancel.addEventListener("click", () => {
    model.send({ kind: "cancel" });
    end("Cancelled");
    choose.focus();
  });
  open.addEventListener("click", () => model.send({ kind: "path", path: path.value }));
  path.addEventListener("keydown", (event) => event.key === "Enter" && open.click());
  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => {
    event.preventDefault();
    event.stopPropagation();
    zone.classList.add("ee-upload-over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("ee-upload-over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    zone.classList.remove("ee-upload-over");
    const files = event.dataTransfer.files;
    if (files.length > 1) say(news, "One file at a time, please.");
    else begin(files[0]);
  });
  for (const name of ["label", "accept", "paths"]) model.on(`change:${name}`, draw);
  draw();
}

export default { render };
