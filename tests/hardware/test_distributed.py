"""Processes joined by sockets: answers and bytes as predicted, and words for peers that die or fall silent."""

import os
import signal
import socket
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from torch import nn  # noqa: E402

import eeviz as ee  # noqa: E402
from eeviz.core.platform.mapping import Mapping  # noqa: E402
from eeviz.core.platform.platform import Platform  # noqa: E402
from eeviz.hardware import wire  # noqa: E402
from eeviz.hardware.distributed import PeerError, run_distributed  # noqa: E402
from eeviz.nn.count.describe import describe  # noqa: E402
from eeviz.nn.export.network import export  # noqa: E402
from eeviz.nn.network import EarlyExitNetwork  # noqa: E402

pytestmark = pytest.mark.slow
SAMPLES = 90


@pytest.fixture(scope="module")
def network():
    generator = torch.Generator().manual_seed(0)
    body = [nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 6, 3), nn.Conv2d(6, 8, 3)]
    heads = [nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 3)) for c in (4, 6, 8)]
    for parameter in nn.ModuleList([*body, *heads]).parameters():
        parameter.data.normal_(0, 0.7, generator=generator)
    return EarlyExitNetwork(body, heads, (3, 16, 16)).eval()


@pytest.fixture(scope="module")
def samples():
    return torch.randn(SAMPLES, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def records(network, samples):
    with torch.no_grad():
        logits = network(samples).numpy()
    return ee.ExitRecords.from_logits(logits, logits[:, -1].argmax(axis=1), {"macs": describe(network).macs})


def mapped(network, records, assignment, heads="own") -> Mapping:
    policy = ee.Policy([float(np.quantile(records.confidence[:, k], 0.6)) for k in (0, 1)])
    return Mapping(Platform.preset("sensor-gateway-cloud"), describe(network), assignment, policy, heads)


@pytest.mark.parametrize(
    ("assignment", "heads"),
    [((0, 1, 2), "own"), ((0, 0, 1), "next"), ((0, 2, 2), "own"), ((0, 0, 0), "own")],
    ids=["three", "head beside the next", "gateway only relays", "one"],
)
def test_answers_and_bytes_are_as_predicted(network, samples, records, tmp_path, assignment, heads):
    mapping = mapped(network, records, assignment, heads)
    export(network, mapping.policy, tmp_path, mapping=mapping)
    run = run_distributed(tmp_path, samples.numpy())
    alone, figures = network.infer(samples, mapping.policy), mapping.figures(records)
    assert run.predicted.tolist() == alone.predicted.tolist()
    assert run.exit_of.tolist() == alone.exit_of.tolist()
    np.testing.assert_allclose(run.confidence, alone.confidence, atol=1e-5)
    for link in ("bluetooth", "internet"):
        assert run.payload[link] == round(figures["traffic"][link] * SAMPLES), link
        assert run.crossed[link] == round(figures["crossing"][link] * SAMPLES), link
    if assignment == (0, 1, 2):
        assert 0 < run.crossed["internet"] < run.crossed["bluetooth"] < SAMPLES
    assert sum(run.answered.values()) == SAMPLES


@pytest.fixture
def folder(network, records, tmp_path):
    mapping = mapped(network, records, (0, 1, 1))
    export(network, mapping.policy, tmp_path, mapping=mapping)
    return tmp_path


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("who", "number", "words"),
    [
        (0, signal.SIGKILL, "process of sensor was killed by signal 9"),
        (1, signal.SIGKILL, r"process of gateway was killed by signal 9|sensor stopped"),
        (1, getattr(signal, "SIGSTOP", None), "gateway has said nothing for 2 s"),
    ],
)
def test_a_lost_peer_is_told_in_words_and_nothing_is_left(folder, samples, who, number, words):
    many = np.tile(samples.numpy(), (400, 1, 1, 1))
    started = []

    def strike(pids):
        started.extend(pids)
        threading.Timer(0.2, os.kill, (pids[who], number)).start()

    begun = time.monotonic()
    with pytest.raises(PeerError, match=words):
        run_distributed(folder, many, timeout=2, on_start=strike)
    assert time.monotonic() - begun < 90
    assert len(started) == 2
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_broken_file_is_told_in_words(folder, samples):
    (folder / "segment_1.onnx").write_bytes(b"not a network")
    with pytest.raises(PeerError, match=r"gateway ended with exit code 1.*It said: .*|gateway stopped: "):
        run_distributed(folder, samples.numpy())


def test_what_cannot_run_is_refused(folder, samples, tmp_path_factory):
    with pytest.raises(ValueError, match=r"expected \(N >= 1, 3, 16, 16\), got \(90, 16, 16\)"):
        run_distributed(folder, samples.numpy()[:, 0])
    with pytest.raises(ValueError, match="no exported network"):
        run_distributed(tmp_path_factory.mktemp("empty"), samples.numpy())


def test_messages_keep_their_values_and_refuse_others():
    left, right = socket.socketpair()
    with left, right:
        x = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
        assert wire.send(left, 7, x) == 24
        number, features = wire.receive(right, (2, 3))
        assert number == 7
        assert (features == x[0]).all()
        wire.send(left, 8, x)
        with pytest.raises(ConnectionError, match="sample 8 came with 24 bytes"):
            wire.receive(right, (2, 2))
    left, right = socket.socketpair()
    with right:
        wire.end(left)
        left.close()
        assert wire.receive(right, (2, 3)) is None
        with pytest.raises(ConnectionError, match="ended in the middle"):
            wire.receive(right, (2, 3))


def test_records_may_have_removed_exits(network, samples, records, tmp_path):
    mapping = mapped(network, records, (0, 1, 1))
    mapping = replace(mapping, policy=ee.Policy([None, mapping.policy.thresholds[1]]))
    export(network, mapping.policy, tmp_path, mapping=mapping)
    run = run_distributed(tmp_path, samples.numpy())
    assert run.crossed["bluetooth"] == SAMPLES
    assert run.exit_of.tolist() == network.infer(samples, mapping.policy).exit_of.tolist()
