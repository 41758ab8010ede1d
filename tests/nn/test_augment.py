"""augment, end to end on toys: branches learn, the model stays, networks answer as the table says, runs resume."""

import copy
import functools
import itertools
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import eeviz as ee  # noqa: E402
from eeviz.datasets import Dataset  # noqa: E402
from eeviz.nn.augment import AugmentRun, BranchRecipe, JointRecipe, JointRun  # noqa: E402
from eeviz.nn.augment.run import spread  # noqa: E402
from eeviz.nn.count.macs import macs  # noqa: E402

from .architectures import make  # noqa: E402

RECIPE = BranchRecipe(epochs=3, batch=32, learning_rate=1e-2, distillation=0.0, halvings=())


def tones(n, seed, length=320):
    """Signals (n, 1, length) float32 whose class is their frequency, some of them hard to hear."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 5, n)
    phase, time = rng.uniform(0, 6.3, (n, 1)), np.arange(length) / length
    clean = np.sin(2 * np.pi * 6 * (label[:, None] + 1) * time + phase)
    noisy = clean + rng.normal(size=(n, length)) * rng.uniform(0.1, 2.5, (n, 1))
    return noisy[:, None].astype(np.float32), label


def pictures(n, seed):
    rng = np.random.default_rng(seed)
    return Dataset(
        rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8),
        np.arange(n) % 10,
        tuple("abcdefghij"),
        "noise",
        "test",
        "here",
    )


@functools.cache
def listener():
    """A 1-D CNN that has learnt the tones a little, and its state before augmentation."""
    model, _ = make("signal")
    x, label = (torch.from_numpy(part) for part in tones(800, seed=1))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    model.train()
    for start in itertools.islice(itertools.cycle(range(0, 800, 100)), 60):
        loss = nn.functional.cross_entropy(model(x[start : start + 100]), label[start : start + 100])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    return model, copy.deepcopy(model.state_dict())


@functools.cache
def augmentation():
    model, _ = listener()
    return ee.augment(model, tones(600, seed=2), training=tones(800, seed=1), recipe=RECIPE, seed=3)


def test_the_model_is_left_as_it_was():
    augmentation()
    model, before = listener()
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not model.training


def test_branches_learn_and_every_location_has_its_alternatives():
    made = augmentation()
    assert [place.index for place in made.locations] == list(range(len(made.locations)))
    assert len(made.sized) == 3 * len(made.locations)
    assert made.records.position.tolist() == [s.location for s in made.sized] + [len(made.locations)]
    own = (made.records.predicted == made.records.label[:, None]).mean(axis=0)
    assert own[-1] > 0.5
    assert own[-4:-1].max() > 0.45, "branches at the last location have learnt next to nothing"


def test_branches_keep_to_their_share_of_the_cost():
    made = augmentation()
    cost = made.records.cost()
    assert cost.static == made.graph.macs
    narrowest = {"mlp", "light", "deep"}
    for size, head in zip(made.sized, cost.heads, strict=False):
        limit = {"mlp": 0.01, "light": 0.025, "deep": 0.06}[size.design] * made.graph.macs
        assert head == size.macs
        assert size.macs <= limit or size.width == {"mlp": 8}.get(size.design, 4)  # the narrowest there is
        narrowest.discard(size.design if size.macs <= limit else "")
    assert "deep" not in narrowest


def test_front_respects_the_number_of_exits_and_best_its_condition():
    made = augmentation()
    assert (np.isfinite(made.front.thresholds).sum(axis=1) <= 3).all()
    policy = made.best(max_drop=0.02)
    routing = ee.route(made.records, policy)
    final = (made.records.predicted[:, -1] == made.records.label).mean()
    assert routing.accuracy >= final - 0.02 - 1e-12
    assert routing.mean_cost < made.graph.macs
    assert made.best() == made.best(max_drop=0.01)


def test_the_network_answers_as_the_table_says():
    made = augmentation()
    policy = made.best(max_drop=0.02)
    network = made.network(policy)
    assert network.exits_count == policy.kept.sum() + 1
    x, _ = tones(600, seed=2)
    answer, routing = network.infer(x), ee.route(made.records, policy)
    columns = np.array(made.columns(policy))
    kept = columns[:-1]
    distance = np.abs(made.records.confidence[:, kept] - np.float32([policy.thresholds[k] for k in kept]))
    clear = (distance > 1e-5).all(axis=1)
    assert clear.mean() > 0.95
    assert (columns[answer.exit_of] == routing.exit_of)[clear].all()
    assert len(set(answer.exit_of.tolist())) > 1, "everything left at one exit: nothing was tested"
    expected = made.records.predicted[np.arange(600), routing.exit_of]
    assert (answer.predicted == expected)[clear].all()


def test_final_logits_are_the_models_bit_for_bit_and_costs_are_those_of_the_network():
    made, (model, _) = augmentation(), listener()
    network = made.network(made.best(max_drop=0.02))
    x = network.prepare(tones(7, seed=5)[0])
    with torch.no_grad():
        assert torch.equal(network(x)[:, -1], model(x))
    columns = made.columns(made.best(max_drop=0.02))
    counted, table = macs(network), made.records.cost()
    assert counted.heads.tolist() == table.heads[columns].tolist()
    assert counted.backbone.tolist() == table.backbone[columns].tolist()


def test_networks_own_their_weights():
    made, (model, before) = augmentation(), listener()
    network = made.network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    network.train()
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not model.training
    assert made.network()(torch.zeros(1, 1, 320)).abs().max() > 0


def test_collect_reads_other_samples_with_the_same_temperatures():
    made = augmentation()
    again = made.collect(tones(600, seed=2))
    assert np.array_equal(again.confidence, made.records.confidence)
    other = made.collect(tones(100, seed=9), split="report")
    assert other.temperature == made.records.temperature
    assert other.split == "report"
    assert len(other) == 100


def branch_weights(run):
    return torch.cat([p.detach().flatten() for branch in run.branches for p in branch.parameters()])


def new_run(**options):
    given = {"training": tones(200, seed=1), "recipe": BranchRecipe(epochs=2, batch=32, seed=4), "locations": 2}
    return AugmentRun(listener()[0], tones(100, seed=2), **{**given, **options})


def test_equal_seeds_give_equal_branches_and_global_generators_stay_untouched():
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    one, two = new_run(), new_run()
    other = new_run(recipe=BranchRecipe(epochs=2, batch=32, seed=5))
    for run in (one, two, other):
        list(run)
    assert torch.equal(branch_weights(one), branch_weights(two))
    assert not torch.equal(branch_weights(one), branch_weights(other))
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_stopped_run_resumes_to_the_same_branches(tmp_path):
    whole = new_run()
    events = list(whole)
    assert events[-1].progress == 1
    assert {e.stage for e in events} == {"branches", "calibration"}
    events = [e for e in events if e.stage == "branches"]
    assert [e.step for e in events] == list(range(1, len(events) + 1))
    assert events[-1].progress == 1

    path = tmp_path / "branches.pt"
    first = new_run(checkpoint=path)
    first.checkpoint_every = 0.0
    for event in first:
        if event.step == 5:
            break
    early = first.finished()  # what a stopped run is still good for
    assert early.records.exits_count == whole.result.records.exits_count
    second = new_run(checkpoint=path)
    steps = [event.step for event in second]
    assert 1 < steps[0] <= 6
    assert torch.equal(branch_weights(second), branch_weights(whole))


def test_a_checkpoint_of_another_run_or_no_checkpoint_at_all_is_refused(tmp_path):
    path = tmp_path / "branches.pt"
    list(new_run(checkpoint=path))
    with pytest.raises(ValueError, match="belongs to another run"):
        list(new_run(checkpoint=path, recipe=BranchRecipe(epochs=2, batch=32, seed=99)))
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="no readable checkpoint"):
        list(new_run(checkpoint=path))


def test_branches_learn_from_what_is_remembered_too():
    runs = [
        new_run(
            designs=["mlp"], recipe=BranchRecipe(epochs=2, batch=32, seed=4, replays={"mlp": replays}, memory=memory)
        )
        for replays, memory in ((0, 64), (2, 64), (2, 64), (2, 0))
    ]
    for run in runs:
        list(run)
    without, one, two, nothing = map(branch_weights, runs)
    assert torch.equal(one, two)
    assert not torch.equal(one, without)
    assert torch.equal(nothing, without)


def test_without_convolutions_a_coarser_digest_is_remembered():
    fine, coarse = new_run(), new_run(designs=["mlp"])
    kept = [branch.digest.shape for branch in coarse.branches]
    assert all(shape[-1] < branch.digest.shape[-1] for shape, branch in zip(kept, fine.branches[::3], strict=True))
    first = next(branch for branch, size in zip(fine.branches, fine.sized, strict=True) if size.design == "mlp")
    x = torch.randn(4, *fine.locations[0].shape)
    pooled = first.pool(first.digest(x)).flatten(1)
    assert torch.allclose(coarse.branches[0].digest(x).flatten(1), pooled, atol=1e-6)


def test_a_time_budget_ends_the_training():
    run = new_run(recipe=None, epochs=1000, time_budget=1.5)
    events = [e for e in run if e.stage == "branches"]
    assert events[-1].progress == 1
    assert events[-1].step < events[-1].steps
    assert all(e.seconds < 1.5 for e in events[:-1])
    assert run.result is not None


def test_without_training_samples_half_of_the_calibration_serves():
    run = new_run(training=None)
    assert len(run.training) == len(run.calibration) == 50
    learnt, tuned = ({row.tobytes() for row in part.values} for part in (run.training, run.calibration))
    assert not learnt & tuned
    assert "branches learn on 50 of the calibration samples" in run.notes[0]


def test_a_missing_class_is_told():
    x, label = tones(100, seed=2)
    with pytest.warns(UserWarning, match="No calibration sample belongs to class 3"):
        run = AugmentRun(
            listener()[0], (x[label != 3], label[label != 3]), training=tones(100, 1), recipe=RECIPE, locations=1
        )
    assert "class 3" in run.notes[0]


def test_pictures_with_names_channels_and_three_kinds_of_input_give_one_table():
    model, _ = make("mobile")
    data, mean, std = pictures(40, 1), (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)
    recipe = BranchRecipe(epochs=1, batch=20)
    options = {"training": data, "recipe": recipe, "locations": 1, "designs": ["light"], "mean": mean, "std": std}
    one = ee.augment(model, data, **options)
    assert one.records.classes == data.classes
    two = ee.augment(model, (data.images, data.labels), **options)

    def prepare(batch):
        x = torch.from_numpy(batch.copy()).permute(0, 3, 1, 2).float() / 255
        return (x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]

    three = ee.augment(model, data, **{**options, "mean": None, "std": None, "prepare": prepare})
    assert np.array_equal(one.records.confidence, two.records.confidence)
    assert np.allclose(one.records.confidence, three.records.confidence, atol=1e-5)
    network = one.network()
    with torch.no_grad():
        x = network.prepare(data.images)
        assert torch.equal(network(x)[:, -1], model(x))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"designs": ["wide"]}, "designs: expected some of mlp, light, deep"),
        ({"designs": []}, "designs"),
        ({"locations": 0}, "at least one"),
        ({"locations": [0, 0]}, "rising indices"),
        ({"training": (tones(20, 1)[0], np.full(20, 7))}, "training: there is a label 7, but the model gives 5 logits"),
        ({"training": (tones(20, 1)[0], np.zeros(3, int))}, "one label per sample"),
        ({"training": "somewhere"}, "expected a Dataset or a pair"),
        ({"training": (np.full((4, 1, 320), np.nan, np.float32), np.zeros(4, int))}, "finite"),
        ({"vary": "twist"}, "variation 'twist'"),
        ({"std": 0.0}, "std: expected positive"),
        ({"mean": [[1.0]]}, "mean: expected a number"),
        ({"max_exits": 0}, "max_exits: expected a whole number"),
        ({"cost": "energy"}, "without a platform there are macs only"),
        ({"measure": "gut"}, "measure 'gut' is unknown"),
        ({"training": tones(20, 1, length=300)}, r"inputs of shape \(1, 300\), calibration samples \(1, 320\)"),
    ],
)
def test_bad_options_are_refused_in_words(change, words):
    with pytest.raises(ValueError, match=words):
        new_run(**change)


def test_too_few_training_samples():
    with pytest.raises(ValueError, match="fewer than one batch"):
        list(new_run(training=tones(20, 1)))


def test_few_samples_are_one_batch():
    model, _ = listener()
    made = ee.augment(model, tones(80, seed=2), epochs=1, joint=1, locations=1, designs=["mlp"])
    assert len(made.records) == 40
    with pytest.raises(ValueError, match="fewer than one batch of 128: give a smaller"):
        JointRun(made, tones(20, seed=1), tones(20, seed=2), JointRecipe(epochs=1))


def test_weights_are_no_model():
    with pytest.raises(ValueError, match=r"got OrderedDict.*load_state_dict"):
        ee.augment(listener()[0].state_dict(), tones(40, seed=2))


def test_classes_of_the_data_must_be_those_of_the_model():
    model, _ = make("mobile")
    data = pictures(20, 1)
    wrong = Dataset(data.images, data.labels % 3, ("a", "b", "c"), "noise", "test", "here")
    with pytest.raises(ValueError, match="10 logits, the data has 3 classes"):
        AugmentRun(model, wrong)


def test_locations_are_spread_evenly_when_there_are_too_many():
    graph = augmentation().graph
    assert spread(graph, 99) == graph.locations
    two = spread(graph, 2)
    assert len(two) == 2
    assert two[0].share < two[1].share


def test_joint_fine_tuning_moves_a_copy():
    made, (model, before) = augmentation(), listener()
    columns = [2, 5]
    run = JointRun(
        made, tones(400, seed=1), tones(600, seed=2), JointRecipe(epochs=2, batch=32, learning_rate=0.01), columns
    )
    steps = list(run)
    assert steps[-1].progress == 1
    tuned = run.result
    assert tuned.records.exits_count == 3
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert [s.design for s in tuned.sized] == ["deep", "deep"]
    network = tuned.network(ee.Policy((None, 0.8)))
    with torch.no_grad():
        x = network.prepare(tones(6, seed=5)[0])
        logits = network(x)
        assert logits.shape == (6, 2, 5)
        assert not torch.equal(logits[:, -1], model(x)), "the backbone was to learn"
    full = tuned.collect(tones(600, seed=2))
    assert np.array_equal(full.confidence, tuned.records.confidence)
    assert tuned.records.cost().static == made.records.cost().static
    values, labels = tones(600, seed=2)
    with torch.no_grad():
        right = (model(network.prepare(values)).argmax(dim=1).numpy() == labels).mean()
    assert tuned.given == pytest.approx(right)
    assert tuned.given != tuned.records.correct[:, -1].mean()
    assert ee.route(tuned.records, tuned.best(max_drop=0.1)).accuracy >= right - 0.1 - 1e-9
    assert f"{right:.2%}" in tuned.notes[-1]


def test_in_the_mixed_regime_the_backbone_learns_first():
    before = augmentation()
    recipe = JointRecipe(epochs=2, batch=30, learning_rate=0.01, backbone_first=0.5)
    run = JointRun(before, tones(60, 1), tones(50, 2), recipe, columns=[0, 3])
    weights = [p.detach().clone() for p in run.branches.parameters()]
    for event in run:
        same = [torch.equal(a, b) for a, b in zip(weights, run.branches.parameters(), strict=True)]
        if event.stage == "joint" and event.step == 2:
            assert all(same)
            trunk = zip(run.segments.parameters(), before.graph.model.parameters(), strict=True)
            assert any(not torch.equal(a, b) for a, b in trunk)
    assert not any(same)
    with pytest.raises(ValueError, match="backbone_first"):
        JointRecipe(backbone_first=1.0)


def test_fine_tuning_can_be_part_of_the_call():
    run = new_run(joint=0.5)
    assert [stage for stage, _ in itertools.groupby(run, key=lambda event: event.stage)] == [
        "branches", "calibration", "joint", "calibration",
    ]  # fmt: skip
    assert "fine-tuned jointly" in run.result.notes[-1]
    assert run.result.backbone


def test_every_option_is_told_by_the_signature():
    import inspect

    assert {"training", "platform", "max_exits", "designs", "epochs", "seed", "time_budget", "mean", "std"} <= set(
        inspect.signature(ee.augment).parameters
    )


def test_several_designs_of_a_location_are_fine_tuned_together():
    before = augmentation()
    run = JointRun(before, tones(60, 1), tones(50, 2), JointRecipe(epochs=1, batch=30), columns=[0, 1, 3])
    list(run)
    assert [size.location for size in run.sized] == [0, 0, 1]
    made = run.result
    assert made.records.exits == tuple(before.records.exits[k] for k in (0, 1, 3, -1))
    assert made.records.position.tolist() == [0, 0, 1, 2]
    assert made.collect(tones(50, 2)).predicted.tolist() == made.records.predicted.tolist()
    for before_it, after in zip((before.branches[k] for k in (0, 1, 3)), made.branches, strict=True):
        assert not torch.equal(before_it.body[-1].weight, after.body[-1].weight)


@pytest.mark.parametrize("columns", [[], [1, 0], [0, 0], [0, 99]])
def test_joint_fine_tuning_refuses_columns_that_are_none(columns):
    with pytest.raises(ValueError, match="expected rising indices"):
        JointRun(augmentation(), tones(150, 1), tones(50, 2), columns=columns)


def test_with_a_platform_the_segments_are_mapped_too():
    made = augmentation().mapped(ee.Platform.preset("cortex-m0-m4"), "energy", max_drop=0.03)
    mapping = made.mapping
    assert len(mapping.assignment) == len(made.locations) + 1
    assert mapping.policy.kept.sum() <= 3
    routing = mapping.route(made.records)
    final = (made.records.predicted[:, -1] == made.records.label).mean()
    assert routing.accuracy >= final - 0.03 - 1e-12
    assert mapping.segments.macs.static == made.graph.macs


def test_a_preset_is_found_by_its_name_and_this_machine_is_clocked():
    made = augmentation()
    assert made.mapped("cortex-m0-m4", max_drop=0.03).mapping.platform.name == "cortex-m0-m4"
    here = made.mapped("this-host", "latency", max_drop=0.03).mapping
    assert all("this-host" in piece.seconds for piece in (*here.segments.pieces, *here.segments.heads))
    for given, words in (
        ("abacus", "no platform 'abacus'"),
        ({"name": "x"}, "expected a Platform"),
        (None, "got None"),
    ):
        with pytest.raises(ValueError, match=words):
            made.mapped(given)


def test_an_augmentation_writes_its_files(tmp_path):
    pytest.importorskip("onnxruntime")
    made = augmentation().mapped("sensor-gateway-cloud", max_drop=0.03)
    for folder, policy, names in (("mapped", None, 3), ("alone", made.best(max_drop=0.03), 1)):
        done = made.export(tmp_path / folder, policy)
        assert done.difference <= 1e-4
        document = json.loads((tmp_path / folder / "network.json").read_text())
        assert len(document["processors"]) == names
        heads = [step for step in document["steps"] if step["kind"] == "head"]
        assert len(heads) == (made.mapping.policy if policy is None else policy).kept.sum() + 1


def test_a_platform_that_cannot_hold_the_model_is_told_before_training():
    model, _ = listener()
    small = ee.Platform("small", (ee.Processor(name="node", macs_per_s=1e6, memory=100),))
    for platform, words in (
        (small, "fits no assignment's memory; nearest: node would need"),
        ("abacus", "no platform"),
    ):
        with pytest.raises(ValueError, match=words):
            AugmentRun(model, tones(60, seed=2), platform=platform)
    assert not any(module.training for module in model.modules())
