"""ExitRecords: what each exit would answer for each sample, with what confidence, at what cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from . import given, records_file
from .calibration import BELOW_ONE, confidence_of
from .cost import Cost, ProductCost

__all__ = ["Cost", "ExitRecords", "ProductCost", "balanced"]

_UNITS = 1 << 30  # weights become integers of this resolution, so that sums are exact in any order


def balanced(label) -> np.ndarray:
    """Weights (N,) that turn accuracy into balanced accuracy: the mean over classes of the class's accuracy.

    >>> ee.balanced([0, 0, 0, 1]).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    label = np.asarray(label)
    classes, index, count = np.unique(label, return_inverse=True, return_counts=True)
    return len(label) / (len(classes) * count[index])


def _integers(values, name: str, ndim: int) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype == object or array.ndim != ndim:
        raise ValueError(f"{name}: expected {ndim}-d integers, got shape {array.shape}, {array.dtype}.")
    whole = np.issubdtype(array.dtype, np.integer) or (
        np.issubdtype(array.dtype, np.floating) and np.isfinite(array).all() and (array == np.rint(array)).all()
    )
    if array.size and not whole:
        raise ValueError(f"{name}: expected whole numbers, got {array.dtype}.")
    return array.astype(np.int64)


def _confidence(values) -> np.ndarray:
    array = given.plain(values, "confidence")
    if array.dtype == object or array.ndim != 2 or array.shape[1] < 1:
        raise ValueError(f"confidence: expected shape (samples, exits), got {array.shape}, {array.dtype}.")
    if len(array) == 0:
        raise ValueError("confidence: the table is empty; at least one sample is needed.")
    array = array.astype(np.float32)
    if np.isnan(array).any():
        row, column = np.argwhere(np.isnan(array))[0]
        raise ValueError(f"confidence: NaN at sample {row}, exit {column + 1}; every confidence must lie in [0, 1].")
    if (array < 0).any() or (array > 1).any():
        row, column = np.argwhere((array < 0) | (array > 1))[0]
        raise ValueError(
            f"confidence: {array[row, column]} at sample {row}, exit {column + 1} lies outside [0, 1]. "
            "For logits use ExitRecords.from_logits(...)."
        )
    return np.asfortranarray(np.minimum(array, BELOW_ONE))  # routing reads one exit at a time


def _frozen(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, eq=False, repr=False)
class ExitRecords:
    """The table of one network on one split: N samples, E exits; the last column is the final classifier.

    confidence : (N, E) in [0, 1], stored float32; 1.0 becomes the largest float32 below 1.
    predicted : (N, E) int class; label : (N,) int class.
    costs : mapping name -> Cost or ProductCost with E exits, e.g. {"macs": cost}.
    position : (E,) int, where each column taps the backbone, never falling; equal positions are alternatives.
    weight : (N,) what a right answer counts (see `balanced`). group : (N,) patient, speaker, ...: intervals resample groups.
    exits, classes : names. dataset, split : words. removable : False when confidences depend on which exits exist.
    logits : (N, E, C) or None. thumbnails : (N, H, W[, 3]) uint8 or None. measure, temperature : how confidence was made.
    remarks : sentences on how the table was read; `notes` has them and what the figures themselves tell.

    Raises ValueError naming the field for NaN or out-of-range confidences, lengths that disagree, labels outside the
    classes, an empty table, and costs of another length.

    >>> macs = ee.Cost(backbone=[2e6, 5e6], heads=[1e5, 5e4])
    >>> ee.ExitRecords([[0.9, 0.99], [0.4, 0.8]], [[1, 1], [0, 2]], [1, 2], {"macs": macs})
    ExitRecords(2 samples, 2 exits)
    """

    confidence: np.ndarray
    predicted: np.ndarray
    label: np.ndarray
    costs: Mapping[str, Cost | ProductCost]
    position: np.ndarray | None = None
    weight: np.ndarray | None = None
    group: np.ndarray | None = None
    exits: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    dataset: str = ""
    split: str = ""
    removable: bool = True
    logits: np.ndarray | None = None
    thumbnails: np.ndarray | None = None
    measure: str = field(default="", kw_only=True)
    temperature: tuple[float, ...] | None = field(default=None, kw_only=True)
    remarks: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self):
        confidence = _confidence(self.confidence)
        samples, exits = confidence.shape
        predicted = _integers(self.predicted, "predicted", 2)
        label = _integers(given.labels(self.label), "label", 1)
        if predicted.shape != confidence.shape:
            raise ValueError(f"predicted has shape {predicted.shape}, confidence {confidence.shape}: they must agree.")
        if len(label) != samples:
            raise ValueError(f"label has {len(label)} entries, confidence {samples} samples: they must agree.")
        values = {"confidence": confidence, "predicted": np.asfortranarray(predicted), "label": label}
        values["costs"] = _checked_costs(self.costs, exits)
        values["position"] = _checked_position(self.position, exits)
        values["exits"] = _names(self.exits, "exits", exits) or (*(f"exit {k + 1}" for k in range(exits - 1)), "final")
        values["classes"] = _names(self.classes, "classes", None)
        if values["classes"]:
            _inside_classes(label, "label", len(values["classes"]))
            _inside_classes(predicted, "predicted", len(values["classes"]))
        given.check_classes(label, predicted)
        values["weight"] = _checked_weight(self.weight, samples)
        values["group"] = _per_sample(self.group, "group", samples)
        values["logits"] = _per_sample(self.logits, "logits", samples)
        if self.logits is not None and values["logits"].shape[1:2] != (exits,):
            raise ValueError(f"logits: expected ({samples}, {exits}, classes), got {values['logits'].shape}.")
        values["thumbnails"] = _checked_thumbnails(self.thumbnails, samples)
        if self.temperature is not None:
            values["temperature"] = tuple(float(t) for t in self.temperature)
        values["remarks"] = tuple(dict.fromkeys(self.remarks))
        for name, value in values.items():
            object.__setattr__(self, name, _frozen(value) if isinstance(value, np.ndarray) else value)

    def __len__(self) -> int:
        return len(self.label)

    def __repr__(self) -> str:
        where = " ".join(word for word in (self.dataset, self.split) if word)
        return f"ExitRecords({len(self)} samples, {self.exits_count} exits{', ' + where if where else ''})"

    @property
    def exits_count(self) -> int:
        """E, the final classifier included."""
        return self.confidence.shape[1]

    @cached_property
    def correct(self) -> np.ndarray:
        """(N, E) bool: would this exit answer right."""
        return _frozen(np.asfortranarray(self.predicted == self.label[:, None]))

    @cached_property
    def units(self) -> np.ndarray:
        """(N,) int64: what a right answer counts, in integers (1 without weights), so that sums are exact."""
        if self.weight is None:
            return _frozen(np.ones(len(self), dtype=np.int64))
        return _frozen(np.rint(self.weight / self.weight.max() * _UNITS).astype(np.int64))

    @cached_property
    def total_units(self) -> int:
        """Sum of `units`: the denominator of every accuracy."""
        return int(self.units.sum())

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Sentences that whoever reads figures of this table should know: how it was read, and what looks wrong in it."""
        free = [f"Cost {name!r} is 0 for every exit." for name, cost in self.costs.items() if not cost.static]
        return (*self.remarks, *free, *given.falling(self.confidence, self.correct, self.exits))

    def cost(self, name: str = "macs") -> Cost | ProductCost:
        """The cost of that name. Raises ValueError listing the names there are."""
        if name not in self.costs:
            raise ValueError(f"these records have no cost {name!r}: choose one of {', '.join(sorted(self.costs))}.")
        return self.costs[name]

    @classmethod
    def from_logits(
        cls, logits, label, costs, measure: str = "max_probability", temperature=None, **fields
    ) -> ExitRecords:
        """Records from logits (N, E, C); measure and temperature (E,) as in `calibration.confidence_of`."""
        if unknown := sorted(set(fields) - set(cls.__dataclass_fields__)):
            raise ValueError(
                f"{unknown[0]!r} is no field of records{given.meant(unknown[0], cls.__dataclass_fields__)}"
            )
        logits, remarks = given.logits(logits)
        confidence, predicted = confidence_of(logits, measure, temperature), logits.argmax(axis=2)
        label = _integers(given.labels(label), "label", 1)
        if len(label) == len(predicted) > 0:
            given.check_labels(label, logits.shape[2], predicted)
        fields["remarks"] = (*fields.get("remarks", ()), *remarks)
        return cls(
            confidence,
            predicted,
            label,
            costs,
            logits=logits,
            measure=measure,
            temperature=temperature,
            **fields,
        )

    def with_confidence(self, measure: str, temperature=None) -> ExitRecords:
        """The same table with its confidences made again from the stored logits. Raises ValueError without logits."""
        if self.logits is None:
            raise ValueError(
                "these records hold no logits: their confidence measure and temperature cannot be changed."
            )
        confidence = confidence_of(self.logits, measure, temperature)
        return replace(self, confidence=confidence, measure=measure, temperature=temperature)

    def with_answers(self, logits) -> ExitRecords:
        """The same samples answered anew: logits (N, E, C) of the same exits, by this measure and these temperatures.

        Labels, weights, groups, positions, costs, names and thumbnails stay. Raises ValueError for logits of another
        number of samples or exits, and where the measure is not one that is made from logits.

        >>> records = ee.load_demo("fashion").validation
        >>> rounded = records.with_answers(np.rint(4 * records.logits) / 4)
        >>> rounded.weight is records.weight, rounded.temperature == records.temperature
        (True, True)
        """
        logits = np.asarray(logits)
        samples, exits = self.confidence.shape
        if logits.ndim != 3 or logits.shape[:2] != (samples, exits):
            raise ValueError(
                f"logits: expected ({samples}, {exits}, classes), as these records have, got {logits.shape}."
            )
        made = ExitRecords.from_logits(logits, self.label, self.costs, self.measure, self.temperature)
        return replace(self, confidence=made.confidence, predicted=made.predicted, logits=logits)

    def columns(self, index) -> ExitRecords:
        """The records of some exits, by rising integer index or boolean index; the final classifier is the last of them.

        A sample pays for the exits that are left what it paid before with the others removed. Raises ValueError for an
        index that leaves the final classifier out, does not rise or lies outside, and where exits cannot be removed.

        >>> ee.load_demo("fashion").validation.columns([0, 2, 3]).exits
        ('exit 1', 'exit 3', 'final')
        """
        exits, index = self.exits_count, np.asarray(index)
        if index.dtype == bool:
            if index.shape != (exits,):
                raise ValueError(f"columns: the records have {exits} exits, the index {index.size} booleans.")
            index = np.flatnonzero(index)
        if index.ndim != 1 or (index.size and not np.issubdtype(index.dtype, np.integer)):
            raise ValueError(f"columns: expected an index of whole numbers, got {index.dtype} of shape {index.shape}.")
        index = index.astype(np.intp)
        if index.size and (index.min() < 0 or index.max() >= exits):
            raise ValueError(f"columns: the records have {exits} exits, 0 to {exits - 1}, got {index.tolist()}.")
        if (np.diff(index) <= 0).any():
            raise ValueError(f"columns: exits rise from the first to the last, got {index.tolist()}.")
        if not index.size or index[-1] != exits - 1:
            raise ValueError(
                f"columns: the final classifier ({exits - 1}) is always the last exit, got {index.tolist()}."
            )
        if not self.removable and len(index) < exits:
            raise ValueError("these records' confidences depend on which exits exist: no exit can be cut away.")
        return replace(
            self,
            confidence=self.confidence[:, index],
            predicted=self.predicted[:, index],
            costs={name: cost.columns(index) for name, cost in self.costs.items()},
            position=self.position[index],
            exits=tuple(self.exits[k] for k in index),
            logits=None if self.logits is None else self.logits[:, index],
            temperature=None if self.temperature is None else tuple(self.temperature[k] for k in index),
        )

    def subset(self, index) -> ExitRecords:
        """The records of some samples, by integer or boolean index (M,) or slice; everything else stays."""
        per_sample = ("confidence", "predicted", "label", "weight", "group", "logits", "thumbnails")
        chosen = {n: getattr(self, n)[index] for n in per_sample if getattr(self, n) is not None}
        return replace(self, **chosen)

    def save(self, path) -> None:
        """Write an .npz at `path`, whole or not at all. Raises OSError when the disk is full or the folder is missing."""
        records_file.write(self, path)

    def to_bytes(self) -> bytes:
        """The bytes of the .npz that `save` writes."""
        return records_file.packed(self)

    @classmethod
    def load(cls, source, name: str = "the file") -> ExitRecords:
        """Read an .npz from a path, its bytes or a binary file. Raises ValueError, naming the file (`name` where it has
        no name of its own), for anything that is not valid records."""
        fields = records_file.read(source, name)
        try:
            return cls.from_logits(**fields) if "confidence" not in fields else cls(**fields)
        except ValueError as error:
            raise ValueError(f"{records_file.name_of(source, name)}: {error}") from error


def _checked_costs(costs, exits: int) -> Mapping[str, Cost | ProductCost]:
    if not isinstance(costs, Mapping) or not costs:
        raise ValueError('costs: expected a mapping such as {"macs": Cost(backbone, heads)} with at least one entry.')
    for name, cost in costs.items():
        if not isinstance(cost, (Cost, ProductCost)):
            raise ValueError(f"costs[{name!r}]: expected a Cost, got {type(cost).__name__}.")
        if len(cost) != exits:
            raise ValueError(f"costs[{name!r}] has {len(cost)} exits, the records have {exits}.")
    return MappingProxyType({str(name): cost for name, cost in costs.items()})


def _checked_position(position, exits: int) -> np.ndarray:
    if position is None:
        return np.arange(exits)
    position = _integers(position, "position", 1)
    if len(position) != exits or (np.diff(position) < 0).any():
        raise ValueError(f"position: expected {exits} integers that never fall, got {position.tolist()}.")
    return position


def _names(names, field_name: str, expected: int | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    if isinstance(names, str):
        raise ValueError(f"{field_name}: expected a sequence of names, got one string.")
    names = tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names)
    if expected is not None and len(names) != expected:
        raise ValueError(f"{field_name}: expected {expected} names, got {len(names)}.")
    return names


def _inside_classes(values: np.ndarray, name: str, classes: int) -> None:
    outside = (values < 0) | (values >= classes)
    if outside.any():
        raise ValueError(f"{name}: class {values[outside][0]} lies outside the {classes} classes (0 to {classes - 1}).")


def _per_sample(values, name: str, samples: int) -> np.ndarray | None:
    if values is None:
        return None
    array = np.asarray(values)
    if array.dtype == object:
        raise ValueError(f"{name}: expected plain numbers or strings, got Python objects.")
    if len(array) != samples:
        raise ValueError(f"{name} has {len(array)} entries, confidence {samples} samples: they must agree.")
    return array


def _checked_weight(weight, samples: int) -> np.ndarray | None:
    weight = _per_sample(weight, "weight", samples)
    if weight is None:
        return None
    weight = weight.astype(np.float64)
    if weight.ndim != 1 or not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise ValueError("weight: expected one finite number >= 0 per sample, not all zero.")
    return weight


def _checked_thumbnails(thumbnails, samples: int) -> np.ndarray | None:
    thumbnails = _per_sample(thumbnails, "thumbnails", samples)
    if thumbnails is None:
        return None
    colour = thumbnails.ndim == 4 and thumbnails.shape[-1] == 3
    if thumbnails.dtype != np.uint8 or not (thumbnails.ndim == 3 or colour):
        raise ValueError(
            f"thumbnails: expected uint8 (N, H, W) or (N, H, W, 3), got {thumbnails.shape}, {thumbnails.dtype}."
        )
    return thumbnails
