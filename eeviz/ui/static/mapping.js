// An early-exit network on its processors: boxes in a chain, in them the segments as wide as they compute and as high as
// the share of samples that runs them; leaving samples bend down, the rest crosses the links.
import { h, s } from "./dom.js";

const FLOW = 64, LEAST = 16; // CSS pixels: all samples; the narrowest piece
let drawings = 0;

function render({ model, el }) {
  const uid = `ee-mapping-${++drawings}`;
  const root = h("div", { class: "ee-mapping" });
  el.append(root);
  let width = 0, timer = 0;

  function boxes(item, em) {
    const wide = (text) => 0.58 * em * text.length;
    const gap = item.links.map((link) => 18 + Math.max(...[link.name, ...link.words].map(wide)));
    const least = item.processors.map((p) => 24 + Math.max(wide(p.name) * 1.08, wide(p.note), p.steps.filter((t) => t.kind === "piece").length * LEAST));
    const room = width - 2 - gap.reduce((a, b) => a + b, 0) - least.reduce((a, b) => a + b, 0);
    const total = item.processors.reduce((sum, p) => sum + p.macs, 0) || 1;
    let at = 1;
    return item.processors.map((p, r) => {
      const across = least[r] + Math.max(0, room) * (p.macs / total), left = at;
      at += across + (gap[r] ?? 0);
      return { left, across, gap: gap[r] ?? 0 };
    });
  }

  function one(item, em) {
    const wide = (text) => 0.58 * em * text.length, scale = em / 13, high = FLOW * scale;
    const places = boxes(item, em), parts = [], labels = [];
    const top = 2.1 * em, pad = 12, end = places.at(-1).left + places.at(-1).across;
    let lowest = 0;
    item.processors.forEach((processor, r) => {
      const { left, across } = places[r], pieces = processor.steps.filter((step) => step.kind === "piece");
      const macs = pieces.reduce((sum, step) => sum + step.macs, 0) || 1;
      const spare = across - 2 * pad - pieces.length * LEAST;
      let x = left + pad;
      for (const step of processor.steps) {
        if (step.kind === "piece") {
          const w = LEAST + Math.max(0, spare) * (step.macs / macs), tall = Math.max(step.reach * high, 1.5);
          const rect = s("rect", { class: "ee-piece", x, y: top, width: Math.max(w - 1, 1), height: tall });
          rect.append(s("title", {}, step.words));
          parts.push(rect);
          const label = [step.label, step.short].find((text) => wide(text) < w - 6 && tall > 1.1 * em);
          if (label) parts.push(s("text", { class: "ee-inside", x: x + w / 2, y: top + tall / 2 + 0.34 * em, "text-anchor": "middle" }, label));
          x += w;
          continue;
        }
        const from = top + (step.reach - step.share) * high, to = top + step.reach * high, thick = Math.max(step.share * high, 2);
        const at = Math.min(x, left + across - pad - 1);
        let row = 0;
        while (labels.some((l) => l.row === row && Math.abs(l.at - at) < 4.6 * em)) row += 1;
        labels.push({ at, row, step, from, to: Math.max(to, from + 2), thick, low: left + 3, high: left + across - 3 });
        lowest = Math.max(lowest, row);
      }
    });
    const first = top + high + 0.9 * em, line = 2.4 * em;
    for (const { at, row, step, from, to, thick, low, high: most } of labels) {
      const bottom = first + row * line, right = at + thick;
      const band = s("path", { d: `M${at - 0.5},${from} Q${right},${from} ${right},${bottom} L${at},${bottom} Q${at},${to} ${at - 0.5},${to} Z`, style: `fill: var(--ee-exit-${step.color})` });
      band.append(s("title", {}, step.words));
      const middle = at + thick / 2, half = Math.max(wide(step.name), wide(step.leave)) / 2;
      const x = Math.max(Math.min(middle, most - half), low + half); // inside its box
      parts.push(band, s("text", { class: "ee-strong", x, y: bottom + em, "text-anchor": "middle" }, step.leave), s("text", { class: "ee-quiet", x, y: bottom + 2.1 * em, "text-anchor": "middle" }, step.name));
    }
    const foot = first + (lowest + 1) * line + 0.5 * em, height = foot + 1.9 * em;
    const frames = [];
    item.processors.forEach((processor, r) => {
      const { left, across, gap } = places[r];
      frames.push(s("rect", { class: processor.used ? "ee-box" : "ee-box ee-unused", x: left, y: 1, width: across, height: height - 2, rx: 5 }));
      parts.push(s("text", { class: "ee-strong", x: left + pad, y: 1.45 * em }, processor.name));
      const track = { x: left + pad, y: height - 0.75 * em, width: across - 2 * pad, height: 4 };
      if (processor.used && processor.fill !== null) {
        parts.push(s("rect", { class: "ee-track", ...track, rx: 2 }), s("rect", { class: "ee-held", ...track, width: Math.max(1, Math.min(1, processor.fill) * track.width), rx: 2 }));
      }
      parts.push(s("text", { class: "ee-quiet", x: left + pad, y: height - 1.05 * em }, processor.note));
      const link = item.links[r];
      if (!link) return;
      const x = left + across, middle = x + gap / 2, tall = link.share * high;
      if (tall > 0) parts.push(s("rect", { class: "ee-link", x, y: top, width: gap, height: Math.max(tall, 1.5) }));
      else parts.push(s("line", { class: "ee-idle", x1: x, x2: x + gap, y1: top + high / 2, y2: top + high / 2 }));
      parts.push(s("text", { class: "ee-quiet", x: middle, y: 1.45 * em, "text-anchor": "middle" }, link.name));
      link.words.forEach((text, k) => parts.push(s("text", { class: k ? "ee-quiet" : "ee-strong", x: middle, y: top + high + (1.2 + 1.2 * k) * em, "text-anchor": "middle" }, text)));
    });
    const across = Math.max(width, end + 1);
    return s("svg", { viewBox: `0 0 ${across} ${height}`, height: height * (width / across), role: "img", "aria-label": item.summary, id: `${uid}-${item.key}` }, ...frames, ...parts);
  }

  function draw() {
    const items = model.get("items"), colors = model.get("_colors");
    root.classList.toggle("ee-projector", model.get("projector"));
    if (!items.length) {
      root.replaceChildren(h("p", { class: "ee-none" }, model.get("empty")));
      return;
    }
    if (!width) return;
    colors.light.forEach((light, k) => root.style.setProperty(`--ee-exit-${k}`, `light-dark(${light}, ${colors.dark[k]})`));
    const em = parseFloat(getComputedStyle(root).fontSize) * 0.93;
    const parts = items.flatMap((item) => {
      const chip = (exit) => h("li", {}, h("span", { class: "ee-chip", style: `background: var(--ee-exit-${exit.color})`, "aria-hidden": "true" }), exit.words);
      return [h("h4", {}, item.title), h("p", { class: "ee-told" }, item.told), one(item, em), h("ul", {}, ...item.exits.map(chip))];
    });
    root.replaceChildren(...parts, h("p", { class: "ee-key" }, "Height: share of the samples. Width within a processor: MACs. Bars at the foot: memory held."));
  }

  const sizes = new ResizeObserver((entries) => {
    const now = Math.floor(entries[0].contentRect.width);
    if (!now || Math.abs(now - width) < 2) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      width = now;
      draw();
    }, width ? 80 : 0);
  });
  sizes.observe(root);
  const ears = ["items", "projector", "empty", "_colors"];
  ears.forEach((name) => model.on(`change:${name}`, draw));
  draw();
  return () => {
    ears.forEach((name) => model.off(`change:${name}`, draw));
    sizes.disconnect();
    clearTimeout(timer);
  };
}

export default { render };
