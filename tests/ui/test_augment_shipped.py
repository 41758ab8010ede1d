"""Shipped results in the augment lab: what was made of a base opens without data, and is decided on like any other."""

import numpy as np
import pytest

from eeviz.catalogue import load_demo
from eeviz.core.platform.platform import Platform
from eeviz.core.table import format
from eeviz.core.table.policy import Policy, route
from eeviz.labs.augment.settings import Settings
from eeviz.labs.augment.shipped import Shipped
from eeviz.labs.augment.state import AugmentState
from eeviz.labs.augment.static import static_points
from eeviz.nn.count.describe import describe
from eeviz.nn.models.loaded import load_base
from eeviz.nn.models.static import static_network
from eeviz.ui.augment.app import AugmentApp
from eeviz.ui.augment.lab import augment_lab


@pytest.fixture(scope="module")
def opened():
    app = AugmentApp(AugmentState(Settings("ecg", max_drop=0.005)), inline=True)
    app.runline.press("shipped")
    assert app.state.phase == "done", app.status.message
    return app


def test_it_is_decided_on_for_the_platform_asked_for(opened):
    state, records = opened.state, load_demo("ecg").validation
    assert state.anatomy.macs == records.cost().static
    assert [place.name for place in state.anatomy.places] == ["stem.2", "layers.0", "layers.1", "layers.2"]
    assert {branch.design for branch in state.anatomy.branches} == {"mlp", "deep"}
    assert state.trained.final == pytest.approx(route(records, Policy((None,) * 8)).accuracy)
    assert state.selected.accuracy >= state.trained.final - 0.005 - 1e-12
    assert state.selected.figures["energy"]["saving"] > 0.5
    assert [item["key"] for item in opened.panel.drawing.items] == ["ours", "path"]
    for shown in (opened.locations, opened.depth.sentence):
        assert "mean recall of N, S and V" in shown.value


def test_numbers_of_four_bytes_hold_four_times_as_much(opened):
    small, large = (opened.state.trained.segments[name] for name in ("int8", "float32"))
    for one, four in zip((*small.pieces, *small.heads), (*large.pieces, *large.heads), strict=True):
        assert np.allclose(4 * np.array([one.weight_bytes, one.moved_bytes]), [four.weight_bytes, four.moved_bytes])
        assert one.operators == four.operators


def test_static_networks_are_placed_beside_it(opened):
    chart = next(trace for trace in opened.chart.figure.data if trace.name == "static networks, trained alone")
    records, points = load_demo("ecg").validation, opened.static_points
    assert [point.name for point in points] == [f"static, {n} channels" for n in (2, 3, 4, 8)]
    assert np.allclose(chart.x, [point.mean_cost for point in points])
    base = opened.state.selected.figures["energy"]["static"]  # the last is the base itself, at its cheapest place
    assert points[-1].mean_cost == pytest.approx(base)
    assert points[-1].accuracy == pytest.approx(route(records, Policy((None,) * 8)).accuracy)


@pytest.mark.parametrize("demo", ["fashion", "ecg", "cifar10"])
def test_static_networks_are_those_that_were_trained(demo):
    platform = Platform.preset("cortex-m0-m4")
    known = load_demo(demo).static
    for network in known:
        assert describe(static_network(demo, network)).macs.static == network.macs
    of_macs = static_points(Settings(demo, cost="macs"), platform)
    assert [point.mean_cost for point in of_macs] == [network.macs for network in known]
    assert static_points(Settings("speech"), platform) == ()


def test_a_worst_case_is_kept_and_asked_of_the_shortest_path_too(opened):
    before = opened.state.settings
    model = opened.state.selected.figures["latency"]["static"]
    opened.form.worst.value = round(1e3 * model, 3)
    opened.runline.press("decide")
    decision, beside = opened.state.decision, opened.state.beside
    asked = decision.settings.worst_latency
    assert asked == pytest.approx(model, abs=1e-6)
    assert decision.mapping.route(opened.state.trained.records, "latency").worst_cost <= asked
    assert beside.configuration is None or beside.configuration.figures["latency"]["worst"] <= asked
    shown = format.quantity(decision.mapping.route(opened.state.trained.records, "latency").worst_cost, "s")
    assert shown.endswith(" ms")  # asked for what is shown, the page finds it again
    opened.form.worst.value = float(shown.removesuffix(" ms"))
    opened.runline.press("decide")
    assert opened.state.phase == "done"
    again = opened.state.selected.figures["latency"]["worst"]
    assert again <= asked or format.quantity(again, "s") == shown
    opened.form.worst.value = 0.001
    opened.runline.press("decide")
    assert "no assignment has a worst case of at most 1 µs" in opened.status.message
    opened.state.settings = before
    opened.runline.press("decide")
    assert opened.state.phase == "done"


def test_without_a_network_this_machine_is_its_rates(opened):
    before = opened.state.settings
    opened.form.platform.value = "this-host"
    opened.runline.press("decide")
    assert opened.state.decision.mapping.platform.name == "this-host"
    assert not any(piece.seconds for piece in opened.state.decision.mapping.segments.pieces)
    base = opened.state.selected.figures["energy"]["static"]
    assert opened.static_points[-1].mean_cost == pytest.approx(base)  # computed alike: the last is the base itself
    opened.state.settings = before
    opened.runline.press("decide")


def test_it_opens_in_the_explorer_with_the_test_patients_as_report(opened):
    opened.panel.explore.click()
    shown = opened.below.explorer.state
    assert shown.cost == "energy"
    assert set(shown.report_records.group.tolist()) == set(load_demo("ecg").test.group.tolist())


def test_it_can_be_decided_on_again_but_not_exported(opened):
    opened.form.cost.value = "macs"
    opened.runline.press("decide")
    assert opened.state.decision.settings.cost == "macs"
    opened.panel.onnx.click()
    assert "Start trains branches that can be exported" in opened.status.message
    opened.form.model.value = "speech"
    opened.runline.press("decide")
    assert "these need Start" in opened.status.message


def test_the_lab_opens_with_it_and_counts_drops_from_the_model_as_it_was_given():
    lab = augment_lab("speech", platform="sensor-gateway-cloud")
    lab.join(60)
    assert lab.phase == "done", lab.phase
    demo = load_demo("speech")
    assert demo.static[-1].name == "the base before"
    assert np.array_equal(lab.trained.right, demo.static[-1].right("validation"))
    assert lab.trained.moved
    assert "after fine-tuning" in lab._app.depth.sentence.value
    assert lab.selected.accuracy >= lab.trained.final - 0.01 - 1e-12
    lab.close()


def test_an_address_that_does_not_fit_is_told_beside_it(monkeypatch):
    monkeypatch.setattr("eeviz.labs.settings.parameters", lambda query=None: {"drop": "much"})
    lab = augment_lab()
    lab.join(60)
    assert lab.phase == "done"
    assert "The address does not fit" in lab._app.status.message
    lab.close()


def test_of_other_models_none_ships():
    with pytest.raises(ValueError, match="Start makes one"):
        Shipped(Settings("fashion"))
    assert AugmentApp(AugmentState(Settings("fashion")), inline=True).runline.allowed == ["start"]


def test_cifar10_opens_though_its_weights_do_not_ship():
    app = AugmentApp(AugmentState(Settings("cifar10", cost="macs", max_exits=2)), inline=True)
    assert app.runline.allowed == ["shipped"]
    assert "its weights do not ship" in app.form.words.value
    assert "cifar10" in [name for _, name in app.form.model.options]
    with pytest.raises(ValueError, match=r"resnet32-d509ac18.th"):
        load_base("cifar10")
    app.runline.press("shipped")
    assert app.state.phase == "done", app.status.message
    assert app.runline.allowed == ["shipped", "decide"]
    records, places = load_demo("cifar10").validation, app.state.anatomy.places
    assert [place.name for place in places] == [name.removesuffix(" mlp") for name in records.exits[:-1:2]]
    assert app.state.trained.segments["int8"].macs.static == records.cost().static
    assert [point.name for point in app.static_points] == ["ResNet-20", "ResNet-32"]
    decided = app.state.decision.mapping.route(records, "macs")
    assert decided.accuracy >= app.state.trained.final - 0.01 - 1e-12
    assert decided.mean_cost < 0.6 * app.static_points[-1].mean_cost
    assert "one random half of the test images decides" in app.locations.value.lower()


def test_who_reaches_no_later_segment_is_not_charged_for_it():
    """Where everyone is out before the final classifier the worst case is that of the last exit."""
    opened = AugmentApp(AugmentState(Settings("ecg")), inline=True)
    opened.runline.press("shipped")
    out = np.flatnonzero((opened.state.decision.front.thresholds == 0).any(axis=1))
    opened.driver.select(int(out[-1]))
    one, records = opened.state.selected, opened.state.trained.records
    charged = one.mapping.records(records)
    for name in ("latency", "energy"):
        routing = route(charged, one.policy, name)
        ends = [k for k, t in enumerate(one.policy.thresholds) if t == 0]
        assert ends
        assert routing.count[ends[0] + 1 :].sum() == 0
        worst = charged.cost(name).at(one.policy.kept)[ends[0]]
        assert one.figures[name]["worst"] == worst < charged.cost(name).at(one.policy.kept)[-1]
        assert one.figures[name]["p95"] <= worst
    assert format.quantity(one.figures["latency"]["worst"], "s") in opened.panel.figures.value
