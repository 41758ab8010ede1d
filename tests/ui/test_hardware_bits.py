"""Networks with bits of their own in the hardware lab, without a browser: opened, charged and named at those bits."""

import dataclasses
from html import unescape

import numpy as np
import pytest
from hardware_fakes import ASKED, answers, opened, pictures, plan
from search_fakes import FakeEvaluator

import eeviz as ee
from eeviz.core.network.bits import Bits
from eeviz.core.network.workload import workload_of
from eeviz.core.space.space import SearchSpace
from eeviz.hardware import Accelerator
from eeviz.labs.hardware.networks import Networks
from eeviz.labs.hardware.settings import own_words
from eeviz.labs.hardware.state import HardwareState
from eeviz.nas.pareto import Points
from eeviz.nas.protocols import Candidate
from eeviz.nas.store import Store
from eeviz.ui.hardware.app import HardwareApp
from eeviz.ui.hardware.lab import HardwareLab, own_network

KEPT = ("exit A, 4 bits", "exit E, 8 bits")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A stored search of zniber whose best point keeps exit A at 4 bits and exit E at 8, the backbone at 4."""

    path = tmp_path_factory.mktemp("stored") / "zniber.db"
    evaluator = FakeEvaluator(space=SearchSpace.preset("zniber"))
    with ee.search(evaluator.space, "cifar10", evaluator=evaluator, evaluations=1, store=path):
        pass
    genome = (1, *[0] * 12)
    records = evaluator.records(genome, True)
    thresholds = np.full((1, records.exits_count - 1), np.nan)
    for name in KEPT:
        thresholds[0, records.exits.index(name)] = 0.7
    points = Points(np.array([0.4]), np.array([2e7]), np.array([3e7]), thresholds)
    store = Store(path)
    store.add(store.runs()[0]["id"], Candidate(0, 0, genome, points, 1.0, ""), records.to_bytes(), 1.0)
    store.close()
    return path, records


def test_a_network_of_zniber_opens_and_is_charged_at_the_bits_of_each_exit(stored):
    path, records = stored
    networks = Networks(store=path)
    title, name = networks.options()[-1]
    assert title.endswith("backbone 4, exits 4, 8 bits")
    asked = dataclasses.replace(ASKED, network=name, max_drop=0.3)
    app = HardwareApp(HardwareState(asked), networks, inline=True)
    app.driver.look()
    state, own = app.state, app.state.subject
    assert app.status.level != "error", app.status.details
    assert own.records.exits == (*KEPT, "final")
    column = records.exits.index(KEPT[0])
    assert np.array_equal(own.records.confidence[:, 0], records.confidence[:, column])
    assert own.own_bits == (Bits(4, 4), (Bits(4, 4), Bits(8, 8), Bits(4, 4)))
    expected = Accelerator("edge_tpu_like").costs(own.work, *own.own_bits)
    for cost in ("latency", "energy", "memory"):
        np.testing.assert_allclose(state.reading.costs[cost].heads, expected[cost].heads)
        np.testing.assert_allclose(state.reading.costs[cost].backbone, expected[cost].backbone)
    assert "costs and answers are those at backbone 4, exits 4, 8 bits" in app.notes.value
    assert "unrounded" not in app.notes.value
    assert app.form.bits.layout.display == app.form.head_bits.layout.display == "none"
    assert "backbone 4, exits 4, 8 bits" in app.form.own_bits.value
    assert "backbone 4, exits 4, 8 bits" in repr(HardwareLab(app))
    assert "at 8/8 bits and with unrounded answers, not at backbone 4" in unescape(app.onward.value)
    titles = {machine.name: machine.title for machine in state.machines}
    assert titles["eyeriss_like"] == "eyeriss_like"  # at its own bits as well
    roofline = next(machine for machine in state.machines if machine.name == "cortex-m0-m4").reading
    assert roofline.costs["memory"].static == expected["memory"].static
    with pytest.raises(ValueError, match="bits of their own"):
        app.driver.rounding.measure()
    app.explore_button.click()
    assert app.status.level != "error", app.status.details
    assert "Answers of the network at its own bits" in app.below.title.value


def test_bits_in_words():
    four, eight = Bits(4, 4), Bits(8, 8)
    assert own_words(four, (eight, eight, four)) == "backbone 4, exits 8 bits"
    assert own_words(four, (four, four)) == own_words(four, (four,)) == "4 bits"
    assert own_words(Bits(4, 8), (eight, Bits(4, 8))) == "backbone 4/8, exits 8 bits"


def test_the_menus_say_which_number_is_which(tmp_path):
    network = plan()
    asked = dataclasses.replace(ASKED, bits="4/4", head_bits="4/4")
    app = opened(own_network(network, answers(pictures(), network.macs())), asked, tmp_path)
    assert "Weights/activations" in app.form.bits.description
    assert "4/8: weights 4, activations 8" in app.form.bits.tooltip == app.form.head_bits.tooltip
    assert app.form.own_bits.layout.display == "none"
    assert "weights/activations" in next(words for name, _, words in app.runline.buttons if name == "measure_all")
    # the way to a search says that it searches at other bits than those on show
    assert "at 8/8 bits and with unrounded answers, not at 4/4 bits as here" in app.onward.value
    app.form.bits.value = app.form.head_bits.value = "8/8"
    assert "unrounded" not in app.onward.value
    assert workload_of(network).bits is None
