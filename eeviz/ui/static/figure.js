// A plotly figure that waits for the page's one plotly, keeps what it is told meanwhile, and fits its place.
import { plotlySlot } from "./plotly_slot.js";

const TOLD = ["addTraces", "deleteTraces", "moveTraces", "restyle", "relayout", "update", "animate", "removeLayoutProps", "removeTraceProps"];
const PATIENCE = 3000; // ms after which a figure that nobody looks at asks for plotly too
const SETTLE = 80; // ms

// Changes reach a figure as messages in traits that are emptied at once: what comes before plotly must be kept.
function keep(model) {
  const kept = [];
  const ears = TOLD.map((name) => [`change:_py2js_${name}`, () => {
    const message = model.get(`_py2js_${name}`);
    if (message != null) kept.push([`_py2js_${name}`, message]);
  }]);
  ears.push(["change:_widget_data", () => kept.splice(0)]); // the whole figure came anew
  ears.forEach(([event, ear]) => model.on(event, ear));
  return () => {
    ears.forEach(([event, ear]) => model.off(event, ear));
    for (const [name, message] of kept) {
      model.set(name, message);
      model.set(name, null);
    }
  };
}

function fit(el) {
  let timer = 0, last = 0;
  const observer = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (!width || Math.abs(width - last) < 2) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const plot = el.classList.contains("js-plotly-plot") ? el : el.querySelector(".js-plotly-plot");
      if (!plot?._fullLayout || !plot.isConnected) return;
      last = width;
      if (plot.layout.width === undefined && Math.abs(plot._fullLayout.width - width) > 1) globalThis.Plotly.Plots.resize(plot);
    }, SETTLE);
  });
  observer.observe(el);
  return () => {
    clearTimeout(timer);
    observer.disconnect();
  };
}

export default () => {
  const slot = plotlySlot();
  let boot;
  return {
    // Returns at once: anywidget gives a widget two seconds to start, and one that is late never hears anything again.
    initialize(args) {
      const replay = keep(args.model);
      boot = slot.ready.then(async (make) => {
        const inner = await make();
        await inner.initialize(args);
        replay();
        return inner;
      });
      boot.catch((error) => {
        args.model.set("problem", String(error));
        args.model.save_changes();
      });
      setTimeout(slot.want, PATIENCE);
    },
    async render(args) {
      slot.want();
      const { el } = args;
      Object.assign(el.style, { width: "100%", minWidth: "0", overflow: "hidden" });
      let inner;
      try {
        inner = await boot;
      } catch (error) {
        el.textContent = `The charts cannot be drawn: plotly did not load (${error}). A newer browser may help.`;
        return undefined;
      }
      const close = await inner.render(args);
      const unfit = fit(el);
      return () => {
        unfit();
        close?.();
      };
    },
  };
};
