"""Getting data: what each data set is, how large, under which licence, whether it is there, and its download with progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .base import SPLITS
from .fetch import Progress, fetching, part_of
from .files import Remote, cache_folder
from .obtain import missing
from .registry import NAMES, did_you_mean, module_of


@dataclass(frozen=True)
class About:
    """A data set in words: title, what is in it, megabytes to download, licence, and whom to cite."""

    name: str
    title: str
    line: str
    megabytes: int
    licence: str
    cite: str


ABOUT: Mapping[str, About] = {
    about.name: about
    for about in (
        About(
            "fashion-mnist", "Fashion-MNIST", "70,000 grey pictures of clothes, 28 x 28, 10 classes", 31, "MIT",
            "Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747",
        ),
        About(
            "cifar10", "CIFAR-10", "60,000 colour pictures, 32 x 32, 10 classes", 170, "none stated",
            "Krizhevsky 2009, Learning multiple layers of features from tiny images",
        ),
        About(
            "cifar100", "CIFAR-100", "60,000 colour pictures, 32 x 32, 100 classes", 169, "none stated",
            "Krizhevsky 2009, Learning multiple layers of features from tiny images",
        ),
        About(
            "svhn", "SVHN", "99,289 colour pictures of house-number digits, 32 x 32", 246, "for non-commercial use",
            "Netzer et al. 2011, Reading digits in natural images with unsupervised feature learning",
        ),
        About(
            "speech-commands", "Speech Commands", "4,890 spoken words of one second, 12 classes", 113, "CC BY 4.0",
            "Warden 2018, arXiv:1804.03209",
        ),
        About(
            "mit-bih", "MIT-BIH Arrhythmia Database", "44 half-hour electrocardiograms, 100,000 beats", 86, "ODC-By 1.0",
            "Moody and Mark 2001, IEEE Eng. in Med. and Biol. 20(3)",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class State:
    """What of a data set is on this machine: places by split, "" where it is not; bytes of the files there, where they can
    be told; bytes of a download that broke off; `lacking`: what to do, "" when every split is there."""

    about: About
    places: Mapping[str, str]
    bytes_on_disk: int
    bytes_begun: int
    lacking: str

    @property
    def complete(self) -> bool:
        """Whether every split is there."""
        return all(self.places.values())

    def __str__(self) -> str:
        if self.complete:
            size = f", {self.bytes_on_disk / 1e6:.0f} MB" if self.bytes_on_disk else ""
            return f"{', '.join(dict.fromkeys(self.places.values()))}{size}"
        there = [split for split, place in self.places.items() if place]
        begun = f", {self.bytes_begun / 1e6:.0f} MB of it begun" if self.bytes_begun else ""
        return (
            f"{'only ' + ' and '.join(there) if there else 'not there'}; {self.about.megabytes} MB to download{begun}"
        )


def state(name: str) -> State:
    """What of the data set `name` is there, by its files' names: nothing is read. Raises ValueError for an unknown name.

    >>> state("fashion-mnist").about.megabytes
    31
    """
    _known(name)
    source = module_of(name).SOURCE
    places, files = {}, {}
    for split in SPLITS:
        found = next(source.candidates(name, split), None)
        places[split] = str(found.place) if found else ""
        if found:
            files |= dict.fromkeys(found.files or (found.place,))
    if name == "fashion-mnist":  # its other splits ship
        places |= {split: place or "ships with eeviz" for split, place in places.items() if split != "train"}
    first = next((split for split, place in places.items() if not place), None)
    return State(
        ABOUT[name],
        places,
        sum(path.stat().st_size for path in files if path.is_file()),
        sum(part.stat().st_size for file in official(name) if (part := part_of(file, cache_folder() / name)).is_file()),
        str(missing(name, first, source)) if first else "",
    )


def official(name: str) -> list[Remote]:
    """The official files of every split."""
    source = module_of(name).SOURCE
    return list({file.name: file for split in SPLITS for file in source.remotes(name, split)}.values())


def downloading(name: str) -> Iterator[Progress]:
    """Download every split; `close()` cancels, and what has come is kept for the next time. Raises as `fetch.fetching` does.

    >>> from eeviz.jobs import Job
    >>> job = Job(on_result=print)  # job.start(lambda: downloading("cifar10")) shows how far it is; job.cancel() ends it
    """
    _known(name)
    yield from fetching(name, official(name))


def _known(name: str) -> None:
    if name not in NAMES:
        raise ValueError(f"no data set {name!r}: choose one of {', '.join(NAMES)}.{did_you_mean(name)}")
