"""Speech Commands v0.02 (Warden 2018, arXiv:1804.03209; CC BY 4.0), twelve classes, as log-mel spectra.

Of the official test archive, which is what is downloaded, the split is ours, by speaker: accuracies do not compare with
published ones. Of the whole data set (see `speech_whole`) the split is the official one.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from . import prepared, speech_whole
from .base import Dataset, held_out
from .files import Candidate, Folder, Remote, cache_folder, in_words, incomplete, survey, verify
from .obtain import Source, obtain
from .sound import MOST, POINTS, RATE, log_mel, mel_bands, read_wav
from .speech_whole import CLASSES, SPEAKER

__all__ = ["CLASSES", "POINTS", "RATE", "load", "log_mel", "mel_bands", "read_archive", "read_wav"]

TEST_SHARE, VALIDATION_SHARE = 0.27, 0.15
FILE = Remote(
    "speech_commands_test_set_v0.02.tar.gz",
    "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_test_set_v0.02.tar.gz",
    "sha256:cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
)
PREPARED = "speech_commands12.npz"
_CLIPS = 20_000  # at most: the archive has 4,890


def load(name: str, split: str, download: bool) -> Dataset:
    """Clips (N, 49, 40, 1) float16; groups: the speaker, and a name of its own for each clip of silence."""
    (x, y, groups), source = obtain(name, split, download, SOURCE)
    return Dataset(x, y.astype(np.int64), CLASSES, name, split, source, groups)


def remotes(name: str, split: str) -> list[Remote]:
    """The test archive."""
    return [FILE]


def candidates(name: str, split: str) -> Iterator[Candidate]:
    """The test archive, packed, prepared or unpacked; the whole data set, packed or unpacked as torchaudio leaves it."""
    folders = survey(name)
    for file in (FILE.name, FILE.name.removesuffix(".gz")):
        for path in (path for folder in folders for path in folder.copies(file)):
            yield Candidate(path, lambda path=path: (_chosen(read_archive(path), split), str(path.parent)))
    if (path := cache_folder() / PREPARED).is_file():
        yield Candidate(path, lambda: (_prepared(path, split), f"{path} (prepared)"))
    for folder in folders:
        if {*CLASSES} <= folder.subfolders:
            yield Candidate(folder.path, lambda at=folder.path: (_chosen(read_folder(at), split), str(at)))
    yield from speech_whole.candidates(folders, split)


def instead(name: str, split: str) -> str:
    """What lies there of either folder though it is not whole."""
    said = [_lacking(folder) for folder in survey(name)] + [incomplete(survey(name), speech_whole.LISTS)]
    return " ".join(filter(None, said[:3]))


SOURCE = Source(candidates, remotes, instead)


def _lacking(folder: Folder) -> str:
    wanted = {*CLASSES[2:], *(() if all(file in folder for file in speech_whole.LISTS) else speech_whole.LISTS)}
    held = wanted & (folder.subfolders | {*folder.names})
    if len(held) < 4:  # "on", "off", "up" and "down" are names that folders have
        return ""
    return f"{folder.path} holds {', '.join(sorted(held))}; missing: {', '.join(sorted(wanted - held))}."


Clips = tuple[np.ndarray, np.ndarray, np.ndarray]


def _chosen(clips: Clips, split: str) -> Clips:
    """The clips of our split, by speaker."""
    test = held_out(clips[2], TEST_SHARE, "test")
    return _validated(tuple(array[test if split == "test" else ~test] for array in clips), split)


def _validated(clips: Clips, split: str) -> Clips:
    if split == "test":
        return clips
    held = held_out(clips[2], VALIDATION_SHARE, "validation")
    return tuple(array[held if split == "validation" else ~held] for array in clips)


def _prepared(path: Path, split: str) -> Clips:
    part = "test" if split == "test" else "train"
    shapes = {
        f"x_{part}": ((None, 49, 40, 1), ("float16", "float32")),
        f"y_{part}": ((None,), ("i", "u")),
        f"spk_{part}": ((None,), ("U",)),
    }
    x, y, speaker = prepared.table(path, shapes).values()
    if y.min() < 0 or y.max() >= len(CLASSES):
        raise ValueError(f"{path}: y_{part} holds classes {y.min()} to {y.max()}, there are {len(CLASSES)}.")
    groups = np.array([s or f"silence {part} {i}" for i, s in enumerate(map(str, speaker))])
    return _validated((x.astype(np.float16), y, groups), split)


def read_archive(path: Path) -> Clips:
    """Features (N, 49, 40, 1) float16, labels (N,) and groups (N,) of every clip, by folder and file name.

    Raises ValueError naming the file when it is damaged or not the official one.
    """
    if path.suffix == ".gz":
        verify(path, FILE.known_hash)
    found: dict[str, tuple[int, str, np.ndarray]] = {}
    with in_words(path, "a complete archive"), tarfile.open(path, "r:gz" if path.suffix == ".gz" else "r:") as tar:
        for member in tar:
            if len(Path(member.name).parts) > 1 and member.name.endswith(".wav") and member.isfile():
                if member.size > MOST or len(found) >= _CLIPS:
                    raise ValueError(f"{member.name}: {member.size:,} bytes, clip {len(found) + 1}: more than expected")
                _add(found, member.name, tar.extractfile(member).read(), path)
    return _stacked(found, path)


def read_folder(folder: Path) -> Clips:
    """The same of the unpacked archive."""
    found: dict[str, tuple[int, str, np.ndarray]] = {}
    with in_words(folder, "the unpacked archive"):
        for clip in sorted(folder.glob("*/*.wav"))[:_CLIPS]:
            _add(found, f"./{clip.parent.name}/{clip.name}", speech_whole.clip_bytes(clip), folder)
    return _stacked(found, folder)


def _add(found: dict, name: str, raw: bytes, place: Path) -> None:
    *_, word, file = Path(name).parts
    if word in CLASSES:
        speaker = re.search(SPEAKER, file)
        group = speaker.group(1) if speaker else f"{word} {file}"
        found[name] = CLASSES.index(word), group, log_mel(read_wav(raw, f"{place}: {name}"))


def _stacked(found: dict, place: Path) -> Clips:
    lacking = [word for number, word in enumerate(CLASSES) if number not in {clip[0] for clip in found.values()}]
    if len(lacking) == len(CLASSES):
        raise ValueError(f"{place}: holds no clip of the twelve classes.")
    labels, groups, features = zip(*(found[name] for name in sorted(found)), strict=True)
    return np.stack(features), np.array(labels), np.array(groups)
