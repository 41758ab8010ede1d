"""Weight files as people have them: the right table is found, nothing is guessed, nothing is run."""

import argparse
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from eeviz.nn import models  # noqa: E402
from eeviz.nn.models.weight_file import SeveralTables  # noqa: E402


def other(seed):
    model = models.build("resnet20")
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.05)
    return model.eval()


A, B = other(1), other(2)
X = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def prefixed(prefix, model=A):
    return {prefix + name: value for name, value in model.state_dict().items()}


def answers(model):
    with torch.inference_mode():
        return model(X)


@pytest.fixture
def saved(tmp_path):
    def save(content, name="model.pth"):
        path = tmp_path / name
        torch.save(content, path)
        return path

    return save


@pytest.mark.parametrize(
    "content",
    [
        A.state_dict(),
        {"net": prefixed("module."), "acc": 92.1, "epoch": 7},
        {"model_state_dict": A.state_dict(), "optimizer_state_dict": {"state": {}, "param_groups": [{"lr": 0.1}]}},
        {"checkpoint": {"model": {"weights": prefixed("backbone.")}}},
        {"state_dict": A.state_dict(), "best_acc": np.float64(92.1), "epoch": np.int64(3)},
        {"state_dict": {**prefixed("model."), "val_acc.tp": torch.zeros(10), "criterion.weight": torch.ones(10)}},
        {"state_dict": prefixed("model._orig_mod.")},
    ],
)
def test_the_right_table_is_found(content, saved):
    assert torch.equal(answers(models.load("resnet20", saved(content, "model_best.pth.tar"))), answers(A))


def test_the_content_says_what_a_file_is(tmp_path):
    save_file({k: v.contiguous() for k, v in A.state_dict().items()}, tmp_path / "weights.ckpt")
    assert torch.equal(answers(models.load("resnet20", tmp_path / "weights.ckpt")), answers(A))


@pytest.mark.parametrize(
    ("content", "choices"),
    [
        ({"state_dict": A.state_dict(), "state_dict_ema": B.state_dict()}, ("state_dict", "state_dict_ema")),
        ({**prefixed("student."), **prefixed("teacher.", B)}, ("student.", "teacher.")),
        (
            {"state_dict": {**prefixed("encoder_q."), **prefixed("encoder_k.", B)}},
            ("state_dict (encoder_q.*)", "state_dict (encoder_k.*)"),
        ),
    ],
)
def test_of_several_that_fit_it_asks(content, choices, saved):
    path = saved(content)
    with pytest.raises(
        SeveralTables, match=r"2 tables of weights that fit: .* Say which, for example weights="
    ) as raised:
        models.load("resnet20", path)
    assert raised.value.choices == choices
    for model, name in zip((A, B), choices, strict=True):
        assert torch.equal(answers(models.load("resnet20", path, weights=name)), answers(model))
    with pytest.raises(ValueError, match="no table 'elsewhere' that fits"):
        models.load("resnet20", path, weights="elsewhere")


def spoiled(model, value):
    state = {name: v.clone() for name, v in model.state_dict().items()}
    next(v for v in state.values() if v.ndim == 4)[0] = value
    return state


def without(*names):
    return {k: v for k, v in A.state_dict().items() if not k.startswith(names)}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (spoiled(A, float("nan")), "conv1.weight holds values that are not finite"),
        (spoiled(A, float("inf")), "not finite"),
        (without("linear."), "linear.weight is missing, and 1 more"),
        (
            {**A.state_dict(), "linear.weight": torch.zeros(100, 64)},
            r"linear.weight is \(100, 64\), expected \(10, 64\)",
        ),
        (models.build("resnet32").state_dict(), "it holds more than this model: layer1.3"),
        ({"state_dict": A.state_dict(), "args": argparse.Namespace(lr=0.1)}, "make a safe file of it: torch.save"),
        (A, "never loaded.*make a safe file of it"),
        ([1, 2], "holds a list, no table of weights"),
        ({"epoch": 3}, "it holds no table of weights"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(content, words, saved):
    with pytest.raises(ValueError, match=words):
        models.load("resnet20", saved(content))


@pytest.mark.parametrize(
    "content",
    [b"", b"weights", b"\x80\x02}q\x00.", b"PK\x03\x04" + b"\0" * 50, (40).to_bytes(8, "little") + b'{"a"' + b" " * 60],
)
def test_files_that_are_none_are_refused_in_words(content, tmp_path):
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"no readable checkpoint|does not fit|never loaded"):
        models.load("resnet20", path)


def test_a_header_that_promises_more_than_the_file_holds_takes_no_memory(tmp_path):
    header = json.dumps(
        {"conv1.weight": {"dtype": "F32", "shape": [1 << 20, 1 << 20], "data_offsets": [0, 1 << 42]}}
    ).encode()
    (tmp_path / "big.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 64)
    with pytest.raises(ValueError, match="no readable checkpoint"):
        models.load("resnet20", tmp_path / "big.safetensors")
