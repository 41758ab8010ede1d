"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): the official binary or Python archives, packed or unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import batches, prepared
from .base import Dataset, split_indices
from .files import Candidate, Folder, Remote, in_words, incomplete, survey, verify, verify_bytes
from .obtain import Source, obtain

SIDE = 32
VALIDATION = 5_000
URL = "https://www.cs.toronto.edu/~kriz/"
PER_CLASS = {"cifar10": (5_000, 1_000), "cifar100": (500, 100)}  # training, test
_MOST = 50_000 * (2 + 3 * SIDE * SIDE) + 20_000_000  # bytes of the largest part, with the file names of a pickled one


@dataclass(frozen=True)
class Archive:
    """An official archive: its file, the folder inside, its parts. label_bytes : of a binary record, the last is the
    class; 0 for Python's batches, whose classes lie under `key`. sums : of unpacked parts, where they are published."""

    file: Remote
    inside: str
    train: tuple[str, ...]
    test: str
    label_bytes: int
    names: str
    key: str = ""
    sums: Mapping[str, str] = field(default_factory=dict)

    def parts(self, test: bool) -> tuple[str, ...]:
        """The parts of a split and the file of class names."""
        return (*((self.test,) if test else self.train), self.names)


def _remote(name: str, md5: str) -> Remote:
    return Remote(name, URL + name, f"md5:{md5}")


ARCHIVES = {
    "cifar10": Archive(
        _remote("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
        "cifar-10-batches-bin",
        tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        "test_batch.bin",
        1,
        "batches.meta.txt",
        sums={
            "data_batch_1.bin": "sha256:cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "data_batch_2.bin": "sha256:a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "data_batch_3.bin": "sha256:bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "data_batch_4.bin": "sha256:014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "data_batch_5.bin": "sha256:755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            "test_batch.bin": "sha256:8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        },
    ),
    "cifar100": Archive(
        _remote("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),
        "cifar-100-binary",
        ("train.bin",),
        "test.bin",
        2,
        "fine_label_names.txt",
    ),
}
PYTHON = {
    "cifar10": Archive(
        _remote("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
        "cifar-10-batches-py",
        tuple(f"data_batch_{i}" for i in range(1, 6)),
        "test_batch",
        0,
        "batches.meta",
        "labels",
        {
            "data_batch_1": "md5:c99cafc152244af753f735de768cd75f",
            "data_batch_2": "md5:d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "md5:54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "md5:634d18415352ddfa80567beed471001a",
            "data_batch_5": "md5:482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "md5:40351d587109b95175f43aff81a1287e",
            "batches.meta": "md5:5ff9c542aee3614f3951f8cda6e48888",
        },
    ),
    "cifar100": Archive(
        _remote("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),
        "cifar-100-python",
        ("train",),
        "test",
        0,
        "meta",
        "fine_labels",
        {
            "train": "md5:16019d7e3df5f24257cddd939b257f8d",
            "test": "md5:f0ef6b0ae62326f3e7ffdfab6717acfc",
            "meta": "md5:7973b15100ade9c7d40fb424638fde48",
        },
    ),
}

Read = tuple[np.ndarray, np.ndarray, tuple[str, ...]]


def load(name: str, split: str, download: bool) -> Dataset:
    """45,000 / 5,000 / 10,000 images (N, 32, 32, 3) uint8; validation stratified, out of the official training images."""
    (images, labels, classes), source = obtain(name, split, download, SOURCE)
    if split != "test":
        chosen = split_indices(labels, VALIDATION)[split]
        images, labels = images[chosen], labels[chosen]
    return Dataset(images, labels, classes, name, split, source)


def remotes(name: str, split: str) -> list[Remote]:
    """What is downloaded: one archive for all splits."""
    return [ARCHIVES[name].file]


def candidates(name: str, split: str) -> Iterator[Candidate]:
    """Forms in which the official images of this split's half lie on this machine, the quickest to read first."""
    test, folders = split == "test", survey(name)
    yield from _packed(folders, ARCHIVES[name], test)
    if (place := prepared.cifar_folder(name, split)) is not None:
        own = prepared.cifar_files(name, split)
        yield Candidate(place, lambda: (prepared.cifar(name, split), f"{place} (prepared)"), own)
    yield from _unpacked(folders, name, ARCHIVES[name], test)
    yield from _packed(folders, PYTHON[name], test)
    yield from _unpacked(folders, name, PYTHON[name], test)


def instead(name: str, split: str) -> str:
    """What lies there of this split though it is not whole, in sentences."""
    said = []
    for archive in (ARCHIVES[name], PYTHON[name]):
        folders = [folder for folder in survey(name) if name == "cifar10" or folder.path.name == archive.inside]
        said.append(incomplete(folders, archive.parts(split == "test")))
    return " ".join(filter(None, said))


def _packed(folders: Sequence[Folder], archive: Archive, test: bool) -> Iterator[Candidate]:
    for file in (archive.file.name, archive.file.name.removesuffix(".gz")):
        for path in (path for folder in folders for path in folder.copies(file)):
            yield Candidate(path, lambda path=path: (read_archive(path, archive, test), str(path.parent)))


def _unpacked(folders: Sequence[Folder], name: str, archive: Archive, test: bool) -> Iterator[Candidate]:
    wanted = {*archive.parts(test)}
    if name == "cifar100":  # "train" and "meta" alone may be anything
        wanted |= {*archive.parts(not test)}
    for folder in folders:
        if all(part in folder for part in wanted):
            own = tuple(folder.copies(part)[0] for part in archive.parts(test))
            yield Candidate(folder.path, lambda at=folder: (read_folder(at, name, archive, test), str(at.path)), own)


def read_archive(path: Path, archive: Archive, test: bool) -> Read:
    """Images (N, 32, 32, 3) uint8, labels (N,) int64 and class names, read without unpacking to disk.

    Raises ValueError naming the file when it is damaged, not the official one, or lacks a part.
    """
    gzipped = _is_gzip(path)
    if gzipped:
        verify(path, archive.file.known_hash)
    wanted = archive.parts(test)
    with in_words(path, "a complete archive"), tarfile.open(path, "r:gz" if gzipped else "r:") as tar:
        raw = {name: _member(tar, f"{archive.inside}/{name}") for name in wanted}
    if not gzipped:  # unpacked by a browser: its parts are the official ones, or it is refused
        _verify_parts(raw, archive, path)
    return _joined(raw, archive, test, path)


def read_folder(folder: Folder, name: str, archive: Archive, test: bool) -> Read:
    """The same of an unpacked archive. Of CIFAR-100's binary parts no sums are published: there its classes are counted.

    Raises ValueError naming the file when it is damaged or not the official one.
    """
    raw = {}
    for part in archive.parts(test):
        path = folder.copies(part)[0]
        with in_words(path, "a part of the data set"):
            if path.stat().st_size > _MOST:
                raise ValueError(f"{path.stat().st_size:,} bytes, at most {_MOST:,} are expected")
            raw[part] = path.read_bytes()
    _verify_parts(raw, archive, folder.path)
    images, labels, classes = _joined(raw, archive, test, folder.path)
    each = PER_CLASS[name][test]
    if not archive.sums and (np.bincount(labels, minlength=len(classes)) != each).any():
        raise ValueError(
            f"{folder.path}: {len(labels):,} images, not the official {each} of each of {len(classes)} classes; remove it "
            "and get it again."
        )
    return images, labels, classes


def _verify_parts(raw: Mapping[str, bytes], archive: Archive, place: Path) -> None:
    for part, content in raw.items():
        if part in archive.sums:
            verify_bytes(content, archive.sums[part], place / part)


def _joined(raw: Mapping[str, bytes], archive: Archive, test: bool, place: Path) -> Read:
    *parts, names = archive.parts(test)
    if archive.label_bytes:
        records = [read_records(raw[part], archive.label_bytes, f"{place}: {part}") for part in parts]
        with in_words(place, "a complete archive"):
            classes = tuple(raw[names].decode("ascii").split())
    else:
        records = [read_batch(raw[part], archive.key, f"{place}: {part}") for part in parts]
        key = "fine_label_names" if archive.key == "fine_labels" else "label_names"
        classes = batches.names(batches.constants(raw[names], f"{place}: {names}"), key)
    images, labels = (np.concatenate(arrays) for arrays in zip(*records, strict=True))
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"{place}: classes {labels.min()} to {labels.max()} but {len(classes)} class names.")
    return images, labels, classes


def read_records(raw: bytes, label_bytes: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of one binary part: label bytes, then 1,024 red, green and blue values, row by row.

    Raises ValueError for a part that does not divide into records.
    """
    size = label_bytes + 3 * SIDE * SIDE
    if not raw or len(raw) % size:
        raise ValueError(f"{where}: {len(raw)} bytes are no whole number of records of {size} bytes.")
    records = np.frombuffer(raw, dtype=np.uint8).reshape(-1, size)
    return _pictures(records[:, label_bytes:]), records[:, label_bytes - 1].astype(np.int64)


def read_batch(raw: bytes, key: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of one of Python's batches, which is never unpickled.

    Raises ValueError for a batch that lacks either, or as many of one as of the other.
    """
    found = batches.constants(raw, where)
    labels, pixels = batches.labels(found, key), batches.pixels(found)
    if not labels or len(pixels) != len(labels) * 3 * SIDE * SIDE:
        raise ValueError(
            f"{where}: {len(pixels):,} bytes of pixels are no pictures of 32 x 32 x 3 for {len(labels):,} labels; remove "
            "it and get it again."
        )
    with in_words(where, "a CIFAR batch"):
        return _pictures(np.frombuffer(pixels, np.uint8)), np.array(labels, dtype=np.int64)


def _pictures(planes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(planes.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))


def _is_gzip(path: Path) -> bool:
    with in_words(path, "a readable file"), path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    info = next((tar.getmember(own) for own in (name, f"./{name}") if own in tar.getnames()), None)
    if info is None or not info.isfile():
        raise ValueError(f"{name} is missing")
    if info.size > _MOST:
        raise ValueError(f"{name} is said to hold {info.size:,} bytes, at most {_MOST:,} are expected")
    raw = tar.extractfile(info).read()
    if len(raw) != info.size:
        raise ValueError(f"{name} breaks off")
    return raw


SOURCE = Source(candidates, remotes, instead)
