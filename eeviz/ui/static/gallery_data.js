// What gallery.js asks its widget's model for, answered in the page: there is no kernel behind it.
import { apart, explain, leaving, spread } from "./explain.js";
import { localModel } from "./local_model.js";
import { costAt } from "./route.js";

const FEW = 24, PACK = 500; // as in gallery.py
const OUTCOMES = { all: null, right: true, wrong: false };

// names: exits; classes: their names; picture: {size, levels, step} or null; pictures(): a promise of their bytes.
export function galleryData(table, names, classes, colors, picture, pictures) {
  const values = { selected: null, of_class: null, outcome: "all", shown: FEW, projector: false, _rows: [], _card: {} };
  values._spec = {
    revision: 1, samples: table.samples, picture: picture?.size ?? null, exits: names, classes, light: colors.light, dark: colors.dark, pack: PACK,
  };
  const react = (name) => {
    if (!routing) return;
    if (["of_class", "outcome", "shown"].includes(name)) rows();
    if (name === "selected") card();
  };
  const model = localModel(values, { react, send }), { put } = model;
  let thresholds = null, routing = null;

  function rows() {
    const { exitOf, right } = routing;
    put("_rows", names.map((_, k) => {
      const index = leaving(table, { exitOf, right }, k, values.of_class, OUTCOMES[values.outcome]), chosen = spread(index, values.shown);
      const at = (i) => table.confidence[k * table.samples + i];
      const unit = (i) => (table.units ? table.units[i] : 1);
      const offered = index.reduce((sum, i) => sum + unit(i), 0);
      return {
        kept: k === names.length - 1 || thresholds[k] !== null, total: index.length, index: chosen,
        right_share: offered ? index.reduce((sum, i) => sum + right[i] * unit(i), 0) / offered : null,
        true: chosen.map((i) => table.label[i]), said: chosen.map((i) => table.predicted[k * table.samples + i]),
        ends: chosen.length ? apart(at(chosen[0]), at(chosen.at(-1))) : [],
      };
    }));
  }
  const card = () => put("_card", values.selected === null ? {} : explain(table, thresholds, values.selected, names, classes, costAt(table.terms, thresholds)));

  async function send({ kind, index }) {
    if (kind !== "pictures" || !picture) return;
    const all = await pictures(), size = picture.size.reduce((a, b) => a * b, 1), bytes = new Uint8Array(index.length * size);
    index.forEach((i, k) => {
      if (i % picture.step) return bytes.fill(128, k * size, (k + 1) * size); // this one's picture did not fit into the file
      const from = (i / picture.step) * size;
      for (let p = 0; p < size; p++) bytes[k * size + p] = Math.round((255 * all[from + p]) / (picture.levels - 1));
      return undefined;
    });
    model.emit("msg:custom", { kind: "pictures", revision: 1, index }, [bytes]);
  }

  // Follow other thresholds, or another cost.
  function update(nextTable, nextThresholds, nextRouting) {
    [table, thresholds, routing] = [nextTable, nextThresholds, nextRouting];
    rows();
    card();
  }
  return { model, update, put };
}
