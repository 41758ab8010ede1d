"""The whole of Speech Commands v0.02, packed or unpacked, as the twelve-class task: split by the official lists.

Ten words; "_unknown_", clips of the other 25 words, as many as a tenth of the ten words' (Warden 2018, section 7); and
"_silence_", as many seconds of the background recordings, of which the first 80 % are for training, 10 % for validation,
10 % for testing, each at a loudness drawn evenly. Which clips and which seconds is decided by name and seed, always the same.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .files import Candidate, Folder, Remote, in_words, verify
from .sound import MOST, RATE, log_mel, read_recording, read_wav

CLASSES = ("_silence_", "_unknown_", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SPEAKER = re.compile(r"(?:^|_)([0-9a-f]{8})_nohash_\d+\.wav$")
LISTS = ("validation_list.txt", "testing_list.txt")
NOISE = "_background_noise_"
FILE = Remote(
    "speech_commands_v0.02.tar.gz",
    "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    "sha256:af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
)
_UNKNOWN = 0.0573  # of the other words' 67,283 clips: a tenth of the ten words' 38,546
_SPANS = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
_SEED = 2026
_LIST = 4 << 20  # bytes of a list of clips at most: the longer one has 0.3 MB

Clips = tuple[np.ndarray, np.ndarray, np.ndarray]


def candidates(folders: Sequence[Folder], split: str) -> Iterator[Candidate]:
    """Copies of the archive; folders with the two lists and the ten words."""
    for folder in folders:
        if {*CLASSES[2:]} <= folder.subfolders and all(name in folder for name in LISTS):
            yield Candidate(folder.path, lambda at=folder.path: (read_folder(at, split), f"{at}, official split"))
    for file in (FILE.name, FILE.name.removesuffix(".gz")):
        for path in (path for folder in folders for path in folder.copies(file)):
            yield Candidate(path, lambda path=path: (read_archive(path, split), f"{path}, official split"))


@dataclass
class _Found:
    """What was read of the data set: features by "word/file", background recordings by file, the lists by name."""

    clips: dict[str, np.ndarray] = field(default_factory=dict)
    noise: dict[str, np.ndarray] = field(default_factory=dict)
    lists: dict[str, frozenset[str]] = field(default_factory=dict)


def read_folder(folder: Path, split: str) -> Clips:
    """Features (N, 49, 40, 1) float16, labels (N,) and groups (N,) of one split, by word and file name.

    Raises ValueError naming what is damaged or missing.
    """
    found = _Found()
    with in_words(folder, "the unpacked data set"):
        for name in LISTS:
            found.lists[name] = _names(_bounded(folder / name, _LIST))
        for clip in sorted(folder.glob("*/*.wav")):
            name = f"{clip.parent.name}/{clip.name}"
            if clip.parent.name == NOISE:
                found.noise[clip.name] = read_recording(clip_bytes(clip), str(clip))
            elif _wanted(name) and _split(name, found.lists) == split:
                found.clips[name] = log_mel(read_wav(clip_bytes(clip), str(clip)))
    return _task(found, split, folder)


def read_archive(path: Path, split: str) -> Clips:
    """The same of the archive, whose lists lie behind the clips: the clips of other splits are read and let go.

    Raises ValueError naming the file when it is damaged or not the official one.
    """
    if path.suffix == ".gz":
        verify(path, FILE.known_hash)
    found = _Found()
    with in_words(path, "a complete archive"), tarfile.open(path, "r:gz" if path.suffix == ".gz" else "r:") as tar:
        for member in tar:
            parts = Path(member.name).parts
            if not member.isfile() or member.size > MOST:
                continue
            if parts[-1] in LISTS:
                found.lists[parts[-1]] = _names(tar.extractfile(member).read())
            elif len(parts) > 1 and parts[-2] == NOISE and parts[-1].endswith(".wav"):
                found.noise[parts[-1]] = read_recording(tar.extractfile(member).read(), f"{path}: {member.name}")
            elif len(parts) > 1 and _wanted(name := "/".join(parts[-2:])):
                found.clips[name] = log_mel(read_wav(tar.extractfile(member).read(), f"{path}: {member.name}"))
        if lacking := [name for name in LISTS if name not in found.lists]:
            raise ValueError(f"{' and '.join(lacking)} missing")
    found.clips = {name: clip for name, clip in found.clips.items() if _split(name, found.lists) == split}
    return _task(found, split, path)


def clip_bytes(path: Path) -> bytes:
    """The content of a recording, whose size is looked at first."""
    return _bounded(path, MOST)


def _bounded(path: Path, most: int) -> bytes:
    if path.stat().st_size > most:
        raise ValueError(f"{path.name}: {path.stat().st_size:,} bytes, at most {most:,} are expected")
    return path.read_bytes()


def _names(raw: bytes) -> frozenset[str]:
    return frozenset(line.strip().replace("\\", "/") for line in raw.decode("ascii").splitlines() if line.strip())


def _wanted(name: str) -> bool:
    """Is the clip of one of the ten words, or among the other words' that stand for the unknown."""
    word, file = name.split("/")
    if not SPEAKER.search(file):
        return False
    return word in CLASSES or int.from_bytes(hashlib.sha1(name.encode()).digest()[:4], "big") < _UNKNOWN * 2**32


def _split(name: str, lists: dict[str, frozenset[str]]) -> str:
    return next(
        (split for split, own in zip(("validation", "test"), LISTS, strict=True) if name in lists[own]), "train"
    )


def _task(found: _Found, split: str, place: Path) -> Clips:
    if split != "train":
        listed = found.lists[LISTS[split == "test"]]
        lost = sorted(name for name in listed if name.split("/")[0] in CLASSES and name not in found.clips)
        if lost:
            raise ValueError(f"{place}: {len(lost):,} of the listed clips are missing, the first is {lost[0]}.")
    held = {name.split("/")[0] for name in found.clips}
    lacking = [word for word in CLASSES[2:] if word not in held] + ([] if found.noise else [NOISE])
    if lacking:
        raise ValueError(f"{place}: no clips of {', '.join(lacking)} in the {split} split.")
    names = sorted(found.clips)
    words = [name.split("/")[0] for name in names]
    labels = [CLASSES.index(word) if word in CLASSES else 1 for word in words]
    groups = [SPEAKER.search(name.split("/")[1]).group(1) for name in names]
    silence = list(_silence(found.noise, split, max(1, round(sum(label > 1 for label in labels) / 10))))
    features = [found.clips[name] for name in names] + silence
    groups += [f"silence {split} {i}" for i in range(len(silence))]
    return np.stack(features), np.array(labels + [0] * len(silence)), np.array(groups)


def _silence(noise: dict[str, np.ndarray], split: str, count: int) -> Iterable[np.ndarray]:
    """Features of `count` seconds of the split's part of the background recordings."""
    rng = np.random.default_rng([_SEED, *split.encode()])
    begin, end = _SPANS[split]
    recordings = [noise[name] for name in sorted(noise)]
    for _ in range(count):
        recording = recordings[rng.integers(len(recordings))]
        first, last = (int(share * len(recording)) for share in (begin, end))
        at = int(rng.integers(first, max(first + 1, last - RATE + 1)))
        second = recording[at : min(last, at + RATE)] * rng.uniform()
        yield log_mel(np.pad(second, (0, RATE - len(second))).astype(np.float32))
