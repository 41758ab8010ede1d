"""The supernet: subnets are slices, gradients go where they should, training repeats itself, files are checked."""

import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from eeviz.core.space.space import SearchSpace  # noqa: E402
from eeviz.datasets import Dataset  # noqa: E402
from eeviz.nn.build import build, named  # noqa: E402
from eeviz.nn.supernet.depthwise import DepthwiseConvolution  # noqa: E402
from eeviz.nn.supernet.file import load_supernet, save_supernet  # noqa: E402
from eeviz.nn.supernet.supernet import Supernet, answers, calibrate, recalibrate, training_answers  # noqa: E402
from eeviz.nn.supernet.training import (  # noqa: E402
    SandwichRecipe,
    draw_designs,
    heads_loss,
    learning_rate_at,
    sandwich_step,
    taught,
    train_supernet,
)

SPACE = SearchSpace.preset("compact", input=(1, 20, 20), classes=3)
RECIPE = SandwichRecipe(epochs=2, batch=16, learning_rate=0.02, random_subnets=1, shift=1, seed=5)


def pictures(count: int, seed: int) -> Dataset:
    """Three classes: bright rows, bright columns, neither."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 80, (count, 20, 20))
    images[labels == 0, ::3, :] += 150
    images[labels == 1, :, ::3] += 150
    return Dataset(images.astype(np.uint8), labels, ("rows", "columns", "none"), "stripes", "train", "made here")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data():
    return pictures(32, 0), pictures(20, 1)


@pytest.fixture
def supernet():
    """Blocks start as the identity; here they take part."""
    made = Supernet(SPACE, mean=0.3, std=0.3, seed=1)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("norm/weight"):
                parameter.fill_(0.8)
    return made


def genomes(supernet, count=3, seed=0):
    rng = np.random.default_rng(seed)
    return [supernet.largest(), supernet.smallest(), *(supernet.sample(rng) for _ in range(count))]


def same(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_an_extracted_network_answers_as_the_supernet(supernet, data):
    images = data[0].images[:16]
    for genome in genomes(supernet):
        network = recalibrate(supernet.extract(genome), images)
        confidences = supernet.confidences(genome)
        x = supernet.prepare(images)
        with torch.no_grad():
            ours, sure = answers(supernet.view(genome), x, confidences)
            theirs, their_sure = answers(network, x, confidences)
        # the supernet normalises by the batch, the network by the statistics of the same batch
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        assert ours.shape == (16, len(SPACE.decode(genome).offered().heads), 3)
        assert sure.keys() == their_sure.keys()
        assert len(sure) == 4
        for k in sure:
            torch.testing.assert_close(sure[k], their_sure[k], rtol=1e-5, atol=1e-5)
            assert ((sure[k] > 0) & (sure[k] < 1)).all()
        torch.testing.assert_close(network(x), theirs, rtol=0, atol=0)


def test_an_extracted_network_is_that_of_the_offered_plan_and_owns_its_weights(supernet):
    genome = supernet.sample(np.random.default_rng(3))
    network = supernet.extract(genome)
    network.load_state_dict(build(SPACE.decode(genome).offered()).state_dict())  # same names, same shapes
    held = supernet.slice("stem.weight", (8, 1, 3, 3)).clone()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7)
    assert torch.equal(supernet.slice("stem.weight", (8, 1, 3, 3)), held)


def test_slices_are_first_channels_and_kernel_centres(supernet):
    name = max(
        (n for n, p in supernet.named_parameters() if p.ndim == 4), key=lambda n: supernet._parameters[n].numel()
    )
    whole = supernet._parameters[name]
    out, into, kernel, _ = whole.shape
    assert kernel == 3
    part = supernet.slice(name.replace("/", "."), (out - 2, into - 1, 1, 1))
    assert torch.equal(part, whole[: out - 2, : into - 1, 1:2, 1:2])
    with pytest.raises(ValueError, match="an architecture needs"):
        supernet.slice(name.replace("/", "."), (out + 1, into, kernel, kernel))
    with pytest.raises(ValueError, match=r"nothing\.weight is none"):
        supernet.slice("nothing.weight", (1,))


def test_every_architecture_finds_its_weights(supernet):
    rng = np.random.default_rng(0)
    for _ in range(25):
        genome = SPACE.sample(rng)
        for plan in (SPACE.decode(genome).plan, SPACE.decode(genome).offered()):
            for name, module in named(build(plan)):
                for kind, parameter in module.named_parameters(recurse=False):
                    assert supernet.slice(f"{name}.{kind}", parameter.shape).shape == parameter.shape


def test_statistics_are_those_of_the_images_and_a_prefix_keeps_its_own(supernet, data):
    images = data[0].images[:24]
    first = supernet.largest()
    place = SPACE.index["stage3.width"]
    second = SPACE.canonical((*first[:place], 0, *first[place + 1 :]))
    one, two = (recalibrate(supernet.extract(g), images) for g in (first, second))
    for segment in (0, 1):
        assert same(one.segments[segment], two.segments[segment])
        for k in one.at(segment):
            assert same(one.branches[k], two.branches[k])
    assert not same(one.segments[2], two.segments[2]) if _shapes(one, 2) == _shapes(two, 2) else True
    stem, norm = one.segments[0][0][0], one.segments[0][0][1]
    with torch.no_grad():
        x = one.prepare(images)
        values = stem(x)  # (24, 8, 20, 20)
        torch.testing.assert_close(norm.running_mean, values.mean(dim=(0, 2, 3)), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norm.running_var, values.var(dim=(0, 2, 3), correction=0), rtol=1e-4, atol=1e-5)
        whole = one.segments[0](x)
        assert torch.equal(calibrate(supernet.extract(first).segments[0], x), whole), "it returns the evaluated output"


def _shapes(network, segment):
    return [tuple(v.shape) for v in network.segments[segment].state_dict().values()]


def test_gradients_reach_the_backbone_through_the_chosen_designs_only(supernet, data):
    genome, images = supernet.largest(), data[0].images[:8]
    labels = torch.from_numpy(data[0].labels[:8].copy())
    plan = SPACE.decode(genome).offered()
    confidences = supernet.confidences(genome, copied=False)

    def gradients(chosen, weight, without_final):
        supernet.zero_grad()
        network = supernet.view(genome)
        logits, sure = training_answers(network, supernet.prepare(images), chosen, weight, 8, confidences)
        terms = [torch.nn.functional.cross_entropy(answer, labels) for answer in logits]
        total = sum(terms[:-1]) if without_final else sum(terms)
        (total + sum(s.sum() for s in sure.values())).backward()
        stem = supernet._parameters["stem/weight"].grad
        stage2 = supernet._parameters["stage2/block1/dense/first/weight"].grad
        heads = {
            name: p.grad is not None and bool((p.grad != 0).any())
            for name, p in supernet.named_parameters()
            if name.startswith("exit")
        }
        return stem, stage2, heads

    nothing, _, heads = gradients(set(), 1.0, True)
    assert nothing is None or not nothing.any()
    learning = {head.name.split(",")[0] for head in plan.heads}
    assert learning >= {"exit 1", "exit 4"}
    assert all(heads[name] for name in heads if name.endswith(("classifier/weight", "confidence/weight")))

    first, later, _ = gradients({2}, 1.0, True)  # a design of exit 1: reaches stage 1, not stage 2
    assert first.any()
    assert later is None or not later.any()
    half, _, _ = gradients({2}, 0.5, True)
    torch.testing.assert_close(half, first * 0.5, rtol=1e-4, atol=1e-7)
    other, _, _ = gradients({3}, 1.0, True)
    assert not torch.allclose(other, first)
    _, final, _ = gradients(set(), 1.0, False)
    assert final.any(), "the final classifier always reaches the backbone"


def test_confidences_teach_nothing_but_themselves(supernet, data):
    genome = supernet.smallest()
    confidences = supernet.confidences(genome, copied=False)
    network = supernet.view(genome)
    _, sure = training_answers(network, supernet.prepare(data[0].images[:8]), {5, 11, 17, 23}, 1.0, 8, confidences)
    sum(s.sum() for s in sure.values()).backward()
    taught = {n for n, p in supernet.named_parameters() if p.grad is not None and p.grad.any()}
    assert taught
    assert all("/confidence/" in n for n in taught)


def test_residual_blocks_start_as_the_identity():
    made = Supernet(SPACE)
    zero = {name for name, p in made.named_parameters() if name.endswith("norm/weight") and not p.any()}
    assert zero
    assert all(name.startswith("stage") for name in zero)
    assert {name.split("/")[2] + "/" + name.split("/")[3] for name in zero} == {"inverted/project", "dense/second"}


def test_one_design_an_exit_is_drawn(supernet):
    network, rng = supernet.extract(supernet.smallest()), np.random.default_rng(0)
    drawn = [draw_designs(network, rng) for _ in range(200)]
    for chosen in drawn:
        assert sorted(network.position[k] for k in chosen) == [0, 1, 2, 3, 4]
    assert set().union(*drawn) == set(range(network.exits_count))


def test_the_loss_by_hand():
    recipe = SandwichRecipe(label_smoothing=0.0, distillation=0.25, softening=2.0)
    early, final = np.array([2.0, 0.0]), np.array([0.0, 1.0])

    def softmax(z):
        return np.exp(z) / np.exp(z).sum()

    def divergence(target, z):
        return 4 * (target * np.log(target / softmax(z / 2))).sum()

    logits, labels = [torch.tensor(early)[None], torch.tensor(final)[None]], torch.tensor([1])
    own = -np.log(softmax(early)[1]), -np.log(softmax(final)[1])
    expected = 0.75 * own[0] + 0.25 * divergence(softmax(final / 2), early) + own[1]
    assert heads_loss(logits, {}, labels, None, recipe).item() == pytest.approx(expected, abs=1e-6)
    teacher = np.array([0.3, 0.7])
    expected = sum(0.75 * o + 0.25 * divergence(teacher, z) for o, z in zip(own, (early, final), strict=True))
    taught = heads_loss(logits, {}, labels, torch.tensor(teacher)[None], recipe)
    assert taught.item() == pytest.approx(expected, abs=1e-6)
    confident = {0: torch.tensor([1.5])}  # head 0 answers class 0, so it is wrong
    more = heads_loss(logits, confident, labels, torch.tensor(teacher)[None], recipe) - taught
    assert more.item() == pytest.approx(np.log1p(np.exp(1.5)), abs=1e-5)


def test_a_step_teaches_every_backbone_weight_of_the_largest(supernet, data):
    x, labels = supernet.prepare(data[0].images[:16]), torch.from_numpy(data[0].labels[:16].copy())
    loss = sandwich_step(supernet, x, labels, RECIPE, np.random.default_rng(0))
    assert 0 < loss < np.inf
    assert supernet._parameters["stem/weight"].grad.any()
    assert supernet._parameters["final/classifier/weight"].grad.any()


def run(data, recipe=RECIPE, checkpoint=None, stop=None):
    supernet = Supernet(SPACE, 0.3, 0.3, seed=recipe.seed)
    events = []
    for event in train_supernet(supernet, *data, recipe, checkpoint, probes={"smallest": supernet.smallest()}):
        events.append(dataclasses.replace(event, seconds=0))
        if event.epoch == stop:
            break
    return supernet, events


def test_training_repeats_itself_and_resumes(data, tmp_path, capsys):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    whole, events = run(data)
    assert torch.equal(before, torch.get_rng_state()), "the global generator was used"
    assert [e.epoch for e in events] == [1, 2]
    path = tmp_path / "checkpoint.pt"
    run(data, checkpoint=path, stop=1)
    resumed, again = run(data, checkpoint=path)
    assert same(whole, resumed)
    assert again == events
    with pytest.raises(ValueError, match="another recipe"):
        run(data, dataclasses.replace(RECIPE, seed=6), checkpoint=path)
    with pytest.raises(ValueError, match="another recipe"):  # the learning rate has fallen already
        run(data, dataclasses.replace(RECIPE, epochs=4), checkpoint=path)
    other = Supernet(SearchSpace.preset("compact", input=(1, 20, 20), classes=4), 0.3, 0.3)
    with pytest.raises(ValueError, match="another network"):
        next(train_supernet(other, *data, RECIPE, path))
    assert capsys.readouterr() == ("", "")


def test_epochs_may_change_while_the_learning_rate_stays(data, tmp_path):
    longer = dataclasses.replace(RECIPE, epochs=4, decay=0.25)
    whole, events = run(data, longer, stop=3)
    path = tmp_path / "checkpoint.pt"
    run(data, dataclasses.replace(longer, epochs=2, decay=0.25), checkpoint=path, stop=1)
    resumed, again = run(data, longer, checkpoint=path, stop=3)
    assert same(whole, resumed)
    assert again == events


def test_the_learning_rate_rises_stays_falls_and_starts_again():
    recipe = SandwichRecipe(epochs=10, warm_up=1.0, decay=0.4, more=2, learning_rate=0.2)
    rates = [learning_rate_at(recipe, time) for time in (0.0, 0.5, 1.0, 6.0, 8.0, 9.999, 10.0, 11.0, 11.999)]
    assert rates == pytest.approx([0.002, 0.102, 0.2, 0.2, 0.1, 0.00005, 0.1, 0.05, 0.00005])


def test_a_finished_run_may_go_on(data, tmp_path):
    path = tmp_path / "checkpoint.pt"
    first, _ = run(data, dataclasses.replace(RECIPE, epochs=1), checkpoint=path)
    further, events = run(data, dataclasses.replace(RECIPE, epochs=1, more=1), checkpoint=path)
    assert not same(first, further)
    assert [(e.epoch, e.epochs) for e in events] == [(1, 2), (2, 2)]
    with pytest.raises(ValueError, match="another recipe"):
        run(data, dataclasses.replace(RECIPE, epochs=1, more=2), checkpoint=path)


def test_another_seed_gives_another_supernet():
    assert not same(Supernet(SPACE, seed=0), Supernet(SPACE, seed=1))
    assert same(Supernet(SPACE, seed=1), Supernet(SPACE, seed=1))


def test_training_refuses_what_cannot_work(data):
    supernet = Supernet(SPACE, 0.3, 0.3)
    with pytest.raises(ValueError, match="fewer than one batch"):
        next(train_supernet(supernet, *data, dataclasses.replace(RECIPE, batch=64)))
    with pytest.raises(ValueError, match="lower learning rate"):
        next(train_supernet(supernet, *data, dataclasses.replace(RECIPE, learning_rate=1e30, warm_up=0.0)))
    for bad in ({"random_subnets": -1}, {"others": 0.0}, {"decay": 0.0}, {"more": -1}, {"epochs": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))}|epoch"):
            dataclasses.replace(RECIPE, **bad)


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (4, 1), (7, 2), (9, 1)])
def test_the_depthwise_gradient_is_the_usual_one(size, stride):
    generator = torch.Generator().manual_seed(0)
    ours = DepthwiseConvolution(6, 6, 5, stride, 2, groups=6, bias=False)
    usual = torch.nn.Conv2d(6, 6, 5, stride, 2, groups=6, bias=False)
    weight = torch.randn(6, 1, 5, 5, generator=generator)
    x = torch.randn(10, 6, size, size, generator=generator)
    found = []
    for layer in (ours, usual):
        with torch.no_grad():
            layer.weight.copy_(weight)
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.square().sum().backward()
        found.append((y, leaf.grad, layer.weight.grad))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-3)


def test_a_supernet_survives_its_file(supernet, tmp_path):
    save_supernet(supernet, tmp_path, {"dataset": "stripes"})
    loaded = load_supernet(tmp_path, SPACE)
    assert (loaded.mean, loaded.std, loaded.space) == (supernet.mean, supernet.std, SPACE)
    for name, parameter in supernet.named_parameters():
        assert torch.equal(loaded._parameters[name], parameter.half().float())
    assert json.loads((tmp_path / "architecture.json").read_text("utf-8"))["dataset"] == "stripes"
    save_supernet(loaded, tmp_path)
    assert same(load_supernet(tmp_path), loaded)


def test_bad_files_are_refused_in_words(supernet, tmp_path):
    with pytest.raises(ValueError, match="no readable network"):
        load_supernet(tmp_path)
    save_supernet(supernet, tmp_path)
    described = json.loads((tmp_path / "architecture.json").read_text("utf-8"))
    described = {
        k: v for k, v in described.items() if k not in ("sha256", "own", "version")
    }  # which would catch all of it
    described = json.dumps(described)
    weights = (tmp_path / "weights.safetensors").read_bytes()
    with pytest.raises(ValueError, match="not of 'compact' with"):
        load_supernet(tmp_path, SearchSpace.preset("compact", input=(1, 28, 28), classes=3))

    def refused(match, text=described, raw=weights):
        (tmp_path / "architecture.json").write_text(text, encoding="utf-8")
        (tmp_path / "weights.safetensors").write_bytes(raw)
        with pytest.raises(ValueError, match=match):
            load_supernet(tmp_path)

    def edited(**changes):
        return json.dumps({**json.loads(described), **changes})

    refused("no readable network", text="{")
    refused("format version 3, this eeviz reads up to 2", text=edited(version=3))
    refused("describes no network", text="[1]")
    refused("unknown", text=edited(space="elsewhere"))
    refused("no readable network", text=edited(arguments=None))
    refused("takes no 'colour'", text=edited(arguments={"colour": 3}))
    refused("another version .*genes", text=edited(genes={}))
    refused("another version .*macs", text=edited(macs={}))
    refused("no readable network", raw=weights[: len(weights) // 2])
    refused("no readable network", raw=b"")
    from safetensors.torch import load, save

    tensors = load(weights)
    name = "final.classifier.weight"
    refused("final.classifier.weight is missing", raw=save({k: v for k, v in tensors.items() if k != name}))
    refused(r"final.classifier.weight is \(2, 2\)", raw=save({**tensors, name: torch.zeros(2, 2).half()}))
    refused("not finite", raw=save({**tensors, name: torch.full_like(tensors[name], float("nan"))}))


def test_a_teacher_takes_the_place_of_the_largest_subnet(data):
    """With every loss a divergence, heads follow the teacher's answers, whatever the labels say."""
    teacher = Supernet(SPACE, 0.3, 0.3, seed=9).extract(SPACE.smallest()).eval()
    recipe = dataclasses.replace(RECIPE, distillation=1.0, alone=0.0, label_smoothing=0.0)
    images = data[0].images[:16]
    known = taught(teacher, torch.from_numpy(images.copy()), 2.0)
    assert known.shape == (16, 3)
    assert torch.allclose(known.sum(dim=1), torch.ones(16), atol=1e-5)
    logits, labels = [torch.randn(16, 3) for _ in range(3)], torch.zeros(16, dtype=torch.int64)
    one, other = (heads_loss(logits, {}, (labels + k) % 3, known, recipe) for k in (0, 1))
    assert one == pytest.approx(float(other))  # no label enters, at the largest's final classifier neither
    expected = sum(
        float((known * (known.log() - (a / 2).log_softmax(1))).sum(1).mean()) * recipe.softening**2 for a in logits
    )
    assert float(one) == pytest.approx(expected, rel=1e-5)
    alone = [heads_loss(logits, {}, (labels + k) % 3, None, recipe) for k in (0, 1)]
    assert alone[0] != pytest.approx(float(alone[1]))
