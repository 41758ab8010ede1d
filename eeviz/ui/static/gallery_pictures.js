// The pictures the page has seen: asked for once, in packs, and painted wherever they are shown.

const WAIT = 30; // ms in which wishes gather into one message

// Returns {open(spec), draw(canvas, index), fetch(), close()}.
export function pictures(model) {
  let spec = null, timer = 0;
  const known = new Map(); // index -> ImageData
  const asked = new Set();
  const wanted = new Set();
  const waiting = new Map(); // canvas -> index

  function open(next) {
    if (spec && spec.revision === next.revision) return;
    spec = next;
    [known, asked, wanted, waiting].forEach((all) => all.clear());
  }

  function paint(canvas, image) {
    if (canvas.width !== image.width) canvas.width = image.width;
    if (canvas.height !== image.height) canvas.height = image.height;
    canvas.getContext("2d").putImageData(image, 0, 0);
    canvas.classList.remove("ee-gallery-blank");
  }

  function draw(canvas, index) {
    const image = known.get(index);
    if (image) {
      waiting.delete(canvas);
      paint(canvas, image);
      return;
    }
    canvas.classList.add("ee-gallery-blank"); // what it showed before belongs to another sample
    waiting.set(canvas, index);
    wanted.add(index);
  }

  function fetch() {
    clearTimeout(timer);
    if (!spec?.picture || !wanted.size) return;
    timer = setTimeout(() => {
      const missing = [...wanted].filter((index) => !asked.has(index));
      wanted.clear();
      missing.forEach((index) => asked.add(index));
      for (let k = 0; k < missing.length; k += spec.pack) model.send({ kind: "pictures", index: missing.slice(k, k + spec.pack) });
    }, WAIT);
  }

  function unpack(bytes, at, [height, width, channels]) {
    const rgba = new Uint8ClampedArray(4 * height * width).fill(255);
    for (let p = 0; p < height * width; p++) {
      for (let c = 0; c < 3; c++) rgba[4 * p + c] = bytes[at + p * channels + (channels === 1 ? 0 : c)];
    }
    return new ImageData(rgba, width, height);
  }

  function hear(message, buffers) {
    if (message.kind !== "pictures" || !spec || message.revision !== spec.revision) return;
    const view = buffers[0];
    const bytes = view instanceof ArrayBuffer ? new Uint8Array(view) : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const size = spec.picture.reduce((a, b) => a * b, 1);
    message.index.forEach((index, k) => known.set(index, unpack(bytes, k * size, spec.picture)));
    for (const [canvas, index] of waiting) {
      if (!known.has(index)) continue;
      waiting.delete(canvas);
      paint(canvas, known.get(index));
    }
  }

  model.on("msg:custom", hear);
  return {
    open,
    draw,
    fetch,
    close() {
      clearTimeout(timer);
      model.off("msg:custom", hear);
    },
  };
}
