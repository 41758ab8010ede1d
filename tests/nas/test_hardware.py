"""Searches with hardware costs: objectives, bounds, stored runs; and bits as genes."""

import argparse
import pickle

import numpy as np
import pytest

pytest.importorskip("torch")

import eeviz as ee
from eeviz.core.network.bits import Bits
from eeviz.core.space.space import SearchSpace
from eeviz.core.table.cost import ProductCost
from eeviz.datasets import Dataset
from eeviz.hardware import Accelerator, named, names
from eeviz.nas import quantized
from eeviz.nas.command import _figure, add_arguments, command
from eeviz.nas.quantized import QuantizedEvaluator
from eeviz.nas.resume import resume
from eeviz.nas.supernet import supernet_evaluator
from eeviz.nn import network_file
from eeviz.nn.build import build
from eeviz.nn.network_file import load_space, save_network

PRODUCT = "energy x latency"


@pytest.fixture(scope="module")
def evaluator():
    return supernet_evaluator(SearchSpace.preset("compact"), "fashion-mnist", images=40, provider="edge_tpu_like")


def test_records_carry_the_providers_costs(evaluator):
    genome = evaluator.space.sample(np.random.default_rng(0))
    records, known = evaluator.records(genome, True), evaluator.costs(genome, True)
    assert set(records.costs) == {"macs", "latency", "energy", PRODUCT, "memory"} == set(known)
    np.testing.assert_array_equal(records.cost("energy").backbone, known["energy"].backbone)
    assert isinstance(records.cost(PRODUCT), ProductCost)
    assert evaluator.key["provider"] == "edge_tpu_like"
    assert pickle.loads(pickle.dumps(evaluator)).key == evaluator.key  # noqa: S301


def test_a_search_under_hard_bounds_on_any_cost(evaluator, tmp_path):
    store = tmp_path / "run.db"
    bounds = {"memory": 150e3, "latency": 60e3}
    options = {"objectives": ("error", PRODUCT), "max_worst": bounds, "evaluations": 3, "store": store}
    with ee.search(evaluator.space, method="random", evaluator=evaluator, **options) as run:
        for _ in run:
            pass
        assert run.unit == "J·cycles"
        for candidate in run.archive:
            records = run.records(candidate.id)
            for i in range(len(candidate.points)):
                for name, bound in bounds.items():
                    assert ee.route(records, candidate.points.policy(i), name).worst_cost <= bound
    found = resume(store, evaluations=4, evaluator=evaluator)
    assert found.goal.cost == PRODUCT
    found.close()
    with pytest.raises(ValueError, match="smallest possible"):
        ee.search(
            evaluator.space,
            evaluator=evaluator,
            objectives=("error", PRODUCT),
            max_worst={"memory": 1e3},
            evaluations=3,
        )


def test_unknown_hardware_is_refused():
    with pytest.raises(ValueError, match=r"hardware 'abacus' is unknown.*edge_tpu_like"):
        ee.search("compact", provider="abacus")
    assert "edge_tpu_like" in names()
    for name in names():
        assert named(named(name)) == named(name)


@pytest.fixture
def bits_evaluator(tmp_path, monkeypatch):
    return small_network(tmp_path, monkeypatch)


def small_network(tmp_path, monkeypatch, **arguments):
    """A small network of zniber, untrained, and a small data set for it."""
    space = SearchSpace.preset("zniber", input=(1, 16, 16), classes=3, width=0.1, **arguments)
    genome = (0, *[1] * 11, 0)
    save_network(
        build(space.decode(genome).plan, seed=2, mean=0.4, std=0.3),
        space,
        genome,
        tmp_path / "net",
        {"dataset": "noise"},
    )
    rng = np.random.default_rng(5)

    def load(name, split):
        return Dataset(
            rng.integers(0, 256, (60, 16, 16), dtype=np.uint8), np.arange(60) % 3, ("a", "b", "c"), name, split, ""
        )

    sets = {split: load("noise", split) for split in ("train", "validation", "test")}
    monkeypatch.setattr(quantized, "load_dataset", lambda name, split: sets[split])
    for cache in (quantized._table, quantized._calibration):
        cache.cache_clear()
    return QuantizedEvaluator("noise", str(tmp_path / "net"), Accelerator("edge_tpu_like"))


def test_networks_of_a_space_are_saved_and_loaded(bits_evaluator, tmp_path):
    import torch

    space, network = load_space(bits_evaluator.folder), network_file.load(bits_evaluator.folder)
    assert space.name == "zniber"
    again = network_file.load(bits_evaluator.folder)
    x = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        assert torch.equal(network(x), again(x))
    with pytest.raises(ValueError, match="no readable network"):
        network_file.load(tmp_path)
    (tmp_path / "net" / "weights.safetensors").write_bytes(b"junk")
    with pytest.raises(ValueError, match="no readable network"):
        network_file.load(tmp_path / "net")


def test_bits_are_genes(bits_evaluator, monkeypatch):
    pytest.importorskip("zigzag", reason="these layers are in no table")
    space = bits_evaluator.space
    monkeypatch.setattr(QuantizedEvaluator, "_costs", lambda self, plan: {"macs": plan.macs()})
    eight = bits_evaluator.records((0, *[1] * 11, 0), False)
    mixed = bits_evaluator.records((1, *[1] * 11, 0), False)
    four = bits_evaluator.records((2, *[1] * 11, 0), False)
    assert eight.exits_count == 12
    assert not np.array_equal(eight.confidence, four.confidence)
    np.testing.assert_array_equal(mixed.confidence[:, -1], four.confidence[:, -1])  # backbones of 4 bits
    offered = bits_evaluator.records((1, *[0] * 11, 0), True)
    assert offered.exits_count == 2 * 11 + 1
    np.testing.assert_array_equal(offered.confidence[:, 0], mixed.confidence[:, 0])  # 8 bits come first
    np.testing.assert_array_equal(offered.confidence[:, 1], four.confidence[:, 0])
    few = bits_evaluator.records((0, 1, *[0] * 9, 1, 0), False)
    assert few.exits == ("exit A, 8 bits", "exit K, 8 bits", "final")
    network = bits_evaluator.network((1, 1, *[0] * 9, 1, 0))
    assert network.bits == Bits(4, 4)
    assert network.head_bits == (Bits(8, 8), Bits(8, 8), Bits(4, 4))
    assert network.position == (0, 10, 11)
    assert space.decode((1, *[0] * 12)).plan.bits == Bits(4, 4)


def test_the_two_level_method_chooses_bits(bits_evaluator, monkeypatch):
    monkeypatch.setattr(QuantizedEvaluator, "_costs", lambda self, plan: {"macs": plan.macs()})
    with ee.search(bits_evaluator.space, "noise", evaluator=bits_evaluator, evaluations=3) as run:
        for _ in run:
            pass
        assert len(run.archive) == 3
        assert not any(c.failed for c in run.archive)
        assert {c.genome[0] for c in run.archive} == {0, 1, 2}


def test_one_pair_of_bits_alone_is_searched(tmp_path, monkeypatch):
    monkeypatch.setattr(QuantizedEvaluator, "_costs", lambda self, plan: {"macs": plan.macs()})
    evaluator = small_network(tmp_path, monkeypatch, pairs=("4/4",))
    with ee.search(evaluator.space, "noise", method="edanas", evaluator=evaluator, evaluations=2) as run:
        for _ in run:
            pass
        assert len(run.archive) == 2
        assert not any(c.failed for c in run.archive)
    with pytest.raises(ValueError, match=r"one choice.*edanas.*front\(evaluator"):  # there is one backbone
        ee.search(evaluator.space, "noise", method="two-level", evaluator=evaluator, evaluations=2)
    assert len(ee.front(evaluator.records((0,) * 13, True), "macs")) > 0


def test_a_published_method_takes_the_one_threshold_from_its_gene(bits_evaluator, monkeypatch):
    monkeypatch.setattr(QuantizedEvaluator, "_costs", lambda self, plan: {"macs": plan.macs()})
    with ee.search(bits_evaluator.space, "noise", method="edanas", evaluator=bits_evaluator, evaluations=3) as run:
        for _ in run:
            pass
        assert not any(c.failed for c in run.archive)
        for candidate in run.archive:
            option = bits_evaluator.space.genes[-1].options[candidate.genome[-1]]
            for i in range(len(candidate.points)):
                kept = [t for t in candidate.points.policy(i).thresholds if t is not None]
                assert kept == pytest.approx([option] * len(kept))


def test_the_command_searches_bits_exits_and_thresholds_of_one_network(bits_evaluator, tmp_path, monkeypatch):
    monkeypatch.setattr(QuantizedEvaluator, "_costs", lambda self, plan: {"macs": plan.macs()})
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    def call(*words):
        said = []
        return command(parser.parse_args([*map(str, words), "--method", "random"]), said.append), "\n".join(said)

    network = ("--network", bits_evaluator.folder)
    code, said = call(*network, "--evaluations", 2, "--store", tmp_path / "a.db")
    assert code == 0, said
    code, said = call(*network, "--evaluations", 3, "--store", tmp_path / "a.db", "--resume")
    assert code == 0, said
    assert "accuracy" in said
    assert _figure(1.25e-6, "J·cycles") == "1.25e-06"
    assert _figure(2.5e6, "cycles") == "2,500,000"
    code, said = call("--space", "zniber")
    assert code == 1
    assert "make_network" in said
    assert "--network" in said
    code, said = call("--network", tmp_path)
    assert code == 1
    assert "holds no network" in said
