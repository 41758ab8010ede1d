// What a page's file holds, as tables: JSON in one script element, arrays as gzip in base64 in others, unpacked when asked for.

const read = (id) => document.getElementById(id).textContent;

async function unpack(number) {
  const packed = Uint8Array.from(atob(read(`ee-block-${number}`)), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

// A table as route.js has it and what metrics.js needs beside: predicted, label, group, static networks. told: one split.
export async function tableOf(told, spec, cost) {
  const number = told.wide ? Uint16Array : Uint8Array;
  const blocks = [told.confidence, told.predicted, told.label, told.units, told.group, ...told.static.map((network) => network.right)];
  const [confidence, predicted, label, units, group, ...rights] = await Promise.all(blocks.map((block) => (block === null ? null : unpack(block))));
  const table = {
    ...spec, ...cost, samples: told.samples, of: told.of, split: told.split, name: told.name,
    confidence: new Float32Array(confidence), predicted: new number(predicted), label: new number(label),
    units: units && new Float64Array(units), group: group && new Uint32Array(group),
    networks: told.static.map((network, i) => ({ ...network, right: new Uint8Array(rights[i]) })),
  };
  const right = new Uint8Array(table.samples * spec.exits);
  for (let at = 0; at < right.length; at++) right[at] = table.predicted[at] === table.label[at % table.samples] ? 1 : 0;
  return { ...table, right };
}

// Everything of the file: {told, tuning, report(), shifted(), pictures()}; the last three are unpacked once, when asked for.
export async function openFile() {
  if (!globalThis.DecompressionStream) throw new Error("This browser is too old for this page: any of the last three years will do.");
  const told = JSON.parse(read("ee-told"));
  const cost = (name) => told.costs[name];
  const once = (make) => {
    let made = null;
    return () => (made ??= make());
  };
  return {
    told,
    tuning: await tableOf(told.tuning, told.spec, cost(told.cost)),
    report: told.report && once(() => tableOf(told.report, told.spec, cost(told.cost))),
    shifted: once(() => Promise.all(told.shifted.map((one) => tableOf(one, told.spec, cost(told.cost))))),
    pictures: told.picture && once(async () => new Uint8Array(await unpack(told.picture.block))),
  };
}
