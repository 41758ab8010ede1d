"""Where the files of a data set lie on this machine, under the names and in the folders that people have them in."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEPTH = 6  # `wget -r` leaves physionet.org/files/mitdb/1.0.0/ below the folder it ran in
FOLDERS, ENTRIES = 3_000, 300_000  # looked at in one survey: a home folder must not keep anyone waiting
_SKIPPED = {"node_modules", "__pycache__", "site-packages"}


def cache_folder() -> Path:
    """Where data sets are kept: the folder named by EEVIZ_DATA, else the user's cache folder."""
    if os.environ.get("EEVIZ_DATA"):
        return Path(os.environ["EEVIZ_DATA"]).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("eeviz"))


@dataclass(frozen=True)
class Remote:
    """An official file: where it is, and the hash ("md5:..." or "sha256:...") it must have."""

    name: str
    url: str
    known_hash: str


@dataclass(frozen=True)
class Folder:
    """A folder and the files in it, `names`: what a file is officially called -> what it is called here, all copies."""

    path: Path
    names: dict[str, tuple[str, ...]]
    subfolders: frozenset[str]

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def copies(self, name: str) -> list[Path]:
        """Every copy of the file officially called `name`, the one with exactly that name first."""
        return [self.path / own for own in self.names.get(name, ())]


def official(name: str) -> str:
    """The name that a browser, wget or an unpacker changed: "a (1).tar.gz", "a.tar(1).gz" and "a.tar.gz.1" are "a.tar.gz".

    >>> official("cifar-10-binary (1).tar.gz")
    'cifar-10-binary.tar.gz'
    """
    name = re.sub(r"[ _]?\(\d+\)", "", name)
    name = re.sub(r"(\.(?:gz|tgz|tar|zip|mat))\.\d+$", r"\1", name)
    name = re.sub(r"\.tgz$", ".tar.gz", name)
    return name.replace(".idx", "-idx")


def survey(name: str) -> list[Folder]:
    """Folders in which files of the data set `name` may lie: its own first, the data folder, what lies below it, nearest
    first, and the folder above it, for who named one folder too deep."""
    root = cache_folder()
    found, todo, seen = [], [(root / name, 1), (root, 0)], set()
    left = ENTRIES
    while todo and len(found) < FOLDERS and left > 0:
        path, depth = todo.pop(0)
        folder, used = _listed(path, left)
        left -= used
        if folder is None or (real := os.path.realpath(path)) in seen:
            continue
        seen.add(real)
        found.append(folder)
        if depth < DEPTH:
            todo += [(path / inner, depth + 1) for inner in sorted(folder.subfolders)]
    above = _listed(root.absolute().parent, 5_000)[0]
    return [*found, above] if above else found


def listed_folder(path: Path) -> Folder:
    """One folder, empty where there is none."""
    return _listed(path, ENTRIES)[0] or Folder(path, {}, frozenset())


def _listed(path: Path, most: int) -> tuple[Folder | None, int]:
    names: dict[str, list[str]] = {}
    inner, used = set(), 0
    try:
        with os.scandir(path) as entries:
            for used, entry in enumerate(entries, 1):
                if used > most:
                    break
                if entry.name.startswith(".") or entry.name in _SKIPPED:
                    continue
                if entry.is_dir():
                    inner.add(entry.name)
                else:
                    names.setdefault(official(entry.name), []).append(entry.name)
    except OSError:
        return None, used
    ordered = {name: tuple(sorted(own, key=lambda one: (one != name, one))) for name, own in names.items()}
    return Folder(path, ordered, frozenset(inner)), used


# candidates -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """One form in which a split lies on this machine: where, how it is read, and its files where `place` is a folder."""

    place: Path
    read: Callable[[], Any]
    files: tuple[Path, ...] = ()


def first_good(candidates: Iterable[Candidate]) -> Any | None:
    """What the first candidate that can be read holds; None without candidates.

    Raises ValueError with what is wrong with each when none can be read.
    """
    wrong = []
    for candidate in candidates:
        try:
            return candidate.read()
        except ValueError as error:
            wrong += [str(error)] if str(error) not in wrong else []
    if wrong:
        raise ValueError(" ".join(line if line.endswith(".") else f"{line}." for line in wrong))
    return None


@contextlib.contextmanager
def in_words(place: object, what: str) -> Iterator[None]:
    """Whatever a reader raises becomes a ValueError that names the file, what it should have been, and the remedy."""
    try:
        yield
    except ImportError:
        raise
    except ValueError as error:
        if str(error).startswith(str(place)):
            raise
        raise ValueError(f"{place}: not {what} ({error}); remove it and get it again.") from error
    except FileNotFoundError as error:
        raise ValueError(f"{place}: {Path(str(error.filename or place)).name} is missing.") from error
    except MemoryError as error:
        raise ValueError(f"{place}: more memory would be needed than there is; remove it and get it again.") from error
    except Exception as error:
        why = str(error.args[0] if isinstance(error, KeyError) and error.args else error) or type(error).__name__
        raise ValueError(f"{place}: not {what} ({why}); remove it and get it again.") from error


def verify(path: Path, known_hash: str) -> None:
    """Raise ValueError unless the file has that hash."""
    kind, expected = known_hash.split(":")
    with in_words(path, "a readable file"), path.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != expected:
        raise ValueError(f"{path}: damaged or not the official file ({kind} differs); remove it and get it again.")


def verify_bytes(raw: bytes, known_hash: str, where: object) -> None:
    """Raise ValueError unless the bytes have that hash."""
    kind, expected = known_hash.split(":")
    if hashlib.new(kind, raw).hexdigest() != expected:
        raise ValueError(f"{where}: damaged or not the official file ({kind} differs); remove it and get it again.")


def inflated(stream, most: int) -> bytes:
    """At most `most` bytes of a decompressing stream. Raises ValueError when it holds more."""
    parts, left = [], most + 1
    while left > 0 and (part := stream.read(min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise ValueError(f"it unpacks to more than the {most:,} bytes it may hold")
    return b"".join(parts)


DAMAGED = (OSError, EOFError, zlib.error)
"""What a decompressing stream raises."""


# words ----------------------------------------------------------------------------------------------------------------


def absent(data_set: str, folder: str, files: Sequence[Remote], more: str = "") -> FileNotFoundError:
    """The error for data that is not on this machine; `more`: what was found instead, in sentences."""
    seen = f" {more}" if more else ""
    return FileNotFoundError(
        f"{data_set} was not found in {cache_folder()} or below.{seen} {advice(data_set.split()[0], folder, files)}"
    )


def advice(name: str, folder: str, files: Sequence[Remote], tried: bool = False) -> str:
    """What to put where, or how to have it downloaded; `tried`: that was tried just now."""
    where = files[0].url.rsplit("/", 1)[0]
    put = f"ut {listed([file.name for file in files])} (from {where}) into {cache_folder() / folder}"
    if tried:
        return f"Try again with a connection, or p{put}."
    return (
        f'P{put}, or set EEVIZ_DATA to a folder that holds them, or call load_dataset("{name}", download=True), or '
        f"`python -m eeviz data {name} --download`, with a network connection."
    )


def listed(names: Sequence[str], most: int = 3) -> str:
    """A few names in words: "a, b and c", "a, b, c and 41 more".

    >>> listed(["a", "b"])
    'a and b'
    """
    shown, more = list(names[:most]), len(names) - most
    if more > 0:
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" and {shown[-1]}"


def incomplete(folders: Iterable[Folder], wanted: Sequence[str]) -> str:
    """A sentence on the folder that holds most of the files `wanted`, and what it lacks; "" where none holds any."""
    held = [(sum(name in folder for name in wanted), folder) for folder in folders]
    count, folder = max(held, key=lambda pair: pair[0], default=(0, None))
    if not count:
        return ""
    have = [name for name in wanted if name in folder]
    lack = [name for name in wanted if name not in folder]
    return f"{folder.path} holds {listed(have)}; missing: {listed(lack, 5)}."
