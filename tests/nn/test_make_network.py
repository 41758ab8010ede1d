"""The command that trains one architecture of a space and saves it."""

import numpy as np
import pytest

pytest.importorskip("torch")

from eeviz.core.space.space import SearchSpace
from eeviz.datasets import Dataset
from eeviz.nn import make_network
from eeviz.nn.network_file import load, load_space


def test_trains_saves_and_resumes(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (160, 16, 16), dtype=np.uint8)
    data = Dataset(images, np.arange(160) % 3, ("a", "b", "c"), "noise", "train", "")
    monkeypatch.setattr(make_network, "load_dataset", lambda name, split: data)
    arguments = [
        "--dataset",
        "noise",
        "--width",
        "0.1",
        "--epochs",
        "1",
        "--threads",
        "1",
        "--out",
        str(tmp_path / "net"),
    ]
    make_network.main(arguments)
    assert "epoch 1/1" in capsys.readouterr().out
    network, space = load(tmp_path / "net"), load_space(tmp_path / "net")
    assert space == SearchSpace.preset("zniber", input=(1, 16, 16), classes=3, width=0.1)
    assert network.exits_count == 12
    weights = (tmp_path / "net" / "weights.safetensors").read_bytes()
    make_network.main(arguments)  # the checkpoint holds every epoch: nothing is trained again
    assert (tmp_path / "net" / "weights.safetensors").read_bytes() == weights


def test_static_networks_have_no_early_exits():
    space = SearchSpace.preset("zniber", width=0.2)
    assert len(space.decode(make_network.genome_of(space)).plan.heads) == 12
    assert len(space.decode(make_network.genome_of(space, static=True)).plan.heads) == 1


def test_options_of_genes_are_taken_by_name():
    space = SearchSpace.preset("compact")
    genome = make_network.genome_of(space, static=True, options={"resolution": "24", "stage1.depth": "1"})
    values = space.decode(genome).values
    assert (str(values["resolution"]), str(values["stage1.depth"]), values["exit1"]) == ("24", "1", "none")
    for options, words in (({"depth": "1"}, "no gene 'depth'"), ({"resolution": "7"}, "resolution offers no '7'")):
        with pytest.raises(ValueError, match=words):
            make_network.genome_of(space, options=options)
