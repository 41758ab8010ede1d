"""Training: learns, repeats itself, resumes to the same weights, and reads nothing it should not."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from eeviz.datasets import Dataset  # noqa: E402
from eeviz.nn.models import inverted_residuals  # noqa: E402
from eeviz.nn.train import malloc  # noqa: E402
from eeviz.nn.train.joint import EpochEnd, Recipe, augment, evaluate, joint_loss, train  # noqa: E402

SMALL = {
    **inverted_residuals.FASHION,
    "input": [1, 12, 12],
    "classes": 3,
    "stem": 4,
    "blocks": [
        {"channels": 8, "expansion": 2, "stride": 2, "fused": True},
        {"channels": 8, "expansion": 2, "stride": 1, "fused": False},
    ],
    "exits": [{"after": 0, "channels": [8], "strides": [2]}],
    "final": 8,
}
RECIPE = Recipe(epochs=4, batch=16, learning_rate=0.05, shift=1, seed=7)


def stripes(count: int, seed: int) -> Dataset:
    """Three classes that a mirror image keeps apart: bright rows, bright columns, neither."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 80, (count, 12, 12))
    images[labels == 0, ::3, :] += 150
    images[labels == 1, :, ::3] += 150
    return Dataset(images.astype(np.uint8), labels, ("rows", "columns", "none"), "stripes", "train", "made here")


@pytest.fixture(scope="module")
def data():
    return stripes(320, 0), stripes(90, 1)


def run(architecture, data, recipe=RECIPE, checkpoint=None, stop=None):
    network = inverted_residuals.build(architecture, seed=recipe.seed)
    events = []
    for event in train(network, *data, recipe, checkpoint):
        events.append(event)
        if event.epoch == stop:
            break
    return network, events


def same(first, second):
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_loss_that_is_not_finite_ends_training_before_its_step(data):
    network, fresh = (inverted_residuals.build(SMALL, seed=7) for _ in range(2))
    nan = lambda net, x, labels, recipe: net(x).sum() * float("nan")  # noqa: E731
    with pytest.raises(ValueError, match="loss became nan in epoch 1: take a lower learning rate"):
        next(train(network, *data, RECIPE, loss_of=nan))
    for one, other in zip(network.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("architecture", [SMALL, inverted_residuals.static(SMALL)], ids=["early-exit", "static"])
def test_learns_through_one_recipe(architecture, data, capsys):
    network, events = run(architecture, data, dataclasses.replace(RECIPE, epochs=8))
    assert min(events[-1].accuracy) > 0.9
    assert events[-1].loss < events[0].loss
    assert [e.epoch for e in events] == list(range(1, 9))
    assert len(events[-1].accuracy) == network.exits_count
    assert events[-1].accuracy == evaluate(network, data[1])
    assert not network.training
    assert capsys.readouterr() == ("", "")


def test_same_seed_same_weights_whatever_the_global_generator(data):
    torch.manual_seed(1)
    first, events = run(SMALL, data)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again, _ = run(SMALL, data)
    assert same(first, again)
    assert torch.equal(before, torch.get_rng_state()), "the global generator was used"
    other, _ = run(SMALL, data, dataclasses.replace(RECIPE, seed=8))
    assert not same(first, other)
    assert isinstance(events[0], EpochEnd)


def test_a_broken_run_resumes_to_the_same_weights(data, tmp_path):
    whole, events = run(SMALL, data)
    path = tmp_path / "checkpoint.pt"
    run(SMALL, data, checkpoint=path, stop=2)
    resumed, again = run(SMALL, data, checkpoint=path)
    assert same(whole, resumed)
    quiet = [dataclasses.replace(e, seconds=0) for e in events]
    assert [dataclasses.replace(e, seconds=0) for e in again] == quiet
    finished, third = run(SMALL, data, checkpoint=path)
    assert same(whole, finished)
    assert third == again, "a finished run is only told again"


def test_checkpoints_of_other_recipes_and_networks_are_refused(data, tmp_path):
    path = tmp_path / "checkpoint.pt"
    run(SMALL, data, checkpoint=path, stop=1)
    with pytest.raises(ValueError, match=r"another run .its recipe"):
        run(SMALL, data, dataclasses.replace(RECIPE, epochs=9), checkpoint=path)
    with pytest.raises(ValueError, match="another network"):
        run(inverted_residuals.static(SMALL), data, checkpoint=path)


def test_checkpoints_load_without_pickle(data, tmp_path):
    path = tmp_path / "checkpoint.pt"
    run(SMALL, data, checkpoint=path, stop=1)
    assert set(torch.load(path, weights_only=True)) == {
        "version", "identity", "network", "optimizer", "generator", "history",
    }  # fmt: skip


def test_the_learning_rate_rises_and_falls_to_nothing(data):
    _, events = run(SMALL, data)
    rates = [e.learning_rate for e in events]
    assert rates[0] > rates[1] > rates[2] > rates[3]
    assert rates[3] < 0.01 * RECIPE.learning_rate


def test_the_loss_by_hand():
    recipe = Recipe(label_smoothing=0.0, early_weight=0.5, distillation=0.25, softening=2.0)
    logits = np.array([[[2.0, 0.0], [0.0, 1.0]]])  # (1, 2 exits, 2 classes)

    def softmax(z):
        return np.exp(z) / np.exp(z).sum()

    final, early = logits[0, 1], logits[0, 0]
    target, soft = softmax(final / 2), softmax(early / 2)
    divergence = 4 * (target * np.log(target / soft)).sum()
    expected = -np.log(softmax(final)[1]) + 0.5 * (0.75 * -np.log(softmax(early)[1]) + 0.25 * divergence)
    loss = joint_loss(torch.tensor(logits), torch.tensor([1]), recipe)
    assert loss.item() == pytest.approx(expected, abs=1e-9)


def test_distillation_teaches_the_early_exits_only():
    logits = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    labels = torch.tensor([0, 1, 2, 3])
    gradients = []
    for share in (0.0, 1.0):
        joint_loss(logits, labels, Recipe(distillation=share)).backward()
        gradients.append(logits.grad.clone())
        logits.grad = None
    assert torch.equal(gradients[0][:, -1], gradients[1][:, -1])
    assert not torch.equal(gradients[0][:, 0], gradients[1][:, 0])


def test_augmentation_moves_and_mirrors_whole_images():
    images = torch.zeros(400, 9, 9, dtype=torch.uint8)
    images[:, 4, 3] = 200
    moved = augment(images, 2, torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    assert (moved.flatten(1).sum(1, dtype=torch.int64) == 200).all()
    rows, columns = torch.nonzero(moved, as_tuple=True)[1:]
    assert set(rows.tolist()) == {2, 3, 4, 5, 6}
    assert set(columns.tolist()) == {1, 2, 3, 4, 5, 6, 7}  # 3 +- 2, mirrored 5 +- 2


def test_augmentation_keeps_colours():
    images = torch.arange(3, dtype=torch.uint8).expand(6, 5, 5, 3) + 1
    moved = augment(images, 1, torch.Generator().manual_seed(0))
    inside = moved[moved.sum(dim=3) > 0]
    assert (inside == torch.tensor([1, 2, 3])).all()


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"epochs": 0}, "at least 1 epoch"), ({"batch": 1}, "batches of 2"), ({"distillation": 1.5}, r"\[0, 1\]")],
)
def test_recipes_that_cannot_train_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**fields)


def test_too_few_images_are_refused_in_words(data):
    with pytest.raises(ValueError, match="fewer than one batch"):
        run(SMALL, (stripes(8, 0), data[1]))


def test_memory_is_kept_while_training_runs_and_no_longer(data, monkeypatch):
    asked = []

    class Library:
        mallopt = staticmethod(lambda option, value: asked.append((option, value)))
        malloc_trim = staticmethod(lambda pad: asked.append("trim"))

    monkeypatch.setattr(malloc, "_glibc", lambda: Library)
    events = train(inverted_residuals.build(SMALL), *data, RECIPE, every=1)
    assert asked == []
    next(events)
    assert asked == list(malloc.KEPT)
    with malloc.buffers_kept():  # another training beside it
        events.close()
        assert asked == list(malloc.KEPT)
    assert asked[len(malloc.KEPT) :] == [*malloc.USUAL, "trim"]
    monkeypatch.setattr(malloc, "_glibc", lambda: None)  # musl, macOS, Windows
    with malloc.buffers_kept():
        pass
