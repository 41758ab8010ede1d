// Words beside marks of a chart: where they hide least; left out where they would lie on each other.

const WIDE = 0.56; // of a character, in font sizes
const ROUND = 9; // pixels from a mark's middle to its words

// named: [{x, y, text}]; taken: [[x, y]] to stay clear of; box: {left, right, top, bottom}. Returns [{x, y, text, anchor}].
export function placed(named, taken, box, font) {
  const boxes = [], found = [];
  for (const { x, y, text } of named) {
    const width = WIDE * font * text.length;
    const ways = [
      { x: x + ROUND, y: y + 0.35 * font, anchor: "start" }, { x: x + ROUND, y: y + 1.1 * font, anchor: "start" },
      { x, y: y + ROUND + 0.9 * font, anchor: "middle" }, { x, y: y - ROUND, anchor: "middle" },
      { x: x - ROUND, y: y + 0.35 * font, anchor: "end" }, { x: x - ROUND, y: y - 0.5 * font, anchor: "end" }, { x: x + ROUND, y: y - 0.5 * font, anchor: "start" },
    ];
    let best = null;
    for (const way of ways) {
      const left = way.anchor === "start" ? way.x : way.anchor === "end" ? way.x - width : way.x - width / 2;
      const here = { left, right: left + width, top: way.y - 0.85 * font, bottom: way.y + 0.25 * font };
      if (here.left < box.left || here.right > box.right || here.top < box.top || here.bottom > box.bottom) continue;
      if (boxes.some((b) => b.left < here.right && here.left < b.right && b.top < here.bottom && here.top < b.bottom)) continue;
      const hidden = taken.filter(([px, py]) => px > here.left && px < here.right && py > here.top && py < here.bottom).length;
      if (!best || hidden < best.hidden) best = { ...way, hidden, here, text };
      if (!hidden) break;
    }
    if (!best) continue;
    boxes.push(best.here);
    found.push(best);
  }
  return found;
}
