"""Costs on modelled accelerators: from the shipped tables, with zigzag-dse or without."""

import json
from dataclasses import replace

import numpy as np
import pytest

import eeviz.hardware.accelerator as accelerator
from eeviz.core.network.bits import Bits
from eeviz.core.network.workload import Operation, Stream, Workload, workload_of
from eeviz.core.space.space import SearchSpace
from eeviz.hardware import table as tables
from eeviz.hardware.accelerator import Accelerator
from eeviz.hardware.named import name_of, named
from eeviz.launch.packages import is_installed

EDGE = ("edge_tpu_like", "on-chip")


@pytest.fixture
def absent(monkeypatch):
    """zigzag-dse is not installed."""
    monkeypatch.setattr(accelerator, "is_installed", lambda name: name != "zigzag-dse")
    accelerator._piece.cache_clear()
    accelerator._computed.cache_clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of tables of this test alone."""
    monkeypatch.setattr(tables, "folder", lambda: tmp_path)
    tables.shipped_table.cache_clear()
    yield tmp_path
    tables.shipped_table.cache_clear()


def genome(seed=0):
    space = SearchSpace.preset("compact")
    return space.decode(space.sample(np.random.default_rng(seed)))


def test_every_genome_of_compact_is_in_the_shipped_tables(absent):
    for name, between in tables.shipped():
        core = Accelerator(name, between)
        for seed in range(3):
            for bits in core.table.bits:
                if len([key for key in core.table.rows if key[1:] == (bits.weights, bits.activations)]) > 1200:
                    assert core.costs(genome(seed).offered(), bits)["energy"].static > 0


def test_costs_are_sums_over_layers(absent):
    work = workload_of(genome(3).offered())
    core = Accelerator(*EDGE)
    costs, layers = core.costs(work), core.layers(work)
    sums = dict(zip(layers.pieces, layers.sums()["cycles"], strict=True))
    segments = np.array([sums[f"segment {i + 1}"] for i in range(len(work.segments))])
    np.testing.assert_allclose(costs["latency"].backbone, np.cumsum(segments)[list(work.position)])
    np.testing.assert_allclose(costs["latency"].heads[-1], sums["final"])
    np.testing.assert_allclose(costs["latency"].heads[0], sums["exit 1"])
    energy = dict(zip(layers.pieces, layers.sums()["energy"], strict=True))
    np.testing.assert_allclose(costs["energy"].heads[-1], energy["final"], rtol=1e-6)
    assert costs["latency"].unit == "cycles"
    kept = np.zeros(len(work.heads) - 1, bool)
    np.testing.assert_allclose(costs["energy x latency"].at(kept), costs["energy"].at(kept) * costs["latency"].at(kept))


def test_tables_split_energy_completely():
    for name, between in tables.shipped():
        table = tables.shipped_table(name, between)
        for row in list(table.rows.values())[::50]:
            assert row.energy == pytest.approx(row.compute + sum(row.levels), rel=1e-6)
            assert 0 < row.spatial <= 1


def test_layers_for_people():
    layers = Accelerator(*EDGE).layers(genome(4).plan)
    order = layers.order("cycles")
    assert sorted(order) == list(range(len(layers)))
    assert (np.diff(layers.cycles[order]) <= 0).all()
    assert (layers.utilisation <= 1).all()
    busy = layers.macs > 0
    assert (layers.utilisation[busy] > 0).all()
    assert layers.levels.shape == (len(layers), len(layers.memories))
    with pytest.raises(ValueError, match="sorted by"):
        layers.order("weight")


def test_what_moves_data_only_is_charged_its_passage():
    core = Accelerator(*EDGE)
    memory = core.table.facts["activations"]
    work = Workload(((Stream("add", 512, 256),),), ((Operation("linear", 128, 10),),), (0,), 256)
    cost = core.costs(work, Bits(8, 8))
    expected = 512 * 8 / memory["read_width"] * memory["read_pj"] + 256 * 8 / memory["write_width"] * memory["write_pj"]
    assert cost["energy"].backbone[0] == pytest.approx(expected * 1e-12)
    assert cost["latency"].backbone[0] == 512 * 8 / memory["read_width"]  # reads and writes at once
    half = core.costs(Workload(work.segments, work.segments, (0,), 256), Bits(4, 4))
    assert half["energy"].backbone[0] == pytest.approx(expected / 2 * 1e-12)


def test_bad_input_in_words(absent):
    with pytest.raises(ValueError, match=r"no accelerator 'abacus'.*edge_tpu_like.*ascend_like"):
        Accelerator("abacus")
    with pytest.raises(ValueError, match=r"activations 'flash' is known.*'on-chip' or 'dram'"):
        Accelerator("edge_tpu_like", "flash")
    for name, between in (("edge_tpu_like", "dram"), ("meta_prototype", "on-chip")):  # zigzag-dse would compute these
        with pytest.raises(ValueError, match=rf"no table of {name}.*needs zigzag-dse 3\.9\.1.*pip install"):
            Accelerator(name, between)
    with pytest.raises(ValueError, match="needs zigzag-dse"):
        named("edge_tpu_like-dram")
    core = Accelerator(*EDGE)
    with pytest.raises(ValueError, match="integers of 2 to 8 bits, got 32/32"):
        core.costs(genome().plan, Bits(32, 32))
    with pytest.raises(ValueError, match="expected a Plan"):
        core.costs("resnet")
    unknown = Workload(((Operation("conv", 3, 77, (33, 33), (3, 3)),),), ((Operation("linear", 7, 10),),), (0,), 1)
    with pytest.raises(ValueError, match=r"no table holds the costs of convolution 3x3, 3 to 77.*pip install"):
        core.costs(unknown)
    large = Workload(((Operation("conv", 64, 64, (224, 224), (3, 3)),),), ((Operation("linear", 7, 10),),), (0,), 1)
    with pytest.raises(
        ValueError, match=r"does not fit edge_tpu_like.*MB of activations.*\"dram\", which needs zigzag-dse"
    ):
        core.costs(large)


def test_another_version_of_zigzag_is_said_with_the_line_that_mends_it(monkeypatch):
    monkeypatch.setattr(accelerator, "is_installed", lambda name: True)
    monkeypatch.setattr(accelerator, "version", lambda: "3.8.0")
    accelerator._piece.cache_clear()
    accelerator._computed.cache_clear()
    unknown = Workload(((Operation("linear", 33, 77),),), ((Operation("linear", 77, 10),),), (0,), 33)
    with pytest.raises(ValueError, match=r"pip install zigzag-dse==3\.9\.1.*3\.8\.0 is installed"):
        Accelerator(*EDGE).costs(unknown)
    with pytest.raises(ValueError, match=r"pip install zigzag-dse==3\.9\.1"):
        Accelerator("ascend_like")


def test_a_shortcut_that_waits_takes_room_on_the_chip():
    core = Accelerator(*EDGE)
    room = core.table.facts["activations"]["bits"] // 8
    wide = Stream("pool", room // 2, room // 2)
    fits = Workload(((wide,),), ((Stream("pool", 10, 10),),), (0,), 1)
    assert core.costs(fits)["latency"].static > 0
    waits = replace(fits, held=((room + 1,), (20,)))
    with pytest.raises(ValueError, match="does not fit edge_tpu_like: at pool"):
        core.costs(waits)
    with pytest.raises(ValueError, match="does not fit edge_tpu_like: at pool"):
        core.layers(waits)


def test_fewer_bits_are_noted():
    core = Accelerator(*EDGE)
    assert core.notes(genome().plan) == ()
    assert "8-bit multiplications" in core.notes(genome().plan, Bits(8, 8), Bits(4, 4))[0]


def test_tables_of_another_version_and_other_files_are_refused(folder):
    path = folder / "edge_tpu_like.on-chip.jsonl"
    facts = {"accelerator": "edge_tpu_like", "levels": ["rf"], "units": 1}
    row = tables.line(Operation("linear", 2, 3), Bits(8, 8), tables.Row(1, 2, 1, 0.5, (1.0,)))
    path.write_text(tables.header(facts, "loma4", "on-chip") + f"\n{row}\n[1,2")  # cut off by a kill
    assert len(tables.load(path)) == 1
    other = json.loads(tables.header(facts, "loma4", "on-chip")) | {"zigzag": "3.8.0"}
    path.write_text(json.dumps(other) + "\n")
    with pytest.raises(ValueError, match=r"made with zigzag-dse 3\.8\.0.*make_table"):
        tables.load(path)
    path.write_text("hello\n")
    with pytest.raises(ValueError, match="not a table"):
        tables.load(path)
    path.write_text(tables.header(facts, "loma4", "on-chip") + "\n[1,2,3]\n")
    with pytest.raises(ValueError, match="line 2"):
        tables.load(path)


needs_zigzag = pytest.mark.skipif(not is_installed("zigzag-dse"), reason="zigzag-dse is not installed")
FEW = (
    Operation("conv", 16, 8, (7, 7)),
    Operation("depthwise", 8, 8, (7, 7), (3, 3), (2, 2), (1, 1)),
    Operation("linear", 36, 10),
)


@needs_zigzag
def test_making_a_table_goes_on_where_it_was(folder):
    from recipes.make_table import fill

    path = folder / "edge_tpu_like.on-chip.jsonl"
    assert list(fill(path, *EDGE, FEW[:1], [Bits(8, 8)])) == [(1, 1)]
    first = path.read_text()
    path.write_text(first + '["conv",16')  # killed while it wrote
    assert len(list(fill(path, *EDGE, FEW, [Bits(8, 8)]))) == 2
    assert list(fill(path, *EDGE, FEW, [Bits(8, 8)])) == []
    assert path.read_text().startswith(first.split("\n")[0])
    assert len(tables.load(path)) == 3
    with pytest.raises(ValueError, match="is a table of edge_tpu_like"):
        list(fill(path, "tpu_like", "on-chip", FEW, [Bits(8, 8)]))


@needs_zigzag
@pytest.mark.parametrize(("entry", "words"), [("mapping", "mapping 'other'"), ("search", "search 'other'")])
def test_a_table_made_otherwise_is_not_appended_to(folder, entry, words):
    from eeviz.hardware.zigzag_model import SEARCH, facts
    from recipes.make_table import fill

    path = folder / "edge_tpu_like.on-chip.jsonl"
    header = json.loads(tables.header(facts("edge_tpu_like"), SEARCH, "on-chip")) | {entry: "other"}
    path.write_text(json.dumps(header) + "\n")
    with pytest.raises(ValueError, match=words):
        list(fill(path, *EDGE, FEW[:1], [Bits(8, 8)]))
    assert len(path.read_text().splitlines()) == 1


@needs_zigzag
def test_shipped_figures_are_zigzags_own():
    """The best of all orders of loops, tried by ZigZag's own engine, costs what the tables say."""
    from eeviz.hardware.zigzag_model import evaluate_all

    operations = (*FEW[:2], Operation("linear", 64, 10))
    core = Accelerator(*EDGE)
    for operation, own in zip(operations, evaluate_all(operations, Bits(8, 8), *EDGE, every_order=True), strict=True):
        row = core.row(operation, Bits(8, 8))
        assert (row.cycles, row.energy) == pytest.approx((own.cycles, own.energy), rel=1e-8)


@needs_zigzag
@pytest.mark.parametrize("name", ["meta_prototype", "ascend_like", "tesla_npu_like", "edge_tpu_like-dram"])
def test_accelerators_without_a_table_are_computed(name):
    core = named(name)
    assert len(core.table) == 0
    assert named(name_of(core)) == core
    work = Workload((FEW[:2],), (FEW[2:],), (0,), 784)
    costs, layers = core.costs(work), core.layers(work)
    assert costs["latency"].static == layers.cycles.sum() > 0
    np.testing.assert_allclose(costs["energy"].static, layers.energy.sum(), rtol=1e-6)
    if core.between == "on-chip":
        assert costs["energy"].static < Accelerator(core.name, "dram").costs(work)["energy"].static


@needs_zigzag
def test_what_does_not_fit_the_chip_has_costs_where_the_message_points():
    step = Operation("conv", 8, 16, (512, 512))
    work = Workload(((step,),), ((Operation("linear", 36, 10),),), (0,), step.reads)
    with pytest.raises(ValueError, match=r'does not fit.*or between="dram"\.$'):
        Accelerator(*EDGE).costs(work)
    assert Accelerator("edge_tpu_like", "dram").costs(work)["latency"].backbone[0] > step.macs / 1024


@needs_zigzag
def test_an_unknown_layer_is_computed():
    work = Workload(((FEW[0],),), ((Operation("linear", 123, 7),),), (0,), 784)
    assert Accelerator(*EDGE).table.find(work.heads[0][0], Bits(8, 8)) is None
    assert Accelerator(*EDGE).costs(work)["latency"].heads[0] > 123 * 7 / 1024
