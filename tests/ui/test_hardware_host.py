"""This host in the hardware lab, without a browser: measured once, beside the accelerators, latency alone."""

import dataclasses

import numpy as np
import pytest
from hardware_fakes import ASKED, answers, opened, pictures, plan

from eeviz.core.network.bits import FP32, Bits
from eeviz.core.network.workload import workload_of
from eeviz.hardware.clock import Clocked
from eeviz.labs.hardware import session
from eeviz.labs.hardware.settings import OWN, Settings
from eeviz.launch import packages
from eeviz.ui.hardware.lab import own_network

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    own = plan()
    return opened(own_network(own, answers(pictures(), own.macs())), tmp_path=tmp_path_factory.mktemp("none"))


def made_up_clock(network, bits, batches, repeats=31):
    """As `hardware.clock.clock`, with times made up: int8 takes half as long, batches a third of one by one."""
    yield "writing", 0.0
    parts = np.arange(1.0, len(network.segments) + 1)
    for batch in batches:
        taken = (1.0 if bits == FP32 else 0.5) * (1.0 if batch == 1 else 1 / 3) * 1e-3
        yield "batch", 0.5
        yield Clocked(bits, batch, taken * parts, taken * np.array([0.5, 0.5, 0.25]), 0.1)


def test_this_host_is_measured_beside_the_accelerators(app, monkeypatch):
    runs = []
    monkeypatch.setattr(session, "clock", lambda *a, **k: runs.append(a[1]) or made_up_clock(*a, **k))
    app.form.cost.value = "energy"
    app.form.accelerator.value = "this-host"
    state = app.state
    assert app.status.level != "error", app.status.details
    assert runs == [Bits(8, 8), FP32]
    assert (state.settings.cost, state.settings.pair) == ("latency", ("8/8", "8/8"))  # no energy is measured here
    assert set(state.fronts.fronts) == {"latency", "macs"}
    assert "Energy is not measured on this host" in app.notes.value
    position = workload_of(plan()).position
    latency = state.reading.costs["latency"]
    assert np.allclose(latency.backbone, 0.5e-3 * np.cumsum(np.arange(1.0, 9.0))[list(position)])
    bars = next(t for t in app.depth.figure.data if t.type == "bar")
    assert bars.y.sum() == pytest.approx(0.5e3 * (sum(range(len(workload_of(plan()).segments) + 1)) + 1.25))
    assert app.depth.figure.layout.xaxis.ticktext[:2] == ("segments 1–2", "exit 1")  # no head parts them
    labels = list(app.shares.figure.data[0].y)
    assert "this host<br>FP32, one by one" in labels
    assert "this host<br>int8, batch of 32" in labels
    assert np.allclose(sum(t.x for t in app.shares.figure.data if t.type == "bar"), 100)
    assert app.hostline.layout.display is None
    assert "int8, one by one" in app.layers.value
    assert app.onward.value == ""
    # other bits, another batch, back and forth: nothing is measured again
    app.form.bits.value = "32/32"
    assert state.reading.costs["latency"].static == pytest.approx(2 * latency.static)
    assert "measured" in {m.title: m for m in state.machines}["this host, measured"].title
    app.form.accelerator.value = "this-host-batch"
    assert state.reading.costs["latency"].static == pytest.approx(2 / 3 * latency.static)
    app.form.accelerator.value = "eyeriss_like"
    assert state.settings.bits == "8/8"
    assert app.hostline.layout.display == "none"
    assert "this host, measured" in {m.title for m in state.machines}
    app.form.accelerator.value = "this-host"
    assert len(runs) == 2
    app.hostline.press("clock")
    assert len(runs) == 4
    assert state.reading is not None
    app.driver.look(dataclasses.replace(ASKED, accelerator="eyeriss_like"))


def test_a_host_without_onnxruntime_says_what_to_install(app, monkeypatch):
    monkeypatch.setattr(packages, "is_installed", lambda name: name != "onnxruntime")
    app.state.clocks = {}
    app.driver.look(dataclasses.replace(ASKED, accelerator="this-host", cost="latency"))
    assert app.state.phase == "failed"
    assert "This host cannot be measured" in app.status.message
    assert "pip install" in app.status.message
    assert "onnxruntime" in app.notes.value
    for wrong in ({"cost": "energy"}, {"bits": "4/4", "cost": "latency"}, {"bits": "32/32", "cost": "latency"}):
        with pytest.raises(ValueError, match=r"host|choose one of"):
            Settings(OWN, "this-host", **wrong)
