"""Data sets as plain arrays: found on disk or downloaded with known hashes, split the same way everywhere."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from . import paths

SPLITS = ("train", "validation", "test")
_SEED = 2026  # of the train/validation split; changing it would move validation images into training


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images of one split: images (N, H, W) or (N, H, W, 3) uint8, labels (N,) int64, names of the classes.

    source : where the bytes came from, in words.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    name: str
    split: str
    source: str

    def __post_init__(self):
        if len(self.images) != len(self.labels):
            raise ValueError(f"{len(self.images)} images but {len(self.labels)} labels: they must agree.")
        for array in (self.images, self.labels):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.labels)

    def head(self, count: int) -> Dataset:
        """The first `count` images."""
        return replace(self, images=self.images[:count], labels=self.labels[:count])

    def __repr__(self) -> str:
        return f"Dataset({self.name} {self.split}: {len(self)} images of {self.images.shape[1:]}, from {self.source})"


@dataclass(frozen=True)
class _File:
    """An idx file: name, md5 of the official .gz, sha256 of the unpacked bytes (packers differ, contents must not)."""

    name: str
    md5: str
    content: str


@dataclass(frozen=True)
class _Catalogue:
    url: str
    folder: str
    system: tuple[str, ...]
    classes: tuple[str, ...]
    files: dict[str, _File]
    validation: int


_FASHION = _Catalogue(
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    folder="fashion-mnist",
    system=("/usr/share/datasets/fashion-mnist",),
    classes=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    files={
        "train images": _File(
            "train-images-idx3-ubyte",
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        "train labels": _File(
            "train-labels-idx1-ubyte",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        "test images": _File(
            "t10k-images-idx3-ubyte",
            "bef4ecab320f06d8554ea6380940ec79",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        "test labels": _File(
            "t10k-labels-idx1-ubyte",
            "bb300cfdad3c16e7a12a480ee83cd310",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    },
    validation=6000,
)  # fmt: skip
_CATALOGUES = {"fashion-mnist": _FASHION}


def cache_folder() -> Path:
    """Where data sets are kept: the folder named by EEVIZ_DATA, else the user's cache folder."""
    if os.environ.get("EEVIZ_DATA"):
        return Path(os.environ["EEVIZ_DATA"])
    import platformdirs

    return Path(platformdirs.user_cache_dir("eeviz"))


def load_dataset(name: str, split: str = "train", download: bool = False) -> Dataset:
    """One split of a data set, uint8 images.

    name : "fashion-mnist" (Xiao et al. 2017, arXiv:1708.07747; MIT licence). split : "train" (54,000 images),
    "validation" (6,000 held out of the official training images, stratified, always the same) or "test" (10,000).
    Looked for in EEVIZ_DATA or the user's cache, then in the system's folder, then (download=True) fetched and
    verified; else the subset that ships with eeviz (validation and test) is returned, as its `source` says.

    Raises ValueError for an unknown name or split, and for a file that is damaged or not the official one;
    FileNotFoundError, saying what to put where, when the data cannot be had.
    """
    if name not in _CATALOGUES:
        raise ValueError(f"no data set {name!r}: choose one of {', '.join(_CATALOGUES)}.")
    if split not in SPLITS:
        raise ValueError(f"no split {split!r} of {name}: choose one of {', '.join(SPLITS)}.")
    catalogue = _CATALOGUES[name]
    part = "test" if split == "test" else "train"
    files = [catalogue.files[f"{part} images"], catalogue.files[f"{part} labels"]]
    folder = _find(catalogue, files) or (_download(catalogue, files) if download else None)
    if folder is None:
        return _embedded(name, split, catalogue)
    images, labels = (read_idx(_path(folder, file), expected=file.content) for file in files)
    if split != "test":
        chosen = split_indices(labels, catalogue.validation)[split]
        images, labels = images[chosen], labels[chosen]
    return Dataset(images, labels.astype(np.int64), catalogue.classes, name, split, str(folder))


def split_indices(labels: np.ndarray, validation: int) -> dict[str, np.ndarray]:
    """Indices {"train", "validation"} into labels (N,): `validation` samples held out, equally many of each class."""
    rng = np.random.default_rng(_SEED)
    classes = np.unique(labels)
    if validation % len(classes):
        raise ValueError(f"{validation} validation samples cannot be shared equally by {len(classes)} classes.")
    each = validation // len(classes)
    held = np.sort(np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:each] for c in classes]))
    return {"train": np.setdiff1d(np.arange(len(labels)), held), "validation": held}


def read_idx(path, expected: str | None = None) -> np.ndarray:
    """The uint8 array in an idx file, packed (.gz) or not; `expected` is the sha256 of its unpacked bytes.

    Raises ValueError naming the file when it is damaged, truncated, of another type, or not the expected one.
    Format: two zero bytes, type code (8 = uint8), number of dimensions, sizes as big-endian uint32, then the values.
    """
    path = Path(path)
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: damaged or truncated gzip ({error}); remove it and get it again.") from error
    if len(raw) < 4 or raw[:2] != b"\0\0":
        raise ValueError(f"{path}: not an idx file (it must begin with two zero bytes).")
    if raw[2] != 8:
        raise ValueError(f"{path}: idx type code {raw[2]}, only 8 (unsigned bytes) is supported.")
    header = 4 + 4 * raw[3]
    if raw[3] == 0 or len(raw) < header:
        raise ValueError(f"{path}: the idx header is truncated; remove the file and get it again.")
    shape = struct.unpack(f">{raw[3]}I", raw[4:header])
    size = int(np.prod(shape, dtype=object))
    if len(raw) - header != size:
        raise ValueError(
            f"{path}: the header promises {size} bytes of shape {shape}, the file holds {len(raw) - header}; "
            "remove the file and get it again."
        )
    if expected is not None and hashlib.sha256(raw).hexdigest() != expected:
        raise ValueError(f"{path}: its content is not the official one (sha256 differs); remove it and get it again.")
    return np.frombuffer(raw, dtype=np.uint8, offset=header).reshape(shape).copy()


def _path(folder: Path, file: _File) -> Path | None:
    for name in (f"{file.name}.gz", file.name):
        if (folder / name).is_file():
            return folder / name
    return None


def _find(catalogue: _Catalogue, files: list[_File]) -> Path | None:
    for folder in (cache_folder() / catalogue.folder, cache_folder(), *map(Path, catalogue.system)):
        if all(_path(folder, file) for file in files):
            return folder
    return None


def _download(catalogue: _Catalogue, files: list[_File]) -> Path:
    import pooch

    folder = cache_folder() / catalogue.folder
    try:
        for file in files:
            pooch.retrieve(
                catalogue.url + file.name + ".gz", known_hash=f"md5:{file.md5}", fname=f"{file.name}.gz", path=folder
            )
    except ValueError as error:  # pooch: the hash differs
        raise ValueError(f"what {catalogue.url} sent is not the official {catalogue.folder} data: {error}") from error
    except OSError as error:  # requests' exceptions and a full disk alike
        raise FileNotFoundError(f"the download failed ({error}). {_advice(catalogue, files)}") from error
    return folder


def _advice(catalogue: _Catalogue, files: list[_File]) -> str:
    names = " and ".join(f"{file.name}.gz" for file in files)
    return (
        f"Put {names} (from {catalogue.url}) into {cache_folder() / catalogue.folder}, or set EEVIZ_DATA to a folder "
        "that holds them, or call load_dataset(..., download=True) with a network connection."
    )


def _embedded(name: str, split: str, catalogue: _Catalogue) -> Dataset:
    path = paths.data() / "fashion" / f"{split}.npz"
    if split == "train" or not path.is_file():
        part = "test" if split == "test" else "train"
        files = [catalogue.files[f"{part} images"], catalogue.files[f"{part} labels"]]
        raise FileNotFoundError(f"{name} {split} was not found on this machine. {_advice(catalogue, files)}")
    with np.load(path, allow_pickle=False) as stored:
        images, labels = stored["thumbnails"], stored["label"]
    return Dataset(images, labels.astype(np.int64), catalogue.classes, name, split, "the subset that ships with eeviz")
