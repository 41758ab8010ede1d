"""The official formats, from small files written here: CIFAR, SVHN, Speech Commands, MIT-BIH; prepared arrays."""

import dataclasses
import hashlib
import struct

import numpy as np
import pytest
from official_files import archive, matlab, record, wav

from eeviz.datasets import Dataset, cifar, fashion, files, held_out, load_dataset, mitbih, speech, svhn, wfdb


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty data folder."""
    monkeypatch.setenv("EEVIZ_DATA", str(tmp_path))
    return tmp_path


def tiny_cifar(folder, monkeypatch, name: str, per_class: int = 20):
    """A small CIFAR archive with its own hash in the catalogue; the training images and labels in it."""
    rng = np.random.default_rng(0)
    official = cifar.ARCHIVES[name]
    classes = 10 if name == "cifar10" else 100
    images = rng.integers(0, 256, (classes * per_class, 32, 32, 3), dtype=np.uint8)
    labels = np.tile(np.arange(classes, dtype=np.uint8), per_class)

    def part(chosen) -> bytes:
        coarse = np.zeros((len(labels[chosen]), official.label_bytes - 1), np.uint8)
        planes = images[chosen].transpose(0, 3, 1, 2).reshape(len(coarse), -1)
        return np.concatenate([coarse, labels[chosen, None], planes], axis=1).tobytes()

    step = len(images) // len(official.train)
    members = {
        f"{official.inside}/{file}": part(slice(i * step, (i + 1) * step)) for i, file in enumerate(official.train)
    }
    members[f"{official.inside}/{official.test}"] = part(slice(0, classes))
    members[f"{official.inside}/{official.names}"] = "\n".join(f"class{i}" for i in range(classes)).encode()
    (folder / name).mkdir()
    md5 = archive(folder / name / official.file.name, members)
    file = dataclasses.replace(official.file, known_hash=md5)
    monkeypatch.setitem(cifar.ARCHIVES, name, dataclasses.replace(official, file=file))
    monkeypatch.setattr(cifar, "VALIDATION", classes * 2)
    return images, labels


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_read_from_its_binary_archive(folder, monkeypatch, name):
    images, labels = tiny_cifar(folder, monkeypatch, name)
    train, validation, test = (load_dataset(name, split) for split in ("train", "validation", "test"))
    classes = len(train.classes)
    assert (train.classes[3], classes) == ("class3", 10 if name == "cifar10" else 100)
    assert (test.images == images[:classes]).all()
    assert (test.labels == labels[:classes]).all()
    assert (np.bincount(validation.labels) == 2).all()
    seen = {image.tobytes() for image in [*train.images, *validation.images]}
    assert seen == {image.tobytes() for image in images}
    assert len(train) + len(validation) == len(images)


def test_a_cifar_archive_that_is_not_official_is_refused(folder, monkeypatch):
    tiny_cifar(folder, monkeypatch, "cifar10")
    path = folder / "cifar10" / "cifar-10-binary.tar.gz"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ValueError, match="not the official file"):
        load_dataset("cifar10", "test")


def test_a_cifar_archive_without_a_part_is_refused(folder, monkeypatch):
    (folder / "cifar10").mkdir()
    md5 = archive(folder / "cifar10" / "cifar-10-binary.tar.gz", {"cifar-10-batches-bin/batches.meta.txt": b"a b"})
    official = cifar.ARCHIVES["cifar10"]
    changed = dataclasses.replace(official, file=dataclasses.replace(official.file, known_hash=md5))
    monkeypatch.setitem(cifar.ARCHIVES, "cifar10", changed)
    with pytest.raises(ValueError, match="not a complete archive"):
        load_dataset("cifar10", "test")


@pytest.mark.parametrize("raw", [b"", b"x" * 3072, b"x" * 3074])
def test_records_of_another_size_are_refused(raw):
    with pytest.raises(ValueError, match="no whole number of records of 3073 bytes"):
        cifar.read_records(raw, 1, "here")


def test_svhn_is_read_from_matlab(folder, monkeypatch):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    labels = np.tile(np.arange(1, 11), 6)  # 10 is the digit 0
    (folder / "svhn").mkdir()
    for part, file in svhn.FILES.items():
        path = folder / "svhn" / file.name
        path.write_bytes(matlab({"X": images.transpose(1, 2, 3, 0), "y": labels[:, None]}, packed=part == "test"))
        md5 = "md5:" + hashlib.md5(path.read_bytes()).hexdigest()
        monkeypatch.setitem(svhn.FILES, part, dataclasses.replace(file, known_hash=md5))
    monkeypatch.setattr(svhn, "VALIDATION", 20)
    test, validation = load_dataset("svhn", "test"), load_dataset("svhn", "validation")
    assert (test.images == images).all()
    assert (test.labels == labels % 10).all()
    assert (np.bincount(validation.labels) == 2).all()
    assert len(load_dataset("svhn", "train")) == 40


def test_what_is_no_matlab_file_is_refused(tmp_path):
    for content in (b"", b"hello", b"MATLAB 5.0 MAT-file" + b"\0" * 200):
        (tmp_path / "x.mat").write_bytes(content)
        with pytest.raises(ValueError, match="not a MATLAB file"):
            svhn.read_mat(tmp_path / "x.mat")


def test_log_mel_shows_a_tone_in_its_band():
    time = np.arange(16_000) / 16_000
    for frequency in (300, 1000, 4000):
        features = speech.log_mel(np.sin(2 * np.pi * frequency * time).astype(np.float32))
        assert features.shape == (49, 40, 1)
        loudest = np.unique(features[..., 0].argmax(axis=1))
        bands = speech.mel_bands()
        point = round(frequency * speech.POINTS / speech.RATE)
        assert loudest.tolist() == [bands[:, point].argmax()]
    assert speech.log_mel(np.zeros(16_000, np.float32)).max() == np.float16(np.log(1e-6))


def test_mel_bands_are_triangles_that_overlap():
    bands = speech.mel_bands()
    assert bands.shape == (40, 513)
    assert (bands >= 0).all()
    assert (bands.max(axis=1) > 0.4).all()
    inside = (np.fft.rfftfreq(1024, 1 / 16000) > 300) & (np.fft.rfftfreq(1024, 1 / 16000) < 7000)
    np.testing.assert_allclose(bands[:, inside].sum(axis=0), 1, atol=1e-9)


def tiny_speech(folder, monkeypatch):
    rng = np.random.default_rng(2)
    members, speakers = {}, [f"{i:08x}" for i in range(60)]
    for word in ("yes", "stop"):
        for i, speaker in enumerate(speakers):
            members[f"./{word}/{speaker}_nohash_{i % 2}.wav"] = wav(rng.normal(0, 500, 16_000 - i))
    members["./_unknown_/bed_0000000a_nohash_0.wav"] = wav(rng.normal(0, 500, 16_000))
    for i in range(20):
        members[f"./_silence_/tap_{i}.wav"] = wav(rng.normal(0, 9, 16_000))
    members["./README.md"] = b"text"
    (folder / "speech-commands").mkdir()
    md5 = archive(folder / "speech-commands" / speech.FILE.name, members)
    monkeypatch.setattr(speech, "FILE", dataclasses.replace(speech.FILE, known_hash=md5))
    return members


def test_speech_is_split_by_speaker(folder, monkeypatch):
    members = tiny_speech(folder, monkeypatch)
    parts = [load_dataset("speech-commands", split) for split in ("train", "validation", "test")]
    assert sum(map(len, parts)) == len(members) - 1
    groups = [set(part.groups.tolist()) for part in parts]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    assert all(groups)
    whole = Dataset.joined(parts)
    assert whole.images.shape == (len(members) - 1, 49, 40, 1)
    assert whole.images.dtype == np.float16
    assert np.bincount(whole.labels, minlength=12)[[0, 1, 2, 10]].tolist() == [20, 1, 60, 60]
    unknown = whole.groups[whole.labels == 1]
    assert unknown.tolist() == ["0000000a"]  # the same speaker as of other words
    assert len({*whole.groups[whole.labels == 0]}) == 20


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"no wav", "not a wav file"),
        (wav(np.zeros(100), rate=8000), "got 1 channels, 16 bits, 8000 Hz"),
        (wav(np.zeros(100), channels=2), "got 2 channels"),
    ],
)
def test_other_wavs_are_refused(raw, words):
    with pytest.raises(ValueError, match=words):
        speech.read_wav(raw)


def test_held_out_groups_never_change_and_are_about_the_share():
    groups = np.array([f"speaker {i // 3}" for i in range(3000)])
    held = held_out(groups, 0.2, "x")
    assert 0.15 < held.mean() < 0.25
    assert (held == held_out(groups, 0.2, "x")).all()
    assert not set(groups[held]) & set(groups[~held])
    assert np.flatnonzero(held)[:4].tolist() == [0, 1, 2, 36]  # another rule would move people between splits


@pytest.mark.parametrize("lead", [0, 1])
def test_beats_are_cut_with_their_intervals(tmp_path, lead):
    signal = record(tmp_path, 100, lead)
    beats, kind, rr = mitbih.read_record(tmp_path, 100)
    assert kind.tolist() == [0, 1, 2, 3, 4, 0]  # the first and the last beat lack a whole window
    for beat, at in zip(beats, [400, 700, 1100, 2500, 2900, 3700], strict=True):
        assert (beat[:, 0] == signal[at - 100 : at + 156, lead] - 1024).all()
    expected = np.diff([50, 400, 700, 1100, 2500, 2900, 3700, 5990]) / 360
    np.testing.assert_allclose(rr, np.column_stack([expected[:-1], expected[1:]]))


def test_format_212_and_annotations_keep_their_values(tmp_path):
    signal = record(tmp_path, 101, samples=3001, seed=3)
    header = wfdb.read_header(tmp_path / "101.hea")
    assert (header.rate, header.samples, header.signals[0].zero, header.signals[1].name) == (360, 3001, 1024, "V1")
    assert (wfdb.read_signal(tmp_path, header) == signal).all()
    at, symbols = wfdb.read_annotations(tmp_path / "101.atr")
    assert at.tolist() == [40, 50, 400, 700, 1100, 2500, 2900, 3300, 3700, 5990]
    assert "".join(symbols) == "+NNAVFQ|LN"


def test_codes_of_annotations_are_those_of_the_format(tmp_path):
    codes = [1, 14, 15, 16, 17, 18, 28, 30, 41, 49]
    (tmp_path / "x.atr").write_bytes(b"".join(struct.pack("<H", code << 10 | 9) for code in codes) + b"\0\0")
    at, symbols = wfdb.read_annotations(tmp_path / "x.atr")
    assert at.tolist() == list(range(9, 99, 9))
    assert symbols == ["N", "~", "[15]", "|", "[17]", "s", "+", "?", "r", "[49]"]


def test_damaged_records_are_named(tmp_path):
    record(tmp_path, 100)
    header = wfdb.read_header(tmp_path / "100.hea")
    for name, content, read in (
        ("100.atr", (tmp_path / "100.atr").read_bytes()[:-2], lambda: wfdb.read_annotations(tmp_path / "100.atr")),
        ("100.dat", b"123", lambda: wfdb.read_signal(tmp_path, header)),
        ("100.hea", b"100 2", lambda: wfdb.read_header(tmp_path / "100.hea")),
        ("100.hea", b"100 2 360 9\n100.dat 16 200 11 0 0 0 0 I", lambda: wfdb.read_header(tmp_path / "100.hea")),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            read()


def test_mit_bih_is_split_by_patient(folder, monkeypatch):
    place = folder / "mit-bih"
    place.mkdir()
    sums = {}
    for number in (*mitbih.DS1, *mitbih.DS2):
        record(place, number, seed=number)
        for kind in ("hea", "dat", "atr"):
            name = f"{number}.{kind}"
            sums[name] = hashlib.sha256((place / name).read_bytes()).hexdigest()
    assert set(sums) == set(mitbih._sums()), "the hashes of exactly these files are known"
    monkeypatch.setattr(mitbih, "_sums", lambda: sums)
    train, validation, test = (load_dataset("mit-bih", split) for split in ("train", "validation", "test"))
    assert set(validation.groups) == set(mitbih.VALIDATION)
    assert not set(train.groups) & set(validation.groups)
    assert set(train.groups) & set(test.groups) == {201}, "records 201 and 202 are one person"
    assert set(test.extra["record"]) == set(mitbih.DS2)
    assert len(train) == 17 * 5
    assert "without 17 beats of class Q" in train.source
    assert test.extra["rr"].shape == (22 * 5, 2)
    (place / "231.dat").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"231\.dat.*not the official"):
        load_dataset("mit-bih", "test")


def test_published_hashes_are_whole():
    assert len(mitbih._sums()) == 3 * 44
    assert all(len(digest) == 64 and int(digest, 16) for digest in mitbih._sums().values())


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn", "speech-commands", "mit-bih"])
def test_what_is_absent_is_asked_for_in_words(folder, name):
    for split in ("train", "validation", "test"):
        with pytest.raises(FileNotFoundError) as caught:
            load_dataset(name, split)
        for word in ("http", str(folder), "EEVIZ_DATA", "download=True"):
            assert word in str(caught.value)


def test_prepared_arrays_are_found_in_the_data_folder(folder, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(5)
    (folder / "cifar10").mkdir()
    images = rng.integers(0, 256, (6, 40, 32, 32, 3), dtype=np.uint8)  # mosaics of 4 x 10
    for name, tiles in zip([*(f"train_{i}" for i in range(1, 6)), "test"], images, strict=True):
        picture = tiles.reshape(4, 10, 32, 32, 3).transpose(0, 2, 1, 3, 4).reshape(128, 320, 3)
        image.fromarray(picture).save(folder / "cifar10" / f"{name}.webp", lossless=True)
    labels = np.tile(np.arange(10), 20)
    np.savez(
        folder / "cifar10" / "labels.npz", y_train=labels, y_test=labels[:40], label_names=[f"c{i}" for i in range(10)]
    )
    monkeypatch.setattr(cifar, "VALIDATION", 20)
    test, train = load_dataset("cifar10", "test"), load_dataset("cifar10", "train")
    assert (test.images == images[5]).all()
    assert len(train) == 180
    assert "prepared" in test.source

    x = rng.normal(size=(30, 49, 40, 1)).astype(np.float16)
    speaker = np.array([f"{i % 12:08x}" if i % 12 else "" for i in range(30)])
    both = {
        f"{k}_{p}": v for p in ("train", "test") for k, v in (("x", x), ("y", np.arange(30) % 12), ("spk", speaker))
    }
    np.savez(folder / "speech_commands12.npz", **both, label_names=["a"])
    parts = [load_dataset("speech-commands", split) for split in ("train", "validation")]
    assert sum(map(len, parts)) == 30
    assert not set(parts[0].groups) & set(parts[1].groups)

    rows = np.repeat([*mitbih.DS1], 2)
    table = {"x": np.zeros((44, 256, 1), np.int16), "y": np.arange(44) % 5, "rec": rows, "rr": np.ones((44, 2))}
    np.savez(folder / "mitbih.npz", **{f"{k}_train": v for k, v in table.items()}, label_names=["N"])
    assert set(load_dataset("mit-bih", "validation").groups) == set(mitbih.VALIDATION)
    np.savez(folder / "mitbih.npz", x_train=x)
    with pytest.raises(ValueError, match=r"mitbih\.npz: arrays y_train, .* are missing"):
        load_dataset("mit-bih", "train")


def test_datasets_cannot_be_changed_and_must_agree():
    data = Dataset(np.zeros((4, 2)), np.arange(4), ("a",), "n", "s", "here", np.arange(4), {"rr": np.ones((4, 2))})
    for array in (data.images, data.groups, data.extra["rr"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    part = data.subset(np.array([True, False, True, False]))
    assert part.groups.tolist() == [0, 2]
    assert part.extra["rr"].shape == (2, 2)
    with pytest.raises(ValueError, match="3 groups but 4 labels"):
        Dataset(np.zeros((4, 2)), np.arange(4), ("a",), "n", "s", "here", np.arange(3))
    with pytest.raises(ValueError, match="one data set"):
        Dataset.joined([data, dataclasses.replace(data, name="other")])


def test_every_data_set_is_fetched_by_a_known_hash():
    remotes = [a.file for a in cifar.ARCHIVES.values()] + [
        *svhn.FILES.values(),
        speech.FILE,
        *mitbih.remote(mitbih.DS2),
    ]
    for file in remotes:
        kind, digest = file.known_hash.split(":")
        assert len(digest) == {"md5": 32, "sha256": 64}[kind]
    assert fashion.CATALOGUES
    assert isinstance(remotes[0], files.Remote)
