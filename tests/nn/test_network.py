"""The network: shapes, real early exit equal to the rule, folding, and what it refuses."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import eeviz as ee  # noqa: E402
from eeviz.datasets import Dataset  # noqa: E402
from eeviz.nn.collect import collect  # noqa: E402
from eeviz.nn.models import inverted_residuals  # noqa: E402
from eeviz.nn.network import EarlyExitNetwork  # noqa: E402


@pytest.fixture(scope="module")
def network():
    """Random weights and, so that folding and confidences have something to show, random batch norm statistics."""
    made = inverted_residuals.build(inverted_residuals.FASHION, seed=3)
    generator = torch.Generator().manual_seed(4)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
        if isinstance(module, nn.Linear):
            with torch.no_grad():
                module.weight.normal_(0, 0.5, generator=generator)
    return made.eval()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(5).integers(0, 256, (300, 28, 28), dtype=np.uint8)


@pytest.fixture(scope="module")
def records(network, images):
    labels = np.random.default_rng(6).integers(0, 10, len(images))
    return collect(network, Dataset(images, labels, tuple("abcdefghij"), "random", "test", "here"))


def thresholds_at(records, quantiles):
    return [None if q is None else float(np.quantile(records.confidence[:, k], q)) for k, q in enumerate(quantiles)]


@pytest.mark.parametrize(
    "quantiles", [(0.5, 0.5, 0.5), (0.2, None, 0.7), (None, None, None), (None, 0.4, None), (0.9, 0.99, 0.1)]
)
@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_infer_equals_route(network, images, records, quantiles, chunk):
    policy = ee.Policy(thresholds_at(records, quantiles))
    answer, routing = network.infer(images, policy, chunk=chunk), ee.route(records, policy)
    kept = [k for k in range(3) if policy.thresholds[k] is not None]
    distance = np.abs(records.confidence[:, kept] - [policy.thresholds[k] for k in kept])
    clear = (distance > 1e-5).all(axis=1)
    assert clear.mean() > 0.95
    assert (answer.exit_of == routing.exit_of)[clear].all()
    rows = np.arange(len(images))
    assert (answer.predicted == records.predicted[rows, routing.exit_of])[clear].all()
    np.testing.assert_allclose(
        answer.confidence[clear], records.confidence[rows, routing.exit_of][clear], rtol=0, atol=1e-5
    )


def test_all_leave_at_threshold_zero_and_none_at_one(network, images):
    assert (network.infer(images, ee.Policy((0, 0, 0))).exit_of == 0).all()
    assert (network.infer(images, ee.Policy((1, 1, 1))).exit_of == 3).all()


def test_infer_stops_computing_where_a_sample_leaves(network, images):
    seen = []
    hooks = [
        module.register_forward_hook(lambda module, args, out, name=name: seen.append((name, len(args[0]))))
        for name, module in [
            *network.segments.named_children(),
            *((f"head {k}", b) for k, b in enumerate(network.branches)),
        ]
    ]
    confidence = network(network.prepare(images[:40])).softmax(dim=2).amax(dim=2)[:, 0]
    seen.clear()
    threshold = float(confidence.detach().median())
    answer = network.infer(images[:40], ee.Policy((threshold, None, 0)))
    for hook in hooks:
        hook.remove()
    stayed = int((answer.exit_of > 0).sum())
    assert 0 < stayed < 40
    assert seen == [("0", 40), ("head 0", 40), ("1", stayed), ("2", stayed), ("head 2", stayed)]


def test_infer_uses_measure_and_temperature_of_the_records(network, images, records):
    temperature = (0.5, 2.0, 1.5, 3.0)
    other = records.with_confidence("entropy", temperature)
    policy = ee.Policy(thresholds_at(other, (0.5, 0.5, 0.5)))
    answer = network.infer(images, policy, measure="entropy", temperature=temperature)
    assert (answer.exit_of == ee.route(other, policy).exit_of).mean() > 0.98


def test_folding_changes_no_answer(network, images):
    x = network.prepare(images)
    folded = network.folded()
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        torch.testing.assert_close(folded(x), network(x), rtol=1e-3, atol=1e-3)
    assert [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)], "the original keeps its own"


def test_forward_gives_every_exit(network, images):
    assert network(network.prepare(images[:5])).shape == (5, 4, 10)
    assert network.prepare(images[:5]).is_contiguous(memory_format=torch.channels_last)


def test_prepare_reads_colour_and_standardises():
    network = EarlyExitNetwork([nn.Identity()], [nn.Flatten()], (3, 2, 2), mean=0.5, std=0.25)
    images = np.zeros((4, 2, 2, 3), np.uint8)
    images[..., 1] = 255
    x = network.prepare(images)
    assert x.shape == (4, 3, 2, 2)
    assert x[0, :, 0, 0].tolist() == [-2.0, 2.0, -2.0]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 28, 28), np.float32), "expected uint8"),
        (np.zeros((28, 28), np.uint8), "expected uint8"),
        (np.zeros((2, 32, 32), np.uint8), r"must be \(1, 28, 28\)"),
        (np.zeros((2, 28, 28, 3), np.uint8), r"must be \(1, 28, 28\)"),
    ],
)
def test_images_that_do_not_fit_are_refused_in_words(network, images, words):
    with pytest.raises(ValueError, match=words):
        network.prepare(images)


def test_a_policy_of_another_length_is_refused(network, images):
    with pytest.raises(ValueError, match="2 thresholds, expected 3"):
        network.infer(images, ee.Policy((0.5, 0.5)))


def test_inference_in_training_mode_is_refused(images):
    with pytest.raises(ValueError, match=r"call \.eval\(\)"):
        inverted_residuals.build(inverted_residuals.FASHION).infer(images, ee.Policy((0.5, 0.5, 0.5)))


def test_segments_and_branches_must_agree():
    with pytest.raises(ValueError, match="2 segments but 1 branches"):
        EarlyExitNetwork([nn.Identity(), nn.Identity()], [nn.Flatten()], (1, 2, 2))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"family": "transformer"}, "family 'transformer' is unknown"),
        ({"exits": [{"after": 7, "channels": [8], "strides": [1]}]}, r"lie in 0\.\.6"),
        ({"exits": [{"after": a, "channels": [8], "strides": [1]} for a in (3, 1)]}, "must rise"),
    ],
)
def test_architectures_that_cannot_be_built_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        inverted_residuals.build({**inverted_residuals.FASHION, **change})


def test_same_seed_same_weights():
    first, again, other = (inverted_residuals.build(inverted_residuals.FASHION, seed=s).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first["segments.0.0.0.weight"], other["segments.0.0.0.weight"])


def test_the_static_network_has_the_same_backbone():
    network, static = (
        inverted_residuals.build(inverted_residuals.FASHION),
        inverted_residuals.build(inverted_residuals.static(inverted_residuals.FASHION)),
    )
    backbone = sum(p.numel() for s in network.segments for p in s.parameters())
    assert backbone == sum(p.numel() for s in static.segments for p in s.parameters())
    assert static.exits_count == 1
