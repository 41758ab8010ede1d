"""ExplorerState: one writer, immutable values, undo; what fails changes nothing."""

import numpy as np
import pytest
from tables import random_records, with_logits

from eeviz.core.table.cost import Cost
from eeviz.core.table.policy import Policy, route
from eeviz.ui.explorer.state import ExplorerState, default_policy


def test_the_routing_follows_the_policy():
    state = ExplorerState(random_records())
    policy = Policy((0.6, None, 0.8))
    state.set_policy(policy)
    assert state.routing.mean_cost == route(state.records, policy).mean_cost


def test_undo_and_redo_travel_and_a_new_change_ends_redo():
    state = ExplorerState(random_records())
    start, a, b = state.policy, Policy((0.1, 0.2, 0.3)), Policy((0.4, 0.5, 0.6))
    state.set_policy(a)
    state.set_policy(b)
    state.undo()
    assert state.policy == a
    state.undo()
    assert state.policy == start
    assert not state.can_undo
    state.undo()
    assert state.policy == start
    state.redo()
    assert state.policy == a
    state.set_policy(start)
    assert not state.can_redo


def test_a_policy_that_does_not_fit_changes_nothing():
    state = ExplorerState(random_records())
    before = state.setting
    with pytest.raises(ValueError, match="thresholds"):
        state.set_policy(Policy((0.5,)))
    assert state.setting == before
    assert not state.can_undo


def test_another_measure_keeps_the_share_of_confident_samples():
    state = ExplorerState(with_logits())
    before = [np.mean(state.records.confidence[:, k] >= np.float32(t)) for k, t in enumerate(state.policy.thresholds)]
    state.set_confidence("entropy")
    after = [np.mean(state.records.confidence[:, k] >= np.float32(t)) for k, t in enumerate(state.policy.thresholds)]
    assert after == pytest.approx(before, abs=0.011)
    state.undo()
    assert state.measure == "max_probability"


def test_the_report_split_takes_the_temperatures_of_the_tuning_split():
    state = ExplorerState(with_logits(0), report_source=with_logits(1, split="test"))
    state.set_confidence(calibrated=True)
    assert state.like_tuning(state.report_source).temperature == state.records.temperature
    assert state.records.temperature is not None


def test_looks_are_counted_and_the_report_shuts_when_a_threshold_moves():
    state = ExplorerState(with_logits(0), report_source=with_logits(1, split="test"))
    state.look()
    assert state.report_open
    assert len(state.looks) == 1
    assert state.looks[0].setting == state.setting
    state.set_policy(Policy((0.1, 0.2)))
    assert not state.report_open
    state.look()
    assert len(state.looks) == 2


def test_without_a_report_split_looking_says_what_to_do():
    with pytest.raises(ValueError, match="no report split"):
        ExplorerState(random_records()).look()


def test_without_logits_the_measure_cannot_change():
    state = ExplorerState(random_records())
    with pytest.raises(ValueError, match="no logits"):
        state.set_confidence("margin")
    with pytest.raises(ValueError, match="no logits"):
        state.set_confidence(calibrated=True)
    assert not state.calibrated


def test_pins_remember_the_whole_setting():
    state = ExplorerState(with_logits())
    with pytest.raises(ValueError, match="nothing is pinned"):
        state.go_to_pin("A")
    state.pin("A")
    pinned = state.setting
    state.set_confidence("margin")
    state.set_policy(Policy((0.1, None)))
    state.go_to_pin("A")
    assert state.setting == pinned


def test_opening_other_records_forgets_everything_about_the_old_ones():
    state = ExplorerState(with_logits(), report_source=with_logits(1, split="test"))
    state.pin("A")
    state.look()
    state.set_policy(Policy((0.2, 0.2)))
    state.open_records(random_records(2, exits=5))
    assert len(state.policy.thresholds) == 4
    assert (state.pins, state.looks, state.can_undo, state.report_source) == ({}, (), False, None)


def test_the_default_policy_keeps_one_design_per_position():
    records = random_records(0, position=(0, 0, 1, 2), costs={"macs": Cost((1, 1, 2, 3), (1, 2, 1, 1))})
    assert default_policy(records).kept.tolist() == [True, False, True]
    route(records, default_policy(records))
