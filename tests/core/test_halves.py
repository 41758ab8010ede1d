"""Two halves, both ways: every sample is reported once a shuffle, by thresholds it had no part in."""

import numpy as np
import pytest

import eeviz as ee
from eeviz.core.solve.cross_fit import _rising, cross_validated, crossed, split, split_in_two
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


def test_what_choices_lose_is_what_a_loop_over_folds_finds():
    records = table(n=200, seed=3)
    made = cross_validated(records, folds=4, seed=7)
    right, folds = records.correct[:, -1].astype(float), split(records, 4, 7)
    lost = np.zeros_like(made.lost)
    for fold in folds:
        rest = np.setdiff1d(np.arange(200), fold)
        choosing, there = records.subset(rest), records.subset(fold)
        temperature = tuple(fit_temperature(choosing.logits, choosing.label))
        choosing, there = (part.with_confidence("max_probability", temperature) for part in (choosing, there))
        best = ee.front(choosing, refine=True)
        for row, surplus in enumerate(made.surplus):
            wanted = right[rest].mean() + surplus - 1e-12
            index = next((k for k, accuracy in enumerate(best.accuracy) if accuracy >= wanted), len(best) - 1)
            lost[row, fold] = right[fold] - ee.route(there, best.policy(index)).right
    assert np.array_equal(made.lost, lost)
    assert (np.diff(made.fell) <= 0).all()
    assert made.fell.mean() == pytest.approx(lost.mean())


def test_a_drop_is_asked_for_with_what_is_expected_to_be_lost():
    made = cross_validated(table(n=400), seed=1)
    for drop in (0.0, 0.01, 0.05):
        more = made.more(drop)
        assert more >= 0
        expected = made.drop(more - drop)
        assert expected.low < expected.value < expected.high
        if drop > made.least:
            assert expected.value <= drop + 1e-9
    assert made.more(0.05) - 0.05 < made.more(0.01) - 0.01
    beyond = made.least - 0.001  # out of reach: as much as the most accurate choice has
    assert made.more(beyond) == pytest.approx(max(made.surplus[-1] + beyond, 0))
    assert "400 samples" in repr(made)


def test_few_samples_or_few_groups_promise_little():
    few, many = (cross_validated(table(n=n)).drop(0.0) for n in (60, 400))
    assert few.high - few.low > 1.5 * (many.high - many.low)
    grouped = cross_validated(table(n=400, group=np.repeat(np.arange(8), 50))).drop(0.0)
    assert "8 groups" in grouped.method
    with pytest.raises(ValueError, match="two groups"):
        cross_validated(table(group=np.zeros(400, int)))


def test_asked_means_got_in_the_mean():
    """Twelve tables of a distribution: what was asked for is what other samples of it lose, on average."""
    gaps = []
    for seed in range(12):
        made = crossed(table(n=600, seed=seed), [{"max_drop": 0.02}], shuffles=1, seed=seed, allowing=True)[0]
        gaps.append(made.drop.value - 0.02)
    plain = crossed(table(n=600, seed=0), [{"max_drop": 0.02}], shuffles=1)[0]
    assert abs(np.mean(gaps)) < 2.5 * np.std(gaps) / np.sqrt(len(gaps)) + 0.003
    assert np.mean(gaps) < 0.01 < plain.drop.value


def test_the_nearest_rising_sequence():
    assert _rising(np.array([1.0, 3.0, 2.0, 4.0])).tolist() == [1.0, 2.5, 2.5, 4.0]
    assert _rising(np.array([3.0, 2.0, 1.0])).tolist() == [2.0, 2.0, 2.0]
