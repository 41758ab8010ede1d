// Where the page keeps its one copy of plotly: the carrier brings it, the first figure to be drawn asks for it.
const VERSION = "@VERSION@"; // filled in by Python

function plotlySlot() {
  const slots = (globalThis.__eevizPlotly ??= {});
  if (slots[VERSION]) return slots[VERSION];
  const slot = (slots[VERSION] = { wanted: false, bring: null });
  slot.ready = new Promise((resolve, reject) => Object.assign(slot, { resolve, reject }));
  // Loading blocks the page for a while; begun before the other widgets stand, it would make them miss their start.
  slot.want = () => {
    slot.wanted = true;
    slot.go();
  };
  slot.go = () => {
    if (!slot.wanted || !slot.bring) return;
    const bring = slot.bring;
    slot.go = () => {};
    bring().then(slot.resolve, slot.reject);
  };
  return slot;
}

export { plotlySlot };
