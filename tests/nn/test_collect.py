"""Collecting: records hold what the network says, in its own mode, with its own costs."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import eeviz as ee  # noqa: E402
from eeviz.datasets import Dataset  # noqa: E402
from eeviz.nn import network_file  # noqa: E402
from eeviz.nn.collect import collect, logits_of, noisy  # noqa: E402
from eeviz.nn.count.macs import macs  # noqa: E402
from eeviz.nn.models import inverted_residuals  # noqa: E402


@pytest.fixture(scope="module")
def network():
    return inverted_residuals.build(inverted_residuals.FASHION, seed=1)


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 28, 28), dtype=np.uint8), rng.integers(0, 10, 60)
    return Dataset(images, labels, tuple("abcdefghij"), "random", "validation", "made here")


def test_records_hold_what_the_network_says(network, dataset):
    records = collect(network, dataset, temperature=(1.0, 2.0, 1.0, 0.5), thumbnails=True)
    with torch.no_grad():
        logits = network.eval()(network.prepare(dataset.images)).numpy()
    np.testing.assert_allclose(records.logits, logits, atol=1e-6)
    assert (records.predicted == logits.argmax(axis=2)).all()
    assert (records.label == dataset.labels).all()
    assert (records.thumbnails == dataset.images).all()
    assert records.temperature == (1.0, 2.0, 1.0, 0.5)
    assert (records.dataset, records.split, records.classes) == ("random", "validation", dataset.classes)
    assert records.cost("macs").backbone.tolist() == macs(network).backbone.tolist()


def test_the_batch_changes_nothing_but_the_last_bits(network, dataset):
    np.testing.assert_allclose(
        logits_of(network, dataset.images, batch=7), logits_of(network, dataset.images, batch=60), atol=1e-5
    )


def test_a_network_in_training_mode_is_asked_in_evaluation_mode_and_left_as_it_was(network, dataset):
    expected = logits_of(network.eval(), dataset.images)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    assert (logits_of(network.train(), dataset.images) == expected).all()
    assert network.training
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    network.eval()


def test_half_precision_records_agree_with_themselves(network, dataset):
    records = collect(network, dataset, precision=np.float16)
    assert records.logits.dtype == np.float16
    again = records.with_confidence("max_probability")
    assert (again.confidence == records.confidence).all()
    assert (records.predicted == records.logits.argmax(axis=2)).all()


def test_noise_is_seeded_and_of_the_strength_asked_for():
    grey = Dataset(np.full((50, 28, 28), 128, np.uint8), np.zeros(50, np.int64), ("a",), "grey", "test", "made here")
    moved = noisy(grey, 0.1, seed=3)
    assert (moved.images == noisy(grey, 0.1, seed=3).images).all()
    assert (moved.images != noisy(grey, 0.1, seed=4).images).any()
    assert moved.images.std() == pytest.approx(25.5, abs=0.5)
    assert abs(moved.images.mean() - 128) < 0.5


def test_weights_come_back_without_pickle(network, dataset, tmp_path):
    network_file.save(network, inverted_residuals.FASHION, tmp_path)
    again = network_file.load(tmp_path)
    assert not again.training
    assert (logits_of(again, dataset.images) == logits_of(network, dataset.images)).all()


def test_weights_that_are_damaged_or_do_not_fit_are_refused_in_words(network, tmp_path):
    with pytest.raises(ValueError, match="no readable network"):
        network_file.load(tmp_path)
    network_file.save(network, inverted_residuals.static(inverted_residuals.FASHION), tmp_path)
    with pytest.raises(ValueError, match="does not fit"):
        network_file.load(tmp_path)
    network_file.save(network, inverted_residuals.FASHION, tmp_path)
    file = tmp_path / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match="no readable network"):
        network_file.load(tmp_path)


def test_records_survive_their_file(network, dataset, tmp_path):
    records = collect(network, dataset, thumbnails=True)
    records.save(tmp_path / "records.npz")
    again = ee.ExitRecords.load(tmp_path / "records.npz")
    assert (again.confidence == records.confidence).all()
    assert (again.logits == records.logits).all()
