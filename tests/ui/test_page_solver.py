"""The solver and the rule in the page against Python's."""

import numpy as np
import pytest
from tables import random_policy, random_records
from ui_node import in_node, needs_node

from eeviz.core.solve.thresholds import choose, front
from eeviz.core.table.cost import Cost, ProductCost
from eeviz.core.table.policy import route
from eeviz.core.table.records import balanced

pytestmark = needs_node

FRONT = """(table, one) => {
  try {
    const f = it.front(table, one.options);
    return {accuracy: [...f.accuracy], mean: [...f.mean], worst: [...f.worst], thresholds: f.thresholds};
  } catch (error) { return {error: error.message}; }
}"""


def tables(count, seed=0):
    """Random records of every kind: ties, weights, alternatives, products, free heads, exits that must stay, one exit."""
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        exits = int(rng.integers(1, 6))
        fields = {}
        if rng.random() < 0.3 and exits > 2:
            fields["position"] = np.sort(rng.integers(0, exits - 1, exits))
            fields["position"][-1] = exits
        elif rng.random() < 0.25:
            fields["removable"] = False
        heads = rng.integers(0, 4, exits) * 100.0
        backbone = np.cumsum(rng.integers(0, 9, exits)) * 1000.0 + 500
        kind = rng.integers(0, 4)
        cost = Cost(backbone, heads, "MACs" if kind else "B")
        if kind == 1:
            cost = ProductCost(Cost(backbone * 1e-7, heads * 1e-7, "J"), Cost(backbone * 3e-6, heads * 1e-6, "s"))
        records = random_records(
            [seed, i],
            int(rng.integers(1, 250)),
            exits,
            levels=int(rng.choice([2, 10, 1000])),
            costs={"macs": cost},
            **fields,
        )
        if rng.random() < 0.3:
            weight = balanced(records.label) if rng.random() < 0.5 else rng.random(len(records)) + 0.01
            records = type(records)(
                records.confidence, records.predicted, records.label, records.costs, records.position, weight,
                removable=records.removable,
            )  # fmt: skip
        yield records, rng


def options_of(records, rng):
    early = records.exits_count - 1
    options = {}
    if rng.random() < 0.7:
        options["grid"] = int(rng.integers(1, 12))
    if rng.random() < 0.3:
        options["max_exits"] = early if not records.removable else int(rng.integers(0, early + 1))
    if rng.random() < 0.3:
        options["max_worst"] = float(records.cost().static * rng.choice([0.5, 0.8, 1.0, 1.1, 1.5]))
    return options


def test_the_front_is_pythons_point_by_point(tmp_path):
    wanted, cases = [], []
    for records, rng in tables(500):
        options = options_of(records, rng)
        try:
            wanted.append(front(records, **options))
        except ValueError as error:
            wanted.append(error)
        names = {"grid": "grid", "max_exits": "maxExits", "max_worst": "maxWorst"}
        cases.append({"records": records, "options": {names[n]: v for n, v in options.items()}})
    points = 0
    for f, told, case in zip(wanted, in_node(tmp_path, "solve.js", FRONT, cases), cases, strict=True):
        if isinstance(f, ValueError):
            assert "error" in told or not told["mean"], (str(f), case["options"])
            continue
        assert "error" not in told, (told, case["options"])
        thresholds = np.array([[np.nan if t is None else t for t in row] for row in told["thresholds"]], "f4")
        np.testing.assert_array_equal(f.thresholds, thresholds.reshape(f.thresholds.shape), str(case["options"]))
        for mine, name in ((f.accuracy, "accuracy"), (f.mean_cost, "mean"), (f.worst_cost, "worst")):
            np.testing.assert_array_equal(mine, told[name], name)
        points += len(f)
    assert points > 2500
    assert sum(isinstance(f, ValueError) for f in wanted) > 10


@pytest.mark.parametrize(("samples", "exits"), [(3000, 4), (800, 12)])
def test_the_default_grid_is_pythons(tmp_path, samples, exits):
    position = None if exits < 6 else np.arange(exits) // 2
    records = random_records(1, samples, exits, position=position)
    if position is not None and position[-1] == position[-2]:
        position[-1] += 1
        records = random_records(1, samples, exits, position=position)
    f = front(records)
    (told,) = in_node(tmp_path, "solve.js", FRONT, [{"records": records, "options": {}}])
    np.testing.assert_array_equal(f.mean_cost, told["mean"])
    np.testing.assert_array_equal(f.accuracy, told["accuracy"])
    np.testing.assert_array_equal(
        f.thresholds, np.array([[np.nan if t is None else t for t in row] for row in told["thresholds"]], "f4")
    )


def test_the_choice_is_pythons(tmp_path):
    records = random_records(3, 400, 4)
    f = front(records)
    asked = [("maxCost", c) for c in np.linspace(f.mean_cost[0], f.mean_cost[-1] * 1.2, 25)]
    asked += [("minAccuracy", a) for a in np.linspace(f.accuracy[0] - 0.1, f.accuracy[-1], 25)]
    cases = [{"records": records, "asked": {name: float(value)}} for name, value in asked]
    got = in_node(tmp_path, "solve.js", "(table, one) => it.choose(it.front(table), one.asked)", cases)
    names = {"maxCost": "max_cost", "minAccuracy": "min_accuracy"}
    assert got == [choose(f, records, **{names[n]: v}) for n, v in asked]
    impossible = [{"records": records, "asked": {"maxCost": 1.0}}, {"records": records, "asked": {"minAccuracy": 1.01}}]
    assert in_node(tmp_path, "solve.js", "(t, one) => it.choose(it.front(t), one.asked)", impossible) == [-1, -1]


FIGURES = """(table, one) => {
  const exitOf = [], f = it.figures(table, one.thresholds);
  const { count } = it.route(table, one.thresholds, exitOf);
  return {exitOf, count: [...count], accuracy: f.accuracy, mean: f.mean, worst: f.worst,
          exit: [...f.exitAccuracy].map((v) => (Number.isNaN(v) ? null : v))};
}"""


def test_the_rule_and_its_figures_are_pythons(tmp_path):
    wanted, cases = [], []
    for i, (records, _) in enumerate(tables(400, seed=9)):
        for j in range(25):
            policy = random_policy([i, j], records.exits_count, np.unique(records.confidence))
            try:
                routing = route(records, policy)
            except ValueError:
                continue
            wanted.append(routing)
            cases.append({"records": records, "thresholds": list(policy.thresholds)})
    assert len(cases) > 4000
    for routing, told in zip(wanted, in_node(tmp_path, "route.js", FIGURES, cases), strict=True):
        assert told["exitOf"] == routing.exit_of.tolist()
        assert told["count"] == routing.count.tolist()
        for mine, name in ((routing.accuracy, "accuracy"), (routing.mean_cost, "mean"), (routing.worst_cost, "worst")):
            assert told[name] == pytest.approx(mine, rel=1e-12, abs=1e-12)
        exits = [None if np.isnan(v) else pytest.approx(v, abs=1e-12) for v in routing.exit_accuracy]
        assert told["exit"] == exits
