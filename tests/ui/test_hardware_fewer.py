"""Fewer bits in the hardware lab, without a browser: measured, fine-tuned, stopped, and kept."""

import dataclasses
import threading

import numpy as np
import pytest
from hardware_fakes import ASKED, network_and_answers, opened, pictures, plan

from eeviz.core.table.policy import route
from eeviz.labs.hardware import bits
from eeviz.labs.hardware.settings import FLOAT, OWN
from eeviz.ui.hardware.lab import hardware_lab, own_network

pytest.importorskip("torch")


def test_bits_are_measured_held_and_tuned_again(tmp_path):
    network, records, data, calibration = network_and_answers()
    app = opened(own_network(network, records, data, calibration), tmp_path=tmp_path)
    before = app.state.fronts
    assert not before.rounded
    app.runline.press("measure")
    assert app.status.level != "error", app.status.details
    state = app.state
    plain, eight = state.rounded
    assert (plain.pair, eight.pair) == (FLOAT, ("8/8", "8/8"))
    assert eight.held.policy == plain.held.policy
    assert plain.again.policy == plain.held.policy
    assert eight.held.share.sum() == pytest.approx(1)
    answers_ = state.answers["8/8", "8/8"]
    assert len(answers_.tune) + len(answers_.shown) == len(records)
    assert np.array_equal(answers_.shown.label, records.label[1::2])  # those that tuned are others
    expected = route(answers_.shown, eight.held.policy).share
    assert np.allclose(eight.held.share, expected)
    assert plain.held.costs.keys() == {"macs"}  # no accelerator multiplies floats
    assert eight.held.costs["energy x latency"][0] > 0
    assert state.fronts.rounded
    assert app.runline.allowed == ["measure_all", "fine_tune"]
    assert "8/8 bits" in app.pairs.value
    bars = [t for t in app.bits.figure.data if t.type == "bar" and t.xaxis == "x"]
    assert np.allclose(sum(t.x for t in bars), 100)
    # agreement of 8 bits with floats is what calibration is judged by
    same = (answers_.tune.predicted[:, -1] == records.predicted[0::2, -1]).mean()
    assert same > 0.9
    app.explore_button.click()  # bits beside the thresholds
    assert app.below.explorer.state.records.exits == ("exit 1 8/8", "exit 2 8/8", "final 8/8")

    # int8 files, compared with what the page shows
    sent = []
    app.page.send = lambda content, buffers=(): sent.append((content["name"], buffers))
    app.int8_button.click()
    assert app.status.level != "error", app.status.details
    assert sent[0][0] == "early-exit-int8.zip"
    assert "they predict what the network rounded to 8/8 predicts" in app.status.message

    # without training images fine-tuning says what to give; what was answered stays
    app.runline.press("fine_tune")
    assert "give training=" in app.status.message
    assert len(app.state.rounded) == 2


def test_fine_tuning_learns_answers_and_is_kept(tmp_path):
    network, records, data, calibration = network_and_answers()
    asked = dataclasses.replace(ASKED, bits="4/4", head_bits="4/4")
    app = opened(own_network(network, records, data, calibration, pictures(256, seed=3)), asked, tmp_path)
    app.runline.press("fine_tune")  # measures first what it is before
    assert app.status.level != "error", app.status.details
    plain, before, after = app.state.rounded
    assert [one.learnt for one in (plain, before, after)] == [0, 0, 2 * 256]
    assert before.pair == after.pair == ("4/4", "4/4")
    assert after.held.policy == before.held.policy == plain.held.policy  # tuned for FP32 and held
    both = [app.state.answers[key].tune.confidence for key in (before.pair, (*before.pair, "fine-tuned"))]
    assert not np.array_equal(*both)
    shown = app.state.answers["4/4", "4/4", "fine-tuned"].shown
    assert np.array_equal(shown.label, records.label[1::2])  # never those that tuned
    assert app.state.used.learnt
    assert app.state.fronts.rounded
    assert "Fine-tuned on 512 images at 4/4 bits" in app.runline.words
    assert "4/4 bits, fine-tuned" in app.pairs.value
    assert "moved accuracy" in app.bits.sentence.value
    # opened again: nothing is lost, and training goes on from what was learnt
    trained = app.driver.rounding.trained[OWN, ("4/4", "4/4")]
    app.state.subject, app.state.answers, app.state.rounded, app.state.reading = None, {}, (), None
    app.driver.look()
    assert [one.learnt for one in app.state.rounded] == [0, 0, 2 * 256]
    app.runline.press("fine_tune")
    assert app.driver.rounding.trained[OWN, ("4/4", "4/4")] is trained
    assert app.state.rounded[-1].learnt == 4 * 256


def test_training_that_is_stopped_answers_with_what_it_has_learnt(tmp_path):
    network, records, data, calibration = network_and_answers()
    subject = own_network(network, records, data, calibration, pictures(256, seed=3))
    trained, asked, events = bits.Trained(), threading.Event(), []
    for event in bits.fine_tuned(subject, ("4/4", "4/4"), trained, 0, asked):
        events.append(event)
        asked.set()
    assert trained.seen == 128  # one step of four
    assert events[-1].learnt == 128
    assert not trained.network.training
    assert not trained.lock.locked()
    absent = dataclasses.replace(subject, training=lambda: (_ for _ in ()).throw(FileNotFoundError("Put it there.")))
    with pytest.raises(ValueError, match="Put it there"):
        next(bits.fine_tuned(absent, ("4/4", "4/4"), trained, 0, asked))


def test_stop_ends_a_measurement_and_keeps_what_is_known(tmp_path):
    network, records, data, calibration = network_and_answers()
    lab = hardware_lab(network, records, data=data, calibration=calibration, store=tmp_path / "none.db", max_drop=0.05)
    lab.join(60)
    assert lab.phase == "done", lab._app.status.details
    lab._app.measure_all()
    lab.stop()
    lab.join(60)
    lab.join(60)
    assert lab.state.rounding == {}
    assert lab.fronts is not None
    assert "measure" in lab._app.runline.allowed
    assert "edge_tpu_like" in repr(lab)
    with pytest.raises(ValueError, match="no part is called"):
        hardware_lab(hide=["Form"])
    with pytest.raises(ValueError, match="3 exits"):
        own_network(SINGLE, records)  # the lab itself tells it in its page


SINGLE = dataclasses.replace(plan(), heads=plan().heads[-1:])
