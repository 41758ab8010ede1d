"""One way to come by a split: what lies on this machine, else a download, else words on what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .fetch import fetch
from .files import Candidate, Remote, absent, first_good, survey
from .strangers import strangers


@dataclass(frozen=True)
class Source:
    """How a data set is come by, each called with its name and a split. candidates : forms in which it lies on this
    machine; remotes : its official files; instead : what lies there though it is not whole, in sentences."""

    candidates: Callable[[str, str], Iterator[Candidate]]
    remotes: Callable[[str, str], Sequence[Remote]]
    instead: Callable[[str, str], str]


def obtain(name: str, split: str, download: bool, source: Source) -> tuple[Any, str]:
    """What the first good candidate holds, and where it lay.

    Raises ValueError when what lies there is damaged or not official, FileNotFoundError when nothing does.
    """
    try:
        found = first_good(source.candidates(name, split))
    except ValueError:
        if not download:
            raise
        found = None
    if found is None and download:
        fetch(name, source.remotes(name, split))
        found = first_good(source.candidates(name, split))
    if found is None:
        raise missing(name, split, source)
    return found


def missing(name: str, split: str, source: Source) -> FileNotFoundError:
    """The error for a split that is not on this machine, with what was found instead."""
    said = [source.instead(name, split), *strangers(name, survey(name))]
    return absent(f"{name} {split}", name, source.remotes(name, split), " ".join(filter(None, said)))
