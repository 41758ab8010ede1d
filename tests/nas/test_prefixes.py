"""Evaluations on a supernet: shared prefixes change nothing, not even the last bit; bounds; stops."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from eeviz.core.space.space import SearchSpace  # noqa: E402
from eeviz.datasets import Dataset  # noqa: E402
from eeviz.nas import supernet as module  # noqa: E402
from eeviz.nas.evaluate import Stopped  # noqa: E402
from eeviz.nas.supernet import SupernetEvaluator, supernet_evaluator  # noqa: E402
from eeviz.nn.supernet.file import save_supernet  # noqa: E402
from eeviz.nn.supernet.supernet import Supernet  # noqa: E402

SPACE = SearchSpace.preset("compact")
BYTES = 64 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("supernet")
    save_supernet(Supernet(SPACE, 0.3, 0.35, seed=0), path)
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)
    np.savez_compressed(path / "calibration.npz", images=images)
    return str(path)


@pytest.fixture(autouse=True)
def data(monkeypatch):
    def load(name, split="train", download=False):
        rng = np.random.default_rng(len(split))
        images = rng.integers(0, 256, (130, 28, 28), dtype=np.uint8)
        return Dataset(images, rng.integers(0, 10, 130), tuple("abcdefghij"), name, split, "made up")

    monkeypatch.setattr(module, "load_dataset", load)
    module._split.cache_clear()
    module._prefixes.cache_clear()
    yield
    module._split.cache_clear()
    module._prefixes.cache_clear()


def walk(count, seed=0):
    """Genomes that differ from one another in a gene or two, as a search asks for them."""
    rng = np.random.default_rng(seed)
    genome = SPACE.backbone_part(SPACE.sample(rng))
    for _ in range(count):
        yield genome
        genome = SPACE.backbone_part(SPACE.mutate(genome, rng))


def equal(a, b):
    np.testing.assert_array_equal(a.confidence, b.confidence)
    np.testing.assert_array_equal(a.predicted, b.predicted)


def test_remembered_prefixes_change_nothing_to_the_bit(folder):
    cached, plain = (SupernetEvaluator("fashion-mnist", folder, None, size) for size in (BYTES, 0))
    for genome in walk(6):
        equal(cached.records(genome, True), plain.records(genome, True))
    assert module._prefixes(cached).computed < module._prefixes(plain).computed == 6 * 5
    assert 0 < module._prefixes(cached).held <= BYTES
    assert module._prefixes(plain).held == 0


def test_single_heads_answer_as_among_all_offered(folder):
    evaluator = SupernetEvaluator("fashion-mnist", folder, None, 0)
    genome = next(walk(1))
    own = SPACE.with_exits(genome, ["linear", "none", "three convolutions", "none"])
    whole, few = evaluator.records(genome, True), evaluator.records(own, False)
    assert few.position.tolist() == [0, 2, 4]
    columns = [whole.exits.index(name) for name in few.exits]
    np.testing.assert_array_equal(few.confidence, whole.confidence[:, columns])
    assert few.cost().heads.tolist() == whole.cost().heads[columns].tolist()


def test_records_are_those_of_the_recalibrated_network(folder):
    from eeviz.nn.collect import logits_of

    evaluator = SupernetEvaluator("fashion-mnist", folder, None, 0)
    own = SPACE.with_exits(next(walk(1)), ["separable", "module", "none", "linear"])
    records = evaluator.records(own, False)
    network = evaluator.network(own)
    logits = logits_of(network, module._split("fashion-mnist", "validation", None).images)
    agree = (logits.argmax(axis=2) == records.predicted).mean()
    assert agree > 0.99  # folded batch norms and other batches change the last bits of the logits


def test_the_bound_holds_and_what_it_drops_is_computed_again(folder):
    small = SupernetEvaluator("fashion-mnist", folder, None, 1 << 20)
    plain = SupernetEvaluator("fashion-mnist", folder, None, 0)
    for genome in walk(4, seed=1):
        equal(small.records(genome, True), plain.records(genome, True))
        assert module._prefixes(small).held <= 1 << 20


def test_threads_of_the_process_are_left_as_they_were(folder):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        SupernetEvaluator("fashion-mnist", folder, 40, 0).records(next(walk(1)), True)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_learned_confidences_belong_to_the_heads_that_have_one(folder):
    evaluator = SupernetEvaluator("fashion-mnist", folder, None, 0)
    genome = next(walk(1))
    three = SPACE.with_exits(genome, ["three convolutions", "none", "none", "three convolutions"])
    learned, plain = evaluator.records(three, False, "learned"), evaluator.records(three, False)
    assert (learned.confidence[:, 0] != plain.confidence[:, 0]).any()
    np.testing.assert_array_equal(learned.confidence[:, -1], plain.confidence[:, -1])
    with pytest.raises(ValueError, match="no confidence of its own"):
        evaluator.records(SPACE.with_exits(genome, ["linear", "none", "none", "none"]), False, "learned")


def test_a_network_with_learned_confidences_leaves_as_its_records_say(folder):
    from eeviz.core.table.policy import Policy, route
    from eeviz.nas.methods import method
    from eeviz.nn.learned import MEASURE

    evaluator = SupernetEvaluator("fashion-mnist", folder, None, 0)
    genome = SPACE.with_exits(next(walk(1)), ["three convolutions", "none", "none", "three convolutions"])
    records = method("nachos").convert(evaluator.records(genome, False, "learned"))
    policy = Policy((float(np.median(records.confidence[:, 0])), float(np.median(records.confidence[:, 1]))))
    answer = evaluator.network(genome, "learned").infer(evaluator.data().images, policy, MEASURE)
    expected = route(records, policy)
    near = (np.abs(records.confidence[:, :-1] - np.array(policy.thresholds, np.float32)) < 1e-5).any(axis=1)
    assert len(set(expected.exit_of[~near].tolist())) > 1
    np.testing.assert_array_equal(answer.exit_of[~near], expected.exit_of[~near])
    with pytest.raises(ValueError, match="no confidence of its own"):
        evaluator.network(SPACE.with_exits(genome, ["linear", "none", "none", "none"]), "learned")


def test_an_evaluation_can_be_left(folder):
    evaluator = SupernetEvaluator("fashion-mnist", folder, None, 0)
    asked = []

    def stopped():
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Stopped):
        evaluator.records(next(walk(1)), True, stopped=stopped)


def test_weights_that_are_not_finite_make_a_failed_evaluation(folder):
    evaluator = SupernetEvaluator("fashion-mnist", folder, 40, 0)
    supernet = module._supernet(folder)
    weight = next(p for n, p in supernet.named_parameters() if "final" in n)
    kept = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.fill_(float("nan"))
        with pytest.raises(ValueError, match="not finite"):
            evaluator.records(next(walk(1)), True)
    finally:
        with torch.no_grad():
            weight.copy_(kept)


def test_images_are_shared_evenly_among_classes(folder):
    few = module._split("fashion-mnist", "validation", 50)
    counts = np.bincount(few.labels, minlength=10)
    assert len(few) == 50
    assert counts.max() - counts.min() <= 1


def test_the_evaluator_travels_light(folder):
    import pickle

    evaluator = SupernetEvaluator("fashion-mnist", folder, 40)
    evaluator.records(next(walk(1)), True)
    assert len(pickle.dumps(evaluator)) < 20_000
    assert pickle.loads(pickle.dumps(evaluator)) == evaluator  # noqa: S301


@pytest.mark.parametrize(("options", "words"), [({"images": 3}, "images"), ({"cache_bytes": -1}, "cache_bytes")])
def test_bad_options_are_told(folder, options, words):
    with pytest.raises(ValueError, match=words):
        SupernetEvaluator("fashion-mnist", folder, **options)


def test_where_no_supernet_ships_it_is_told():
    with pytest.raises(ValueError, match="make_supernet"):
        supernet_evaluator(SPACE, "cifar10")
    with pytest.raises(ValueError, match="no readable network"):
        _ = SupernetEvaluator("fashion-mnist", "/nowhere").space
