"""Two halves, both ways: every sample is reported once a shuffle, by thresholds it had no part in."""

import numpy as np
import pytest

import eeviz as ee
from eeviz.core.solve.cross_fit import crossed, split_in_two
from eeviz.core.table.calibration import fit_temperature


def table(n=400, seed=0, group=None):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, n)
    hard = rng.normal(size=n)
    logits = np.stack(
        [
            np.eye(3)[label] * (2 + k - hard)[:, None].clip(-1, 6) + rng.normal(size=(n, 3)) * (1.2 - 0.3 * k)
            for k in range(3)
        ],
        axis=1,
    )  # (n, 3, 3)
    cost = ee.Cost([10, 50, 100], [1, 1, 1])
    return ee.ExitRecords.from_logits(logits, label, {"macs": cost}, group=group)


def test_halves_are_disjoint_complete_and_seeded():
    records = table()
    one, two = split_in_two(records, 3)
    assert sorted([*one, *two]) == list(range(400))
    assert len(one) == 200
    assert np.array_equal(one, split_in_two(records, 3)[0])
    assert not np.array_equal(one, split_in_two(records, 4)[0])


def test_groups_stay_together():
    records = table(group=np.repeat(np.arange(40), 10))
    one, two = split_in_two(records, 0)
    assert not set(records.group[one]) & set(records.group[two])


def test_figures_are_those_of_routing_each_half_with_the_others_policy():
    records = table()
    made = crossed(records, [{"max_drop": 0.01}], shuffles=2, seed=5)[0]
    for shuffle in range(2):
        halves = split_in_two(records, 5 + shuffle)
        right, spent = np.full(400, np.nan), np.full(400, np.nan)
        for k, (chosen_on, reported) in enumerate((halves, halves[::-1])):
            choosing = records.subset(chosen_on)
            temperature = fit_temperature(choosing.logits, choosing.label)
            part = records.subset(reported).with_confidence("max_probability", tuple(temperature))
            routing = ee.route(part, made.policies[shuffle][k])
            right[reported], spent[reported] = routing.right, routing.cost_at[routing.exit_of]
            tuned = ee.route(choosing.with_confidence("max_probability", tuple(temperature)), made.policies[shuffle][k])
            assert tuned.accuracy >= choosing.correct[:, -1].mean() - 0.01 - 1e-12
        assert np.array_equal(made.right[shuffle], right)
        assert np.array_equal(made.spent[shuffle], spent)
    final = records.correct[:, -1].mean()
    assert made.drop.value == pytest.approx(final - made.right.mean())
    assert made.saving.value == pytest.approx(1 - made.spent.mean() / 101)
    assert made.drop.low < made.drop.value < made.drop.high
    mean = np.mean([shuffle["drop"] for shuffle in made.by_shuffle()])
    assert mean == pytest.approx(made.drop.value)


def test_larger_drops_save_more():
    none, some = crossed(table(), [{"max_drop": 0.0}, {"max_drop": 0.03}], shuffles=2)
    assert some.saving.value > none.saving.value > 0
    assert repr(some).startswith("Crossed(max_drop=0.03: a drop of ")


def test_what_choices_lose_on_new_samples_is_asked_for_in_addition():
    records = table(n=300)
    conditions = [{"max_drop": 0.02}, {"as_good_as": records.correct[:, -1] - 0.02}, {"max_cost": 40}]
    plain = crossed(records, conditions, shuffles=4)
    allowing = crossed(records, conditions, shuffles=4, allowing=True)
    for before, after in zip(plain[:2], allowing[:2], strict=True):
        assert after.drop.value < before.drop.value
        assert after.saving.value < before.saving.value
    assert np.array_equal(allowing[0].right, allowing[1].right)  # the same wish, said in two ways
    assert np.array_equal(plain[2].spent, allowing[2].spent)  # a cost promises no accuracy


def test_logits_are_needed_only_to_fit_temperatures():
    from dataclasses import replace

    bare = replace(table(), logits=None)
    with pytest.raises(ValueError, match="no logits"):
        crossed(bare)
    assert crossed(bare, [{"max_drop": 0.01}], shuffles=1, refit=False)[0].saving.value > 0


def test_one_group_cannot_be_halved():
    with pytest.raises(ValueError, match="two groups"):
        crossed(table(group=np.zeros(400, int)))


def test_other_conditions():
    records = table()
    poor = records.correct[:, 0]
    cheap, equal = crossed(records, [{"max_cost": 40}, {"as_good_as": poor}], shuffles=2)
    assert cheap.spent.mean() < 44
    gain = equal.against(poor)
    assert repr(equal).startswith("Crossed(as_good_as: ")
    assert -0.05 < gain.value < 0.1
    assert gain.value == pytest.approx(equal.accuracy - poor.mean())
    assert equal.saving.value > 0.3
    for bad in ({"drop": 0.1}, {}, {"max_drop": 0.1, "max_cost": 4}):
        with pytest.raises(ValueError, match="exactly one of max_drop"):
            crossed(records, [bad])
