"""What the page says and reads off its tables, against Python's words and figures."""

import numpy as np
import pytest
from tables import random_policy, random_records, weighted
from ui_node import in_node, needs_node

from eeviz.core.solve.explain import explain, leaving, spread
from eeviz.core.solve.tradeoff import single_exits
from eeviz.core.table import metrics
from eeviz.core.table.format import precisely, shown_within
from eeviz.core.table.policy import route

pytestmark = needs_node


def whole(records, **more):
    """A case with everything that metrics.js and explain.js read of a table."""
    told = {
        "records": records,
        "predicted": records.predicted.ravel(order="F").tolist(),
        "label": records.label.tolist(),
        "confidence": records.confidence.ravel(order="F").astype("f8").tolist(),
        "group": None if records.group is None else np.unique(records.group, return_inverse=True)[1].tolist(),
        "names": list(records.exits),
        "classes": list(records.classes) if records.classes else [f"class {k}" for k in range(10)],
        "fixed": records.cost().static,
    }
    return told | more


TABLE = """const whole = (table, one) => ({...table, predicted: one.predicted, label: one.label, static: one.fixed,
  confidence: Float32Array.from(one.confidence), group: one.group});"""


def policy_for(records, seed):
    while True:
        policy = random_policy(seed, records.exits_count, np.unique(records.confidence))
        try:
            return policy, route(records, policy)
        except ValueError:
            seed += 1000


def test_the_card_says_what_python_says(tmp_path):
    cases, wanted = [], []
    for seed in range(12):
        records = random_records(seed, 60, 4, levels=8 if seed % 2 else None, classes=3)
        policy, _ = policy_for(records, seed)
        for index in range(0, 60, 3):
            costs = records.cost().at(policy.kept).tolist()
            cases.append(whole(records, thresholds=list(policy.thresholds), index=index, costs=costs))
            wanted.append(explain(records, policy, index))
    answer = f"""(table, one) => {{ {TABLE}
      const t = whole(table, one);
      return it.explain(t, one.thresholds, one.index, one.names, one.classes, one.costs); }}"""
    for story, told in zip(wanted, in_node(tmp_path, "explain.js", answer, cases), strict=True):
        assert [step["rule"] for step in told["steps"]] == [step.rule for step in story.steps]
        assert (told["paid"], told["hindsight"], told["answer"]) == (story.paid, story.hindsight, story.answer)
        texts = [(step["confidence_text"], step["threshold_text"]) for step in told["steps"]]
        assert texts == [(step.confidence_text, step.threshold_text) for step in story.steps]


def test_the_gallery_shows_the_same_samples(tmp_path):
    cases, wanted = [], []
    for seed in range(20):
        records = random_records(seed, 200, 3, levels=12)
        policy, routing = policy_for(records, seed)
        exit_index, of_class, right = seed % 3, [None, 1][seed % 2], [None, True, False][seed % 3]
        index = leaving(records, routing, exit_index, of_class, right)
        wanted.append([index.tolist(), spread(index, 7).tolist()])
        cases.append(
            whole(
                records, exit=exit_index, of=of_class, right=right, thresholds=list(policy.thresholds),
                exitOf=routing.exit_of.tolist(), hits=routing.right.astype(int).tolist(),
            )
        )  # fmt: skip
    answer = f"""(table, one) => {{ {TABLE}
      const all = it.leaving(whole(table, one), {{exitOf: one.exitOf, right: one.hits}}, one.exit, one.of, one.right);
      return [all, it.spread(all, 7)]; }}"""
    assert in_node(tmp_path, "explain.js", answer, cases) == wanted


METRICS = f"""(table, one) => {{ {TABLE}
  const t = whole(table, one), now = it.routed(t, one.thresholds), final = t.right.slice((t.exits - 1) * t.samples);
  const point = ({{accuracy, mean}}) => [accuracy, mean];
  const ends = ({{value, low, high, method}}) => [value, low, high, method];
  return {{
    oracle: point(it.oracle(t, one.thresholds)), singles: it.singleExits(t, one.names).map(point),
    own: one.names.map((_, k) => it.ownAccuracy(t, k)), flow: it.classFlow(t, now.exitOf, one.classes.length).map((row) => [...row]),
    hist: one.names.map((_, k) => {{ const h = it.histogram(t, k, 40, now.exitOf); return [[...h.right], [...h.wrong]]; }}),
    ece: one.names.map((_, k) => it.calibrationError(t, k)), interval: ends(it.accuracyInterval(t, now.right)),
    paired: ends(it.pairedInterval(t, now.right, final)), p95: it.costQuantile(it.pointAt(t, one.thresholds, ""), 0.95),
  }}; }}"""


def made(records, seed):
    policy, routing = policy_for(records, seed)
    flow = metrics.class_flow(records, routing)
    interval = metrics.accuracy_interval(records, routing.right)
    paired = metrics.paired_interval(records, routing.right, records.correct[:, -1])
    oracle = metrics.oracle(records, policy.kept)
    exits = range(records.exits_count)
    figures = {
        "oracle": [oracle.accuracy, oracle.mean_cost],
        "singles": [[p.accuracy, p.mean_cost] for p in single_exits(records)],
        "own": metrics.own_accuracy(records).tolist(),
        "flow": flow.tolist() + [[0] * records.exits_count] * (10 - len(flow)),
        "hist": [[h.tolist() for h in metrics.histogram(records, k, 40, routing.exit_of >= k)] for k in exits],
        "ece": [metrics.reliability(records, k).ece for k in exits],
        "p95": routing.cost_quantile(0.95),
    }
    return policy, figures, interval, paired


@pytest.mark.parametrize("kind", ["plain", "weighted", "grouped"])
def test_figures_and_intervals_are_pythons(tmp_path, kind):
    cases, wanted = [], []
    for seed in range(8):
        if kind == "plain":
            records = random_records(seed, 150, 4)
        else:
            records = weighted(seed, 200, 3, **({"group": None} if kind == "weighted" else {}))
        policy, *figures = made(records, seed)
        cases.append(whole(records, thresholds=list(policy.thresholds)))
        wanted.append(figures)
    for (figures, *intervals), told in zip(wanted, in_node(tmp_path, "metrics.js", METRICS, cases), strict=True):
        for name, value in figures.items():
            np.testing.assert_allclose(told[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
        for interval, (value, low, high, method) in zip(intervals, (told["interval"], told["paired"]), strict=True):
            assert method == interval.method
            assert value == pytest.approx(interval.value, abs=1e-9)  # the page's weights are the exact integers
            loose = 0.012 if kind == "grouped" else 1e-9  # other random numbers
            assert [low, high] == pytest.approx([interval.low, interval.high], abs=loose)


def test_budgets_are_read_as_pythons(tmp_path):
    values = [
        (1638416.0, "MACs"),
        (1.64e6, "MACs"),
        (999.0, "MACs"),
        (0.00213, "s"),
        (0.0021, "s"),
        (5e-7, "J"),
        (3.44e6, "MACs"),
    ]
    cases = [{"value": value, "unit": unit} for value, unit in values]
    told = in_node(
        tmp_path,
        "route.js",
        "(_, one) => [it.precisely(one.value, one.unit), it.shownWithin(one.value, one.unit)]",
        cases,
    )
    for (value, unit), (words, most) in zip(values, told, strict=True):
        assert words == precisely(value, unit)
        assert most == pytest.approx(shown_within(value, unit), rel=1e-12)
