"""Certified thresholds: exact p-values, and as many violations as promised, over many draws of a known population."""

import contextlib
import math

import numpy as np
import pytest

import eeviz as ee
from eeviz.core.solve import certify as module
from eeviz.core.solve.certify import binomial_tail, certify, losses_of, p_value

COST = {"macs": ee.Cost([1.0, 10.0], [0.1, 0.1])}
RISK, DELTA = 0.05, 0.1


def population(n, rng):
    """Confidence u even in [0, 1]; the early answer is wrong with probability 0.16 (1 - u), the final one right: leaving
    above t loses 0.08 (1 - t)^2, which crosses the bound inside the path."""
    sure = rng.random(n).astype(np.float32)
    wrong = rng.random(n) < 0.16 * (1 - sure)
    predicted = np.column_stack([np.where(wrong, 1, 0), np.zeros(n, int)])
    return ee.ExitRecords(np.column_stack([sure, np.full(n, 0.5)]), predicted, np.zeros(n, int), COST, split="test")


def true_risk(policy):
    return 0.08 * (1 - policy.thresholds[0]) ** 2


PATH = [ee.Policy((t,)) for t in np.linspace(1, 0, 41)]


def violations(certified, draws=2000, n=300, seed=0):
    rng, found = np.random.default_rng(seed), 0
    for _ in range(draws):
        records = population(n, rng)
        with contextlib.suppress(ValueError):  # nothing is certified
            found += true_risk(certified(records)) > RISK
    return found / draws


def test_violations_are_as_rare_as_promised_and_not_much_rarer():
    share = violations(lambda records: certify(records, PATH, RISK, DELTA).policy)
    assert share <= DELTA + 3 * math.sqrt(DELTA * (1 - DELTA) / 2000)
    assert share >= DELTA / 10


def alternatives(n, rng, count=60):
    """So many branch designs at one place, each of which loses 6 % of the samples."""
    wrong = rng.random((n, count)) < 0.06
    costs = {"macs": ee.Cost([1.0] * count + [10.0], [0.1] * (count + 1))}
    predicted = np.column_stack([wrong.astype(int), np.zeros(n, int)])
    position = [0] * count + [1]
    return ee.ExitRecords(np.full(predicted.shape, 0.5), predicted, np.zeros(n, int), costs, position)


def test_a_path_made_from_the_same_samples_is_caught():
    """A planted bug: of sixty designs the one that measures best is certified on the samples it was chosen on."""
    rng, count, draws = np.random.default_rng(0), 60, 200
    alone = [ee.Policy(tuple(0.0 if k == chosen else None for k in range(count))) for chosen in range(count)]
    found = {"chosen before": 0, "chosen on them": 0}
    for _ in range(draws):
        records = alternatives(400, rng)
        best = int((~records.correct[:, :-1]).sum(axis=0).argmin())
        for name, chosen in (("chosen before", 0), ("chosen on them", best)):
            with contextlib.suppress(ValueError):
                certify(records, [alone[chosen]], RISK, DELTA)
                found[name] += 1
    bound = DELTA + 3 * math.sqrt(DELTA * (1 - DELTA) / draws)
    assert found["chosen before"] / draws <= bound
    assert found["chosen on them"] / draws > bound


def test_returning_the_first_rejected_is_caught():
    """On a path of three policies whose second is above the bound by a hair, the next is far above it."""

    def coarse(which):
        path = [ee.Policy((1.0,)), ee.Policy((0.2,)), ee.Policy((0.0,))]

        def choose(records):
            return path[min(2, certify(records, path, RISK, DELTA).index + which)]

        return choose

    assert true_risk(ee.Policy((0.2,))) > RISK
    assert violations(coarse(0), draws=400) <= DELTA + 3 * math.sqrt(DELTA * (1 - DELTA) / 400)
    assert violations(coarse(1), draws=400) > 0.9


def test_the_tail_is_exact():
    for n, p in ((1, 0.3), (7, 0.5), (40, 0.02), (300, 0.1)):
        exact = np.cumsum([math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(n + 1)])
        assert [binomial_tail(k, n, p) for k in range(n + 1)] == pytest.approx(np.minimum(exact, 1), rel=1e-9)
    assert binomial_tail(19_000, 1_000_000, 0.02) < 1e-10  # no underflow, no wait


def test_bounded_losses_have_a_valid_bound():
    rng = np.random.default_rng(1)
    low = sum(p_value(rng.random(60) * 0.2, 0.1) <= DELTA for _ in range(1000))  # mean 0.1: just at the bound
    assert low / 1000 <= DELTA
    assert p_value(np.full(300, 0.01), 0.1) < 1e-4


def test_the_certificate_says_what_it_is_of():
    demo = ee.load_demo("fashion")
    front = ee.front(demo.validation)
    made = certify(demo.test, front, risk=0.02)
    routing = ee.route(demo.test, made.policy)
    right, final = routing.right, demo.test.correct[:, -1]
    assert made.losses == pytest.approx((final & ~right).mean())
    assert made.n == len(demo.test)
    assert made.split == "test"
    assert made.mean_cost == routing.mean_cost
    assert 0 <= made.extra_cost < 1
    assert "at most 2 % with probability 0.95, 10,000 samples of test" in repr(made)
    assert made.voided_by(made.policy, demo.test) == ""
    assert "not the certified ones" in made.voided_by(ee.Policy((0.5, 0.5, 0.5)))
    assert "made otherwise" in made.voided_by(made.policy, demo.test.with_confidence("margin"))
    following = front.policy(len(front) - 1 - made.index - 1)
    k = losses_of(demo.test, ee.route(demo.test, following)).sum()
    assert binomial_tail(int(k), len(demo.test), 0.02) > 0.05  # the next one is not certified


def test_disagreement_is_the_stricter_loss():
    demo = ee.load_demo("fashion")
    routing = ee.route(demo.test, ee.Policy((0.9, 0.9, 0.9)))
    mild, strict = (losses_of(demo.test, routing, loss) for loss in module.LOSSES)
    assert (mild <= strict).all()
    assert strict.sum() > mild.sum()


def test_whole_groups_are_the_unit_where_there_are_groups():
    rng = np.random.default_rng(0)
    records = population(4000, rng)
    grouped = ee.ExitRecords(
        records.confidence, records.predicted, records.label, COST, group=np.repeat(np.arange(200), 20)
    )
    with pytest.raises(ValueError, match="not independent: certify whole groups"):
        certify(grouped, PATH, RISK, DELTA)
    made = certify(grouped, PATH, RISK, DELTA, unit="group")
    assert made.n == 200
    assert true_risk(made.policy) <= RISK


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"risk": 0.001}, "at least 2,302 samples without a loss"),
        ({"risk": 0}, "shares between 0 and 1"),
        ({"loss": "accuracy"}, "loss: one of"),
        ({"path": "two thresholds"}, "one threshold"),
        ({"path": []}, "from the cautious end on"),
        ({"unit": "group"}, "no groups"),
    ],
)
def test_what_cannot_be_certified_is_refused_in_words(change, words):
    arguments = {"path": PATH, "risk": RISK, "delta": DELTA} | change
    with pytest.raises(ValueError, match=words):
        certify(population(400, np.random.default_rng(0)), **arguments)


def test_weighted_records_are_refused():
    records = population(100, np.random.default_rng(0))
    weighted = ee.ExitRecords(records.confidence, records.predicted, records.label, COST, weight=np.ones(100))
    with pytest.raises(ValueError, match="weighted"):
        certify(weighted, PATH)
