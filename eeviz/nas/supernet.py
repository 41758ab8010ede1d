"""SupernetEvaluator: the tables of a space's architectures by weights inherited from its supernet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from ..core.network.plan import Plan
from ..core.space.space import SearchSpace
from ..core.table.calibration import confidence_of
from ..core.table.cost import Cost, ProductCost
from ..core.table.records import ExitRecords
from ..datasets import Dataset, load_dataset
from ..hardware import CostProvider, name_of, named
from ..launch import paths
from .domain import Genome
from .evaluate import Stopped

CALIBRATION = 500  # training images for batch norms
IMAGES = 2000  # of search-validation: three times the evaluations a minute of all 6,000 of Fashion-MNIST
CACHE_BYTES = 256 << 20
FOLDERS = {("compact", "fashion-mnist"): "compact-fashion"}


@dataclass(frozen=True)
class SupernetEvaluator:
    """Evaluates on `dataset` with the supernet in `folder`; light to send: every process loads what it needs once.

    images : search-validation images, the first so many of each class in turn; None: all. cache_bytes : bound of the
    activations remembered for backbones that begin alike. provider : of hardware costs (`eeviz.hardware`) beside MACs,
    at 8 bits, to which networks of 8 to 32 bits answer nearly alike. Raises ValueError for a folder without a supernet, and for
    one of another space.
    """

    dataset: str
    folder: str
    images: int | None = None
    cache_bytes: int = CACHE_BYTES
    provider: CostProvider | None = None

    def __post_init__(self):
        if self.images is not None and self.images < 20:
            raise ValueError(f"images: expected at least 20 or None, got {self.images}.")
        if self.cache_bytes < 0:
            raise ValueError(f"cache_bytes: expected at least 0, got {self.cache_bytes}.")

    def __reduce__(self):
        # only what it was made with: what a process has loaded stays there
        return SupernetEvaluator, (self.dataset, self.folder, self.images, self.cache_bytes, self.provider)

    @cached_property
    def space(self) -> SearchSpace:
        """The space that the supernet was trained for."""
        return _supernet(self.folder).space

    @cached_property
    def key(self) -> Mapping[str, str | int]:
        weights = hashlib.sha256((Path(self.folder) / "weights.safetensors").read_bytes()).hexdigest()
        images = len(_split(self.dataset, "validation", self.images))
        key = {"evaluator": "supernet", "dataset": self.dataset, "weights": weights, "images": images}
        return key if self.provider is None else {**key, "provider": name_of(self.provider)}

    def costs(self, genome: Genome, offered: bool) -> Mapping[str, Cost | ProductCost]:
        architecture = self.space.decode(genome)
        return self._costs(architecture.offered() if offered else architecture.plan)

    def _costs(self, plan: Plan) -> Mapping[str, Cost | ProductCost]:
        return {"macs": plan.macs(), **({} if self.provider is None else self.provider.costs(plan))}

    def records(
        self,
        genome: Genome,
        offered: bool,
        measure: str = "max_probability",
        split: str = "validation",
        stopped: Callable[[], bool] | None = None,
    ) -> ExitRecords:
        from ..nn.supernet.prefixes import Interrupted

        architecture = self.space.decode(genome)
        everything = architecture.offered()
        plan = everything if offered else architecture.plan
        place = {(head.position, head.name): k for k, head in enumerate(everything.heads)}
        heads = [place[head.position, head.name] for head in plan.heads]
        try:
            logits, learned = _prefixes(self).answers(genome, heads, split, stopped)
        except Interrupted as error:
            raise Stopped from error
        if not np.isfinite(logits).all():
            raise ValueError("the network's answers are not finite (NaN or infinity).")
        confidence = confidence_of(logits, "max_probability" if measure == "learned" else measure)
        if measure == "learned":
            for column, k in enumerate(heads[:-1]):
                if k not in learned:
                    raise ValueError(f"{plan.heads[column].name} has no confidence of its own; choose another measure.")
                confidence[:, column] = learned[k]
        data = self.data(split)
        return ExitRecords(
            confidence,
            logits.argmax(axis=2),
            data.labels,
            self._costs(plan),
            position=plan.position,
            group=data.groups,
            exits=tuple(head.name for head in plan.heads),
            classes=data.classes,
            dataset=self.dataset,
            split=split,
            measure=measure,
        )

    def data(self, split: str = "validation") -> Dataset:
        """The images that the tables are of, in their order."""
        return _split(self.dataset, split, self.images)

    def network(self, genome: Genome, measure: str = "max_probability", plan: Plan | None = None):
        """The network of a genome with its own exits, weights inherited, batch norms calibrated on training images.

        measure : "learned" gives a `LearnedExitNetwork`. plan : with these branches instead of its own. Raises ValueError
        where a head has no confidence of its own.
        """
        from ..nn.learned import with_confidences
        from ..nn.network import EarlyExitNetwork
        from ..nn.supernet.supernet import recalibrate

        architecture = self.space.decode(genome)
        everything, plan = architecture.offered(), plan or architecture.plan
        place = {(head.position, head.name): k for k, head in enumerate(everything.heads)}
        network = recalibrate(_supernet(self.folder).extract(genome), _calibration(self.folder, self.dataset))
        kept = [place[head.position, head.name] for head in plan.heads]
        made = EarlyExitNetwork(
            network.segments, [network.branches[k] for k in kept], network.input_shape, network.mean, network.std,
            plan.position,
        ).eval()  # fmt: skip
        if measure != "learned":
            return made
        own = _supernet(self.folder).confidences(genome)
        return with_confidences(made, {exit_: own[k] for exit_, k in enumerate(kept) if k in own})


def supernet_evaluator(
    space: SearchSpace,
    dataset: str,
    *,
    images: int | None = IMAGES,
    provider: CostProvider | str | None = None,
    **options,
) -> SupernetEvaluator:
    """The evaluator of a space on a data set with the supernet that ships with eeviz; images, options : its fields.

    provider : of hardware costs, or its name. Raises ValueError where no supernet ships, and for an unknown name.
    """
    if (space.name, dataset) not in FOLDERS:
        known = "; ".join(f"{s} on {d}" for s, d in FOLDERS)
        if "bits" in space.index:
            raise ValueError(
                f"the space {space.name!r} is searched with one trained network: train it with python -m "
                f"eeviz.nn.make_network --space {space.name} and name its folder (--network FOLDER, or "
                "evaluator=QuantizedEvaluator.of(folder))."
            )
        raise ValueError(
            f"no supernet of the space {space.name!r} on {dataset!r} ships with eeviz (there is: {known}): train one "
            "with python -m recipes.make_supernet and pass evaluator=SupernetEvaluator(dataset, folder)."
        )
    evaluator = SupernetEvaluator(
        dataset,
        str(paths.data() / "supernet" / FOLDERS[space.name, dataset]),
        images,
        provider=None if provider is None else named(provider),
        **options,
    )
    if evaluator.space != space:
        raise ValueError(
            f"the supernet was trained for the space {evaluator.space.name!r} with {dict(evaluator.space.arguments)}, "
            f"not with {dict(space.arguments)}."
        )
    return evaluator


@lru_cache(maxsize=1)
def _supernet(folder: str):
    from ..nn.supernet.file import load_supernet

    return load_supernet(folder)


@lru_cache(maxsize=2)  # one evaluator's two sizes of a benchmark; each may hold cache_bytes
def _prefixes(evaluator: SupernetEvaluator):
    from ..nn.supernet.prefixes import Prefixes

    splits = {
        name: lambda name=name: _split(evaluator.dataset, name, evaluator.images).images
        for name in ("validation", "test")
    }
    calibration = _calibration(evaluator.folder, evaluator.dataset)
    return Prefixes(_supernet(evaluator.folder), calibration, splits, evaluator.cache_bytes)


@lru_cache(maxsize=4)
def _split(dataset: str, split: str, images: int | None) -> Dataset:
    data = load_dataset(dataset, split)
    if split != "validation" or images is None or images >= len(data):
        return data
    rank = np.empty(len(data), dtype=int)  # of each sample within its class
    for label in np.unique(data.labels):
        own = np.flatnonzero(data.labels == label)
        rank[own] = np.arange(len(own))
    chosen = np.sort(np.lexsort((np.arange(len(data)), rank))[:images])
    return data.subset(chosen)


@lru_cache(maxsize=2)
def _calibration(folder: str, dataset: str) -> np.ndarray:
    """(CALIBRATION, H, W[, 3]) uint8 training images, those beside the weights where the training set is not at hand."""
    stored = Path(folder) / "calibration.npz"
    if stored.is_file():
        with np.load(stored, allow_pickle=False) as arrays:
            return arrays["images"]
    training = load_dataset(dataset, "train")
    chosen = np.sort(np.random.default_rng(0).choice(len(training), CALIBRATION, replace=False))
    return training.images[chosen]
