"""QuantizedEvaluator: one trained network with an exit at every place, at every choice of bits that a space has genes for.

For spaces whose backbone is fixed and whose genes choose bits, exits and a threshold (`zniber`): the tables of all
choices of a backbone's bits come from one forward pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from ..core.network.bits import Bits
from ..core.network.plan import Plan
from ..core.space.space import SearchSpace
from ..core.table.cost import Cost, ProductCost
from ..core.table.records import ExitRecords
from ..datasets import Dataset, load_dataset
from ..hardware import CostProvider, name_of
from .domain import Genome

CALIBRATION = 256  # training images for the ranges of activations


@dataclass(frozen=True)
class QuantizedEvaluator:
    """Evaluates on `dataset` with the network in `folder` (of `eeviz.nn.network_file`), rounded to each genome's bits.

    provider : of hardware costs beside MACs, at the genome's bits. Raises ValueError for a folder without a network.
    """

    dataset: str
    folder: str
    provider: CostProvider | None = None

    @classmethod
    def of(cls, folder: str | Path, provider: CostProvider | None = None) -> QuantizedEvaluator:
        """On the data set that the network in `folder` was trained on. Raises ValueError where the folder does not say it."""
        from ..nn.network_file import read_document

        try:
            dataset = read_document(folder)["dataset"]
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"{folder} holds no network of python -m eeviz.nn.make_network ({type(error).__name__}: {error})."
            ) from error
        return cls(str(dataset), str(folder), provider)

    def __reduce__(self):
        return QuantizedEvaluator, (self.dataset, self.folder, self.provider)

    @cached_property
    def space(self) -> SearchSpace:
        """The space of the network."""
        from ..nn.network_file import load_space

        return load_space(self.folder)

    @cached_property
    def key(self) -> Mapping[str, str | int]:
        weights = hashlib.sha256((Path(self.folder) / "weights.safetensors").read_bytes()).hexdigest()
        key = {"evaluator": "quantized", "dataset": self.dataset, "weights": weights}
        return key if self.provider is None else {**key, "provider": name_of(self.provider)}

    def costs(self, genome: Genome, offered: bool) -> Mapping[str, Cost | ProductCost]:
        return self._costs(self._plan(genome, offered))

    def records(
        self,
        genome: Genome,
        offered: bool,
        measure: str = "max_probability",
        split: str = "validation",
        stopped: Callable[[], bool] | None = None,
    ) -> ExitRecords:
        whole, plan = self._plan(genome, True), self._plan(genome, offered)
        place = {(head.position, head.bits): k for k, head in enumerate(whole.heads[:-1])}
        index = [place[head.position, head.bits] for head in plan.heads[:-1]]
        table = _table(self, whole.bits, split, measure).columns([*index, len(whole.heads) - 1])
        names = tuple(head.name for head in plan.heads)
        return replace(table, costs=self._costs(plan), exits=names, logits=None)

    def data(self, split: str = "validation") -> Dataset:
        """The images that the tables are of, in their order."""
        return load_dataset(self.dataset, split)

    def network(self, genome: Genome, measure: str = "max_probability", plan: Plan | None = None):
        """The network of a genome with its own exits, rounded to its bits; plan : with these exits at their bits instead.

        Raises ValueError for measure "learned".
        """
        if measure == "learned":
            raise ValueError("the heads of this space learn no confidence of their own; choose another measure.")
        from ..nn.network import EarlyExitNetwork
        from ..nn.network_file import load
        from ..nn.quantize import quantize

        plan, full = plan or self._plan(genome, False), load(self.folder)
        kept = [full.position.index(head.position) for head in plan.heads]
        network = EarlyExitNetwork(
            full.segments, [full.branches[k] for k in kept], full.input_shape, full.mean, full.std, plan.position
        )
        return quantize(network, _calibration(self.dataset), plan.bits, [head.bits or plan.bits for head in plan.heads])

    def _plan(self, genome: Genome, offered: bool) -> Plan:
        architecture = self.space.decode(genome)
        return architecture.offered() if offered else architecture.plan

    def _costs(self, plan: Plan) -> Mapping[str, Cost | ProductCost]:
        return {"macs": plan.macs(), **({} if self.provider is None else self.provider.costs(plan))}


@lru_cache(maxsize=16)
def _table(evaluator: QuantizedEvaluator, backbone: Bits, split: str, measure: str) -> ExitRecords:
    """Every exit at every choice of its bits, for one choice of the backbone's."""
    from ..nn.network_file import load
    from ..nn.quantize import bit_records

    plan = next(p for p in _plans(evaluator.space) if p.bits == backbone)
    choices = list(dict.fromkeys(head.bits for head in plan.heads[:-1]))
    network, images = load(evaluator.folder), _calibration(evaluator.dataset)
    return bit_records(network, evaluator.data(split), images, [backbone], choices, measure=measure)[backbone]


def _plans(space: SearchSpace) -> list[Plan]:
    gene = space.index["bits"]
    return [
        space.decode(tuple(value if i == gene else 0 for i in range(len(space.genes)))).offered()
        for value in range(len(space.genes[gene].options))
    ]


@lru_cache(maxsize=2)
def _calibration(dataset: str) -> np.ndarray:
    """(CALIBRATION, H, W[, 3]) uint8 training images."""
    training = load_dataset(dataset, "train")
    chosen = np.sort(np.random.default_rng(0).choice(len(training), min(CALIBRATION, len(training)), replace=False))
    return training.images[chosen]
