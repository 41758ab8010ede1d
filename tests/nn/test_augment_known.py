"""Known classifiers: sizes, checkpoints with prefixes, what is refused; the published weights where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from eeviz.nn.count.macs import count_macs  # noqa: E402
from eeviz.nn.models import classifiers  # noqa: E402


@pytest.mark.parametrize(
    ("name", "shape", "least", "most", "parameters"),
    [
        ("resnet20", (3, 32, 32), 40.5e6, 40.6e6, 269_722),  # He et al. 2015, table 6: 0.27 M
        ("resnet32", (3, 32, 32), 68.8e6, 68.9e6, 464_154),  # 0.46 M
        ("resnet110", (3, 32, 32), 252e6, 254e6, 1_727_962),  # 1.7 M
        ("resnet50", (3, 32, 32), 80e6, 90e6, 25_557_032),  # torchvision's own count
        ("resnet152", (3, 32, 32), 234e6, 238e6, 60_192_808),
        ("ds-cnn-s", (1, 49, 10), 2.6e6, 2.8e6, None),  # Zhang et al. 2017: 2.7 M (as 5.4 M operations)
        ("heartbeat-cnn", (3, 256), 1e6, 8e6, None),
    ],
)
def test_sizes(name, shape, least, most, parameters):
    model = classifiers.build(name)
    assert not model.training
    assert least < count_macs(model, torch.zeros(1, *shape)) < most
    if parameters:
        assert sum(p.numel() for p in model.parameters()) == parameters


def test_building_leaves_the_global_generator_alone_and_is_repeatable():
    state = torch.random.get_rng_state()
    one, two = classifiers.build("ds-cnn-s"), classifiers.build("ds-cnn-s")
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


@pytest.mark.parametrize("prefix", ["", "module.", "model.module."])
@pytest.mark.parametrize("key", [None, "state_dict", "model"])
def test_checkpoints_with_prefixes_and_wrappings(tmp_path, prefix, key):
    model = classifiers.build("ds-cnn-s", classes=3)
    state = {prefix + name: value + 1 for name, value in model.state_dict().items()}
    path = tmp_path / "weights.th"
    torch.save(state if key is None else {key: state, "epoch": 7}, path)
    loaded = classifiers.load("ds-cnn-s", path, classes=3).state_dict()
    assert all(torch.equal(loaded[name], value + 1) for name, value in model.state_dict().items())


def test_safetensors(tmp_path):
    model = classifiers.build("heartbeat-cnn")
    state = {name: value + 1 for name, value in model.state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    loaded = classifiers.load("heartbeat-cnn", tmp_path / "weights.safetensors").state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


class Trap:
    def __reduce__(self):
        return (os.system, ("echo run",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"state_dict": {"conv1.weight": torch.zeros(1)}}, "does not fit"),
        ({"weights": "none"}, "no table of weights"),
        ([1, 2], "no table of weights"),
        (Trap(), "more than weights"),
    ],
)
def test_other_files_are_refused(tmp_path, content, words):
    path = tmp_path / "weights.th"
    torch.save(content, path)
    with pytest.raises(ValueError, match=words):
        classifiers.load("resnet20", path)


def test_damaged_and_missing_files(tmp_path):
    path = tmp_path / "weights.th"
    with pytest.raises(ValueError, match="does not exist"):
        classifiers.load("resnet20", path)
    path.write_bytes(b"PK\x03\x04 not a checkpoint")
    with pytest.raises(ValueError, match=r"weights\.th"):
        classifiers.load("resnet20", path)
    broken = tmp_path / "weights.safetensors"
    broken.write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(ValueError, match="no readable checkpoint"):
        classifiers.load("resnet20", broken)


def test_unknown_names_and_depths():
    with pytest.raises(ValueError, match="choose one of resnet20"):
        classifiers.build("resnet21")
    with pytest.raises(ValueError, match="6 n \\+ 2"):
        classifiers.CifarResNet(21)


def test_intervals_are_folded_into_channels():
    beats, intervals = torch.randn(4, 256), torch.tensor([[0.8, 0.9]] * 4)
    x = classifiers.with_intervals(beats, intervals)
    assert x.shape == (4, 3, 256)
    assert torch.equal(x[:, 0], beats)
    assert (x[:, 1] == 0.8).all()
    assert classifiers.build("heartbeat-cnn")(x).shape == (4, 4)
    with pytest.raises(ValueError, match="intervals"):
        classifiers.with_intervals(beats, torch.zeros(3, 2))


def test_published_weights_reach_their_accuracy():
    """resnet20-12fca82f.th (Y. Idelbayev): 91.73 % on the 10,000 test images; here on the first 500."""
    folder = Path(os.environ.get("EEVIZ_MODELS", "nowhere"))
    file = folder / "resnet20-12fca82f.th"
    if not file.is_file():
        pytest.skip("EEVIZ_MODELS names no folder with resnet20-12fca82f.th")
    import eeviz as ee

    try:
        test = ee.load_dataset("cifar10", "test").head(500)
    except FileNotFoundError:
        pytest.skip("CIFAR-10 is not on this machine")
    from eeviz.nn.augment.inputs import samples_of

    samples = samples_of(test, classifiers.IMAGENET_MEAN, classifiers.IMAGENET_STD)
    with torch.no_grad():
        predicted = classifiers.load("resnet20", file)(samples.batch(np.arange(500))).argmax(dim=1).numpy()
    assert 0.89 < (predicted == test.labels).mean() < 0.95
