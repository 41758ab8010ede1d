"""What comes next: expected improvement for the work it takes; families that share prefixes."""

import numpy as np
import pytest
from search_fakes import SPACE, FakeEvaluator

import eeviz as ee
from eeviz.nas.acquisition import FAMILY, chosen_by_gain, expected_improvement, shared
from eeviz.nas.methods.domains import backbone_domain
from eeviz.nas.surrogates import MODELS, SURE, fit

DOMAIN = backbone_domain(SPACE)


def genomes(count, seed=0):
    rng = np.random.default_rng(seed)
    return [DOMAIN.sample(rng) for _ in range(count)]


def test_expected_improvement_is_the_mean_of_what_a_normal_falls_below():
    rng = np.random.default_rng(0)
    here, predicted, spread = np.array([0.2, 0.3]), np.array([[0.18, 0.35]]), np.array([0.02, 0.05])
    drawn = rng.normal(predicted, spread, (400_000, 2))
    sampled = np.maximum(here - drawn, 0).mean(axis=0)
    np.testing.assert_allclose(expected_improvement(here, predicted, spread)[0], sampled, atol=1e-4)


def test_what_is_too_dear_improves_nothing_and_sure_predictions_their_difference():
    here = np.array([0.2, 0.2])
    found = expected_improvement(here, np.array([[np.inf, 0.15]]), np.zeros(2))
    np.testing.assert_allclose(found, [[0, 0.05]], atol=1e-9)


def test_shared_counts_the_free_genes_from_the_first_on():
    (genome,) = genomes(1)
    free = np.flatnonzero(DOMAIN.free)
    place = free[12]
    other = list(genome)
    other[place] = next(v for v in DOMAIN.values[place] if v != genome[place])
    assert shared(DOMAIN, [tuple(other)], [genome])[0] == pytest.approx(12 / len(free))
    assert shared(DOMAIN, [genome], [tuple(other), genome])[0] == 1
    assert shared(DOMAIN, [genome], [])[0] == 0


def test_an_ending_begins_like_its_parent_and_is_another():
    rng = np.random.default_rng(1)
    a, b = genomes(2)
    starts = []
    for _ in range(200):
        child = DOMAIN.ending(a, b, rng)
        assert SPACE.canonical(child) == child
        starts.append(shared(DOMAIN, [child], [a])[0])
    assert np.quantile(starts, 0.1) < 0.3 < 0.6 < np.quantile(starts, 0.9)


def test_equal_promises_are_taken_where_they_share_but_one_in_a_family_is_new():
    rng = np.random.default_rng(2)
    far = genomes(30)

    def alike(genome, budget):
        return [DOMAIN.ending(genome, far[0], rng) for _ in range(20)]

    def equal(some):
        return np.full((len(some), 8), 0.2), np.full((len(some), 8), 0.01)

    chosen = chosen_by_gain(DOMAIN, far, equal, np.full(8, 0.2), 2 * FAMILY, alike)
    assert len(set(chosen)) == 2 * FAMILY
    begun = [shared(DOMAIN, [genome], chosen[:k])[0] if k else 0 for k, genome in enumerate(chosen)]
    assert np.mean([share for k, share in enumerate(begun) if k % FAMILY]) > 0.5
    assert chosen[FAMILY] in far


def test_every_budget_has_its_place_even_where_one_genome_promises_more_at_all_the_others():
    pool = genomes(20)
    promise = np.full((20, 8), 0.3)
    promise[:8] = 0.1 + 0.001 * np.arange(8)[:, None]  # small ones: better nearly everywhere
    promise[12, 6:] = 0.05  # a large one, good at the highest budgets only

    def predict(some):
        return promise[[pool.index(g) for g in some]], np.full((len(some), 8), 0.01)

    chosen = chosen_by_gain(DOMAIN, pool, predict, np.full(8, 0.2), 8, lambda genome, budget: [])
    assert pool[12] in chosen[6:7]


def test_what_nothing_is_known_of_is_doubted_more_than_what_was_seen():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(60, 3))
    y = np.stack([X @ [1.0, 0.5, 0.2], X @ [0.1, 1.0, 0.3]], axis=1) + rng.normal(scale=0.01, size=(60, 2))
    fitted = fit(X, y, seed=0)
    seen, far = fitted.deviation(X[:5]), fitted.deviation(X[:5] + 3)
    assert seen.shape == far.shape == (5, 2)
    assert (far > 3 * seen).all()
    assert (seen >= SURE * fitted.spread - 1e-12).all()
    alone = fit(X, y, seed=0, models={"forest": MODELS["forest"]})
    np.testing.assert_array_equal(alone.deviation(X[:2]), np.tile(alone.spread, (2, 1)))


def test_a_generation_of_a_search_shares_prefixes():
    with ee.search(SPACE, evaluations=32, seed=1, evaluator=FakeEvaluator()) as run:
        for _ in run:
            continue
        later = [c.genome for c in run.archive if c.generation == 1]
    shares = [shared(DOMAIN, [genome], [other for other in later if other != genome])[0] for genome in later]
    assert np.mean(shares) > 0.3
