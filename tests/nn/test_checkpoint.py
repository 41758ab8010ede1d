"""Checkpoints: what is damaged, newer or another run's is refused in words; a full disk costs no training."""

import pickle

import pytest

torch = pytest.importorskip("torch")

from eeviz.nn.train import checkpoint  # noqa: E402

ME = {"recipe": {"epochs": 3}}


def test_a_checkpoint_comes_back(tmp_path):
    path = tmp_path / "c.pt"
    assert checkpoint.write(path, ME, {"step": 4, "weights": {"a": torch.ones(2)}})
    state = checkpoint.resume(path, ME)
    assert state["step"] == 4
    assert torch.equal(state["weights"]["a"], torch.ones(2))
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


def test_one_without_version_and_identity_comes_back(tmp_path):
    path = tmp_path / "c.pt"
    torch.save({"recipe": {"epochs": 3}, "step": 4}, path)
    assert checkpoint.resume(path, ME, before=("recipe",))["step"] == 4


def test_another_runs_is_refused_and_says_what_differs(tmp_path):
    path = tmp_path / "c.pt"
    checkpoint.write(path, {**ME, "space": "compact"}, {})
    with pytest.raises(ValueError, match=r"made by another run \(its space\)"):
        checkpoint.resume(path, {**ME, "space": "zniber"})


@pytest.mark.parametrize(
    "content",
    [b"", b"not a checkpoint", pickle.dumps({"identity": ME}), b"PK\x03\x04" + b"\0" * 40, "cut", "list", "bare"],
)
def test_damaged_ones_are_refused_in_words(content, tmp_path):
    path = tmp_path / "c.pt"
    checkpoint.write(path, ME, {"weights": torch.ones(100)})
    if content == "cut":
        content = path.read_bytes()[:-200]
    if content == "list":
        torch.save([1, 2], path)
    elif content == "bare":
        torch.save({"step": 1}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"no readable checkpoint .*remove it to begin anew"):
        checkpoint.resume(path, ME)


def test_a_newer_one_is_refused_with_its_version(tmp_path):
    path = tmp_path / "c.pt"
    torch.save({"version": 9, "identity": ME}, path)
    with pytest.raises(ValueError, match="version 9, this eeviz reads up to 2: update eeviz"):
        checkpoint.resume(path, ME)


def test_a_full_disk_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch, caplog):
    path = tmp_path / "c.pt"
    checkpoint.write(path, ME, {"step": 1})

    def full(state, target):
        target.write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc] . unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", full)
    assert not checkpoint.write(path, ME, {"step": 2})
    assert "training goes on without it" in caplog.text
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]
    assert checkpoint.resume(path, ME)["step"] == 1
