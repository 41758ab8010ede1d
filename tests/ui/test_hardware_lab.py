"""The hardware lab without a browser: costs, layers, fronts under each cost, other hardware, fewer bits, the explorer."""

import dataclasses
import shutil

import numpy as np
import pytest
from hardware_fakes import ASKED, answers, opened, pictures, plan

from eeviz.core.network.bits import Bits
from eeviz.core.network.workload import Operation, workload_of
from eeviz.core.table.policy import route
from eeviz.hardware import Accelerator
from eeviz.hardware import accelerator as module
from eeviz.labs.hardware import session
from eeviz.labs.hardware.networks import Networks
from eeviz.labs.hardware.settings import Settings
from eeviz.labs.hardware.state import HardwareState
from eeviz.labs.settings import from_query, to_code, to_query
from eeviz.launch import paths
from eeviz.ui.hardware.app import HardwareApp
from eeviz.ui.hardware.lab import hardware_lab, own_network
from eeviz.ui.hardware.views.depth import elsewhere

EDGE = Accelerator("edge_tpu_like")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    own = plan()
    return opened(own_network(own, answers(pictures(), own.macs())), tmp_path=tmp_path_factory.mktemp("none"))


@pytest.fixture
def app(made):
    """A lab on a plan with made-up answers, everything shown."""
    made.driver.look(ASKED)
    made.state._undo, made.state._redo = [], []
    made.state._restore(ASKED)
    return made


def traces(view):
    return {trace.name: trace for trace in view.figure.data if trace.name}


def test_the_layers_add_up_to_the_costs(app):
    read, work_ = app.state.reading, workload_of(plan())
    costs = EDGE.costs(work_, Bits(8, 8))
    everything = np.ones(2, dtype=bool)
    assert app.state.phase == "done"
    assert read.layers.cycles.sum() == pytest.approx(costs["latency"].at(everything)[-1])
    assert read.layers.energy.sum() == pytest.approx(costs["energy"].at(everything)[-1])
    drawn = app.depth.figure.data
    latency = [t for t in drawn if t.yaxis == "y3" and t.type == "bar"]
    energy = [t for t in drawn if t.yaxis == "y2" and t.type == "bar"]
    assert sum(t.y.sum() for t in latency) == pytest.approx(read.layers.cycles.sum())
    assert {t.name for t in latency} == {"backbone", "exit 1", "exit 2", "final"}
    assert [t.name for t in energy] == ["multiplying", *read.layers.memories]
    total = sum(t.y.sum() for t in energy)
    assert energy[-1].y.sum() / total == pytest.approx(read.layers.levels[:, -1].sum() / read.layers.energy.sum())
    used = [t for t in drawn if t.yaxis == "y4"]
    assert sum(len(t.x) for t in used) == sum(isinstance(s, Operation) for s in read.steps)
    assert "without exits" in app.strip.value


def test_what_macs_tell_is_drawn_over_the_bars(app):
    table = app.state.reading.layers
    lines = {t.yaxis: t for t in app.depth.figure.data if t.name == "if MACs told it"}
    share = table.macs[table.macs > 0] / table.macs.sum()
    assert np.allclose(lines["y3"].y, share * table.cycles.sum())
    assert list(lines["y3"].x) == (np.flatnonzero(table.macs) + 1).tolist()
    assert lines["y2"].y.sum() / lines["y2"].y[0] == pytest.approx(1 / share[0])
    moved = np.maximum(table.cycles / table.cycles.sum() - table.macs / table.macs.sum(), 0).sum()
    assert elsewhere(table, table.cycles) == pytest.approx(moved)
    assert f"{100 * moved:.1f} % of the latency" in app.depth.sentence.value
    fronts, cost = app.state.fronts, "energy x latency"
    assert f"{100 * fronts.extra('macs', cost, ASKED.max_drop):.1f} % more expensive" in app.strip.value


def test_heads_use_little_of_the_array_and_the_page_says_so(app):
    sums, pieces = app.state.reading.layers.sums(), app.state.reading.layers.pieces
    linear = sums["utilisation"][pieces.index("exit 1")]
    assert linear < 0.01
    assert f"{100 * linear:.1f}–" in app.strip.value


def test_shares_are_of_the_whole_way(app):
    bars = [t for t in app.shares.figure.data if t.type == "bar"]
    labels = list(bars[0].y)
    assert labels[0] == "MACs"
    assert {"edge_tpu_like<br>latency", "eyeriss_like<br>energy"} < set(labels)
    assert np.allclose(sum(t.x for t in bars), 100)
    macs = plan().macs()
    heads = macs.heads[:-1].sum() / macs.at(np.ones(2, dtype=bool))[-1]
    assert sum(t.x[0] for t in bars if t.name.startswith("exit")) == pytest.approx(100 * heads)


def test_the_front_under_each_cost_and_what_choosing_by_another_costs(app):
    fronts, state = app.state.fronts, app.state
    for cost, front in fronts.fronts.items():
        index = fronts.index(cost, ASKED.max_drop)
        for charged in fronts.fronts:
            expected = route(fronts.records, front.policy(index), charged).mean_cost
            assert fronts.means[cost][charged][index] == pytest.approx(expected)
        assert fronts.extra(cost, cost, ASKED.max_drop) == 0
        assert fronts.extra("macs", cost, ASKED.max_drop) >= -1e-12
        assert front.accuracy[index] >= fronts.records.correct[:, -1].mean() - ASKED.max_drop - 1e-12
    lines = traces(app.fronts)
    cost = "energy x latency"
    own = 100 * fronts.fronts[cost].mean_cost / fronts.records.cost(cost).static
    assert np.allclose(lines[cost].x, own)
    asked = traces(app.chosen)["chosen by energy x latency"]
    assert np.isin(np.round(asked.x, 9), np.round(own, 9)).all()
    app.driver.look(dataclasses.replace(state.settings, cost="latency"))
    assert "mean latency" in app.chosen.figure.layout.xaxis.title.text


def test_the_same_network_elsewhere(app):
    found = {one.name: one for one in app.state.machines}
    assert {"edge_tpu_like", "eyeriss_like", "cortex-m0-m4", "sensor-gateway-cloud"} <= set(found)
    assert all(0 < one.saved < 1 for one in found.values())
    product = found["eyeriss_like"].reading.costs["energy x latency"]
    assert product.static == pytest.approx(
        Accelerator("eyeriss_like").costs(plan(), Bits(8, 8))["energy x latency"].static
    )
    assert app.machines.value.count("<tr>") == len(found) + 1
    assert "factor" in app.machines.value


def test_layers_are_listed_from_the_dearest_on(app):
    table = app.state.reading.layers
    for by in ("cycles", "energy", "macs"):
        app.sort.value = by
        first = app.layers.value.split("<tbody>")[1].split("</tr>")[0]
        assert table.words[table.order(by)[0]] in first


def test_a_layer_that_no_table_holds_is_told_in_the_page(app, monkeypatch):
    monkeypatch.setattr(module, "is_installed", lambda name: False)
    module._computed.cache_clear()
    app.driver.look(dataclasses.replace(ASKED, bits="6/6", head_bits="6/6"))
    assert app.state.phase == "failed"
    assert app.status.level == "error"
    assert "no table holds the costs of" in app.status.message
    assert "pip install" in app.status.message
    assert "No costs" in app.notes.value
    assert app.depth.figure.layout.height < 200
    app.form.undo.click()
    assert app.state.phase == "done"
    assert app.status.level != "error"
    assert app.form.bits.value == "8/8"
    assert app.state.trouble == ""


def test_layers_that_no_table_holds_are_computed_one_by_one(app, monkeypatch):
    subject = app.state.subject
    asked = dataclasses.replace(ASKED, bits="6/6", head_bits="6/6")
    todo = session.unknown_layers(subject, asked)
    assert len(todo) == len(set(todo))
    assert todo
    seen = []
    monkeypatch.setattr(Accelerator, "row", lambda self, step, bits: seen.append((step, bits)))
    assert list(session.computed(subject, asked)) == [(i + 1, len(todo)) for i in range(len(todo))]
    assert seen == todo
    assert session.unknown_layers(subject, ASKED) == []


def test_an_accelerator_too_small_for_the_network_says_so(tmp_path):
    from eeviz.core.network.workload import Workload

    wide = Operation("conv", 64, 64, (224, 224), (1, 1))
    work_ = Workload(((wide,),), ((Operation("linear", 64, 10),),), (0,), 3 * 224 * 224)
    app = HardwareApp(HardwareState(ASKED), Networks(own_network(work_), tmp_path / "none.db"), inline=True)
    app.driver.look()
    assert "does not fit" in app.status.message or "no table holds" in app.status.message
    assert app.state.reading is None


def test_a_network_that_cannot_be_priced_is_told_in_the_page_with_a_demo_in_its_place():
    from torch import nn

    from eeviz.nn.network import EarlyExitNetwork

    grouped = nn.Conv2d(4, 8, 3, groups=2)
    network = EarlyExitNetwork([nn.Sequential(grouped)], [nn.Sequential(nn.Flatten(), nn.Linear(288, 3))], (4, 8, 8))
    lab = hardware_lab(network)
    lab.join(120)
    message = lab._app.status.message
    assert "Your network cannot be shown, a demo is" in message
    assert "grouped" in message
    assert lab.settings.network == "fashion"
    assert lab.reading is not None
    lab.close()


def test_a_network_without_answers_has_costs_alone(tmp_path):
    app = opened(own_network(plan()), tmp_path=tmp_path)
    assert app.state.fronts is None
    assert app.state.reading is not None
    assert app.explore_button.disabled
    assert "without answers" in app.fronts.sentence.value
    app.runline.press("measure")
    assert "measure" not in app.runline.allowed
    with pytest.raises(ValueError, match="cannot be rounded"):
        app.driver.rounding.measure()


def test_the_explorer_opens_with_the_accelerators_costs(app):
    app.explore_button.click()
    assert app.status.level != "error", app.status.details
    shown, fronts = app.below.explorer.state, app.state.fronts
    index = fronts.index("energy x latency", ASKED.max_drop)
    assert shown.cost == "energy x latency"
    assert shown.routing.mean_cost == pytest.approx(fronts.fronts["energy x latency"].mean_cost[index])
    sent = []
    app.page.send = lambda content, buffers=(): sent.append(content["name"])
    app.records_button.click()
    assert sent == ["records.npz"]


def test_the_way_to_a_search_carries_hardware_and_cost(app):
    from html import unescape

    from eeviz.labs.search.settings import Settings as SearchSettings
    from eeviz.labs.settings import from_query as search_asked

    app.page.host = "voila"
    query = unescape(app.onward.value.split("search.ipynb?")[1].split('"')[0])
    asked = search_asked(SearchSettings(), query)
    assert (asked.hardware, asked.cost) == ("edge_tpu_like", "energy x latency")
    app.page.host = "lab"
    assert "ee.search_lab(" in app.onward.value


def test_undo_and_redo_go_through_the_settings(app):
    app.form.accelerator.value = "eyeriss_like"
    assert app.state.reading.name == "eyeriss_like"
    app.form.drop.value = 2.0
    app.form.undo.click()
    assert app.state.settings.max_drop == ASKED.max_drop
    app.form.undo.click()
    assert app.state.reading.name == "edge_tpu_like"
    assert app.form.undo.disabled
    app.form.redo.click()
    assert app.form.accelerator.value == "eyeriss_like"


def test_networks_of_a_stored_search_come_with_the_exits_they_keep(tmp_path):
    from eeviz.nas.store import Store

    path = tmp_path / "store.db"
    shutil.copyfile(paths.data() / "searches" / "compact-fashion-mnist.db", path)
    networks = Networks(store=path)
    names = [name for _, name in networks.options()]
    assert names[0] == "fashion"
    assert len(names) == len(set(names)) > 5
    store = Store(path)
    found = next(one for one in networks.found if store.records(one.run, one.candidate) is not None)
    store.close()
    subject = networks.load(found.name)
    assert subject.records.exits_count == subject.exits
    assert subject.can_round
    assert np.allclose(subject.records.cost().heads, subject.work.macs().heads)
    with pytest.raises(ValueError, match="no network 'two-level-1-9999'"):
        networks.load("two-level-1-9999")


def test_settings_travel_by_address_and_code():
    asked = Settings("two-level-1-12", "eyeriss_like", "4/4", "8/8", "latency", 0.02)
    query = "&".join(f"{name}={value}" for name, value in to_query(asked).items())
    assert from_query(Settings(), query) == asked
    assert to_code(asked) == (
        "ee.hardware_lab('two-level-1-12', accelerator='eyeriss_like', bits='4/4', cost='latency', max_drop=0.02)"
    )
    for wrong in ("hw=abacus", "bits=7", "objective=beauty", "drop=much", "net=<b>"):
        with pytest.raises(ValueError, match="The address does not fit"):
            from_query(Settings(), wrong)
