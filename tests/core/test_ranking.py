"""Risk against coverage: by hand, against a loop, and where confidences say nothing."""

import numpy as np
import pytest

import eeviz as ee
from eeviz.core.table.ranking import risk_coverage, risk_coverage_area


def table(confidence, right, weight=None):
    confidence = np.asarray(confidence, dtype=np.float32)
    label = np.zeros(len(confidence), dtype=int)
    predicted = np.where(np.asarray(right, dtype=bool), 0, 1)
    cost = ee.Cost([1.0, 2.0], [0.0, 0.0])
    columns = np.stack([confidence, np.full(len(confidence), 0.5)], axis=1), np.stack([predicted, label], axis=1)
    return ee.ExitRecords(*columns, label, {"macs": cost}, weight=weight)


def test_by_hand():
    records = table([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 1])
    coverage, risk = risk_coverage(records, 0)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert risk_coverage_area(records) == pytest.approx([(0 + 1 / 2 + 1 / 3 + 1 / 4) / 4, 0.0])


def test_against_a_loop_with_ties_and_weights():
    rng = np.random.default_rng(0)
    confidence, right = rng.integers(0, 20, 200) / 25, rng.random(200) < 0.7
    weight = rng.integers(1, 4, 200).astype(float)
    records, total, area = table(confidence, right, weight), weight.sum(), 0.0
    for value in np.unique(records.confidence[:, 0]):
        among = records.confidence[:, 0] >= value
        error = weight[among & ~right].sum() / weight[among].sum()
        area += error * weight[records.confidence[:, 0] == value].sum() / total
    assert risk_coverage_area(records)[0] == pytest.approx(area, rel=1e-6)


def test_equal_confidences_have_the_exits_own_error():
    right = np.arange(50) % 5 != 0
    assert risk_coverage_area(table(np.full(50, 0.7), right))[0] == pytest.approx(0.2)


def test_a_perfect_order_is_best():
    rng = np.random.default_rng(1)
    right = rng.random(300) < 0.8
    best = risk_coverage_area(table(np.where(right, 0.9, 0.1) + rng.random(300) / 20, right))[0]
    other = risk_coverage_area(table(rng.random(300), right))[0]
    assert best < 0.03 < 0.1 < other
