// The solver beside the page: in a worker, and in slices where there can be none, so that the page answers meanwhile.
// source: text of a script that leaves solve.js's exports in globalThis.solver.
import { frontSteps } from "./solve.js";

const SLICE = 12; // ms
const WORK = `
onmessage = ({ data: { id, table, options } }) => {
  try { postMessage({ id, front: solver.front(table, options) }); }
  catch (error) { postMessage({ id, error: error.message }); }
};`;

export function solverOf(source) {
  let worker = null, asked = 0;
  const waiting = new Map();
  try {
    worker = new Worker(URL.createObjectURL(new Blob([source, WORK], { type: "text/javascript" })));
    worker.onmessage = ({ data: { id, front, error } }) => {
      const { done, fail } = waiting.get(id);
      waiting.delete(id);
      if (error) fail(new Error(error));
      else done(front);
    };
    worker.onerror = (event) => { // the browser allows no worker here: go on without
      event.preventDefault();
      worker = null;
      for (const { again } of waiting.values()) again();
      waiting.clear();
    };
  } catch {
    worker = null;
  }
  const plain = ({ samples, exits, positions, removable, terms, unit, confidence, right, units }) =>
    ({ samples, exits, positions, removable, terms, unit, confidence: confidence.slice(0, samples * (exits - 1)), right, units });

  async function inSlices(table, options) {
    const steps = frontSteps(table, options);
    for (let until = performance.now() + SLICE; ; ) {
      const { done, value } = steps.next();
      if (done) return value;
      if (performance.now() < until) continue;
      await new Promise((next) => setTimeout(next));
      until = performance.now() + SLICE;
    }
  }

  // A promise of the front, as solve.js has it.
  function front(table, options = {}) {
    if (!worker) return inSlices(plain(table), options);
    return new Promise((done, fail) => {
      const id = ++asked;
      const again = () => inSlices(plain(table), options).then(done, fail);
      waiting.set(id, { done, fail, again });
      worker.postMessage({ id, table: plain(table), options });
    });
  }
  return { front, close: () => worker?.terminate() };
}
