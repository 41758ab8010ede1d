// The explorer of one file: headline, sliders and picture as in Voila, and around them what Python does there.
import { exitLegend, stackedBars } from "./bars.js";
import { h, say } from "./dom.js";
import { default as gallery } from "./gallery.js";
import { galleryData } from "./gallery_data.js";
import { histograms } from "./histograms.js";
import { localModel } from "./local_model.js";
import { accuracyInterval, classFlow, oracle, ownAccuracy, pointAt, routed, singleExits } from "./metrics.js";
import { about, button, costChoice, foot, header, heading, history, pins, row, terms } from "./page_parts.js";
import { fromAddress, pageState, toAddress, toCode } from "./page_state.js";
import { comparison, exitCsv, exitTable, intervalText, report } from "./page_tables.js";
import { patterns } from "./picture.js";
import { costAt, figures, percent, precisely, quantity, shownWithin } from "./route.js";
import { mount } from "./router.js";
import { choose, leastWorst } from "./solve.js";
import { solverOf } from "./solver_worker.js";
import { default as statusLine } from "./status.js";
import { tabs } from "./tabs.js";
import { tradeoff } from "./tradeoff.js";
import { tuning } from "./tuning.js";

const UID = "ee-page";
const FIRST = 40; // ms in which the page answers before the next part of it is made
const LIVE = 150_000; // answers up to which the open tab follows every frame of a drag
const ROUTER_PARTS = ["headline", "sliders", "switches", "boxes", "picture", "summary", "lock"];
const PARTS = [...ROUTER_PARTS, "chart", "tuning", "pins", "report", "tabs", "open", "code"];
const said = (value, unit) => quantity(value, unit).join(" ");
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(2)} pp`;

// file: as openFile gives it. Fills root.
export function explorer(root, file) {
  const { told } = file, names = told.exits, { spec } = told;
  const asked = fromAddress(told), unknown = (asked.values.hide ?? []).filter((part) => !PARTS.includes(part));
  if (unknown.length) asked.complaints.push(`there is no part “${unknown.join(", ")}” to hide`);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const page = pageState({
    thresholds: told.thresholds, start: told.start, cost: told.cost, projector: told.projector, hide: told.hide, theme: dark ? "dark" : "light",
    ...asked.values, ...(asked.values.hide ? { hide: PARTS.filter((part) => asked.values.hide.includes(part)) } : {}),
  });
  const { state } = page, shows = (part) => !state.hide.includes(part), locked = state.hide.includes("lock");
  const priced = (table) => ({ ...table, ...told.costs[state.cost] });
  const largest = Math.max(...[file.tuning].flatMap((t) => [t.label, t.predicted]).map((all) => all.reduce((a, b) => Math.max(a, b), 0)));
  const classes = told.classes ?? Array.from({ length: largest + 1 }, (_, k) => `class ${k}`);
  const solver = solverOf(document.getElementById("ee-solver").textContent);
  const fills = names.map((_, k) => `url(#${UID}-${k})`), colors = names.map((_, k) => `var(--ee-${k})`);
  let table = priced(file.tuning), front = null, shifted = null, reported = null, busy = 0;

  const news = localModel({ level: "", message: "", details: "" });
  const inform = (level, message) => (news.put("level", ""), news.put("message", message), news.put("level", level));
  const guarded = (work, doing) => Promise.resolve().then(work).catch((error) => inform("error", `${doing} did not work: ${error.message}`));

  // --- parts
  spec.colors.light.forEach((light, k) => root.style.setProperty(`--ee-${k}`, `light-dark(${light}, ${spec.colors.dark[k]})`));
  const head = header(told, page), newsBox = h("div", {}), routerBox = h("div", {}), steps = history(page), pinned = pins(page), costs = costChoice(Object.keys(told.costs), page);
  statusLine.render({ model: news, el: newsBox });
  const chart = tradeoff(UID, { onPick: (i) => page.setThresholds(front.thresholds[i]) });
  const walk = h("input", { type: "range", min: 0, max: 0, value: 0, disabled: "", class: "ee-walk", "aria-label": "Along the best thresholds" });
  const walkRow = h("label", { class: "ee-field ee-walk-row" }, h("span", {}, "Along the best thresholds"), walk);
  const find = tuning({ ask: (wish, name) => guarded(() => ask(wish, name), name), apply: applyBaseline });
  const compared = h("div", {}), reportBox = h("div", {});
  const open = button("Open the report", "Read the report split once, at this setting", () => guarded(openReport, "Opening the report"));
  const lines = foot();

  // --- tabs
  const samples = h("div", {}), gallerySource = galleryData(table, names, classes, spec.colors, told.picture, file.pictures);
  const histogram = histograms(names);
  const flow = stackedBars(names, fills, "Where the samples of each class leave"), flowWords = h("p", { class: "ee-sentence" });
  const shift = stackedBars(names, fills, "Where shifted inputs leave"), shiftWords = h("p", { class: "ee-sentence" });
  const exitsBox = h("div", {});
  const pages = [
    { title: "Samples", node: samples, shown: rest },
    { title: "Confidence", node: histogram.node, live: (t, now) => histogram.update(table, t, now.exitOf) },
    { title: "Classes", node: h("div", {}, exitLegend(names, fills), flow.node, flowWords), live: drawClasses },
    ...(told.shifted.length ? [{ title: "Shifted inputs", node: h("div", {}, exitLegend(names, fills), shift.node, shiftWords), live: drawShifted, shown: () => guarded(loadShifted, "Opening the shifted inputs") }] : []),
    { title: "Table", node: h("div", {}, exitsBox, row(button("Download as CSV", "This table as a file", download))), live: (t) => exitsBox.replaceChildren(exitTable(table, t, names)) },
  ].map((one) => ({ shown: () => one.live?.(state.thresholds, routed(table, state.thresholds)), ...one }));
  const book = tabs(pages, UID, "Views of the samples");

  // --- the page
  const panel = h("section", { "aria-label": "Tools" }, steps.node, costs.node,
    ...(shows("tuning") ? [heading("Find thresholds"), find.node] : []),
    ...(shows("pins") ? [heading("Compare"), pinned.node, compared] : []),
    ...(shows("report") ? [heading("Report"), row(open), reportBox] : []));
  const first = h("div", { class: "ee-first" }, ...(shows("chart") ? [h("section", { "aria-label": "Accuracy against cost" }, heading("Accuracy against cost"), chart.node, walkRow)] : []), panel);
  root.append(patterns(spec, UID), head.node, newsBox, routerBox, first, ...(shows("tabs") ? [book.node] : []), ...(shows("code") ? [lines.node] : []), terms(), about(told));
  dress();
  gallery.render({ model: gallerySource.model, el: samples });
  const router = mount(routerBox, routerView(), { onRest: page.move, onDraw: live });

  function routerView() {
    const of = table.of > table.samples ? ` (evenly taken from ${table.of.toLocaleString("en")})` : "";
    return {
      ...table, ...spec, unit: table.unit, static: table.static, thresholds: state.thresholds, interval: interval(), projector: state.projector,
      note: `${table.split || "these samples"}${of}: thresholds are chosen here, so optimistic`, hidden: state.hide.filter((part) => ROUTER_PARTS.includes(part)),
    };
  }
  function interval() {
    return spec.wilson ? "" : intervalText(accuracyInterval(table, routed(table, state.thresholds).right));
  }

  // At display rate, while something moves: nothing here may be slow.
  function live(now, thresholds) {
    if (shows("chart")) chart.move(now);
    const { live: follow } = pages[book.current()];
    if (follow && shows("tabs") && table.samples * table.exits <= LIVE) follow(thresholds, routed(table, thresholds));
  }

  // Everything that follows a change at rest.
  function rest() {
    const { thresholds } = state, now = routed(table, thresholds);
    drawChart();
    if (shows("tabs")) {
      const page = pages[book.current()];
      if (page.live) page.live(thresholds, now);
      else gallerySource.update(table, thresholds, now);
    }
    compared.replaceChildren(...comparison(table, thresholds, state.pins));
    drawReport();
    steps.update();
    pinned.update();
    costs.update();
    const address = toAddress(told, state);
    lines.update(toCode(told, state), address);
    try {
      globalThis.history.replaceState(null, "", address);
    } catch { /* some browsers allow no other address for a file: the line above still has it */ }
  }

  function points() {
    const { thresholds } = state, macs = state.cost === "macs";
    return [
      ...(macs ? table.networks.map((n) => ({ kind: "static", ...n })) : []),
      ...singleExits(table, names).map((p, exit) => ({ kind: "single", exit, ...p })),
      ...told.costs[state.cost].baselines.map((p) => ({ kind: "baseline", ...p })),
      { kind: "oracle", ...oracle(table, thresholds) },
      ...(state.reportOpen && shifted ? shifted.map((t) => ({ kind: "shifted", ...pointAt(priced(t), thresholds, t.name) })) : []),
      ...Object.entries(state.pins).map(([name, t]) => ({ kind: "pin", ...pointAt(table, t, name) })),
    ];
  }

  function drawChart() {
    if (!shows("chart")) return;
    const now = figures(table, state.thresholds), everything = costAt(table.terms, spec.positions.slice(0, -1).map((at, k, all) => (all.indexOf(at) === k ? 1 : null)));
    chart.move(now);
    chart.show({ unit: table.unit, split: table.split, colors, front, points: points(), most: everything.at(-1), locked, baselines: `baselines at ${100 * told.drop} pp drop` });
    const here = `Now: ${percent(now.accuracy, 2)} at ${said(now.mean, table.unit)} per sample.`;
    if (!front) return say(chart.words, `${here} The best thresholds are being computed.`);
    const best = choose(front, { maxCost: now.mean }), ahead = best < 0 ? 0 : front.accuracy[best] - now.accuracy;
    walk.max = front.mean.length - 1;
    walk.disabled = locked || !front.mean.length;
    walk.value = Math.max(0, best);
    walk.setAttribute("aria-valuetext", best < 0 ? "cheaper than all of them" : `${percent(front.accuracy[best], 2)} at ${said(front.mean[best], table.unit)}`);
    return say(chart.words, `${here} ${besideFront(now, best, ahead)} Click any point of the front to go there.`);
  }

  function besideFront(now, best, ahead) {
    if (best < 0) return "No point of the front is as cheap.";
    if (ahead > 0) return `The front reaches ${percent(front.accuracy[best], 2)} at no more cost, ${signed(ahead)}.`;
    const cheapest = front.mean[choose(front, { minAccuracy: now.accuracy })] ?? now.mean, less = 1 - cheapest / now.mean;
    return less > 5e-4 ? `The front is as accurate at ${said(cheapest, table.unit)}, ${percent(less)} less.` : "No point of the front does better at this cost.";
  }

  async function solve() {
    const turn = ++busy;
    front = null;
    find.busy(true);
    const found = await solver.front(table);
    if (turn !== busy) return; // another cost since
    front = found;
    find.busy(false);
    drawChart();
  }

  // --- tuning
  async function ask({ maxCost, maxWorst, drop }, name) {
    const { unit } = table;
    let thresholds = null, why = "";
    if (maxCost !== undefined) {
      const at = choose(front, { maxCost: shownWithin(maxCost, unit) });
      thresholds = front.thresholds[at];
      why = `no policy costs at most ${precisely(maxCost, unit)} on average: the cheapest costs ${precisely(front.mean[0], unit)} (accuracy ${percent(front.accuracy[0], 2)}).`;
    } else if (maxWorst !== undefined) {
      const most = shownWithin(maxWorst, unit), least = leastWorst(table);
      const best = most >= least ? await solver.front(table, { maxWorst: most }) : { thresholds: [] };
      thresholds = best.thresholds.at(-1);
      why = `no policy has a worst case of at most ${precisely(maxWorst, unit)}: the lowest is ${precisely(least, unit)}.`;
    } else {
      const minAccuracy = ownAccuracy(table, table.exits - 1) - drop;
      thresholds = front.thresholds[choose(front, { minAccuracy })];
      why = `no policy on the grid reaches ${percent(minAccuracy, 2)}: the best is ${percent(front.accuracy.at(-1), 2)}.`;
    }
    if (!thresholds) throw new Error(why);
    found(thresholds, name);
  }

  function applyBaseline(index) {
    const baseline = told.costs[state.cost].baselines[index];
    found(baseline.thresholds, baseline.name);
  }

  function found(thresholds, name) {
    page.setThresholds(thresholds);
    const now = figures(table, state.thresholds);
    inform("info", `${name}: ${percent(now.accuracy, 2)} at ${said(now.mean, table.unit)}, worst case ${said(now.worst, table.unit)}, on this split, chosen here, so optimistic.`);
  }

  walk.addEventListener("input", () => {
    walk.setAttribute("aria-valuetext", `${percent(front.accuracy[walk.value], 2)} at ${said(front.mean[walk.value], table.unit)}`);
    router.set({ thresholds: front.thresholds[walk.value] });
  });
  walk.addEventListener("change", () => page.move(front.thresholds[walk.value]));

  // --- report and shifted inputs
  async function openReport() {
    reported ??= await file.report();
    await loadShifted();
    page.look();
  }

  function drawReport() {
    open.disabled = !told.report;
    const times = state.looks.length, looks = times ? ` Looked at ${times} time${times === 1 ? "" : "s"} so far.` : "";
    const shut = told.report ? `Shut: figures on samples that chose nothing.${looks} It shuts again when a threshold moves.` : "This file holds no report split.";
    reportBox.replaceChildren(...(state.reportOpen ? report(priced(reported), state.thresholds, names, times) : [h("p", { class: "ee-sentence" }, shut)]));
  }

  async function loadShifted() {
    shifted ??= await file.shifted();
    drawShifted();
  }

  function drawShifted() {
    const { thresholds } = state;
    if (!shifted || !shifted.length) return;
    const current = router?.thresholds() ?? thresholds, clean = figures(table, current);
    const rows = [[`${table.split || "tuning"} (clean)`, clean], ...shifted.map((t) => [t.name, figures(priced(t), current)])];
    shift.update(rows.map(([name, now]) => ({ name, shares: now.share })));
    const [worst, last] = rows.at(-1);
    const accuracies = state.reportOpen ? `Accuracies: ${rows.slice(1).map(([name, now]) => `${name} ${percent(now.accuracy)}`).join(", ")}.` : "How the accuracy fares is report data: open the report to see it.";
    say(shiftWords, `At the same thresholds, “${worst}” moves the share of the final classifier from ${percent(clean.share.at(-1))} to ${percent(last.share.at(-1))} and the mean cost from ${said(clean.mean, table.unit)} to ${said(last.mean, table.unit)}. ${accuracies}`);
  }

  function drawClasses(thresholds, { exitOf }) {
    const rows = classFlow(table, exitOf, classes.length).map((counts, c) => {
      const total = counts.reduce((a, b) => a + b, 0), shares = counts.map((n) => n / total);
      return { name: classes[c], total, shares, mean: shares.reduce((sum, share, k) => sum + share * k, 0) };
    }).filter((one) => one.total).sort((a, b) => a.mean - b.mean);
    flow.update(rows);
    const [easy, hard] = [rows[0], rows.at(-1)];
    say(flowWords, `“${easy.name}” is the easiest class here: ${percent(easy.shares[0])} of it leaves at the first exit; “${hard.name}” is the hardest: ${percent(hard.shares.at(-1))} of it goes to the final classifier.`);
  }

  function download() {
    const link = h("a", { href: URL.createObjectURL(new Blob([exitCsv(table, state.thresholds, names)], { type: "text/csv" })), download: "exits.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  // --- what follows what
  function dress() {
    document.body.dataset.jpThemeLight = String(state.theme !== "dark");
    root.classList.toggle("ee-projector", state.projector);
    head.dress(state);
    gallerySource.put("projector", state.projector);
  }
  page.on((changed) => {
    if (changed.has("theme") || changed.has("projector")) {
      dress();
      router.set({ projector: state.projector });
    }
    if (changed.has("cost")) {
      table = priced(file.tuning);
      find.scaleTo(table.static, { unit: table.unit, list: told.costs[state.cost].baselines });
      router.setData(routerView());
      guarded(solve, "Finding the best thresholds");
    }
    if (changed.has("thresholds")) {
      if (news.get("level") === "info") inform("", "");
      router.set({ thresholds: state.thresholds, interval: interval() });
    }
    rest();
  });
  addEventListener("hashchange", () => {
    const { values, complaints } = fromAddress(told);
    if (complaints.length) inform("error", `The address does not fit: ${complaints.join("; ")}.`);
    if (values.thresholds) page.setThresholds(values.thresholds);
  });
  find.scaleTo(table.static, { unit: table.unit, list: told.costs[state.cost].baselines });
  if (asked.complaints.length) inform("error", `The address does not fit: ${asked.complaints.join("; ")}.`);
  chart.move(figures(table, state.thresholds));
  // First the sliders, which can be moved already; then the chart; then what takes longest.
  requestAnimationFrame(() => setTimeout(() => {
    guarded(solve, "Finding the best thresholds");
    drawChart();
    setTimeout(() => (shows("tabs") ? book.show(0) : rest()), FIRST);
  }, FIRST));
}
