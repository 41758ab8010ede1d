"""The rule in the page against Python's, to the last sample."""

import numpy as np
import pytest
from router_page import load, text64

from eeviz.core.table.format import quantity
from eeviz.core.table.metrics import wilson
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import Cost, ExitRecords, ProductCost
from eeviz.ui.explorer.router import Router

TABLES = 2000
LEVELS = np.float32([0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 0.99, 1])  # few, so that ties are everywhere

ANSWERS = """(cases) => cases.map(([spec, thresholds, confidence, right, units]) => {
  const table = {...spec, confidence: new Float32Array(bytes(confidence)), right: new Uint8Array(bytes(right)),
                 units: units ? new Float64Array(bytes(units)) : null};
  const exitOf = new Array(table.samples);
  const { count } = router.route(table, thresholds, exitOf);
  const now = router.figures(table, thresholds);
  const exitAccuracy = [...now.exitAccuracy].map((value) => (Number.isNaN(value) ? null : value));
  return {exitOf, count: [...count], accuracy: now.accuracy, mean: now.mean, worst: now.worst,
          cost: [...now.cost], exitAccuracy};
})"""


def random_case(rng):
    samples, exits = int(rng.integers(1, 60)), int(rng.integers(1, 8))
    if rng.random() < 0.6:
        confidence = rng.choice(LEVELS, (samples, exits))
    else:
        confidence = rng.random((samples, exits), dtype=np.float32)
    costs = [Cost(np.sort(rng.random(exits)) * 1e6, rng.random(exits) * 1e4, unit) for unit in ("J", "s")]
    records = ExitRecords(
        confidence,
        rng.integers(0, 3, (samples, exits)),
        rng.integers(0, 3, samples),
        {"macs": ProductCost(*costs) if rng.random() < 0.3 else costs[0]},
        weight=rng.random(samples) + 0.01 if rng.random() < 0.3 else None,
    )
    thresholds = []
    for k in range(exits - 1):
        tie = float(rng.choice(records.confidence[:, k]))
        one_up = float(np.nextafter(np.float32(tie), np.float32(2)))
        value = [None, 0.0, 1.0, tie, one_up, float(rng.random()), float(rng.choice(LEVELS))][rng.integers(7)]
        thresholds.append(None if value is None else min(value, 1.0))
    return records, Policy(tuple(thresholds))


def test_the_page_routes_like_python_to_the_last_sample(page):
    rng = np.random.default_rng(20)
    cases, expected = [], []
    for _ in range(TABLES):
        records, policy = random_case(rng)
        router = Router(records, policy)
        buffers = [text64(b) for b in (router._confidence, router._right, router._units)]
        cases.append([router._spec, router.thresholds, *buffers])
        expected.append(route(records, policy))
    load(page)
    answers = page.evaluate(ANSWERS, cases)
    ties = 0
    for answer, routing, (spec, thresholds, *_) in zip(answers, expected, cases, strict=True):
        assert answer["exitOf"] == routing.exit_of.tolist(), (spec, thresholds)
        assert answer["count"] == routing.count.tolist()
        assert answer["accuracy"] == routing.accuracy
        assert answer["exitAccuracy"] == [None if np.isnan(a) else a for a in routing.exit_accuracy]
        assert answer["cost"] == pytest.approx(routing.cost_at.tolist(), rel=1e-14)
        assert answer["mean"] == pytest.approx(routing.mean_cost, rel=1e-12)
        assert answer["worst"] == pytest.approx(routing.worst_cost, rel=1e-14)
        ties += sum(t is not None and 0 < t < 1 for t in thresholds)
    assert ties > TABLES / 2  # the draw did put thresholds among the confidences


def test_a_slider_position_gives_its_share_and_a_short_decimal(page):
    rng = np.random.default_rng(1)
    confidence = np.sort(rng.beta(5, 0.5, 1000).astype(np.float32))
    load(page)
    shares = [0, 0.001, 0.1, 0.5, 0.9, 0.999, 1]
    found = page.evaluate(
        """([values, shares]) => shares.map((share) => {
          const threshold = router.thresholdForShare(new Float32Array(values), share);
          return [threshold, router.decimal(threshold)]; })""",
        [confidence.tolist(), shares],
    )
    for share, (threshold, shown) in zip(shares, found, strict=True):
        assert np.float32(float(shown)) == np.float32(threshold)  # the number shown is the number used
        assert (confidence >= np.float32(threshold)).sum() == round(share * 1000)
    assert found[0][0] == 1
    assert found[-1][0] == 0


def test_ties_put_all_equal_samples_on_one_side(page):
    load(page)
    found = page.evaluate("router.thresholdForShare(new Float32Array([.2, .5, .5, .5, .5, .8]), 0.34)")
    assert 0.2 < found <= 0.5


def test_quantities_and_intervals_read_like_pythons(page):
    load(page)
    for value, unit in [
        (5234567, "MACs"),
        (123456, "MACs"),
        (999, "MACs"),
        (1.234e9, "MACs"),
        (0.00212, "s"),
        (3.21e-7, "J"),
    ]:
        shown = page.evaluate("([value, unit]) => router.quantity(value, unit).join(' ')", [value, unit])
        assert shown == quantity(value, unit)
    low, high = page.evaluate("router.wilson(93, 100)")
    assert (low, high) == pytest.approx((wilson(93, 100).low, wilson(93, 100).high), abs=1e-12)
