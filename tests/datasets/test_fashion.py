"""The loader: idx format, splits, search order, clear words when something is missing, damaged or not official."""

import dataclasses
import gzip
import hashlib
import struct

import numpy as np
import pytest
from official_files import idx

from eeviz.datasets import fashion, load_dataset, read_idx, split_indices


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A small data set in the official format and file names, in EEVIZ_DATA, with its own hashes in the catalogue."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data" / "fashion-mnist"
    folder.mkdir(parents=True)
    arrays, files = {}, {}
    for part, count in (("train", 200), ("test", 50)):
        arrays[f"{part} images"] = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"{part} labels"] = np.tile(np.arange(10, dtype=np.uint8), count // 10)
    for name, official in fashion.CATALOGUES["fashion-mnist"].files.items():
        content = idx(arrays[name])
        (folder / f"{official.name}.gz").write_bytes(gzip.compress(content))
        files[name] = dataclasses.replace(official, content=hashlib.sha256(content).hexdigest())
    catalogue = dataclasses.replace(fashion.CATALOGUES["fashion-mnist"], files=files, system=(), validation=20)
    monkeypatch.setitem(fashion.CATALOGUES, "fashion-mnist", catalogue)
    monkeypatch.setenv("EEVIZ_DATA", str(tmp_path / "data"))
    return folder, arrays


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without the data: an empty cache and no system folder."""
    catalogue = dataclasses.replace(fashion.CATALOGUES["fashion-mnist"], system=())
    monkeypatch.setitem(fashion.CATALOGUES, "fashion-mnist", catalogue)
    monkeypatch.setenv("EEVIZ_DATA", str(tmp_path / "empty"))
    return tmp_path / "empty"


def test_reads_the_official_format(tiny):
    folder, arrays = tiny
    test = load_dataset("fashion-mnist", "test")
    assert (test.images == arrays["test images"]).all()
    assert (test.labels == arrays["test labels"]).all()
    assert test.source == str(folder)
    assert test.classes[9] == "Ankle boot"
    assert len(test) == 50


def test_train_and_validation_share_no_image_and_leave_none_out(tiny):
    _, arrays = tiny
    train, validation = load_dataset("fashion-mnist", "train"), load_dataset("fashion-mnist", "validation")
    assert (len(train), len(validation)) == (180, 20)
    assert (np.bincount(validation.labels) == 2).all()
    seen = {image.tobytes() for image in [*train.images, *validation.images]}
    assert seen == {image.tobytes() for image in arrays["train images"]}


def test_the_held_out_images_never_change():
    labels = np.random.default_rng(1).integers(0, 10, 60_000)
    first, again = split_indices(labels, 6000), split_indices(labels, 6000)
    assert (first["validation"] == again["validation"]).all()
    assert (np.bincount(labels[first["validation"]]) == 600).all()
    # written down once: another split would move images that were held out into training
    assert first["validation"][:5].tolist() == [8, 12, 24, 26, 70]


def test_images_and_labels_cannot_be_changed(tiny):
    test = load_dataset("fashion-mnist", "test")
    with pytest.raises(ValueError, match="read-only"):
        test.images[0] = 0


def test_unpacked_files_are_read_too(tiny):
    folder, arrays = tiny
    for path in list(folder.glob("t10k*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert (load_dataset("fashion-mnist", "test").images == arrays["test images"]).all()


def test_other_content_than_the_official_is_refused(tiny):
    folder, arrays = tiny
    changed = arrays["test images"].copy()
    changed[0, 0, 0] ^= 1
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(changed)))
    with pytest.raises(ValueError, match=r"t10k-images.*not the official one"):
        load_dataset("fashion-mnist", "test")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello, this is no idx file", "not an idx file"),
        (b"\0\0", "not an idx file"),
        (idx(np.zeros((2, 3), np.uint8), code=13), "type code 13"),
        (idx(np.zeros((2, 3), np.uint8))[:7], "header is truncated"),
        (idx(np.zeros((2, 3), np.uint8))[:-1], r"promises 6 bytes of shape \(2, 3\), the file holds 5"),
        (idx(np.zeros((2, 3), np.uint8)) + b"x", "the file holds 7"),
        (struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "the file holds 0"),
        (gzip.compress(idx(np.zeros((20, 30), np.uint8)))[:-9], "damaged or truncated gzip"),
        (b"\x1f\x8b" + b"garbage" * 5, "damaged or truncated gzip"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # a gzip stream holds the time: no name for a test
)
def test_damaged_files_are_named_in_words(tmp_path, content, words):
    path = tmp_path / "some-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_without_the_data_the_committed_subset_is_returned_and_says_so(nowhere):
    for split, count in (("validation", 6000), ("test", 10000)):
        dataset = load_dataset("fashion-mnist", split)
        assert dataset.images.shape == (count, 28, 28)
        assert "ships with eeviz" in dataset.source
    assert (np.bincount(load_dataset("fashion-mnist", "test").labels) == 1000).all()


def test_without_the_data_training_images_are_asked_for_in_words(nowhere):
    with pytest.raises(FileNotFoundError) as caught:
        load_dataset("fashion-mnist", "train")
    message = str(caught.value)
    for word in ("train-images-idx3-ubyte.gz", "http://", str(nowhere), "EEVIZ_DATA", "download=True"):
        assert word in message


@pytest.mark.parametrize("name", ["cifar-10", "Fashion-MNIST", ""])
def test_unknown_names_list_the_known(name):
    with pytest.raises(
        ValueError, match="choose one of fashion-mnist, cifar10, cifar100, svhn, speech-commands, mit-bih"
    ):
        load_dataset(name)


def test_unknown_splits_list_the_known():
    with pytest.raises(ValueError, match="train, validation, test"):
        load_dataset("fashion-mnist", "report")
