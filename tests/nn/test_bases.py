"""Bases: inputs that look back only, folds without a shared speaker, draws, training that resumes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from eeviz.datasets import Dataset
from eeviz.nn.augment import analyse
from eeviz.nn.augment.fused import fused, outputs
from eeviz.nn.augment.inputs import samples_of
from eeviz.nn.models import use_cases
from recipes.make_base import BaseRecipe, train_base


@pytest.fixture(scope="module")
def beats():
    rng = np.random.default_rng(0)
    n = 240
    images = rng.normal(0, 60, (n, 256, 1)).astype(np.int16)
    rr = rng.uniform(0.5, 1.1, (n, 2)).astype(np.float32)
    record = np.repeat([101, 106, 201], n // 3)
    labels = rng.choice(4, n, p=[0.7, 0.1, 0.15, 0.05])
    return Dataset(
        images, labels, ("N", "S", "V", "F"), "mit-bih", "train", "made", record, {"rr": rr, "record": record}
    )


def test_running_mean_is_the_plain_one():
    values = np.random.default_rng(1).normal(size=30)
    expected = [values[max(0, i - 9) : i + 1].mean() for i in range(30)]
    assert np.allclose(use_cases.running_mean(values, 10), expected)


def test_a_heartbeats_input_does_not_know_later_beats(beats):
    whole = use_cases.heartbeats(beats).images
    changed = replace(beats, images=beats.images.copy(), extra={**beats.extra, "rr": beats.extra["rr"].copy()})
    for array in (changed.images, changed.extra["rr"]):
        array.flags.writeable = True
        array[40:80] = array[40:80] * 2  # the second half of the first record
    after = use_cases.heartbeats(changed).images
    assert np.array_equal(after[:40], whole[:40])
    assert np.array_equal(after[80:], whole[80:])
    assert not np.array_equal(after[40:80], whole[40:80])
    assert whole.shape == (240, 260)
    assert np.isfinite(whole).all()


def test_a_gain_of_the_amplifier_changes_nothing(beats):
    doubled = replace(beats, images=(beats.images * 2).astype(np.int16))
    assert np.allclose(use_cases.heartbeats(doubled).images, use_cases.heartbeats(beats).images, atol=1e-5)


def test_folds_share_no_speaker_and_stay_the_same():
    groups = np.array([f"{k:08x}" for k in range(200) for _ in range(3)])
    folds = use_cases.speech_folds(groups)
    assert all(len(set(folds[groups == g])) == 1 for g in np.unique(groups))
    assert set(folds) == set(range(use_cases.FOLDS))
    assert np.array_equal(use_cases.speech_folds(groups[::-1]), folds[::-1])


def test_draws_follow_the_shares(beats):
    drawn = use_cases.drawn(beats, 4000, seed=1)
    shares = np.bincount(drawn.labels, minlength=4) / 4000
    assert np.allclose(shares, [use_cases.SHARES[c] for c in drawn.classes], atol=0.03)
    assert np.array_equal(drawn.labels, use_cases.drawn(beats, 4000, seed=1).labels)


def test_weights_make_accuracy_the_mean_recall(beats):
    weight, right = use_cases.recall_weights(beats), np.random.default_rng(2).random(len(beats)) < 0.6
    recalls = [right[beats.labels == k].mean() for k in range(3)]
    assert np.isclose(np.average(right, weights=weight), np.mean(recalls))


def test_variations_keep_shape_and_follow_their_generator(beats):
    for vary, x in (
        (use_cases.vary_heartbeats, torch.from_numpy(use_cases.heartbeats(beats).images[:6].copy())),
        (use_cases.vary_speech, torch.randn(6, 49, 40, 1).half()),
    ):
        one, two, other = (vary(x, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
        assert one.shape == x.shape
        assert torch.isfinite(one).all()
        assert torch.equal(one, two)
        assert not torch.equal(one, other)


def test_inputs_fit_the_networks(beats):
    speech, heart = use_cases.BASES["speech"].build(), use_cases.BASES["ecg"].build()
    assert speech(use_cases.Spectra()(np.zeros((2, 49, 40, 1), np.float16))).shape == (2, 12)
    assert heart(use_cases.Heartbeats()(use_cases.heartbeats(beats).images[:2])).shape == (2, 4)


def test_unknown_bases_are_refused_in_words():
    for name, fold in (("radio", 0), ("speech", 5), ("ecg", 1)):
        with pytest.raises(ValueError, match="choose speech"):
            use_cases.base_model(name, fold)


def test_training_resumes_where_it_was_stopped(beats, tmp_path):
    samples = samples_of(use_cases.heartbeats(beats), prepare=use_cases.Heartbeats())
    recipe = BaseRecipe(epochs=2, batch=64, select=True)

    def trained(path, stop=None):
        model = use_cases.BASES["ecg"].build(width=2)
        for event in train_base(model, lambda epoch: samples, use_cases.vary_heartbeats, samples, None, recipe, path):
            if event.epoch == stop:
                return None
        return model

    trained(tmp_path / "a.pt", stop=1)
    again, whole = trained(tmp_path / "a.pt"), trained(tmp_path / "b.pt")
    assert all(torch.equal(again.state_dict()[key], value) for key, value in whole.state_dict().items())
    with pytest.raises(ValueError, match=r"another run .its recipe"):
        next(train_base(again, lambda epoch: samples, None, samples, None, BaseRecipe(epochs=3), tmp_path / "a.pt"))


def test_folded_segments_compute_the_same():
    model = use_cases.BASES["speech"].build()
    x = torch.randn(70, 1, 49, 10)
    graph = analyse(model, x[:4], 12)
    segments = graph.segments([0, 2])
    with torch.no_grad():
        read, last = outputs(fused(segments, x[:8]), {0: torch.flatten}, x)
        expected = segments[0](x)
        assert torch.allclose(read[0], expected.flatten(), atol=1e-4)
        assert torch.allclose(last, model(x), atol=1e-4)
