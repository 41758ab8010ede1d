"""Segments: a network as a platform sees it: how much each backbone segment and each head computes, holds and sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from ..table.cost import Cost

ANY = "any"  # the kind of operator where nobody distinguishes


def _number(value, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected a number, got {value!r}.") from error
    if not np.isfinite(number) or number < 0:
        raise ValueError(f"{name}: expected a finite number, not negative, got {value!r}.")
    return number


@dataclass(frozen=True)
class Piece:
    """One backbone segment or one head.

    operators : MACs by kind of operator ({"conv": ..., "depthwise": ..., "linear": ...}); a number is {"any": number}.
    weight_bytes, input_bytes, output_bytes : of one sample. moved_bytes : between memory and processor, None = their sum.
    peak_bytes : the most that activations hold at once, None = input and output.
    seconds : measured time of one sample by name of processor, used instead of rates there.

    Raises ValueError for negative or non-finite figures.
    """

    operators: Mapping[str, float] | float
    weight_bytes: float = 0.0
    input_bytes: float = 0.0
    output_bytes: float = 0.0
    moved_bytes: float | None = None
    peak_bytes: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self):
        operators = self.operators if isinstance(self.operators, Mapping) else {ANY: self.operators}
        values = {"operators": _figures(operators, "MACs"), "seconds": _figures(self.seconds, "seconds")}
        for name in ("weight_bytes", "input_bytes", "output_bytes"):
            values[name] = _number(getattr(self, name), name)
        moved = values["weight_bytes"] + values["input_bytes"] + values["output_bytes"]
        values["moved_bytes"] = moved if self.moved_bytes is None else _number(self.moved_bytes, "moved_bytes")
        peak = values["input_bytes"] + values["output_bytes"]
        values["peak_bytes"] = peak if self.peak_bytes is None else _number(self.peak_bytes, "peak_bytes")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def macs(self) -> float:
        return sum(self.operators.values())

    def with_seconds(self, **seconds: float) -> Piece:
        """The same piece with measured seconds by name of processor added."""
        return replace(self, seconds={**self.seconds, **seconds})

    def to_dict(self) -> dict:
        names = ("weight_bytes", "input_bytes", "output_bytes", "moved_bytes", "peak_bytes")
        figures = {name: getattr(self, name) for name in names}
        return {"operators": dict(self.operators), **figures, "seconds": dict(self.seconds)}


def _figures(values: Mapping[str, float], what: str) -> Mapping[str, float]:
    return MappingProxyType({str(key): _number(value, f"{what} of {key}") for key, value in values.items()})


@dataclass(frozen=True, eq=False, repr=False)
class Segments:
    """P backbone segments in order and E heads, one per column of the records, the last the final classifier.

    position : (E,) int, the segment whose output each head reads, never falling; equal positions are alternatives.
    None: one head a segment. input_bytes : of one sample as it enters the network; None: what segment 0 reads.

    Raises ValueError when lengths disagree, positions fall or point nowhere, or the last head does not read the last
    segment.

    >>> from eeviz.core.network.segments import Piece
    >>> ee.Segments((Piece(2e6), Piece(3e6)), (Piece(1e5), Piece(5e4))).macs.at([True]).tolist()
    [2100000.0, 5150000.0]
    """

    pieces: tuple[Piece, ...]
    heads: tuple[Piece, ...]
    position: np.ndarray | None = None
    input_bytes: float | None = None

    def __post_init__(self):
        pieces, heads = tuple(self.pieces), tuple(self.heads)
        if not pieces or not heads or not all(isinstance(p, Piece) for p in (*pieces, *heads)):
            raise ValueError("segments: expected at least one backbone Piece and one head Piece.")
        given = np.arange(len(heads)) if self.position is None else np.array(self.position)
        if given.shape != (len(heads),) or not np.issubdtype(given.dtype, np.integer):
            raise ValueError(
                f"position: expected one whole number for each of {len(heads)} heads, got {given.tolist()}."
            )
        if (np.diff(given) < 0).any() or given[0] < 0 or given[-1] != len(pieces) - 1:
            raise ValueError(
                f"position: segments that heads read lie in 0..{len(pieces) - 1}, never fall and end with the last, "
                f"got {given.tolist()}."
            )
        if (given[:-1] == len(pieces) - 1).any():
            raise ValueError("position: only the final classifier reads the last segment.")
        given.flags.writeable = False
        size = pieces[0].input_bytes if self.input_bytes is None else _number(self.input_bytes, "input_bytes")
        for name, value in {"pieces": pieces, "heads": heads, "position": given, "input_bytes": size}.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.pieces)

    def __repr__(self) -> str:
        return f"Segments({len(self)} segments, {len(self.heads)} heads, static {self.macs.static:.4g} MACs)"

    @property
    def exits_count(self) -> int:
        """E, the final classifier included."""
        return len(self.heads)

    @property
    def macs(self) -> Cost:
        """What leaving at each exit costs in MACs."""
        backbone = np.cumsum([piece.macs for piece in self.pieces])[self.position]
        return Cost(backbone, [head.macs for head in self.heads])

    def fit(self, records) -> None:
        """Raise ValueError unless the columns of `records` are these heads, with the same alternatives."""
        if records.exits_count != self.exits_count:
            raise ValueError(f"the records have {records.exits_count} exits, the segments {self.exits_count} heads.")
        ours, theirs = (np.unique(p, return_inverse=True)[1] for p in (self.position, records.position))
        if (ours != theirs).any():
            raise ValueError(
                f"the heads' positions {self.position.tolist()} group other exits together than the records' "
                f"{records.position.tolist()}."
            )

    def columns(self, index) -> Segments:
        """The same backbone with some of the heads; index holds the final classifier's last."""
        index = np.asarray(index)
        return replace(self, heads=tuple(self.heads[i] for i in index), position=self.position[index])

    def to_dict(self) -> dict:
        return {
            "segments": [p.to_dict() for p in self.pieces],
            "heads": [h.to_dict() for h in self.heads],
            "position": self.position.tolist(),
            "input_bytes": self.input_bytes,
        }

    @classmethod
    def from_dict(cls, data: dict) -> Segments:
        """Inverse of `to_dict`. Raises ValueError for anything else."""
        try:
            pieces, heads = ([Piece(**entry) for entry in data[name]] for name in ("segments", "heads"))
            return cls(pieces, heads, data["position"], data["input_bytes"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"segments: not of the form Segments.to_dict() writes ({error}).") from error
