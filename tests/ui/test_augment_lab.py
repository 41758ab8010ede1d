"""The augment lab without a browser: a model is read, branches learn, everything is decided, drawn and exported."""

import io
import json
import threading
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from augment_fakes import fake

from eeviz.core.table.policy import route
from eeviz.core.table.records import ExitRecords
from eeviz.labs.augment import session
from eeviz.labs.augment.settings import Settings
from eeviz.labs.augment.state import AugmentState
from eeviz.nn.augment import JointRecipe
from eeviz.ui.augment.app import AugmentApp
from eeviz.ui.augment.drawing import drawn
from eeviz.ui.augment.lab import augment_lab

ASKED = Settings("uploaded", "sensor-gateway-cloud", "latency", max_drop=0.05)


def source(**options):
    parts = fake(384)
    data = (parts[name] for name in ("calibration", "training", "report"))
    return session.source_of(parts["model"], *data, **parts["options"], **options)


@pytest.fixture(scope="module")
def done():
    """A lab after Start; tests select, decide again and export, they do not train."""
    app = AugmentApp(AugmentState(ASKED), source(), inline=True)
    app.sent = []
    app.page.send = lambda content, buffers=(): app.sent.append((content["name"], bytes(buffers[0])))
    app.runline.press("start")
    assert app.status.level != "error", app.status.details
    return app


def until(holds, seconds=120.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.005)


def test_start_goes_to_a_decision(done):
    state = done.state
    assert state.phase == "done"
    assert done.runline.allowed == ["start", "decide"]
    assert done.runline.progress[0]["share"] == 1.0
    assert len(state.anatomy.chosen) >= 2
    assert state.selected.index == state.decision.index
    assert state.selected.accuracy >= state.trained.final - ASKED.max_drop - 1e-12


def test_the_branches_are_charted_along_the_depth(done):
    drawn_traces = {trace.name: trace for trace in done.depth.figure.data}
    state = done.state
    for design in ("mlp", "light"):
        own = [b for b, branch in enumerate(state.anatomy.branches) if branch.design == design]
        trace = drawn_traces[f"branch: {design}"]
        assert np.allclose(trace.y, 100 * state.trained.accuracy[own])
        assert np.allclose(trace.x, [100 * state.anatomy.chosen[state.anatomy.branches[b].place].share for b in own])
    assert np.allclose(drawn_traces["the model itself"].y, 100 * state.trained.final)
    assert "candidate locations" in done.depth.sentence.value
    assert done.locations.value.count("<tr>") == len(state.anatomy.places) + 1


def test_the_front_is_charted_with_the_model_and_the_shortest_path(done):
    traces = {trace.name: trace for trace in done.chart.figure.data}
    front = done.state.decision.front
    assert np.allclose(traces["early-exit networks"].y, 100 * front.accuracy)
    assert len(traces["the model itself"].x) == 1
    theirs = done.state.beside.configuration
    assert theirs is not None
    cost = theirs.mapping.route(done.state.trained.records).mean_cost
    assert np.allclose(traces["shortest path"].x, cost)
    assert front.mean_cost[done.state.decision.index] <= cost * (1 + 1e-9)
    assert "optimistic" in done.chart.sentence.value


def test_the_picture_carries_what_the_mapping_says(done):
    one, records = done.state.selected, done.state.trained.records
    item = drawn(one, records, "ours", "Decided together")
    pieces = [step for p in item["processors"] for step in p["steps"] if step["kind"] == "piece"]
    exits = [step for p in item["processors"] for step in p["steps"] if step["kind"] == "exit"]
    assert sum(step["macs"] for step in pieces) == pytest.approx(sum(p.macs for p in one.mapping.segments.pieces))
    assert sum(step["share"] for step in exits) == pytest.approx(1.0)
    assert len(exits) == len(item["exits"]) == one.policy.kept.sum() + 1
    assert [link["share"] for link in item["links"]] == list(one.figures["crossing"].values())
    assert [p["used"] for p in item["processors"]] == [r in one.mapping.assignment for r in range(3)]
    assert [i["key"] for i in done.panel.drawing.items] == ["ours", "path"]
    json.dumps(item)


def test_a_click_draws_that_point_and_undo_goes_back(done):
    asked = done.state.decision.index
    done.chart.chart.click(done, 0, 0)
    assert done.state.selected.index == 0
    assert done.state.sensitivity is not None
    assert done.state.sensitivity.saving == pytest.approx(done.state.selected.figures["latency"]["saving"])
    done.panel.cheaper.click()
    assert done.state.selected.index == 0
    done.panel.costlier.click()
    assert done.state.selected.index == 1
    done.panel.undo.click()
    done.panel.undo.click()
    assert done.state.selected.index == asked
    assert not done.state.can_undo


def test_another_claim_is_judged_without_training(done):
    steps = done.state.learning.step
    done.claim.value = 90.0
    assert done.state.sensitivity.claim == 0.9
    assert "at least 90 %" in done.figures.sentence.value
    assert done.state.learning.step == steps


def test_deciding_again_keeps_the_branches(done):
    records = done.state.trained.records
    done.form.cost.value = "energy"
    assert done.stale()
    assert done.runline.main == "decide"
    done.runline.press("decide")
    assert done.state.phase == "done"
    assert done.state.decision.settings.cost == "energy"
    assert done.state.trained.records is records
    done.form.cost.value = ASKED.cost
    done.runline.press("decide")
    assert done.state.decision.settings == done.state.settings


def test_fine_tuning_goes_on_with_some_branches_and_counts_from_the_model_as_given(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "LEARNING_SECONDS", 0.0)  # on a quick machine a stage may pass between two reports
    asked = replace(ASKED, fine_tune=True, cost="macs", max_drop=0.3)
    gentle = JointRecipe(epochs=2, batch=64, learning_rate=2e-4)
    app = AugmentApp(AugmentState(asked), source(joint=gentle), folder=tmp_path, inline=True)
    stages, seen = [], app.state
    seen.observe(lambda change: stages.append(change.new and change.new.stage), ["learning"])
    app.runline.press("start")
    assert seen.phase == "done", app.status.details
    assert "joint" in stages
    places = [branch.place for branch in seen.anatomy.branches]
    assert places == list(range(len(seen.anatomy.chosen))), "one design a location goes on"
    trained, model = seen.trained, fake(384)["model"]
    assert len(trained.accuracy) == len(seen.learning.accuracy) == len(places)
    before = session.Training(source(), ASKED)
    before.open()
    values = before.run.calibration
    with torch.no_grad():
        right = model(values.batch(np.arange(len(values)))).argmax(dim=1).numpy() == values.labels
    assert np.array_equal(trained.right, right)
    assert trained.moved
    assert "after fine-tuning" in app.depth.sentence.value
    assert "Drops are counted from the model as it was given" in app.locations.value
    assert seen.selected.accuracy >= trained.final - 0.3 - 1e-9
    assert seen.selected.difference.value == pytest.approx(seen.selected.accuracy - trained.final)
    app.form.fine_tune.value = False
    app.runline.press("decide")
    assert "these need Start" in app.status.message


def test_a_platform_of_ones_own(done):
    small = {"name": "tiny", "processors": [{"name": "a", "macs_per_s": 1e6, "memory": 10}]}
    with pytest.raises(ValueError, match=r"mine\.json"):
        done.files.take_platform("mine.json", b"{]")
    done.files.take_platform("mine.json", json.dumps(small).encode())
    assert done.state.given_platform == "tiny"
    shown = done.state.decision
    done.form.platform.value = "uploaded"
    done.runline.press("decide")
    assert done.status.level == "error"
    assert "memory" in done.status.message
    assert done.state.decision is shown  # what was shown stays
    small["processors"][0]["memory"] = 1e9
    done.files.take_platform("mine.json", json.dumps(small).encode())
    done.runline.press("decide")
    assert done.state.decision.mapping.platform.name == "tiny"
    done.form.platform.value = ASKED.platform
    done.runline.press("decide")


def test_on_this_machine_every_segment_is_clocked(done):
    done.form.platform.value = "this-host"
    done.runline.press("decide")
    mapping = done.state.decision.mapping
    assert all("this-host" in piece.seconds for piece in (*mapping.segments.pieces, *mapping.segments.heads))
    assert "This machine runs every segment" in done.form.words.value
    done.form.platform.value = ASKED.platform
    done.runline.press("decide")
    assert not any(piece.seconds for piece in done.state.decision.mapping.segments.pieces)


def test_the_explorer_shows_the_kept_exits_with_the_platforms_costs(done):
    done.panel.explore.click()
    assert done.status.level != "error", done.status.details
    shown, one = done.below.explorer.state, done.state.selected
    assert shown.cost == "latency"
    assert shown.routing.accuracy == pytest.approx(one.accuracy)
    assert shown.routing.mean_cost == pytest.approx(one.figures["latency"]["mean"])
    assert shown.records.thumbnails is not None
    report = shown.report_records
    assert len(report) == 384
    assert report.exits_count == shown.records.exits_count


def test_records_and_onnx_are_files(done):
    pytest.importorskip("onnxruntime")
    done.sent.clear()
    done.panel.records.click()
    done.panel.onnx.click()
    assert done.status.level == "info", done.status.details
    files = dict(done.sent)
    table = ExitRecords.load(io.BytesIO(files["records.npz"]))
    one = done.state.selected
    assert route(table, one.policy, "latency").mean_cost == pytest.approx(one.figures["latency"]["mean"])
    with zipfile.ZipFile(io.BytesIO(files["early-exit-network.zip"])) as archive:
        names = archive.namelist()
        network = json.loads(archive.read("network.json"))
    assert {"network.json", "run.py"} < set(names)
    assert [step["file"] for step in network["steps"]] == [
        n for n in [s["file"] for s in network["steps"]] if n in names
    ]
    assert len(network["processors"]) == 3


def test_a_model_that_cannot_be_augmented_is_refused_in_words():
    model = fake(256)["model"].train()
    parts = fake(256)
    app = AugmentApp(
        AugmentState(ASKED), session.source_of(model, parts["calibration"], **parts["options"]), inline=True
    )
    app.runline.press("start")
    assert app.state.phase == "failed"
    assert "training mode" in app.status.message
    assert app.runline.allowed == ["start"]


def test_a_checkpoint_is_never_unpickled(tmp_path):
    import pickle

    app = AugmentApp(AugmentState(Settings()), inline=True)
    app.form.model.value = "uploaded"
    app.runline.press("start")
    assert "choose a checkpoint file first" in app.status.message
    app.files.take_checkpoint("<b>.pt", pickle.dumps({"x": threading.Thread}))
    assert "&lt;b&gt;.pt" in app.form.words.value
    app.runline.press("start")
    assert app.state.phase == "failed"
    assert "which is never loaded" in app.status.message or "no readable checkpoint" in app.status.message


def test_of_two_tables_of_weights_the_lab_asks(monkeypatch):
    import io

    import torch

    from eeviz.datasets import Dataset
    from eeviz.nn.models import build, loaded

    buffer, state = io.BytesIO(), build("resnet20").state_dict()
    torch.save({"state_dict": state, "state_dict_ema": state}, buffer)
    images = np.zeros((40, 32, 32, 3), np.uint8)
    data = Dataset(images, np.arange(40) % 10, tuple("abcdefghij"), "cifar10", "test", "made up")
    monkeypatch.setattr(loaded, "load_dataset", lambda name, split: data)
    app = AugmentApp(AugmentState(Settings("uploaded")), inline=True)
    assert app.form.weights.layout.display == "none"
    app.files.take_checkpoint("best.pth.tar", buffer.getvalue())
    app.runline.press("start")
    assert "holds 2 tables of weights that fit (state_dict, state_dict_ema)" in app.status.message
    assert app.form.weights.layout.display is None
    app.form.weights.value = "state_dict_ema"
    assert app.files.weights == "state_dict_ema"
    app.files.take_checkpoint("other.pt", buffer.getvalue())
    assert app.form.weights.layout.display == "none"
    assert app.files.weights == ""


def test_stop_decides_on_what_was_learnt_and_resume_trains_on(tmp_path):
    lab = augment_lab(**fake(512), max_drop=0.05, cost="latency", folder=tmp_path)
    entered = threading.Event()
    lab.state.observe(lambda change: entered.set() if change.new else None, "learning")
    lab.start()
    assert entered.wait(60)
    lab.stop()
    lab.join(120)
    until(lambda: lab.phase in ("stopped", "done"))
    assert lab.trained is not None
    assert lab.decision is not None
    assert lab.phase == "stopped"
    assert not lab.trained.complete
    before = lab.state.learning.step
    lab.resume()
    lab.join(120)
    until(lambda: lab.phase == "done")
    assert lab.trained.complete
    assert before < lab.state.learning.steps * 100
    assert "uploaded" in repr(lab)


def test_parts_can_be_hidden_and_names_are_checked():
    lab = augment_lab(**fake(256), hide=["form", "tabs", "explorer"])
    assert lab._app.form.box not in lab.widget.children
    with pytest.raises(ValueError, match="no part is called 'Form'"):
        augment_lab(hide=["Form"])
    with pytest.raises(ValueError, match="needs calibration samples"):
        augment_lab(fake(256)["model"])


def test_a_start_that_fails_leaves_what_was_on_show(monkeypatch):
    app = AugmentApp(AugmentState(ASKED), source(), inline=True)
    app.runline.press("start")
    shown = app.state.decision, app.state.trained, app.state.selected, app.driver.training

    def broken(self):
        raise ValueError("the folder has no pictures in it.")

    monkeypatch.setattr(session.Training, "open", broken)
    app.runline.press("start")
    assert app.state.phase == "failed"
    assert "no pictures" in app.status.message
    assert (app.state.decision, app.state.trained, app.state.selected, app.driver.training) == shown
    assert "what was computed before is kept" in app.runline.words
    assert "decide" in app.runline.allowed


def test_a_first_start_that_fails_claims_to_keep_nothing(monkeypatch):
    def broken(self):
        raise ValueError("the folder has no pictures in it.")

    monkeypatch.setattr(session.Training, "open", broken)
    app = AugmentApp(AugmentState(ASKED), source(), inline=True)
    app.runline.press("start")
    assert app.state.phase == "failed"
    assert "kept" not in app.runline.words
