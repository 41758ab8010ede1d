// Brings plotly: unpacked beside the page's own work at once, loaded as a module when a figure wants it.
import { plotlySlot } from "./plotly_slot.js";

async function unpack(view) {
  const packed = new Blob([view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)]);
  const text = await new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).blob();
  return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
}

function initialize({ model }) {
  const slot = plotlySlot();
  const address = unpack(model.get("bundle"));
  address.catch(() => {}); // said where a figure waits for it
  slot.bring ??= async () => {
    const url = await address;
    const loaded = await import(url);
    URL.revokeObjectURL(url);
    return loaded.default;
  };
  slot.go();
}

export default { initialize, render() {} };
