"""Data folders as people have them: other names, other places, packed or not; or words on what was found and what is missing."""

import dataclasses
import gzip
import hashlib
import shutil
import zipfile

import numpy as np
import pytest
from official_files import archive, batch, idx, matlab, meta, record, wav

from eeviz.datasets import Dataset, cifar, fashion, get, kaggle, load_dataset, mitbih, speech, speech_whole, svhn
from eeviz.datasets.files import official

RNG = np.random.default_rng(7)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty data folder, and no data in the system's."""
    catalogue = dataclasses.replace(fashion.CATALOGUES["fashion-mnist"], system=())
    monkeypatch.setitem(fashion.CATALOGUES, "fashion-mnist", catalogue)
    monkeypatch.setenv("EEVIZ_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.mark.parametrize(
    "name",
    ["a (1).tar.gz", "a(1).tar.gz", "a.tar (2).gz", "a.tar(1).gz", "a.tar.gz.1", "a.tar.gz", "a.tgz", "a_(3).tar.gz"],
)
def test_names_are_known_again(name):
    assert official(name) == "a.tar.gz"


# CIFAR ----------------------------------------------------------------------------------------------------------------

PICTURES = {name: RNG.integers(0, 256, (classes * 4, 32, 32, 3), np.uint8) for name, classes in
            (("cifar10", 10), ("cifar100", 100))}  # fmt: skip


def cifar_parts(name: str, python: bool) -> dict[str, bytes]:
    """Every part of a small archive: the training images of `PICTURES`, the first of each class as test images."""
    known = (cifar.PYTHON if python else cifar.ARCHIVES)[name]
    images = PICTURES[name]
    classes = len(images) // 4
    labels = np.tile(np.arange(classes, dtype=np.uint8), 4)

    def part(begin: int, end: int) -> bytes:
        if python:
            return batch(images[begin:end], labels[begin:end].tolist(), known.key)
        coarse = np.zeros((end - begin, known.label_bytes - 1), np.uint8)
        planes = images[begin:end].transpose(0, 3, 1, 2).reshape(end - begin, -1)
        return np.concatenate([coarse, labels[begin:end, None], planes], axis=1).tobytes()

    step = len(images) // len(known.train)
    parts = {file: part(i * step, (i + 1) * step) for i, file in enumerate(known.train)}
    names = [f"class{i}" for i in range(classes)]
    key = "fine_label_names" if known.key == "fine_labels" else "label_names"
    parts[known.names] = meta(key, names) if python else "\n".join(names).encode()
    return parts | {known.test: part(0, classes)}


def cifar_known(monkeypatch, name: str, python: bool, archived: str = "") -> None:
    """The small archive's sums in the catalogue instead of the official ones."""
    table = cifar.PYTHON if python else cifar.ARCHIVES
    known, parts = table[name], cifar_parts(name, python)
    sums = {part: "md5:" + hashlib.md5(raw).hexdigest() for part, raw in parts.items()} if known.sums else {}
    file = dataclasses.replace(known.file, known_hash=archived or known.file.known_hash)
    monkeypatch.setitem(table, name, dataclasses.replace(known, sums=sums, file=file))
    monkeypatch.setattr(cifar, "VALIDATION", len(PICTURES[name]) // 4)
    monkeypatch.setitem(cifar.PER_CLASS, name, (4, 1))


def cifar_is_whole(name: str) -> Dataset:
    train, validation, test = (load_dataset(name, split) for split in ("train", "validation", "test"))
    classes = len(PICTURES[name]) // 4
    assert (test.images == PICTURES[name][:classes]).all()
    assert test.labels.tolist() == list(range(classes))
    assert test.classes[3] == "class3"
    assert (len(train), len(validation)) == (3 * classes, classes)
    seen = {image.tobytes() for image in [*train.images, *validation.images]}
    assert seen == {image.tobytes() for image in PICTURES[name]}
    assert get.state(name).complete
    return test


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize("place", [".", "up", "cifar10", "one/two/three", "torch/data"])
def test_cifar_unpacked_is_found_wherever_it_lies(folder, monkeypatch, name, python, place):
    known = (cifar.PYTHON if python else cifar.ARCHIVES)[name]
    inside = folder if place == "." else (folder.parent if place == "up" else folder / place) / known.inside
    if place == "up":  # the folder that was named lies beside the files, one too deep
        inside = folder.parent
    inside.mkdir(parents=True, exist_ok=True)
    for part, raw in cifar_parts(name, python).items():
        (inside / part).write_bytes(raw)
    cifar_known(monkeypatch, name, python)
    cifar_is_whole(name)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize("spelt", ["{}", "{} (1)", "tar"])
def test_cifar_archives_are_read_under_a_browsers_names(folder, monkeypatch, name, python, spelt):
    known = (cifar.PYTHON if python else cifar.ARCHIVES)[name]
    members = {f"{known.inside}/{part}": raw for part, raw in cifar_parts(name, python).items()}
    path = folder / known.file.name
    if spelt == "tar":  # unpacked by Safari: its parts are compared, where sums of them are known
        path = path.with_suffix("")
    md5 = archive(path, members)
    if "(1)" in spelt:
        path.rename(folder / known.file.name.replace(".tar", " (1).tar"))
        path.write_bytes(b"\x1f\x8b broken off")
    cifar_known(monkeypatch, name, python, md5)
    cifar_is_whole(name)


@pytest.mark.parametrize("python", [False, True])
def test_changed_parts_are_refused(folder, monkeypatch, python):
    known = (cifar.PYTHON if python else cifar.ARCHIVES)["cifar10"]
    cifar_known(monkeypatch, "cifar10", python)
    for part, raw in cifar_parts("cifar10", python).items():
        (folder / part).write_bytes(raw)
    path = folder / known.test
    path.write_bytes(path.read_bytes()[:-200] + b"\0" * 200)
    with pytest.raises(ValueError, match=rf"{known.test}: damaged or not the official"):
        load_dataset("cifar10", "test")


def test_cifar100_without_published_sums_is_counted(folder, monkeypatch):
    cifar_known(monkeypatch, "cifar100", python=False)
    for part, raw in cifar_parts("cifar100", False).items():
        (folder / part).write_bytes(raw[:-3074] if part == "train.bin" else raw)
    with pytest.raises(ValueError, match="399 images, not the official 4 of each of 100 classes"):
        load_dataset("cifar100", "train")


def test_a_part_that_is_missing_is_named(folder, monkeypatch):
    cifar_known(monkeypatch, "cifar10", python=True)
    inside = folder / "x" / "cifar-10-batches-py"
    inside.mkdir(parents=True)
    for part, raw in cifar_parts("cifar10", True).items():
        if part != "data_batch_4":
            (inside / part).write_bytes(raw)
    with pytest.raises(
        FileNotFoundError, match=r"batches-py holds data_batch_1, .* missing: data_batch_4\. Put cifar-10"
    ):
        load_dataset("cifar10", "train")
    assert len(load_dataset("cifar10", "test")) == 10
    assert str(get.state("cifar10")).startswith("only test; ")


class Evil:
    def __reduce__(self):
        return (open, ("/tmp/eeviz-was-here", "w"))


@pytest.mark.parametrize("protocol", range(2, 6))
def test_batches_are_never_unpickled(protocol, tmp_path):
    import pickle

    images = PICTURES["cifar10"][:3]
    raw = images.transpose(0, 3, 1, 2).reshape(3, -1)
    content = {b"labels": [1, 2, 3], b"data": raw.tobytes(), b"evil": Evil()}
    read, labels = cifar.read_batch(pickle.dumps(content, protocol), "labels", "here")
    assert (read == images).all()
    assert labels.tolist() == [1, 2, 3]
    assert not (tmp_path.parent / "eeviz-was-here").exists()


# Fashion-MNIST --------------------------------------------------------------------------------------------------------


def tiny_fashion(place, monkeypatch, spelt: str = "{}.gz"):
    """The four idx files, of 200 and 50 images, with their sums in the catalogue."""
    place.mkdir(parents=True, exist_ok=True)
    arrays, files = {}, {}
    for part, count in (("train", 200), ("test", 50)):
        arrays[f"{part} images"] = RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"{part} labels"] = np.tile(np.arange(10, dtype=np.uint8), count // 10)
    for name, file in fashion.CATALOGUES["fashion-mnist"].files.items():
        content = idx(arrays[name])
        packed = gzip.compress(content) if ".gz" in spelt else content
        (place / spelt.format(file.name)).write_bytes(packed)
        files[name] = dataclasses.replace(file, content=hashlib.sha256(content).hexdigest())
    changed = dataclasses.replace(fashion.CATALOGUES["fashion-mnist"], files=files, validation=20, system=())
    monkeypatch.setitem(fashion.CATALOGUES, "fashion-mnist", changed)
    return arrays


@pytest.mark.parametrize("place", [".", "FashionMNIST/raw", "data/FashionMNIST/raw"])
@pytest.mark.parametrize("spelt", ["{}.gz", "{}", "{} (1).gz", "{}.gz.1"])
def test_torchvisions_folder_is_read_and_mnists_is_not(folder, monkeypatch, place, spelt):
    arrays = tiny_fashion(folder / place, monkeypatch, spelt)
    (folder / "MNIST" / "raw").mkdir(parents=True)
    for file in fashion.CATALOGUES["fashion-mnist"].files.values():
        (folder / "MNIST" / "raw" / file.name).write_bytes(idx(np.zeros((50, 28, 28), np.uint8)))
    assert (load_dataset("fashion-mnist", "test").images == arrays["test images"]).all()
    assert len(load_dataset("fashion-mnist", "train")) == 180


def test_mnist_alone_is_told_apart(folder):
    (folder / "MNIST" / "raw").mkdir(parents=True)
    for file in fashion.CATALOGUES["fashion-mnist"].files.values():
        (folder / "MNIST" / "raw" / file.name).write_bytes(idx(np.zeros((50, 28, 28), np.uint8)))
    with pytest.raises(ValueError, match="MNIST has files of the same names"):
        load_dataset("fashion-mnist", "train")


def kaggle_table(path, rows: np.ndarray, header: str = "") -> None:
    names = header or ",".join(["label", *(f"pixel{i}" for i in range(1, 785))])
    np.savetxt(path, rows, fmt="%d", delimiter=",", header=names, comments="")


def test_kaggles_table_is_read_if_it_holds_the_official_images(folder, monkeypatch):
    rows = RNG.integers(0, 256, (30, 785))
    rows[:, 0] %= 10
    held = rows[[3, 7], 1:].reshape(2, 28, 28).astype(np.uint8)
    monkeypatch.setattr(kaggle, "ROWS", 30)
    content = b"".join(sorted(bytes(row) for row in rows.astype(np.uint8)))
    monkeypatch.setattr(kaggle, "CONTENT", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(fashion, "_embedded", lambda split: ((held, None, None), "") if split == "validation" else None)
    kaggle_table(folder / "fashion-mnist_train.csv", RNG.permutation(rows))
    train = load_dataset("fashion-mnist", "train")
    assert len(train) == 28
    assert {(int(label), image.tobytes()) for label, image in zip(train.labels, train.images, strict=True)} == {
        (row[0], bytes(row[1:].astype(np.uint8))) for i, row in enumerate(rows) if i not in (3, 7)
    }
    assert "fashion-mnist_train.csv, in its own order" in train.source


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: kaggle_table_of(rows[:-1]), "29 x 785"),
        (lambda rows: kaggle_table_of(rows[:, :-1]), "first line has 784 names|30 x 784"),
        (lambda rows: kaggle_table_of(rows + 200), "Kaggle's table"),
        (lambda rows: b"id,price\n1,2\n", "its first line has 2 names"),
        (lambda rows: kaggle_table_of(rows).replace(b"\n", b"\nx,", 2), "Kaggle's table"),
        (lambda rows: kaggle_table_of(rows[::-1] ^ 1), "not the official training images"),
    ],
)
def test_other_tables_are_refused_in_words(folder, monkeypatch, change, words):
    monkeypatch.setattr(kaggle, "ROWS", 30)
    path = folder / "fashion-mnist_train.csv"
    path.write_bytes(change(RNG.integers(0, 10, (30, 785))))
    with pytest.raises(ValueError, match=words) as caught:
        kaggle.read(path, np.zeros((1, 28, 28), np.uint8))
    assert str(path) in str(caught.value)


def kaggle_table_of(rows) -> bytes:
    import io

    out = io.BytesIO()
    kaggle_table(out, rows)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "file", "words"),
    [
        ("mit-bih", "mitbih_train.csv", "Kaggle's beats, resampled to 125 Hz"),
        ("mit-bih", "100annotations.txt", "Kaggle's copy of the records as text"),
        ("svhn", "train.tar.gz", "whole house numbers"),
        ("cifar10", "trainLabels.csv", "Kaggle's competition"),
        ("cifar10", "cifar-10-matlab (1).tar.gz", "archive for MATLAB"),
        ("speech-commands", "speech_commands_v0.01.tar.gz", "version 0.01"),
    ],
)
def test_files_of_other_makers_are_called_what_they_are(folder, name, file, words):
    (folder / "downloads").mkdir()
    (folder / "downloads" / file).write_bytes(b"x")
    with pytest.raises(FileNotFoundError, match=words):
        load_dataset(name, "train")


# SVHN, MIT-BIH --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelt", ["train_32x32.mat", "train_32x32 (1).mat", "deep/er/train_32x32.mat.1"])
def test_svhn_is_found_under_other_names(folder, monkeypatch, spelt):
    images = RNG.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    raw = matlab({"X": images.transpose(1, 2, 3, 0), "y": np.tile(np.arange(1, 11), 6)[:, None]}, packed=True)
    known = dataclasses.replace(svhn.FILES["train"], known_hash="md5:" + hashlib.md5(raw).hexdigest())
    monkeypatch.setitem(svhn.FILES, "train", known)
    monkeypatch.setattr(svhn, "VALIDATION", 20)
    path = folder / spelt
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    assert len(load_dataset("svhn", "train")) == 40
    with pytest.raises(FileNotFoundError, match=r"holds train_32x32\.mat; missing: test_32x32\.mat"):
        load_dataset("svhn", "test")


@pytest.fixture
def records(tmp_path, monkeypatch):
    """All 44 records in a folder of their own, their sums known."""
    place, sums = tmp_path / "elsewhere", {}
    for number in (*mitbih.DS1, *mitbih.DS2):
        record(place, number, seed=number)
    for path in place.iterdir():
        sums[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(mitbih, "_sums", lambda: sums)
    return place


@pytest.mark.parametrize("form", ["wget", "torn", "crlf", "zip", "flat zip"])
def test_mit_bih_is_read_as_physionet_gives_it(folder, records, form):
    place = folder / "physionet.org" / "files" / "mitdb" / "1.0.0"
    if "zip" in form:
        with zipfile.ZipFile(folder / "mit-bih-arrhythmia-database-1.0.0 (1).zip", "w", zipfile.ZIP_DEFLATED) as out:
            for path in records.iterdir():
                inside = "" if form == "flat zip" else "mit-bih-arrhythmia-database-1.0.0/"
                out.write(path, f"{inside}{path.name}")
    else:
        place.parent.mkdir(parents=True)
        shutil.copytree(records, place)
        (place / "index.html").write_text("<html>")
        if form == "crlf":
            for path in place.glob("*.hea"):
                path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        if form == "torn":
            (place / "231.dat").unlink()
            with pytest.raises(FileNotFoundError, match=r"1\.0\.0 holds 100\.hea, .* missing: 231\.dat\."):
                load_dataset("mit-bih", "test")
            assert len(load_dataset("mit-bih", "validation")) == 5 * 5
            return
    parts = [load_dataset("mit-bih", split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [17 * 5, 5 * 5, 22 * 5]
    assert get.state("mit-bih").complete
    assert set(parts[1].groups) == set(mitbih.VALIDATION)


def test_a_damaged_zip_is_named(folder, records):
    path = folder / "mitdb.zip"
    with zipfile.ZipFile(path, "w") as out:
        for own in records.iterdir():
            out.write(own, own.name)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match=r"mitdb\.zip: not a complete zip archive"):
        load_dataset("mit-bih", "test")


# Speech Commands ------------------------------------------------------------------------------------------------------

WORDS = (
    *speech.CLASSES[2:],
    *["bed", "bird", "cat", "dog", "eight", "five", "four", "happy", "house", "marvin", "nine", "one", "seven"],
)


def whole_set() -> tuple[dict[str, bytes], dict[str, str]]:
    """Files by name of a small copy of the whole data set, and the split of each clip."""
    members, split = {}, {}
    for number, word in enumerate(WORDS):
        for speaker in range(30):
            name = f"{word}/{speaker:08x}_nohash_0.wav"
            members[name] = wav(RNG.normal(0, 500, 16_000 - 100 * number))
            split[name] = ("validation", "test", "train", "train")[speaker % 4]
    for own, file in zip(("validation", "test"), speech_whole.LISTS, strict=True):
        members[file] = "\n".join(name for name in split if split[name] == own).encode()
    members["_background_noise_/tap.wav"] = wav(RNG.normal(0, 900, 16_000 * 30))
    members["_background_noise_/README.md"] = b"text"
    return members, split


@pytest.mark.parametrize("form", ["folder", "torchaudio", "too deep", "archive", "tar"])
def test_the_whole_of_speech_commands_is_split_by_the_official_lists(folder, monkeypatch, form):
    members, split = whole_set()
    if form in ("archive", "tar"):
        path = folder / (speech_whole.FILE.name if form == "archive" else speech_whole.FILE.name.removesuffix(".gz"))
        digest = archive(path, {f"./{name}": raw for name, raw in members.items()})
        monkeypatch.setattr(speech_whole, "FILE", dataclasses.replace(speech_whole.FILE, known_hash=digest))
    else:
        place = {"folder": folder / "speech", "torchaudio": folder / "SpeechCommands" / "speech_commands_v0.02"}
        root = place.get(form, folder)
        for name, raw in members.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(raw)
        if form == "too deep":
            monkeypatch.setenv("EEVIZ_DATA", str(folder / "yes"))
    for own in ("train", "validation", "test"):
        data = load_dataset("speech-commands", own)
        assert data.images.shape[1:] == (49, 40, 1)
        expected = sum(split[name] == own for name in split if name.split("/")[0] in speech.CLASSES)
        assert (data.labels > 1).sum() == expected
        assert (data.labels == 0).sum() == round(expected / 10)
        heard = {group for group in data.groups.tolist() if not group.startswith("silence")}
        assert heard <= {name.split("/")[1][:8] for name in split if split[name] == own}
        assert "official split" in data.source
        assert (load_dataset("speech-commands", own).images == data.images).all()
    unknown = sum((load_dataset("speech-commands", own).labels == 1).sum() for own in ("train", "validation", "test"))
    chosen = [name for name in split if name.split("/")[0] not in speech.CLASSES and speech_whole._wanted(name)]
    assert unknown == len(chosen) > 5


def test_a_clip_is_the_features_of_its_file(folder):
    members, _ = whole_set()
    for name, raw in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    data = load_dataset("speech-commands", "test")
    at = next(i for i in range(len(data)) if data.classes[data.labels[i]] == "stop" and data.groups[i] == "00000005")
    expected = speech.log_mel(speech.read_wav(members["stop/00000005_nohash_0.wav"]))
    assert (data.images[at] == expected).all()


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("yes/00000001_nohash_0.wav", "1 of the listed clips are missing, the first is yes/00000001"),
        ("_background_noise_/tap.wav", "no clips of _background_noise_ in the test split"),
        ("testing_list.txt", r"holds down, go, .*; missing: testing_list\.txt"),
    ],
)
def test_what_the_whole_set_lacks_is_named(folder, lost, words):
    members, _ = whole_set()
    for name, raw in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    (folder / lost).unlink()
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        load_dataset("speech-commands", "test")


def test_the_test_archive_unpacked_is_split_as_packed(folder, monkeypatch):
    members = {
        f"{word}/{i:08x}_nohash_0.wav": wav(RNG.normal(0, 500, 16_000)) for word in speech.CLASSES for i in range(9)
    }
    path = folder / speech.FILE.name
    digest = archive(path, {f"./{name}": raw for name, raw in members.items()})
    monkeypatch.setattr(speech, "FILE", dataclasses.replace(speech.FILE, known_hash=digest))
    packed = [load_dataset("speech-commands", split) for split in ("train", "validation", "test")]
    path.unlink()
    for name, raw in members.items():
        (folder / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "set" / name).write_bytes(raw)
    for split, one in zip(("train", "validation", "test"), packed, strict=True):
        other = load_dataset("speech-commands", split)
        assert (one.images == other.images).all()
        assert (one.groups == other.groups).all()
