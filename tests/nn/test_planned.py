"""Networks built from plans: counted by fvcore, shared taps, learned confidences."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import eeviz as ee  # noqa: E402
from eeviz.core.network.layers import Convolution, Linear, Resize, SqueezeExcite  # noqa: E402
from eeviz.core.network.plan import Head, Plan  # noqa: E402
from eeviz.core.table.calibration import cumulative_confidence  # noqa: E402
from eeviz.datasets import Dataset  # noqa: E402
from eeviz.nn.build import build, named  # noqa: E402
from eeviz.nn.collect import collect  # noqa: E402
from eeviz.nn.count.macs import macs  # noqa: E402
from eeviz.nn.learned import MEASURE, LearnedExitNetwork, collect_learned, learned_loss  # noqa: E402
from eeviz.nn.network import EarlyExitNetwork  # noqa: E402
from eeviz.nn.train.joint import Recipe, train  # noqa: E402

COMPACT = ee.SearchSpace.preset("compact")
NACHOS = ee.SearchSpace.preset("nachos")


def plans(name, count):
    space = ee.SearchSpace.preset(name)
    rng = np.random.default_rng(7)
    for k in range(count):
        architecture = space.decode(space.sample(rng))
        yield architecture.offered() if name == "compact" and k % 7 == 0 else architecture.plan


def lively(network, seed=4):
    """Random batch norm statistics and classifiers, so that confidences have something to show."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
            if isinstance(module, nn.Linear):
                module.weight.normal_(0, 0.5, generator=generator)
    return network.eval()


def picture(shape, samples, seed=5):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (samples, *shape[1:], shape[0]), dtype=np.uint8)
    labels = rng.integers(0, 10, samples)
    return Dataset(images[..., 0] if shape[0] == 1 else images, labels, tuple("abcdefghij"), "random", "test", "here")


@pytest.mark.parametrize("name", ["compact", "aebnas", "edanas", "nachos", "static"])
def test_macs_and_parameters_equal_those_of_the_built_network(name):
    for plan in plans(name, 20):
        network = build(plan)
        counted, planned = macs(network), plan.macs()
        np.testing.assert_array_equal(counted.backbone, planned.backbone)
        np.testing.assert_array_equal(counted.heads, planned.heads)
        assert sum(p.numel() for p in network.parameters()) == plan.parameters()


def test_every_weight_has_its_name_in_the_plans_order():
    plan = COMPACT.decode(COMPACT.largest()).offered()
    expected = []
    for layer, _ in plan.weighted():
        expected.append(layer.name)
        if isinstance(layer, Convolution) and layer.norm:
            expected.append(f"{layer.name}.norm")
    found = [name for name, _ in named(build(plan))]
    assert found == expected
    assert len(set(found)) == len(found)
    squeezed = [layer for layer, _ in next(plans("static", 1)).weighted() if isinstance(layer, SqueezeExcite)]
    names = [name for name, _ in named(build(next(plans("static", 1))))]
    assert f"{squeezed[0].name}.reduce" in names
    assert f"{squeezed[0].name}.expand" in names


@pytest.fixture(scope="module")
def offered():
    """A compact network with every design at every exit, on 60 images."""
    genome = COMPACT.sample(np.random.default_rng(8))
    plan = COMPACT.decode(genome).offered()
    network = lively(build(plan, mean=0.5, std=0.25))
    dataset = picture(plan.input, 60)
    return plan, network, dataset, collect(network, dataset)


def test_alternatives_share_a_tap(offered):
    plan, network, dataset, records = offered
    assert isinstance(network, EarlyExitNetwork)
    assert network.position == plan.position
    assert network.exits_count == 25
    assert records.confidence.shape == (60, 25)
    assert records.position.tolist() == list(plan.position)
    np.testing.assert_array_equal(records.cost().heads, plan.macs().heads)
    x = network.prepare(dataset.images)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert x.stride()[1] == 1, "one channel or several, the layout is that of channels_last"
    with torch.no_grad():
        tap = network.segments[1](network.segments[0](x))
        torch.testing.assert_close(network(x)[:, 7], network.branches[7](tap))


def test_infer_equals_route_with_one_alternative_kept_at_a_tap(offered):
    _, network, dataset, records = offered
    thresholds = [None] * 24
    for k in (2, 9, 20):
        thresholds[k] = float(np.quantile(records.confidence[:, k], 0.6))
    policy = ee.Policy(thresholds)
    answer, routing = network.infer(dataset.images, policy, chunk=16), ee.route(records, policy)
    distance = np.abs(records.confidence[:, [2, 9, 20]] - [thresholds[k] for k in (2, 9, 20)])
    clear = (distance > 1e-5).all(axis=1)
    assert clear.mean() > 0.9
    assert (answer.exit_of == routing.exit_of)[clear].all()
    assert set(answer.exit_of) == {2, 9, 20, 24}


def test_folding_changes_no_answer(offered):
    _, network, dataset, _ = offered
    folded = network.folded()
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        x = network.prepare(dataset.images)
        torch.testing.assert_close(folded(x), network(x), rtol=1e-3, atol=1e-3)


def test_segments_without_a_branch_are_allowed():
    genome = COMPACT.with_exits(COMPACT.smallest(), ["none", "none", "linear", "none"])
    network = build(COMPACT.decode(genome).plan).eval()
    assert (len(network.segments), len(network.branches), network.position) == (5, 2, (2, 4))
    assert list(network.at(0)) == []
    assert list(network.at(2)) == [0]
    answer = network.infer(picture((1, 28, 28), 5).images, ee.Policy((0.0,)))
    assert answer.exit_of.tolist() == [0] * 5


@pytest.mark.parametrize(
    ("segments", "position", "words"),
    [
        (2, (0,), "1 positions but 2 branches"),
        (2, (1, 0), "must not fall"),
        (2, (-1, 1), "must not fall"),
        (3, (0, 1), "last branch must read segment 2"),
    ],
)
def test_positions_that_do_not_fit_are_refused(segments, position, words):
    with pytest.raises(ValueError, match=words):
        EarlyExitNetwork([nn.Identity()] * segments, [nn.Flatten()] * 2, (1, 2, 2), position=position)


def test_same_seed_same_weights_and_the_global_generator_is_left_alone():
    plan = COMPACT.decode(COMPACT.smallest()).plan
    before = torch.random.get_rng_state()
    one, again, other = (build(plan, seed=s).state_dict() for s in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[k], again[k]) for k in one)
    assert any(not torch.equal(one[k], other[k]) for k in one)


def test_resizing_is_bicubic_or_bilinear_and_skipped_where_nothing_changes():
    x = torch.rand(2, 1, 6, 6)
    for mode in ("bicubic", "bilinear"):
        plan = Plan((1, 6, 6), 16, ((Resize(4, mode),),), (Head(0, "final", (Linear("l", 16),)),))
        expected = nn.functional.interpolate(x, size=(4, 4), mode=mode, align_corners=False)
        torch.testing.assert_close(build(plan).segments[0](x), expected)
    plan = Plan((1, 6, 6), 16, ((Resize(6),),), (Head(0, "final", (Linear("l", 16),)),))
    assert isinstance(build(plan).segments[0][0], nn.Identity)


@pytest.fixture(scope="module")
def learned():
    rng = np.random.default_rng(2)
    genome = [*NACHOS.sample(rng)[:45], 1, 0, 1, 1]
    network = lively(build(NACHOS.decode(genome).plan, mean=0.5, std=0.25))
    dataset = picture((3, 32, 32), 60)
    with torch.no_grad():  # outputs of untrained heads hardly differ between images: spread them
        x = network.prepare(dataset.images)
        for index, segment in enumerate(network.segments):
            x = segment(x)
            for k in network.at(index):
                output = network.branches[k](x)
                linear = [module for module in network.branches[k].modules() if isinstance(module, nn.Linear)][-1]
                spread = output.std(dim=0)
                linear.weight.div_(spread[:, None])
                linear.bias.sub_(output.mean(dim=0)).div_(spread)
    return network, dataset


def test_learned_confidences_are_cumulative_and_their_exits_cannot_be_removed(learned):
    network, dataset = learned
    assert isinstance(network, LearnedExitNetwork)
    records = collect_learned(network, dataset)
    with torch.no_grad():
        logits, own = network.with_confidence(network.prepare(dataset.images))
    assert logits.shape == (60, 4, 10)
    assert own.shape == (60, 3)
    expected = 1 - np.cumprod(1 - own.double().numpy(), axis=1)
    np.testing.assert_allclose(records.confidence[:, :3], expected, atol=1e-6)
    assert (np.diff(records.confidence[:, :3], axis=1) >= 0).all()
    assert not records.removable
    assert records.measure == MEASURE
    np.testing.assert_array_equal(records.predicted, logits.argmax(dim=2).numpy())


@pytest.mark.parametrize("chunk", [7, 64])
def test_infer_of_learned_confidences_equals_route(learned, chunk):
    network, dataset = learned
    records = collect_learned(network, dataset)
    policy = ee.Policy([float(np.quantile(records.confidence[:, k], q)) for k, q in enumerate((0.7, 0.5, 0.5))])
    answer, routing = network.infer(dataset.images, policy, chunk=chunk), ee.route(records, policy)
    clear = (np.abs(records.confidence[:, :3] - policy.thresholds) > 1e-5).all(axis=1)
    assert clear.mean() > 0.9
    assert (answer.exit_of == routing.exit_of)[clear].all()
    assert len(set(answer.exit_of)) > 2
    rows = np.arange(60)
    np.testing.assert_allclose(
        answer.confidence[clear], records.confidence[rows, routing.exit_of][clear], rtol=0, atol=1e-5
    )


def test_learned_networks_refuse_what_they_cannot_do(learned):
    network, dataset = learned
    with pytest.raises(ValueError, match="no exit can be removed"):
        network.infer(dataset.images, ee.Policy((0.5, None, 0.5)))
    with pytest.raises(ValueError, match="confidence is learned"):
        network.infer(dataset.images, ee.Policy((0.5, 0.5, 0.5)), measure="margin")


def test_the_loss_of_learned_confidences_prefers_leaving_where_the_answer_is_right():
    """A network of two exits, the first always right, the second always wrong."""

    class Answers(LearnedExitNetwork):
        own = 0.5

        def with_confidence(self, x):
            right = torch.tensor([[8.0, 0.0]]).expand(len(x), 2)
            return torch.stack([right, right.flip(1)], dim=1), torch.full((len(x), 1), self.own)

    network = Answers([nn.Identity(), nn.Identity()], [nn.Flatten(), nn.Flatten()], (1, 1, 2))
    labels, x = torch.zeros(4, dtype=torch.long), torch.zeros(4, 1, 1, 2)

    def loss_at(own):
        network.own = own
        return learned_loss(network, x, labels, Recipe()).item()

    assert loss_at(0.9) < loss_at(0.5) < loss_at(0.1)


def test_a_learned_network_trains():
    shapes = {"input": (1, 12, 12), "classes": 2, "learned_confidence": True}
    head = Head(0, "exit 1", (Linear("exit", 3),), "linear")
    segments = ((Convolution("one", 4, 3, 2),), (Convolution("two", 8, 3, 2),))
    plan = Plan(**shapes, segments=segments, heads=(head, Head(1, "final", (Linear("final", 2),))))
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 128)
    images = rng.integers(0, 40, (128, 12, 12), dtype=np.uint8) + (labels[:, None, None] * 150).astype(np.uint8)
    dataset = Dataset(images, labels, ("dark", "bright"), "made", "train", "here")
    network = build(plan, mean=0.4, std=0.3)
    events = list(train(network, dataset, dataset, Recipe(epochs=4, batch=32, shift=0), loss_of=learned_loss))
    assert events[-1].loss < events[0].loss
    records = collect_learned(network, dataset)
    assert (records.predicted[:, 0] == labels).mean() > 0.95
    assert ee.route(records, ee.Policy((0.5,))).accuracy > 0.95


def test_cumulative_confidence_by_hand():
    joint = cumulative_confidence(np.array([[0.5, 0.5, 0.3], [1.0, 0.0, 0.9]]))
    np.testing.assert_allclose(joint, [[0.5, 0.75, 0.3], [1, 1, 0.9]], atol=1e-6)
    assert joint.max() < 1
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        cumulative_confidence(np.array([[1.5, 0.2]]))
