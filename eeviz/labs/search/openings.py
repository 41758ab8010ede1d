"""How the lab opens searches: the data set's evaluator, made once, and the store that keeps every run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ...launch import packages, paths
from .settings import Settings

NEEDED = ("torch", "pymoo", "scikit-learn")


class Openings:
    """Makes the runs of settings. store : path of the SQLite file, None for one per data set in the user's cache
    folder, which begins as a copy of the search that ships with eeviz. evaluator : instead of the data set's own; it
    works in this process, while ours do in one apart, which leaves the page quick.
    """

    def __init__(self, store: str | Path | None = None, evaluator=None):
        self._store, self._evaluator = None if store is None else Path(store), evaluator
        self._made: dict[tuple[str, str, str], object] = {}
        self._apart = None  # eeviz.nas.processes.Apart, once a run was opened

    @property
    def given(self) -> str:
        """The store's path where it was given, else ""."""
        return "" if self._store is None else str(self._store)

    def path(self, settings: Settings) -> Path:
        """Where the runs of these settings are kept."""
        if self._store is not None:
            return self._store
        from ...datasets import cache_folder

        return cache_folder() / "searches" / f"{settings.space}-{settings.dataset}.db"

    def prepare(self, settings: Settings) -> None:
        """Make the folder, and begin with the search that ships with eeviz where there is one and no other yet."""
        path = self.path(settings)
        if self._store is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            shipped = paths.data() / "searches" / path.name
            if not path.exists() and shipped.is_file() and self._evaluator is None:
                part = path.with_suffix(".part")
                shutil.copyfile(shipped, part)
                part.replace(path)

    def missing(self) -> str:
        """What to install before a search can run, in words; empty when everything is there."""
        if self._evaluator is not None:
            return ""
        try:
            packages.require(*NEEDED, for_="searching")
        except ImportError as error:
            return str(error)
        return ""

    def evaluator(self, settings: Settings):
        """The evaluator of a data set, space and hardware, made once, so that its cache serves every run."""
        if self._evaluator is not None:
            return self._evaluator
        key = settings.space, settings.dataset, settings.hardware
        if key not in self._made:
            packages.require(*NEEDED, for_="searching")
            from ...core.space.space import SearchSpace
            from ...nas.supernet import supernet_evaluator

            self._made[key] = supernet_evaluator(
                SearchSpace.preset(settings.space), settings.dataset, provider=settings.hardware or None
            )
        return self._made[key]

    def runs(self, settings: Settings, known: Mapping[str, int] = MappingProxyType({})) -> dict:
        """method -> SearchRun. known : method -> id of a run in the store that is taken up as it was begun.

        Raises ValueError, StoreError, ImportError in words; then nothing is left open.
        """
        evaluator = self.evaluator(settings)
        from ...nas.processes import Apart
        from ...nas.resume import resume
        from ...nas.run import search

        if self._evaluator is None and self._apart is None:
            self._apart = Apart()
        self.prepare(settings)
        path, opened = self.path(settings), {}
        try:
            for method in settings.methods:
                if method in known:
                    opened[method] = resume(
                        path, known[method], evaluations=settings.limit, evaluator=evaluator, executor=self._apart
                    )
                    continue
                opened[method] = search(
                    evaluator.space,
                    settings.dataset,
                    method=method,
                    objectives=("error", settings.cost),
                    max_cost=settings.max_cost,
                    max_worst=settings.max_worst,
                    evaluations=settings.limit,
                    seed=settings.seed,
                    store=path,
                    evaluator=evaluator,
                    executor=self._apart,
                )
        except BaseException:
            for run in opened.values():
                run.close()
            raise
        return opened

    def close(self) -> None:
        """End the process apart."""
        if self._apart is not None:
            self._apart.close()
