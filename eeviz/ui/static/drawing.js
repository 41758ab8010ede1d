// Architectures drawn to one scale of MACs: the backbone as a strip, its stages and blocks as wide as they cost, and
// under it the exits' branches, each from its tap on.
import { h, s } from "./dom.js";

const STRIP = 34, BRANCH = 17, MARGIN = { left: 2, right: 10 };
const TONES = ["light-dark(#8795a1, #8c9aa6)", "light-dark(#5f7282, #a9b7c2)", "light-dark(#b3a07e, #c2ae8a)", "light-dark(#9a86a8, #b9a3c9)"];
const SHAPES = ["", "hatch", "dots", "cross"];
let drawings = 0;

const count = (macs) => (macs >= 1e6 ? `${(macs / 1e6).toPrecision(3)} M` : macs >= 1e3 ? `${(macs / 1e3).toPrecision(3)} k` : String(Math.round(macs)));

function pattern(id, tone, shape) {
  const ink = "var(--jp-layout-color1, #fff)", side = 7;
  const marks = {
    hatch: () => [s("path", { d: `M0,${side} L${side},0`, stroke: ink, "stroke-width": 1.4, opacity: 0.6 })],
    dots: () => [s("circle", { cx: 3.5, cy: 3.5, r: 1.3, fill: ink, opacity: 0.75 })],
    cross: () => [s("path", { d: `M0,${side} L${side},0 M0,0 L${side},${side}`, stroke: ink, "stroke-width": 1, opacity: 0.6 })],
  };
  return s("pattern", { id, width: side, height: side, patternUnits: "userSpaceOnUse" }, s("rect", { width: side, height: side, style: `fill: ${tone}` }), ...(marks[shape]?.() ?? []));
}

// Steps of 1, 2 or 5 times a power of ten, about `wanted` of them.
function ticks(most, wanted) {
  const raw = most / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((f) => f * power >= raw);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
}

function render({ model, el }) {
  const uid = `ee-drawing-${++drawings}`;
  const root = h("div", { class: "ee-drawing" });
  el.append(root);
  let width = 0, timer = 0;

  function one(item, most, kinds, em) {
    const wide = (text) => 0.56 * em * text.length;
    const across = Math.max(120, width - MARGIN.left - MARGIN.right), x = (macs) => MARGIN.left + (macs / most) * across;
    const top = 1.5 * em, strip = STRIP * (em / 13), line = BRANCH * (em / 13), parts = [];
    let at = 0;
    const ends = item.stages.map((stage, k) => {
      const from = at, shape = stage.shape.join(" × ");
      for (const block of stage.blocks) {
        const w = x(at + block.macs) - x(at);
        const rect = s("rect", { class: "ee-block", x: x(at), y: top, width: Math.max(w, 0.5), height: strip, fill: `url(#${uid}-${kinds.indexOf(block.kind)})` });
        rect.append(s("title", {}, `${stage.name}: ${block.words}, ${count(block.macs)} MACs, gives ${block.shape.join(" × ")}\n${block.layers.join("\n")}`));
        parts.push(rect);
        at += block.macs;
      }
      const room = x(at) - x(from);
      const label = [`${stage.name}: ${shape}`, `${k + 1}: ${shape}`, String(k + 1)].find((text) => wide(text) < room - 2);
      parts.push(s("rect", { class: "ee-stage", x: x(from), y: top, width: room, height: strip }));
      if (label) parts.push(s("text", { class: "ee-quiet", x: x(from) + 1, y: top - 0.35 * em }, label));
      return at;
    });
    let y = top + strip + 6;
    for (const branch of item.branches) {
      const from = x(ends[branch.position]), w = Math.max(x(ends[branch.position] + branch.macs) - from, 1.5);
      const words = [branch.label, `${count(branch.macs)} MACs`, ...branch.notes].join(" · ");
      const rect = s("rect", { x: from, y, width: w, height: line - 4, style: `fill: var(--ee-exit-${branch.color})` });
      rect.append(s("title", {}, `${words}\n${branch.layers.join("\n")}`));
      // as much of it as there is room for, right of the bar or left of it
      const shorter = [words, [branch.label, ...branch.notes].join(" · "), [branch.label, ...branch.notes.slice(-1)].join(" · "), branch.label];
      const right = (text) => from + w + 6 + wide(text) < width, left = (text) => from - 6 - wide(text) > 0;
      const told = shorter.find((text) => right(text) || left(text)) ?? branch.label;
      const outside = right(told) ? { x: from + w + 6, "text-anchor": "start" } : { x: from - 6, "text-anchor": "end" };
      parts.unshift(s("line", { class: "ee-tap", x1: from, x2: from, y1: top + strip, y2: y + line - 4 })); // behind every word
      parts.push(rect);
      parts.push(s("text", { ...outside, y: y + line - 4 - 0.22 * em }, told));
      y += line + 2;
    }
    y += 3;
    parts.push(s("line", { class: "ee-axis", x1: x(0), x2: x(most), y1: y, y2: y }));
    const marks = ticks(most, Math.max(2, Math.floor(width / (7 * em))));
    for (const [i, macs] of marks.entries()) {
      parts.push(s("line", { class: "ee-axis", x1: x(macs), x2: x(macs), y1: y, y2: y + 4 }));
      const number = macs ? count(macs).replace(/(\.\d*?)0+(?= |$)/, "$1").replace(/\.(?= |$)/, "") : "0";
      const text = i === marks.length - 1 ? `${number} MACs` : number;
      parts.push(s("text", { class: "ee-quiet", x: x(macs), y: y + 4 + em, "text-anchor": i === 0 ? "start" : x(macs) + wide(text) / 2 > width ? "end" : "middle" }, text));
    }
    const height = y + 1.6 * em + 2;
    return s("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": item.summary }, ...parts);
  }

  function draw() {
    const items = model.get("items"), colors = model.get("_colors");
    root.classList.toggle("ee-projector", model.get("projector"));
    const open = [...root.querySelectorAll("details")].map((d) => d.open);
    if (!items.length) {
      root.replaceChildren(h("p", { class: "ee-none" }, model.get("empty")));
      return;
    }
    if (!width) return;
    colors.light.forEach((light, k) => root.style.setProperty(`--ee-exit-${k}`, `light-dark(${light}, ${colors.dark[k]})`));
    const em = parseFloat(getComputedStyle(root).fontSize) * 0.93;
    const present = new Set(items.flatMap((item) => item.stages.flatMap((stage) => stage.blocks.map((block) => block.kind))));
    const kinds = [...new Set([...model.get("kinds"), ...present])]; // known ones first: each looks the same in every drawing
    const fills = kinds.map((_, k) => pattern(`${uid}-${k}`, TONES[k % TONES.length], SHAPES[k % SHAPES.length]));
    const reach = (item) => {
      let at = 0;
      const ends = item.stages.map((stage) => (at += stage.blocks.reduce((sum, block) => sum + block.macs, 0)));
      return Math.max(at, ...item.branches.map((branch) => ends[branch.position] + branch.macs));
    };
    const most = Math.max(...items.map(reach));
    const legend = kinds.map((kind, k) => present.has(kind) && h("li", {}, s("svg", { "aria-hidden": "true" }, s("rect", { width: "100%", height: "100%", fill: `url(#${uid}-${k})` })), kind === "layer" ? "single layer" : kind)).filter(Boolean);
    const parts = items.flatMap((item, i) => {
      const words = h("details", {}, h("summary", {}, "In words"), h("pre", {}, item.words));
      words.open = Boolean(open[i]);
      return [...(item.title ? [h("h4", {}, item.title)] : []), one(item, most, kinds, em), words];
    });
    root.replaceChildren(s("svg", { "aria-hidden": "true", style: "position: absolute; width: 0; height: 0" }, s("defs", {}, ...fills)), ...parts.slice(0, -1), h("ul", {}, ...legend), parts.at(-1));
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
  const ears = ["items", "projector", "empty", "_colors"]; // kinds never change
  ears.forEach((name) => model.on(`change:${name}`, draw));
  draw();
  return () => {
    ears.forEach((name) => model.off(`change:${name}`, draw));
    sizes.disconnect();
    clearTimeout(timer);
  };
}

export default { render };
