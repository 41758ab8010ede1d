"""Cascades of separately trained networks: one table, whose figures are those of asking the networks one by one."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from tables import random_records, weighted

import eeviz as ee
from eeviz.core.table.metrics import own_accuracy


def networks(count=3, samples=60, **fields):
    """Tables of networks of their own: the same samples, other answers, rising costs."""
    label = random_records(0, samples=samples).label
    made = []
    for k in range(count):
        one = random_records(10 + k, samples=samples, exits=2 + k % 2)
        product_ = ee.ProductCost(
            ee.Cost(one.cost().backbone * (k + 1), one.cost().heads, "J"),
            ee.Cost(one.cost().backbone, one.cost().heads, "s"),
        )
        costs = {"macs": one.cost(), "energy x latency": product_, f"only {k}": one.cost()}
        wrong = (label[:, None] + 1) % 5
        made.append(
            ee.ExitRecords(one.confidence, np.where(one.correct, label[:, None], wrong), label, costs, **fields)
        )
    return made


def by_loop(tables, thresholds, cost):
    """Accuracy and mean cost of asking one network after the other, sample by sample."""
    right, paid = 0, 0.0
    for i in range(len(tables[0])):
        spent = [0.0, 0.0]
        for k, one in enumerate(tables):
            if k < len(thresholds) and thresholds[k] is None:
                continue
            terms = one.cost(cost).terms
            spent = [s + t.static for s, t in zip(spent, terms if len(terms) == 2 else (*terms, *terms), strict=True)]
            if k == len(thresholds) or one.confidence[i, -1] >= np.float32(thresholds[k]):
                right += one.predicted[i, -1] == one.label[i]
                paid += spent[0] if len(terms) == 1 else spent[0] * spent[1]
                break
    return right / len(tables[0]), paid / len(tables[0])


@pytest.mark.parametrize("cost", ["macs", "energy x latency"])
def test_a_cascade_is_asking_one_network_after_the_other(cost):
    tables = networks()
    made = ee.cascade(tables)
    assert made.exits == ("network 1", "network 2", "network 3")
    assert set(made.costs) == {"macs", "energy x latency"}
    for thresholds in product([None, 0.0, 0.5, 0.8, 1.0], repeat=2):
        accuracy, mean = by_loop(tables, thresholds, cost)
        routing = ee.route(made, ee.Policy(thresholds), cost)
        assert routing.accuracy == pytest.approx(accuracy)
        assert routing.mean_cost == pytest.approx(mean)
    assert made.cost(cost).static == pytest.approx(tables[-1].cost(cost).static)


def test_the_front_is_over_all_cascades_of_these_networks():
    tables = networks(samples=40)
    made = ee.cascade(tables)
    best = ee.front(made, grid=4)
    from eeviz.core.solve.grid import quantile_grid

    choices = [[None, *quantile_grid(made.confidence[:, k], 4).tolist()] for k in range(2)]
    points = [by_loop(tables, thresholds, "macs") for thresholds in product(*choices)]
    for accuracy, mean in zip(best.accuracy, best.mean_cost, strict=True):
        assert any(a == pytest.approx(accuracy) and m == pytest.approx(mean) for a, m in points)
    for accuracy, mean in points:
        assert best.accuracy[best.within(mean * (1 + 1e-12))] >= accuracy - 1e-12
    assert np.allclose(best.worst_cost, [ee.route(made, best.policy(i)).worst_cost for i in range(len(best))])


def test_answers_weights_groups_and_logits_stay():
    one = weighted(classes=4)
    other = one.with_answers(one.logits[:, :, ::-1])
    made = ee.cascade([one, other], names=("small", "large"))
    assert made.exits == ("small", "large")
    assert np.array_equal(made.weight, one.weight)
    assert np.array_equal(made.group, one.group)
    assert np.array_equal(made.logits[:, 1], other.logits[:, -1])
    assert own_accuracy(made) == pytest.approx([own_accuracy(one)[-1], own_accuracy(other)[-1]])
    assert (made.split, made.measure, made.temperature) == (one.split, one.measure, None)
    scaled = one.with_confidence("max_probability", (1.0, 1.0, 2.0))
    assert ee.cascade([scaled, scaled]).temperature == (2.0, 2.0)
    assert ee.cascade([one, one.with_confidence("entropy")]).measure == ""  # two measures: thresholds mean two things


def test_the_explorer_opens_a_cascade(tmp_path):
    one = weighted()
    made = ee.cascade([one.columns([0, 2]), one])
    made.save(tmp_path / "cascade.npz")
    again = ee.ExitRecords.load(tmp_path / "cascade.npz")
    assert ee.tune(again, max_drop=0.05) == ee.tune(made, max_drop=0.05)
    assert ee.explore(again).routing.accuracy > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.subset(slice(0, 50)), "network 2 and network 1 answer 50 and 500 samples"),
        (lambda r: r.subset(np.arange(500)[::-1]), "in another order"),
        (lambda r: replace(r, label=np.zeros(500, dtype=int)), "have other labels: sample"),
        (lambda r: replace(r, weight=None), "one has a weight for each sample, the other has none"),
        (lambda r: replace(r, weight=r.weight[::-1] * 2), "differ in weight"),
        (lambda r: replace(r, group=np.arange(500)), "differ in group"),
        (lambda r: replace(r, split="test"), "of another split: 'test' and 'validation'"),
        (lambda r: replace(r, dataset="other"), "of another dataset"),
        (lambda r: replace(r, classes=tuple("abcd")), "name their classes differently"),
        (lambda r: replace(r, thumbnails=np.ones((500, 2, 2), dtype=np.uint8)), "show other samples"),
        (lambda r: replace(r, removable=False), "depend on which of its exits exist"),
        (lambda r: replace(r, costs={"latency": r.cost()}), "no cost is known of every network .*network 1: macs"),
        (lambda r: replace(r, costs={"macs": ee.Cost([1, 2, 3], [1, 1, 1], "s")}), "other units: MACs, s"),
    ],
)
def test_networks_that_do_not_belong_together_are_refused_in_words(change, words):
    one = weighted(dataset="digits", thumbnails=np.zeros((500, 2, 2), dtype=np.uint8))
    one = replace(one, classes=tuple("wxyz"))
    with pytest.raises(ValueError, match=words):
        ee.cascade([one, change(one)])


@pytest.mark.parametrize("given", [[], [weighted()], [weighted(), "net.npz"]])
def test_a_cascade_needs_two_tables(given):
    with pytest.raises(ValueError, match="at least two ExitRecords"):
        ee.cascade(given)
    with pytest.raises(ValueError, match="2 names"):
        ee.cascade([weighted(), weighted()], names=("one",))
