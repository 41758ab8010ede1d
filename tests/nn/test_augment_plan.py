"""What a budget affords, which branches go on, and what is told where there is too little of anything."""

import copy
import itertools
import warnings
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import eeviz as ee  # noqa: E402
from eeviz.nn.augment import AugmentRun, BranchRecipe, plan  # noqa: E402
from eeviz.nn.augment.branches import Sized  # noqa: E402
from eeviz.nn.augment.memory import Memory  # noqa: E402
from eeviz.nn.augment.stream import _Learner, train_branches  # noqa: E402

from .test_augment import branch_weights, listener, new_run, tones  # noqa: E402

COSTS = {"mlp": 1e-5, "light": 4e-5, "deep": 8e-5}


def candidates(places=12):
    sized = [Sized(place, design, 8, 1000) for place in range(places) for design in COSTS]
    speed = plan.Clock(1e-3, float("inf"), tuple(COSTS[size.design] for size in sized))
    return speed, sized, [(place + 1) / (places + 1) for place in range(places)]


def afforded(seconds, samples=10_000):
    speed, sized, shares = candidates()
    kept = plan.planned(speed, sized, shares, samples, seconds, {"mlp": 2, "light": 1, "deep": 1})
    assert kept == sorted(set(kept))
    return [sized[k] for k in kept], shares


def test_more_time_affords_no_fewer_branches_and_every_branch_its_passes():
    before = 0
    for seconds in (1, 10, 30, 60, 120, 600, 6000):
        kept, shares = afforded(seconds)
        needed = sum(COSTS[size.design] * (2 if size.design == "mlp" else 1) for size in kept) * 10_000
        places = {size.location for size in kept}
        assert len(places) >= plan.LEAST_LOCATIONS
        least = len(places) == plan.LEAST_LOCATIONS and {size.design for size in kept} == {"mlp"}
        assert needed * plan.WANTED_PASSES <= (1 - plan.FORWARD) * seconds or least
        assert needed >= before
        before = needed
        if len(kept) < 36:
            assert all(plan.MIDDLE[0] <= shares[place] <= plan.MIDDLE[1] for place in places)
            assert all(shares[size.location] <= plan.DEEP_UNTIL for size in kept if size.design == "deep")
    assert len(kept) == 36
    assert {size.design for size in afforded(1)[0]} == {"mlp"}
    assert {size.design for size in afforded(60)[0]} == {"mlp", "deep"}


def table(n=2000, seed=0):
    """Six places of two designs each; all of the second and third place, and one design of the fourth, are useless."""
    rng = np.random.default_rng(seed)
    label, hard = rng.integers(0, 4, n), rng.normal(size=n)
    skill = [1.0, 1.3, -3.0, -3.0, -3.0, -3.0, 2.0, -3.0, 2.3, 2.3, 2.6, 2.7, 4.0]
    logits = np.stack(
        [np.eye(4)[label] * (s - hard)[:, None].clip(-1, 5) + rng.normal(size=(n, 4)) * 0.6 for s in skill], axis=1
    )
    cost = ee.Cost(np.repeat([10, 20, 30, 50, 60, 70, 100], 2)[:-1], [1, 3] * 6 + [0])
    position = np.repeat(range(7), 2)[:-1]
    return ee.ExitRecords.from_logits(logits, label, {"macs": cost}, position=position)


def test_useless_branches_stop_and_useful_ones_do_not():
    records = table()
    assert plan.halved(records, False, 3) == [0, 1, *range(6, 12)]
    kept = plan.halved(records, True, 3)
    assert not {2, 3, 4, 5, 7} & set(kept)
    assert len(kept) >= plan.LEAST_BRANCHES
    values = [plan._value(records, [[k] for k in part], 3) for part in (kept, range(12))]
    assert values[0] <= values[1] + plan.TOLERANCE


def test_standing_thresholds_are_those_of_a_policy_that_loses_little():
    records = table()
    found = plan.standing(records, list(range(12)), 3)
    assert found
    thresholds = tuple(found.get(k) for k in range(12))
    assert ee.route(records, ee.Policy(thresholds)).accuracy >= records.correct[:, -1].mean() - 0.01 - 1e-9


def test_half_precision_is_only_taken_where_it_answers_alike():
    run = new_run()
    x = run.training.batch(np.arange(16))
    assert plan.agrees(run.segments, x)
    broken = [*run.segments[:-1], torch.nn.Sequential(run.segments[-1], Huge())]
    assert not plan.agrees(broken, x)


class Huge(torch.nn.Module):
    """Finite in float32; in bfloat16, told by its inputs' type, it is not."""

    def forward(self, x):
        return x if x.dtype == torch.float32 else x / 0.0


def test_single_and_half_precision_train_alike():
    runs = [new_run(recipe=BranchRecipe(epochs=3, batch=32, seed=4, half=half)) for half in (False, True)]
    for run in runs:
        list(run)
    one, two = (run.result.records.correct[:, :-1].mean(axis=0) for run in runs)
    assert np.abs(one - two).max() < 0.25
    if plan.has_bfloat16():
        assert not torch.equal(*map(branch_weights, runs))


def judged_run(**options):
    """A run whose calibration samples are many enough to judge."""
    recipe = BranchRecipe(epochs=2, batch=32, seed=4, halvings=(0.3, 0.6))
    given = {"training": tones(320, seed=1), "recipe": recipe}
    return AugmentRun(listener()[0], tones(600, seed=2), **{**given, **options})


def test_branches_that_stopped_are_left_out_and_a_stopped_run_resumes_alike(tmp_path):
    whole = judged_run()
    events = [event for event in whole if event.stage == "branches"]
    assert len(whole.sized) == 9
    assert len(whole.alive) == len(whole.result.sized) < 9
    assert np.isfinite(events[-1].accuracy).sum() == len(whole.alive)
    made = whole.result
    assert made.records.position.tolist() == [s.location for s in made.sized] + [len(made.locations)]
    assert [made.locations[s.location].name for s in made.sized] == [
        whole.locations[whole.sized[b].location].name for b in whole.alive
    ]
    assert "stopped learning early" in " ".join(made.notes)
    error = 1 - made.records.correct.mean(axis=0)
    assert ((made.ranking > 0) & (made.ranking < error)).all()  # surer answers are better ones
    network = made.network(made.best(max_drop=0.05))
    assert network.infer(tones(40, seed=5)[0]).predicted.shape == (40,)

    for stop in (4, 9, 15):  # before the first judgement, between, after
        path = tmp_path / f"{stop}.pt"
        first = judged_run(checkpoint=path)
        first.checkpoint_every = 0.0
        for event in itertools.islice(first, stop + 1):
            assert event.step <= stop + 1
        second = judged_run(checkpoint=path)
        list(second)
        assert second.alive == whole.alive
        assert np.array_equal(second.result.records.logits, whole.result.records.logits)


def test_a_time_budget_makes_a_plan_and_its_checkpoint_keeps_it(tmp_path):
    path = tmp_path / "planned.pt"
    options = {"training": tones(400, seed=1), "time_budget": 600.0, "checkpoint": path}
    run = AugmentRun(listener()[0], tones(600, seed=2), **options)
    assert run.plan is not None
    assert "samples a second" in run.notes[0]
    assert {size.design for size in run.sized} <= set(run.plan.designs)
    run.checkpoint_every = 0.0
    list(itertools.islice(run, 40))
    again = AugmentRun(listener()[0], tones(600, seed=2), **options)
    assert again.plan == run.plan
    assert again.recipe == run.recipe
    assert next(iter(again)).step > 1


def test_a_budget_too_small_for_a_pass_says_so_and_gives_a_result():
    made = ee.augment(listener()[0], tones(200, seed=2), training=tones(4000, seed=1), time_budget=0.05)
    assert any("too small for one pass" in note for note in made.notes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ee.route(made.records, made.best()).accuracy > 0.2


def test_a_hundred_calibration_samples_are_told_to_be_few():
    made = new_run().__class__(listener()[0], tones(100, seed=2), training=tones(300, seed=1), epochs=1)
    list(made)
    with pytest.warns(UserWarning, match="100 calibration samples are too few to promise a drop of 1.00%"):
        policy = made.result.best()
    expected = made.result.expected_drop(policy)
    assert expected.high - expected.low > 0.02
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.result.best(allowing=False)
        made.result.best(max_cost=made.result.graph.macs)


def test_the_drop_asked_for_leaves_room_for_what_choices_lose():
    made = judged_run().finished()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        careful, plain = made.best(max_drop=0.02), made.best(max_drop=0.02, allowing=False)
        one, other = (ee.route(made.records, policy) for policy in (careful, plain))
        assert one.accuracy >= other.accuracy
        assert made.best(min_accuracy=made.records.correct[:, -1].mean() - 0.02) == careful
    assert made.expected_drop(careful).value <= made.expected_drop(plain).value


def test_weights_that_are_no_numbers_are_refused_in_words():
    model = copy.deepcopy(listener()[0])
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        AugmentRun(model, tones(60, seed=2))


def test_a_model_worse_than_its_branches_is_told():
    model = copy.deepcopy(listener()[0])
    with torch.no_grad():
        model.head.weight.copy_(model.head.weight.flip(0))
    recipe = BranchRecipe(epochs=3, batch=32, distillation=0.0, learning_rate=1e-2)
    made = ee.augment(model, tones(300, seed=2), training=tones(800, seed=1), recipe=recipe, locations=2)
    assert any("alone is right on" in note for note in made.notes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ee.route(made.records, made.best(max_drop=0.0)).accuracy >= made.records.correct[:, -1].mean()


def test_samples_that_left_earlier_count_less():
    run = new_run(recipe=BranchRecipe(epochs=1, batch=32, survivors=0.9))
    learner = _Learner(run.segments, run.branches, run.sized, None, run.recipe, run.training, list(run.alive))
    learner.optimizer = torch.optim.SGD([p for b in run.branches for p in b.parameters()], lr=0.0)
    digests, logits = learner.remember(run.training.batch(np.arange(32)), torch.from_numpy(run.training.labels[:32]))
    labels = torch.from_numpy(run.training.labels[:32])
    plain = learner._learn([0, 3], digests, logits, labels)[0]
    learner.thresholds = {0: 0.0}  # everyone leaves at the first: all count alike
    assert np.allclose(learner._learn([0, 3], digests, logits, labels)[0], plain, equal_nan=True)
    learner.thresholds = {0: 0.35}  # some do
    weighted = learner._learn([0, 3], digests, logits, labels)[0]
    assert weighted[0] == plain[0]
    assert weighted[3] != plain[3]
    for bad in ({"survivors": 1.0}, {"halvings": (0.5, 0.2)}, {"halvings": (0.0,)}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            BranchRecipe(**bad)


def test_memory_takes_over_the_newest_samples():
    old = Memory({"a": (3,), "b": (2,)}, 4, 10, 1.0)
    for start in (0, 5, 10):
        rows = torch.arange(start, start + 5)
        digests = {"a": rows[:, None].expand(5, 3).float(), "b": torch.zeros(5, 2)}
        old.add(digests, torch.zeros(5, 4), rows)
    new = Memory({"a": (3,)}, 4, 100, 1.0)
    new.take_over(old)
    assert len(new) == 10
    assert new.labels[5:15].tolist() == list(range(5, 15))
    assert new.digests["a"][5:15, 0].tolist() == list(range(5, 15))
    digests, _, labels = new.draw(200, torch.Generator().manual_seed(0), ["a"])
    assert set(labels.tolist()) == set(range(5, 15))
    assert digests["a"][:, 0].tolist() == labels.tolist()


def test_no_judge_no_change():
    run = new_run()
    alive: list[int] = []
    spent: dict[str, float] = {}
    recipe = replace(run.recipe, epochs=1)
    list(
        train_branches(run.segments, run.branches, run.sized, run.training, run.vary, recipe, alive=alive, spent=spent)
    )
    assert alive == list(range(len(run.sized)))
    assert spent["passes"] == pytest.approx(7 * 32 / 200)
    assert spent["branch_samples"] > 7 * 32 * len(run.sized)
