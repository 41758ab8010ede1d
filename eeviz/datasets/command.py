"""`python -m eeviz data`: what is there, where, how large; what is missing and how to get it; downloads with progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .fetch import Progress
from .files import cache_folder
from .get import ABOUT, downloading, state


def add_arguments(parser) -> None:
    """What the command takes, on an argparse parser."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help=f"one of {', '.join(ABOUT)}; without it, all are listed"
    )
    parser.add_argument("--download", action="store_true", help="get it from its official source, verified")


def command(name: str | None, download: bool, say: Callable[[str], None], show: Callable[[Progress], None]) -> int:
    """List or download; the exit code: 1 where the data set asked for is not there in the end."""
    if name is None:
        if download:
            say(f"Which one? For example: python -m eeviz data fashion-mnist --download. There are {', '.join(ABOUT)}.")
            return 1
        say(f"Data sets in {cache_folder()} and below (EEVIZ_DATA names another folder):\n")
        for line in table():
            say(line)
        say("\npython -m eeviz data NAME --download gets one from its official source.")
        return 0
    try:
        now = state(name)
        if download and not now.complete:
            about = now.about
            say(f"{about.title}: {about.megabytes} MB, licence: {about.licence}. Cite {about.cite}.")
            for progress in downloading(name):
                show(progress)
            now = state(name)
    except KeyboardInterrupt:
        say("\nStopped; what has come is kept, and the same command goes on with it.")
        return 130
    except (ValueError, FileNotFoundError) as error:
        say(f"\n{error}" if download else str(error))
        return 1
    for line in described(now):
        say(line)
    return 0 if now.complete else 1


def table() -> Iterator[str]:
    """A line a data set."""
    width = max(map(len, ABOUT)) + 2
    for name, about in ABOUT.items():
        now = state(name)
        sign = "there" if now.complete else "part" if any(now.places.values()) else "-"
        yield f"  {name:{width}}{sign:7}{about.megabytes:4} MB  {about.licence:24}{now}"


def described(now) -> Iterator[str]:
    """One data set in lines: what it is, where each split lies, what is missing."""
    about = now.about
    yield f"{about.title}: {about.line}. Licence: {about.licence}. Cite {about.cite}."
    for split, place in now.places.items():
        yield f"  {split:12}{place or 'not there'}"
    if now.bytes_on_disk:
        yield f"  {now.bytes_on_disk / 1e6:.1f} MB on this disk."
    if now.bytes_begun:
        yield f"  {now.bytes_begun / 1e6:.1f} MB of a download that broke off; --download goes on with it."
    if now.lacking:
        yield now.lacking
