"""Downloads of official files: verified, resumed where they broke off, nothing half made under an official name."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from ..launch.packages import try_lock
from .files import Remote, advice, cache_folder, verify

TIMEOUT = 30  # seconds without a byte
_CHUNK, _PERIOD = 1 << 16, 0.1  # bytes read at once; seconds between two reports


@dataclass(frozen=True)
class Progress:
    """How far a download is: file `number` of `files`, `done` of `total` bytes of it (total 0 where the server is silent)."""

    file: str
    number: int
    files: int
    done: int
    total: int

    @property
    def share(self) -> float:
        """In [0, 1], over all files."""
        return (self.number - 1 + (min(1.0, self.done / self.total) if self.total else 0.0)) / self.files

    def __str__(self) -> str:
        of = f" of {self.total / 1e6:.1f}" if self.total else ""
        count = f", file {self.number} of {self.files}" if self.files > 1 else ""
        return f"{self.file}: {self.done / 1e6:.1f}{of} MB{count}"


def fetch(name: str, files: Sequence[Remote]) -> Path:
    """Download `files` into the data set's folder; the folder. Raises as `fetching` does."""
    for _ in fetching(name, files):
        pass
    return cache_folder() / name


def fetching(name: str, files: Sequence[Remote]) -> Iterator[Progress]:
    """Download and verify `files` into <data folder>/`name`, reporting about ten times a second.

    What is there already and good is kept; what broke off goes on where it stopped, also after `close()` of this
    iterator, which cancels. Raises ValueError when what was sent is not official, FileNotFoundError, saying what to put
    where, without network, without room on the disk, or where the folder cannot be written.
    """
    folder = cache_folder() / name
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        for number, file in enumerate(files, 1):
            host = urlsplit(file.url).hostname
            if _is_good(folder / file.name, file):
                continue
            folder.mkdir(parents=True, exist_ok=True)
            for done, total in _stream(file, folder):
                yield Progress(file.name, number, len(files), done, total)
            _placed(file, folder)
    except ValueError as error:
        raise ValueError(f"what was sent is not the official {name} data: {error}") from error
    except OSError as error:  # requests' exceptions and a full disk alike
        raise FileNotFoundError(
            f"{name} could not be downloaded: {_why(error, host)}. {advice(name, name, files, tried=True)}"
        ) from error
    finally:
        for path in made:  # empty ones only
            with contextlib.suppress(OSError):
                path.rmdir()


def part_of(file: Remote, folder: Path) -> Path:
    """Where the bytes of an unfinished download lie."""
    return folder / f"{file.name}.part"


def _is_good(path: Path, file: Remote) -> bool:
    if not path.is_file():
        return False
    try:
        verify(path, file.known_hash)
    except ValueError:
        return False
    return True


def _stream(file: Remote, folder: Path) -> Iterator[tuple[int, int]]:
    import requests

    part = part_of(file, folder)
    with part.open("ab") as out:
        try:
            try_lock(out)
        except OSError as error:
            raise OSError(errno.EAGAIN, f"another process is downloading {file.name}") from error
        try:
            yield from _received(file, out, folder, requests)
        finally:
            out.flush()
            if not part.stat().st_size:
                part.unlink()


def _received(file: Remote, out: BinaryIO, folder: Path, requests) -> Iterator[tuple[int, int]]:
    have = out.seek(0, os.SEEK_END)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(file.url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if have and answer.status_code == 416:  # nothing is left to send: the hash decides
            yield have, have
            return
        answer.raise_for_status()
        if have and answer.status_code != 206:  # the server sends it from the start
            out.truncate(0)
            have = 0
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else 0
        if total and total - have > shutil.disk_usage(folder).free:
            raise OSError(errno.ENOSPC, f"{(total - have) / 1e6:.0f} MB do not fit on the disk of {folder}")
        yield have, total
        said = time.monotonic()
        for chunk in answer.iter_content(_CHUNK):
            out.write(chunk)
            have += len(chunk)
            if time.monotonic() - said >= _PERIOD:
                said = time.monotonic()
                yield have, total
    if total and have < total:
        raise requests.exceptions.ChunkedEncodingError
    yield have, total


def _placed(file: Remote, folder: Path) -> None:
    """The finished download under its own name, if its hash is right; else neither remains."""
    import pooch

    part = part_of(file, folder)
    pooch.get_logger().setLevel("WARNING")  # it speaks of a download that is over
    try:
        pooch.retrieve(
            file.url,
            known_hash=file.known_hash,
            fname=file.name,
            path=folder,
            downloader=lambda _, target, __: shutil.move(part, target),
        )
    finally:
        part.unlink(missing_ok=True)


def _why(error: OSError, host: str) -> str:
    import requests

    if isinstance(error, requests.exceptions.HTTPError):
        return f"{host} answers {error.response.status_code} {error.response.reason}".rstrip()
    if isinstance(error, requests.exceptions.Timeout):
        return f"{host} does not answer"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"the connection to {host} broke off; what has come is kept"
    if isinstance(error, requests.exceptions.RequestException):
        return f"no connection to {host}"
    if error.errno == errno.ENOSPC:
        return error.strerror if "fit" in str(error.strerror) else "the disk is full"
    if error.filename is not None:
        return f"{error.filename} cannot be written ({error.strerror})"
    return str(error.strerror or error)
