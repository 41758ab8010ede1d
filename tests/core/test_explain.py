"""Explanations: the rule in words must be what `route` did, and the digits shown must show it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import random_policy, random_records

from eeviz.core.solve.explain import explain, leaving, spread
from eeviz.core.table.calibration import BELOW_ONE
from eeviz.core.table.cost import Cost
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import ExitRecords

NAMES = ("Sandal", "Sneaker", "Boot")


def one(confidence, predicted, label, **fields):
    """Records of one sample with exits at 1, 2, 4 M MACs and heads of 0.1 M."""
    exits = len(confidence)
    cost = Cost(np.array([1e6, 2e6, 4e6])[:exits], np.full(exits, 1e5))
    return ExitRecords([confidence], [predicted], [label], {"macs": cost}, classes=NAMES, **fields)


def test_the_story_of_one_sample():
    told = explain(one([0.62, 0.91, 0.97], [0, 1, 1], 1), Policy((0.8, 0.85)), 0)
    assert told.rule == "Exit 1: 0.62 < 0.80, go on. Exit 2: 0.91 ≥ 0.85, leaves here as Sneaker: right."
    assert told.paid == "It paid 2.20 M MACs, 54 % of the static network's 4.10 M MACs."
    assert told.hindsight == ""
    assert (told.true, told.answer, told.right, told.exit) == ("Sneaker", "Sneaker", True, 1)
    assert [s.reached for s in told.steps] == [True, True, False]


def test_removed_and_final_exits():
    told = explain(one([0.62, 0.91, 0.97], [0, 1, 2], 1), Policy((None, 0.95)), 0)
    assert [step.rule for step in told.steps] == [
        "Exit 1: removed, passed by.",
        "Exit 2: 0.91 < 0.95, go on.",
        "Final: nothing left to ask, leaves here as Boot: wrong.",
    ]
    assert told.cost == pytest.approx(4.2e6)  # the removed head is not paid


@pytest.mark.parametrize(
    ("predicted", "thresholds", "words"),
    [
        ((0, 1, 2), (0.5, 0.5), "Exit 2 would have been right: Sneaker."),
        ((0, 2, 1), (0.5, None), "Final would have been right: Sneaker."),
        ((1, 0, 2), (1, 0.5), "Yet exit 1 had it right: Sneaker."),
        ((0, 0, 0), (0.5, 0.5), "No exit has it right."),
        ((1, 1, 0), (0.5, 0.5), "The final classifier would have got it wrong: Sandal."),
        ((1, 1, 1), (1, 0.5), "Exit 1 had it right already, for less."),
        ((0, 1, 2), (0.5, None), "No exit has it right."),  # exit 2 is removed: it says nothing
    ],
)
def test_hindsight(predicted, thresholds, words):
    assert explain(one([0.6, 0.6, 0.6], predicted, 1), Policy(thresholds), 0).hindsight == words


@pytest.mark.parametrize(
    ("confidence", "threshold", "words"),
    [
        (0.8499, 0.85, "0.8499 < 0.8500"),
        (np.float32(0.85), 0.85, "0.85 ≥ 0.85"),
        (1.0, 1, "0.99 < 1.00"),  # a saturated confidence is below 1, and reads so
        (0.9992, 0.9991, "0.9992 ≥ 0.9991"),
        (0.3, 0, "0.30 ≥ 0.00"),
    ],
)
def test_digits_show_the_order(confidence, threshold, words):
    step = explain(one([confidence, 0.5], [0, 0], 0), Policy((threshold,)), 0).steps[0]
    sign = "≥" if step.leaves else "<"
    assert f"{step.confidence_text} {sign} {step.threshold_text}" == words


@settings(max_examples=300, deadline=None)
@given(
    st.floats(0, 1, width=32),
    st.one_of(st.floats(0, 1, width=32), st.integers(-3, 3)),
)
def test_printed_numbers_never_contradict_the_rule(confidence, threshold):
    confidence = min(np.float32(confidence), BELOW_ONE)
    if isinstance(threshold, int):  # neighbours in float32: the hardest to tell apart
        near = confidence
        for _ in range(abs(threshold)):
            near = np.nextafter(near, np.float32(2 if threshold > 0 else -1), dtype=np.float32)
        threshold = float(np.clip(near, 0, 1))
    step = explain(one([confidence, 0.5], [0, 0], 0), Policy((threshold,)), 0).steps[0]
    shown, told = float(step.confidence_text), float(step.threshold_text)
    if np.float32(threshold) == confidence:
        assert shown == told
        assert step.leaves
    else:
        assert (shown > told) == step.leaves
        assert shown != told


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_route(seed):
    records, policy = random_records(seed, samples=60, levels=10), random_policy(seed, values=np.arange(11) / 10)
    routing = route(records, policy)
    for i in range(len(records)):
        told = explain(records, policy, i)
        assert told.exit == routing.exit_of[i]
        assert told.right == routing.right[i]
        assert told.cost == routing.cost_at[told.exit]
        assert sum(s.leaves for s in told.steps) == 1
        assert told.steps[told.exit].said == told.answer == f"class {records.predicted[i, told.exit]}"


@pytest.mark.parametrize("index", [-1, 300, 2.0, True, "3"])
def test_refuses_samples_that_do_not_exist(index):
    with pytest.raises(ValueError, match="does not exist: choose one from 0 to 299"):
        explain(random_records(), Policy((0.5, 0.5, 0.5)), index)


def test_leaving_is_a_partition_from_easy_to_hard():
    records, policy = random_records(3), Policy((0.8, 0.7, None))
    routing = route(records, policy)
    parts = [leaving(records, routing, k) for k in range(4)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(records)))
    assert [len(p) for p in parts] == routing.count.tolist()
    for k, part in enumerate(parts):
        assert (np.diff(records.confidence[part, k]) <= 0).all()
    wrong = leaving(records, routing, 1, of_class=2, right=False)
    assert len(wrong)
    assert (records.label[wrong] == 2).all()
    assert not routing.right[wrong].any()


@given(st.integers(0, 400), st.integers(1, 60))
def test_spread_keeps_both_ends_and_order(length, count):
    chosen = spread(np.arange(length), count)
    assert len(chosen) == min(length, count)
    assert len(set(chosen.tolist())) == len(chosen)
    assert (np.diff(chosen) > 0).all()
    if length and count > 1:
        assert chosen[0] == 0
        assert chosen[-1] == length - 1
