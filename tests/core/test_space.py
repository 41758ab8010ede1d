"""Search spaces: round trips, dead genes, moves, bounds, the published dimensions, and what they refuse."""

import pickle

import numpy as np
import pytest

import eeviz as ee
from eeviz.core.network.layers import Convolution, macs
from eeviz.core.space.presets.compact import DESIGNS
from eeviz.core.space.space import Gene, SearchSpace

NAMES = ("compact", "aebnas", "edanas", "nachos", "static")
SPACES = {name: ee.SearchSpace.preset(name) for name in NAMES}


@pytest.fixture(params=NAMES)
def space(request):
    return SPACES[request.param]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_sampled_genomes_come_back(space, rng):
    for _ in range(10_000):
        genome = space.sample(rng)
        assert space.encode(space.decode(genome)) == genome


def test_mutated_and_crossed_genomes_come_back(space, rng):
    genome, _other = space.sample(rng), space.sample(rng)
    for _ in range(300):
        moved = space.mutate(genome, rng)
        child = space.crossover(genome, moved, rng)
        assert space.encode(space.decode(moved)) == moved != genome
        assert space.encode(space.decode(child)) == child
        genome, _other = moved, child
    assert space.crossover(genome, genome, rng) == genome


def test_every_option_of_every_gene_is_reached_by_mutation(space, rng):
    seen = [set() for _ in space.genes]
    genome = space.sample(rng)
    for _ in range(1000):
        genome = space.mutate(genome, rng, rate=0.3)
        for values, value, alive in zip(seen, genome, space.alive(genome), strict=True):
            if alive:
                values.add(value)
    assert all(values == set(range(len(gene.options))) for values, gene in zip(seen, space.genes, strict=True))


def test_dead_genes_have_no_effect(space, rng):
    for _ in range(100):
        genome = space.sample(rng)
        alive = space.alive(genome)
        noise = rng.integers(space.lower, space.upper, endpoint=True)
        noisy = np.where(alive, genome, noise)
        assert space.canonical(noisy) == genome
        assert space.decode(noisy) == space.decode(genome)


def test_different_genomes_are_different_networks(space, rng):
    """Thresholds apart: they do not change the network (but 1, which takes the exit away)."""
    known = {}
    for _ in range(10):
        genome = space.sample(rng)
        for one in [genome, *list(space.neighbours(genome))[::6]]:
            architecture = space.decode(one)
            values = tuple((k, v) for k, v in architecture.values.items() if not k.startswith("threshold") or v == 1)
            assert known.setdefault(architecture.plan, values) == values


def test_neighbours_are_one_step_away(space, rng):
    for _ in range(5):
        genome = space.sample(rng)
        near = list(space.neighbours(genome))
        assert len(near) == len(set(near))
        assert genome not in near
        alive = space.alive(genome)
        options = sum(len(gene.options) - 1 for gene, a in zip(space.genes, alive, strict=True) if a)
        assert options - 1 <= len(near) <= options  # one may be forbidden
        for one in near:
            both = alive & space.alive(one)
            assert ((np.array(one) != np.array(genome)) & both).sum() == 1
            assert space.canonical(one) == one


def small_space():
    genes = (
        Gene("depth", (1, 2), "backbone"),
        Gene("kernel", (3, 5, 7), "backbone", (("depth", (2,)),)),
        Gene("exit", ("none", "a"), "exits"),
        Gene("threshold", (0.1, 0.2), "thresholds", (("exit", ("a",)),)),
    )
    return SearchSpace("small", genes, None, forbidden=(("depth", 1), ("exit", "none")))


def test_size_counts_what_can_be_drawn(rng):
    space = small_space()
    seen = {space.sample(rng) for _ in range(2000)}
    assert space.size == len(seen) == 4 * 3 - 1
    assert (0, 0, 0, 0) not in seen


def test_a_forbidden_choice_is_mended_and_never_made(rng):
    space = small_space()
    assert space.canonical((0, 2, 0, 1)) == (1, 2, 0, 0)
    assert (0, 0, 0, 0) not in set(space.neighbours((1, 0, 0, 0)))
    aebnas = SPACES["aebnas"]
    places = [aebnas.index[f"threshold{k}"] for k in range(1, 5)]
    genome = aebnas.sample(rng)
    for _ in range(300):
        genome = aebnas.mutate(genome, rng, rate=0.5)
        assert any(genome[p] != 2 for p in places), "AEBNAS keeps at least one exit"
    without = [2 if i in places else v for i, v in enumerate(genome)]
    assert aebnas.decode(without).values["threshold1"] == 0.1


def test_a_gene_that_comes_alive_gets_any_option(rng):
    space = small_space()
    seen = {space.mutate((0, 0, 1, 0), rng, rate=0.4)[1] for _ in range(200)}
    assert seen == {0, 1, 2}


def test_crossover_takes_each_gene_from_a_parent_where_it_lives(rng):
    space = small_space()
    for _ in range(50):
        child = space.crossover((1, 2, 0, 0), (0, 0, 1, 1), rng)
        assert child[0] == 0 or child[1] == 2
        assert child[2] == 0 or child[3] == 1


def test_moves_follow_the_seed(space):
    def moves():
        rng = np.random.default_rng(3)
        one, two = space.sample(rng), space.sample(rng)
        return one, two, space.mutate(one, rng), space.crossover(one, two, rng)

    assert moves() == moves()


@pytest.mark.parametrize(
    ("name", "genes", "outputs"), [("aebnas", 82, 10), ("edanas", 49, 10), ("nachos", 49, 11), ("static", 46, 10)]
)
def test_published_dimensions(name, genes, outputs, rng):
    space = SPACES[name]
    assert len(space.genes) == genes
    architecture = space.decode(space.sample(rng))
    widths = [shape[0] for shape in architecture.plan.shapes[1:]]
    assert widths == [24, 40, 80, 112, 160]
    final = [layer for layer in architecture.plan.heads[-1].layers if isinstance(layer, Convolution)]
    assert [layer.channels for layer in final] == [960, 1280]
    assert all(head.layers[-1].features == outputs for head in architecture.plan.heads[:-1])
    assert space.removable == (name != "nachos")


def test_published_backbone_by_hand():
    """Every stage two blocks, kernel 3, expansion 3, 32 pixels: counted from the table of layers in the papers."""
    space = SPACES["static"]
    genome = [0] * 46
    architecture = space.decode(genome)
    stem = 256 * 16 * 27 + 256 * 16 * 9 + 256 * 16 * 16
    total = stem
    sides, widths, squeezed = (8, 4, 2, 2, 1), (16, 24, 40, 80, 112, 160), (0, 1, 0, 1, 1)
    before = 16
    for stage, (side, squeeze) in enumerate(zip(sides, squeezed, strict=True)):
        for block in range(2):
            inputs, width = (widths[stage] if block == 0 else widths[stage + 1]), widths[stage + 1]
            at = before if block == 0 else side
            inner = 3 * inputs
            reduced = {72: 24, 120: 32, 240: 64, 336: 88, 480: 120}.get(inner, 0)
            total += at * at * inputs * inner + side * side * inner * (9 + width) + squeeze * 2 * inner * reduced
        before = side
    assert architecture.macs().backbone[-1] == total
    assert architecture.macs().heads[-1] == 160 * 960 + 960 * 1280 + 1280 * 10


def test_a_head_of_nachos_pools_only_where_leaving_costs_as_much_as_going_on(rng):
    space = SPACES["nachos"]
    for _ in range(60):
        plan = space.decode(space.sample(rng)).plan
        cost = plan.macs()
        for k, head in enumerate(plan.heads[:-1]):
            pool = getattr(head.layers[0], "size", 1)
            onward = cost.backbone[k + 1] - cost.backbone[k] + cost.heads[k + 1]
            if pool > 1:
                wider = (*(type(head.layers[0])(s) for s in (pool // 2,) if s > 1), *head.layers[1:])
                assert macs(wider, plan.taps[k]) >= onward
            elif cost.heads[k] >= onward:
                assert plan.taps[k][1] < 2, "nothing left to pool"


def test_compact_spans_the_sizes_it_promises(rng):
    space = SPACES["compact"]
    small, large = (space.decode(g).macs().static for g in (space.smallest(), space.largest()))
    assert small < 0.5e6
    assert 15e6 < large < 17e6
    assert all(small <= space.decode(space.sample(rng)).macs().static <= large for _ in range(100))
    dense = [0] * len(space.genes)
    for i, gene in enumerate(space.genes):
        if gene.group in ("resolution", "backbone"):
            dense[i] = len(gene.options) - 1
    architecture = space.decode(dense)
    assert {v for k, v in architecture.values.items() if k.endswith("type")} == {"dense 3x3"}
    assert architecture.macs().static > 10e6


def corner(space, rng):
    """A genome in which each stage is, with even odds, as small as it can be before a wide end."""
    genome = list(space.sample(rng))
    genome[0] = int(rng.integers(3)) if rng.random() < 0.3 else 0
    for s in range(1, 6):
        if rng.random() < 0.5:
            for name in ("depth", "block1.type", "block1.size"):
                genome[space.index[f"stage{s}.{name}"]] = 0
            genome[space.index[f"stage{s}.width"]] = 2
    return genome


def test_all_designs_at_all_exits_cost_less_than_the_backbone(rng):
    space = SPACES["compact"]
    for genome in [space.smallest(), space.largest(), *(corner(space, rng) for _ in range(400))]:
        cost = space.decode(genome).offered().macs()
        assert cost.heads[:-1].sum() <= cost.backbone[-1]


def test_offered_designs_are_those_a_genome_can_choose(rng):
    space = SPACES["compact"]
    for _ in range(20):
        architecture = space.decode(space.sample(rng))
        offered = architecture.offered()
        assert offered.position == (*np.repeat(range(4), 6).tolist(), 4)
        assert [h.design for h in offered.heads[:6]] == list(DESIGNS)
        assert offered.segments == architecture.plan.segments
        assert set(architecture.plan.heads) <= set(offered.heads)


def test_a_branch_depends_on_nothing_after_its_tap(rng):
    space = SPACES["compact"]
    one, two = list(space.sample(rng)), list(space.sample(rng))
    at = space.index["stage4.depth"]
    mixed = space.decode([*one[:at], *two[at:]]).offered()
    first = space.decode(one).offered()
    assert mixed.segments[:3] == first.segments[:3]
    assert mixed.heads[:18] == first.heads[:18]


def test_backbone_part_and_with_exits(rng):
    space = SPACES["compact"]
    genome = space.sample(rng)
    bare = space.backbone_part(genome)
    assert len(space.decode(bare).plan.heads) == 1
    chosen = space.with_exits(bare, ["none", "linear", "module x2", "none"], [0.1, 0.5, 0.9, 0.1])
    architecture = space.decode(chosen)
    assert [head.design for head in architecture.plan.heads] == ["linear", "module x2", "final"]
    assert (architecture.values["threshold2"], architecture.values["threshold3"]) == (0.5, 0.9)
    assert space.backbone_part(chosen) == bare
    with pytest.raises(ValueError, match="exits: expected 4 options, got 1"):
        space.with_exits(genome, ["none"])
    with pytest.raises(ValueError, match="exit1: 'huge' is not one of"):
        space.with_exits(genome, ["huge", "none", "none", "none"])


@pytest.mark.parametrize(
    ("genome", "words"),
    [
        ([0] * 38, r"expected 39 integers \(space compact\), got shape \(38,\)"),
        ([0] * 40, "expected 39 integers"),
        ([[0] * 39], "expected 39 integers"),
        ([0, 9, *[0] * 37], r"gene 1 \(stage1.depth\) is 9, it must lie in 0\.\.1"),
        ([-1, *[0] * 38], r"gene 0 \(resolution\) is -1"),
        ([0.5, *[0] * 38], "got fractions or NaN"),
        ([float("nan"), *[0] * 38], "got fractions or NaN"),
        (["0"] * 39, "expected integers"),
        ([True] * 39, "expected integers, got bool"),
        ([[0], *[0] * 38], "expected 39 integers"),
        (None, "expected 39 integers"),
    ],
)
def test_genomes_that_do_not_fit_are_refused_in_words(genome, words):
    space = SPACES["compact"]
    for use in (space.check, space.canonical, space.decode, space.backbone_part):
        with pytest.raises(ValueError, match=words):
            use(genome)


def test_whole_numbers_of_any_type_are_taken():
    space = SPACES["compact"]
    assert space.check(np.zeros(39)) == space.check(np.zeros(39, np.int8)) == (0,) * 39
    assert all(type(value) is int for value in space.check(np.zeros(39)))


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("huge", {}, "'huge' is unknown: choose one of compact, aebnas"),
        ("compact", {"colour": 3}, "takes no 'colour'"),
        ("compact", {"input": (1, 28, 30)}, "expected square images"),
        ("compact", {"input": (1, 12, 12)}, "at least 20 pixels"),
        ("aebnas", {"input": (3, 32)}, r"expected \(channels, size, size\)"),
        ("aebnas", {"resolutions": (8,)}, "at least 16 pixels"),
        ("static", {"resolutions": ()}, "at least 16 pixels"),
    ],
)
def test_presets_that_cannot_be_are_refused(name, arguments, words):
    with pytest.raises(ValueError, match=words):
        ee.SearchSpace.preset(name, **arguments)


def test_misuse_is_refused_in_words(rng):
    with pytest.raises(ValueError, match="belongs to space 'static'"):
        SPACES["compact"].encode(SPACES["static"].decode([0] * 46))
    with pytest.raises(ValueError, match="gene group 'heads' is unknown"):
        SPACES["compact"].group("heads")
    with pytest.raises(ValueError, match="expected a probability"):
        SPACES["compact"].mutate([0] * 39, rng, rate=2)
    with pytest.raises(ValueError, match="single architecture"):
        SearchSpace("one", (Gene("a", (1,), "backbone"),), None).mutate([0], rng)
    with pytest.raises(ValueError, match="options must be distinct"):
        Gene("a", (1, 1), "backbone")
    with pytest.raises(ValueError, match="no earlier gene has those options"):
        SearchSpace("bad", (Gene("a", (1, 2), "backbone", (("b", (1,)),)),), None)


def test_spaces_and_architectures_travel_between_processes(space, rng):
    architecture = space.decode(space.sample(rng))
    again = pickle.loads(pickle.dumps(architecture))  # noqa: S301
    assert again == architecture
    assert hash(again) == hash(architecture)
    assert again.space == space
    assert again.plan == architecture.plan
    assert ee.SearchSpace.preset(space.name, **dict(space.arguments)) == space


def test_colour_images_and_other_classes(rng):
    space = ee.SearchSpace.preset("compact", input=(3, 32, 32), classes=100)
    architecture = space.decode(space.sample(rng))
    assert architecture.plan.input == (3, 32, 32)
    assert space.genes[0].options == (24, 28, 32)
    assert architecture.plan.heads[-1].layers[-1].features == 100
    assert space != SPACES["compact"]


def test_description_and_drawing_hold_the_same_figures(space, rng):
    architecture = space.decode(space.sample(rng))
    drawn, cost = architecture.drawing(), architecture.macs()
    assert sum(stage["macs"] for stage in drawn["stages"]) == cost.backbone[-1]
    assert [branch["macs"] for branch in drawn["branches"]] == cost.heads.tolist()
    assert drawn["macs"] == cost.backbone[-1] + cost.heads.sum()
    for stage in drawn["stages"]:
        assert sum(block["macs"] for block in stage["blocks"]) == stage["macs"]
    words = architecture.describe()
    assert all(stage["name"] in words for stage in drawn["stages"])
    assert all(branch["name"] in words for branch in drawn["branches"])
    early = list(drawn["branches"][:-1])
    has_thresholds = any(gene.group == "thresholds" for gene in space.genes)
    assert all((branch["threshold"] is not None) == has_thresholds for branch in early)
