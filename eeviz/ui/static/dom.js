// Elements and text, written so that nothing from outside is ever parsed as HTML.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) if (value !== null) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// Text and attributes that change every frame are compared first: an equal write would still cost a layout.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function put(node, name, value) {
  const text = typeof value === "number" ? String(Math.round(value * 100) / 100) : value;
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}
