// Why one sample left where it did, in words and numbers, as eeviz.core.solve.explain has it; which samples left where.
import { quantity } from "./route.js";

const DIGITS = [2, 3, 4, 5, 6, 8];

const said = (value, unit) => (value === 0 ? `0 ${unit}` : quantity(value, unit).join(" "));
const capital = (name) => name.slice(0, 1).toUpperCase() + name.slice(1);

// With so many decimals; a tie goes to the even digit.
function fixed(value, digits) {
  const scaled = value * 10 ** digits, floor = Math.floor(scaled);
  if (scaled - floor === 0.5 && floor % 2 === 0) return (floor / 10 ** digits).toFixed(digits);
  return value.toFixed(digits);
}

// A confidence below 1 never reads as 1: no rounding turns “almost” into “sure”.
function number(value, digits) {
  const shown = fixed(value, digits);
  return value < 1 && Number(shown) >= 1 ? `0.${"9".repeat(digits)}` : shown;
}

// Two confidences in words, with the fewest digits at which rounding keeps the order that float32 sees.
export function apart(confidence, other) {
  for (const digits of DIGITS) {
    const shown = number(confidence, digits), told = number(other, digits);
    if (shown !== told || confidence === other) return [shown, told];
  }
  return [String(confidence), String(other)];
}

// names: of the exits; classes: their names. cost: of leaving at each exit.
export function explain(table, thresholds, index, names, classes, cost) {
  const { samples, exits, static: whole, unit } = table, last = exits - 1;
  const confidence = (k) => table.confidence[k * samples + index];
  const passed = thresholds.findIndex((t, k) => t !== null && confidence(k) >= Math.fround(t));
  const exit = passed < 0 ? last : passed;
  const steps = names.map((name, k) => step(name, k));
  const paid = cost[exit], share = fixed((100 * paid) / whole, 0);
  return {
    index, exit, steps, true: classes[table.label[index]], answer: steps[exit].said, right: steps[exit].right, samples,
    paid: whole <= 0 ? `It paid ${said(paid, unit)}.` : `It paid ${said(paid, unit)}, ${share} % of the static network's ${said(whole, unit)}.`,
    hindsight: hindsight(steps, exit),
  };

  function step(name, k) {
    const final = k === last, threshold = final ? null : thresholds[k], answer = classes[table.predicted[k * samples + index]];
    const right = table.right[k * samples + index] === 1, verdict = right ? "right" : "wrong";
    const reached = k <= exit, leaves = k === exit, kept = final || threshold !== null;
    const [shown, limit] = threshold === null ? [number(confidence(k), DIGITS[0]), ""] : apart(confidence(k), Math.fround(threshold));
    let rule = "";
    if (reached && final) rule = `${capital(name)}: nothing left to ask, leaves here as ${answer}: ${verdict}.`;
    else if (reached && !kept) rule = `${capital(name)}: removed, passed by.`;
    else if (leaves) rule = `${capital(name)}: ${shown} ≥ ${limit}, leaves here as ${answer}: ${verdict}.`;
    else if (reached) rule = `${capital(name)}: ${shown} < ${limit}, go on.`;
    return { exit: name, confidence: confidence(k), threshold, kept, reached, leaves, said: answer, right, confidence_text: shown, threshold_text: limit, rule };
  }
}

function hindsight(steps, exit) {
  const here = steps[exit], final = steps.at(-1);
  const earlier = steps.slice(0, exit).find((step) => step.kept && step.right);
  const later = steps.slice(exit + 1).find((step) => step.kept && step.right);
  if (!here.right && later) return `${capital(later.exit)} would have been right: ${later.said}.`;
  if (!here.right) return earlier ? `Yet ${earlier.exit} had it right: ${earlier.said}.` : "No exit has it right.";
  if (!final.right) return `The final classifier would have got it wrong: ${final.said}.`;
  return earlier ? `${capital(earlier.exit)} had it right already, for less.` : "";
}

// The samples leaving at an exit, easy to hard; ofClass and outcome (true, false) null for all.
export function leaving(table, { exitOf, right }, exit, ofClass = null, outcome = null) {
  const chosen = [];
  for (let i = 0; i < table.samples; i++) {
    if (exitOf[i] === exit && (ofClass === null || table.label[i] === ofClass) && (outcome === null || Boolean(right[i]) === outcome)) chosen.push(i);
  }
  const from = exit * table.samples;
  return chosen.sort((a, b) => table.confidence[from + b] - table.confidence[from + a] || a - b);
}

// At most `count` of them, evenly spaced by rank, the first and the last among them.
export function spread(index, count) {
  if (index.length <= count) return index;
  if (count <= 1) return index.slice(0, 1);
  const step = (index.length - 1) / (count - 1);
  const even = (x) => (x % 1 === 0.5 && Math.floor(x) % 2 === 0 ? Math.floor(x) : Math.round(x));
  return Array.from({ length: count }, (_, j) => index[j === count - 1 ? index.length - 1 : even(j * step)]);
}
