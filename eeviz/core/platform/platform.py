"""Processors, the links between them, and what the segments of an early-exit network cost there.

A platform is a chain: samples arise at its first processor and travel towards its last over the links in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

from ..network.segments import ANY, Piece, Segments, _number
from ..table.cost import Cost, ProductCost
from . import file
from .cost import cost as cost_on
from .mapping import best_mapping

PICO = 1e-12
PRESETS: dict[str, Callable[[], Platform]] = {}
"""Platforms by name that must be measured; `eeviz.hardware` adds its own on import."""
CLOCKS: dict[str, Callable[..., Segments]] = {}
"""Processor -> (network, confidence measure) -> Segments clocked on it; `eeviz.hardware` adds its own on import."""


@dataclass(frozen=True, kw_only=True)
class _Figures:
    """Shared by processors and links: figures that are checked, each with its source in words."""

    name: str
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)

    def _check(self, *, positive: Sequence[str] = (), optional: Sequence[str] = ()) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ValueError(f"name: expected a word, got {self.name!r}.")
        for name in self.figures():
            value = getattr(self, name)
            if value is None and name in optional:
                continue
            number = _number(value, f"{self.name}: {name}")
            if name in positive and number == 0:
                raise ValueError(f"{self.name}: {name} must be above 0.")
            object.__setattr__(self, name, number)
        unknown = sorted(set(self.sources) - set(self.figures()) - {"operators"})
        if unknown:
            raise ValueError(f"{self.name}: sources name figures there are not: {', '.join(unknown)}.")
        object.__setattr__(self, "sources", MappingProxyType({k: str(v) for k, v in self.sources.items()}))

    @classmethod
    def figures(cls) -> tuple[str, ...]:
        """Names of the plain figures."""
        return tuple(f.name for f in fields(cls) if f.name not in ("name", "sources", "operators"))


@dataclass(frozen=True, kw_only=True)
class Processor(_Figures):
    """What computes: rates in MACs/s and bytes/s, energy in pJ, memory in bytes, power in W, wake-up in s and J.

    macs_per_s : of every operator; `operators` {kind: MACs/s} where kinds differ, macs_per_s for the rest (None: no rest).
    bytes_per_s : memory bandwidth, None: never the limit. pj_per_mac, pj_per_byte : energy of computing and of moving data.
    active_power : drawn beside them while it computes. idle_power : drawn while a sample is elsewhere.
    bits : of the numbers that rates and energies are of (8: integers, 32: floats), None: nobody says; costs at other bits
    are extrapolated. memory : bytes for weights and activations, None: enough. wake_latency, wake_energy : when a sample
    arrives from another processor. sources : where each figure is from.

    Raises ValueError for negative or missing figures.

    >>> core = ee.Processor(name="core", macs_per_s=1e9, pj_per_mac=4.0)
    >>> core.macs_per_s
    1000000000.0
    """

    macs_per_s: float | None = None
    operators: Mapping[str, float] = field(default_factory=dict)
    bytes_per_s: float | None = None
    pj_per_mac: float = 0.0
    pj_per_byte: float = 0.0
    active_power: float = 0.0
    idle_power: float = 0.0
    memory: float | None = None
    bits: float | None = None
    wake_latency: float = 0.0
    wake_energy: float = 0.0

    def __post_init__(self):
        optional = ("macs_per_s", "bytes_per_s", "memory", "bits")
        self._check(positive=("macs_per_s", "bytes_per_s", "bits"), optional=optional)
        rates = {str(kind): _number(rate, f"{self.name}: operators {kind}") for kind, rate in self.operators.items()}
        if not all(rates.values()) or (not rates and self.macs_per_s is None):
            raise ValueError(f"{self.name}: give macs_per_s, or operators with rates above 0, in MACs per second.")
        object.__setattr__(self, "operators", MappingProxyType(rates))

    def seconds(self, piece: Piece) -> float:
        """Time of one sample: measured where the piece says so, else the slower of computing and moving data (roofline,
        Williams et al. 2009). Raises ValueError for an operator this processor has no rate for."""
        if self.name in piece.seconds:
            return piece.seconds[self.name]
        computing = 0.0
        for kind, macs in piece.operators.items():
            rate = self.operators.get(kind, self.macs_per_s)
            if rate is None:
                known = ", ".join(self.operators)
                raise ValueError(
                    f"{self.name} has rates for {known} only, but the network has {'unnamed' if kind == ANY else kind!r} "
                    "operators: add macs_per_s."
                )
            computing += macs / rate
        return max(computing, piece.moved_bytes / self.bytes_per_s if self.bytes_per_s else 0.0)

    def joules(self, piece: Piece) -> float:
        """Energy of one sample."""
        dynamic = PICO * (self.pj_per_mac * piece.macs + self.pj_per_byte * piece.moved_bytes)
        return dynamic + self.active_power * self.seconds(piece)


@dataclass(frozen=True, kw_only=True)
class Link(_Figures):
    """What lies between two neighbours of the chain: latency in s a transfer, bandwidth in bytes/s, energy in J a byte.

    bytes_per_s : None for shared memory, where nothing is copied. energy_per_byte : of sender and receiver together.
    Raises ValueError for negative figures.

    >>> radio = ee.Link(name="radio", latency=0.002, bytes_per_s=25e3)
    >>> round(radio.seconds(100), 3)
    0.006
    """

    latency: float = 0.0
    bytes_per_s: float | None = None
    energy_per_byte: float = 0.0

    def __post_init__(self):
        self._check(positive=("bytes_per_s",), optional=("bytes_per_s",))

    def seconds(self, size: float) -> float:
        """Time of a transfer of `size` bytes."""
        return self.latency + (size / self.bytes_per_s if self.bytes_per_s else 0.0)

    def joules(self, size: float) -> float:
        """Energy of a transfer of `size` bytes."""
        return self.energy_per_byte * size


@dataclass(frozen=True)
class Platform:
    """R processors in a chain and the R - 1 links between neighbours. Samples arise at the first.

    Raises ValueError for numbers that disagree and names that repeat.

    >>> ee.Platform.preset("cortex-m0-m4")
    Platform(cortex-m0-m4: cortex-m0+ -> cortex-m4f)
    """

    name: str
    processors: tuple[Processor, ...]
    links: tuple[Link, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "processors", tuple(self.processors))
        object.__setattr__(self, "links", tuple(self.links))
        if not self.processors:
            raise ValueError("a platform needs at least one processor.")
        if len(self.links) != len(self.processors) - 1:
            raise ValueError(
                f"{len(self.processors)} processors in a chain have {len(self.processors) - 1} links between "
                f"neighbours, got {len(self.links)}."
            )
        names = [p.name for p in self.processors]
        if len(set(names)) < len(names):
            raise ValueError(f"every processor needs a name of its own, got {', '.join(names)}.")

    def __repr__(self) -> str:
        return f"Platform({self.name}: {' -> '.join(p.name for p in self.processors)})"

    def __reduce__(self):
        return Platform.from_dict, (self.to_dict(),)  # views of dicts cannot be pickled

    @classmethod
    def preset(cls, name: str) -> Platform:
        """One of "cortex-m0-m4" and "sensor-gateway-cloud", every figure with its source, or "this-host", measured
        (needs `eeviz.hardware`). Raises ValueError listing the names."""
        files = file.shipped()
        if name in files:
            return cls.load(files[name])
        if name in PRESETS:
            return PRESETS[name]()
        more = "" if "this-host" in PRESETS else '; "this-host" needs `import eeviz.hardware` first'
        raise ValueError(f"no platform {name!r}: choose one of {', '.join([*files, *PRESETS])}{more}.")

    @classmethod
    def load(cls, path) -> Platform:
        """From a JSON file, and once `eeviz.hardware` is imported from YAML. Raises ValueError in words, naming the file,
        for anything that is not a platform."""
        data = file.read(path)
        try:
            return cls.from_dict(data)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def save(self, path) -> None:
        """Write a JSON file that `load` reads."""
        file.write(self.to_dict(), path)

    def to_dict(self) -> dict:
        """The platform as a document of plain values."""
        return {
            "format": file.FORMAT,
            "name": self.name,
            "processors": [_part(p) for p in self.processors],
            "links": [_part(link) for link in self.links],
        }

    @classmethod
    def from_dict(cls, data) -> Platform:
        """Inverse of `to_dict`. Raises ValueError in words for unknown, missing or impossible entries."""
        if not isinstance(data, Mapping):
            raise ValueError(f"expected a mapping with name, processors and links, got {type(data).__name__}.")
        unknown = sorted(set(map(str, data)) - {"format", "name", "processors", "links"})
        if unknown:
            raise ValueError(f"unknown entries {', '.join(unknown)}: a platform has name, processors and links.")
        if data.get("format", file.FORMAT) != file.FORMAT:
            raise ValueError(f"format is {data['format']!r}, expected {file.FORMAT!r}.")
        parts = {}
        for kind, part in (("processors", Processor), ("links", Link)):
            entries = data.get(kind, [])
            if not isinstance(entries, list):
                raise ValueError(f"{kind}: expected a list.")
            parts[kind] = [_read(part, entry, f"{kind}[{i}]") for i, entry in enumerate(entries)]
        return cls(str(data.get("name", "")), **parts)

    def cost(self, segments: Segments, assignment, heads: str = "own") -> dict[str, Cost | ProductCost]:
        """{"latency" (s), "energy" (J), "energy x latency"} of leaving at each exit, links, wake-ups and idling inside.

        assignment : (P,) which processor runs each segment, never falling. heads : "own", a head runs where the segment
        it reads does; "next", where the next segment runs, so that its input has travelled already.
        Raises ValueError for an assignment that does not fit. Memory is not looked at here (see `map`).
        """
        return cost_on(self, segments, assignment, heads)

    def map(self, segments: Segments, records, cost: str = "energy", **conditions):
        """The best policy and assignment together: a `Mapping`. Conditions as in `mapping.best_mapping`."""
        return best_mapping(self, segments, records, cost, **conditions)

    def scaled(self, owner: str, figure: str, factor: float) -> Platform:
        """The same platform with one figure of one processor or link multiplied; "operators" scales all its rates."""

        def change(part):
            if part.name != owner:
                return part
            value = getattr(part, figure)
            if isinstance(value, Mapping):
                return replace(part, **{figure: {kind: rate * factor for kind, rate in value.items()}})
            return replace(part, **{figure: None if value is None else value * factor})

        known = {part.name for part in (*self.processors, *self.links)}
        if owner not in known:
            raise ValueError(f"{self.name} has no processor or link {owner!r}, but {', '.join(sorted(known))}.")
        return replace(self, processors=tuple(map(change, self.processors)), links=tuple(map(change, self.links)))


def _part(part: Processor | Link) -> dict:
    data = {"name": part.name}
    for name in (*type(part).figures(), *(("operators",) if isinstance(part, Processor) and part.operators else ())):
        value = getattr(part, name)
        if value is None:
            continue
        value = dict(value) if isinstance(value, Mapping) else value
        data[name] = {"value": value, "source": part.sources[name]} if name in part.sources else value
    return data


def _read(cls: type, entry, where: str):
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: expected a mapping, got {type(entry).__name__}.")
    allowed = {"name", *cls.figures(), *(("operators",) if cls is Processor else ())}
    unknown = sorted(set(map(str, entry)) - allowed)
    if unknown:
        raise ValueError(f"{where}: unknown entries {', '.join(unknown)}; known are {', '.join(sorted(allowed))}.")
    values, sources = {}, {}
    for name, value in entry.items():
        if isinstance(value, Mapping) and set(value) <= {"value", "source"} and "value" in value:
            sources[name] = str(value.get("source", ""))
            value = value["value"]
        values[name] = value
    if "operators" in values and not isinstance(values["operators"], Mapping):
        raise ValueError(f"{where}: operators must be a mapping from kind to MACs per second.")
    if "name" not in values:
        raise ValueError(f"{where}: name is missing.")
    return cls(**values, sources={name: text for name, text in sources.items() if text})
