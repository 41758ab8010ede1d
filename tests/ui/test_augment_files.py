"""What people bring to the augment lab, and what a kill leaves: checkpoints of known networks, safe, foreign, damaged."""

import json
import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from augment_fakes import fake, patches  # noqa: E402
from safetensors.torch import save  # noqa: E402

from eeviz.datasets import Dataset  # noqa: E402
from eeviz.labs.augment import session  # noqa: E402
from eeviz.labs.augment.settings import UPLOADED, Settings  # noqa: E402
from eeviz.labs.augment.state import AugmentState  # noqa: E402
from eeviz.nn.models import classifiers, loaded  # noqa: E402
from eeviz.ui.augment.app import AugmentApp  # noqa: E402


@pytest.fixture
def cifar(monkeypatch):
    """A CIFAR-10 of made-up pictures: 160 to learn on, 200 to test."""
    parts = {
        split: Dataset(patches(n, seed), np.arange(n) % 10, tuple("abcdefghij"), "cifar10", split, "made up")
        for seed, (split, n) in enumerate({"train": 160, "test": 200}.items())
    }
    monkeypatch.setattr(loaded, "load_dataset", lambda name, split: parts[split])
    return parts


def started(name: str, data: bytes) -> AugmentApp:
    """A lab after an upload and Start."""
    torch.set_num_threads(1)
    app = AugmentApp(AugmentState(Settings(max_drop=0.2)), inline=True)
    app.form.model.value = UPLOADED
    app.files.take_checkpoint(name, data)
    app.runline.press("start")
    return app


def test_a_checkpoint_in_safetensors_goes_all_the_way(cifar):
    model = classifiers.build("resnet20")
    app = started("mine.safetensors", save(model.state_dict()))
    state, training = app.state, app.driver.training
    assert state.phase == "done", app.status.message
    assert "mine.safetensors (resnet20, cifar10)" in state.anatomy.title
    assert state.anatomy.macs == 40_551_040
    assert "half of the test samples" in app.form.words.value

    # the decision falls on test samples, not on any the model may have seen; the others report
    seen = {name: {image.tobytes() for image in part.images} for name, part in cifar.items()}
    tuned = {image.tobytes() for image in training.run.calibration.values}
    told = {image.tobytes() for image in training.loaded.report.images}
    assert tuned | told == seen["test"]
    assert not tuned & told
    assert {image.tobytes() for image in training.run.training.values} <= seen["train"]

    # the model is the one that was brought
    x = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(training.run.result.network()(x)[:, -1], model(x))


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_file_that_would_run_code_is_refused_and_does_not_run(tmp_path, cifar):
    torch.save({"state_dict": Trap(tmp_path / "ran")}, tmp_path / "bad.pt")
    app = started("<b>bad.pt", (tmp_path / "bad.pt").read_bytes())
    assert app.state.phase == "failed"
    assert (
        "<b>bad.pt holds more than weights (a whole model, or settings beside them), which is never loaded"
        in app.status.message
    )
    assert "&lt;b&gt;bad.pt" in app.form.words.value
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("torn.safetensors", b"\x10\0\0\0\0\0\0\0{}", "torn.safetensors is no readable checkpoint"),
        ("torn.pth", b"PK\x03\x04 no archive", "torn.pth is no readable checkpoint"),
        ("list.pt", json.dumps([1, 2]).encode(), "list.pt"),
        (
            "other.safetensors",
            save({"conv1.weight": torch.zeros(1)}),
            "other.safetensors does not fit: bn1.weight is missing",
        ),
    ],
    ids=["torn", "torn archive", "no weights", "another network"],
)
def test_damaged_and_foreign_checkpoints_are_refused_by_their_own_names(cifar, name, data, words):
    app = started(name, data)
    assert app.state.phase == "failed"
    assert words in app.status.message
    assert "eeviz-" not in app.status.message  # the folder where it lies meanwhile is nobody's business
    assert app.runline.allowed == ["start"]


def test_data_of_another_kind_and_data_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("EEVIZ_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="resnet20 does not take samples of mit-bih: choose one of cifar10"):
        loaded.from_checkpoint("resnet20", tmp_path / "a.pt", "mit-bih")
    app = started("mine.safetensors", save(classifiers.build("resnet20").state_dict()))
    assert app.state.phase == "failed"
    assert "cifar10" in app.status.message


def test_a_training_that_was_killed_is_taken_up(tmp_path, monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(session, "LEARNING_SECONDS", 0.0)
    parts = fake(384)
    own = session.source_of(parts["model"], parts["calibration"], parts["training"], **parts["options"])
    source = session.Source("toy", "toy's weights", own.load)

    def begun():
        training = session.Training(source, Settings(UPLOADED), tmp_path)
        training.open()
        return training, training.steps()

    _, steps = begun()
    while next(steps).step < 5:
        pass
    again, steps = begun()
    assert next(steps).step == 6
    for _ in steps:
        pass
    assert again.complete

    # what is no checkpoint of this training does not stand in the way
    (file,) = tmp_path.glob("*.pt")
    file.write_bytes(b"torn")
    _, steps = begun()
    assert next(steps).step == 1
