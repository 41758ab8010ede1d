"""Metrics against plain definitions, and intervals against simulation."""

import numpy as np
import pytest
from tables import random_policy, random_records

from eeviz.core.table import metrics
from eeviz.core.table.policy import Policy, route


def test_wilson_is_the_published_interval():
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, 95 %
    interval = metrics.wilson(81, 263)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)
    assert metrics.wilson(0, 20).low == 0
    assert metrics.wilson(20, 20).high == 1
    with pytest.raises(ValueError, match="at least one"):
        metrics.wilson(0, 0)


def test_paired_interval_covers_the_true_difference():
    rng = np.random.default_rng(0)
    records = random_records(0, samples=400)
    covered = 0
    for _ in range(400):
        a = rng.random(400) < 0.9
        b = np.where(rng.random(400) < 0.1, rng.random(400) < 0.7, a)
        truth = 0.1 * (0.9 - 0.7)
        interval = metrics.paired_interval(records, a, b)
        covered += interval.low <= truth <= interval.high
    assert 0.92 <= covered / 400 <= 0.98


def test_grouped_intervals_are_wider_when_groups_agree():
    plain = random_records(0, samples=400)
    group = np.repeat(np.arange(20), 20)
    right = np.repeat(np.random.default_rng(1).random(20) < 0.7, 20)
    grouped = metrics.accuracy_interval(random_records(0, samples=400, group=group), right)
    wilson = metrics.accuracy_interval(plain, right)
    assert grouped.value == wilson.value == right.mean()
    assert grouped.high - grouped.low > 2 * (wilson.high - wilson.low)
    assert grouped == metrics.accuracy_interval(random_records(0, samples=400, group=group), right)


def test_weighted_interval_centres_on_the_weighted_accuracy():
    weight = np.random.default_rng(2).random(300) + 0.1
    records = random_records(0, weight=weight)
    right = records.correct[:, 0]
    interval = metrics.accuracy_interval(records, right)
    assert interval.value == pytest.approx((weight * right).sum() / weight.sum())
    assert interval.low < interval.value < interval.high


def test_reliability_equals_a_loop_over_samples():
    records = random_records(4, samples=500)
    bins = 10
    made = metrics.reliability(records, 1, bins)
    ece = 0.0
    for b in range(bins):
        inside = [
            i
            for i in range(500)
            if b / bins <= records.confidence[i, 1] and (records.confidence[i, 1] < (b + 1) / bins)
        ]
        assert made.count[b] == len(inside)
        if inside:
            accuracy = np.mean([records.correct[i, 1] for i in inside])
            confidence = np.mean([np.float64(records.confidence[i, 1]) for i in inside])
            assert made.accuracy[b] == pytest.approx(accuracy)
            ece += len(inside) / 500 * abs(accuracy - confidence)
    assert made.ece == pytest.approx(ece)


@pytest.mark.parametrize("seed", range(10))
def test_the_oracle_leaves_at_the_first_correct_kept_exit(seed):
    records = random_records(seed, samples=80)
    kept = random_policy(seed).kept
    made = metrics.oracle(records, kept)
    usable = [k for k in range(4) if k == 3 or kept[k]]
    for i in range(80):
        expected = next((k for k in usable if records.correct[i, k]), usable[0])
        assert made.exit_of[i] == expected
    policy = Policy([0.7 if k else None for k in kept])
    assert made.accuracy >= route(records, policy).accuracy


def test_single_exit_pays_one_head_only():
    records = random_records(1)
    cost = records.cost()
    for k in range(4):
        made = metrics.single_exit(records, k)
        assert made.mean_cost == cost.backbone[k] + cost.heads[k]
        assert made.accuracy == metrics.own_accuracy(records)[k]


def test_class_flow_counts_every_sample_once():
    records = random_records(2)
    routing = route(records, Policy((0.7, 0.8, None)))
    flow = metrics.class_flow(records, routing)
    assert flow.sum(axis=0).tolist() == routing.count.tolist()
    assert flow.sum(axis=1).tolist() == np.bincount(records.label).tolist()


def test_histogram_counts_those_that_reach_the_exit():
    records = random_records(2)
    routing = route(records, Policy((0.7, 0.8, None)))
    right, wrong = metrics.histogram(records, 1, 20, routing.exit_of >= 1)
    assert right.sum() + wrong.sum() == (routing.exit_of >= 1).sum()


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_threshold_for_share_lets_that_share_leave(share):
    records = random_records(7, samples=400)
    threshold = metrics.threshold_for_share(records, 0, share)
    assert np.mean(records.confidence[:, 0] >= np.float32(threshold)) == share
