"""Tables of layer costs on accelerators: what ZigZag gave, so that nobody needs to wait for it or to install it.

One file of JSON lines for each accelerator and place of activations: a header with the accelerator's facts, then a layer
a line. Files are only appended to, so a run of `make_table` that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from ..core.network.bits import Bits
from ..core.network.workload import Operation
from ..launch import paths

FORMAT, VERSION = "eeviz-layer-costs", 1
ZIGZAG = "3.9.1"  # the version whose tables these are
FIGURES = 4  # cycles, energy, compute, spatial; then one figure a memory
KEY = 11  # entries of Operation.key, followed by two numbers of bits


@dataclass(frozen=True)
class Row:
    """cycles; energy and compute in pJ; spatial share of the array; levels : pJ by memory, inner to outer."""

    cycles: float
    energy: float
    compute: float
    spatial: float
    levels: tuple[float, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Layer costs on one accelerator. facts : as `zigzag_model.facts` gives them, and zigzag, search, between."""

    facts: Mapping[str, object]
    rows: Mapping[tuple, Row] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Table({self.facts['accelerator']}, activations {self.facts['between']}, {len(self.rows)} layers)"

    def __len__(self) -> int:
        return len(self.rows)

    def find(self, operation: Operation, bits: Bits) -> Row | None:
        """The row of a layer, None where there is none."""
        return self.rows.get((operation.key, bits.weights, bits.activations))

    @property
    def bits(self) -> tuple[Bits, ...]:
        """The bits for which layers are held."""
        return tuple(Bits(w, a) for w, a in sorted({key[1:] for key in self.rows}))


def folder() -> Path:
    """Where the tables that ship with eeviz are."""
    return paths.data() / "hardware"


def file_name(accelerator: str, between: str) -> str:
    return f"{accelerator}.{between}.jsonl"


def shipped() -> tuple[tuple[str, str], ...]:
    """(accelerator, between) of every table that ships with eeviz."""
    return tuple(sorted(tuple(path.name.removesuffix(".jsonl").rsplit(".", 1)) for path in folder().glob("*.jsonl")))


@lru_cache(maxsize=32)
def shipped_table(accelerator: str, between: str) -> Table:
    """A table that ships with eeviz. Raises ValueError listing those there are."""
    path = folder() / file_name(accelerator, between)
    if not path.is_file():
        known = ", ".join(f"{a} ({b})" for a, b in shipped()) or "none"
        raise ValueError(
            f"no table of accelerator {accelerator!r} with activations {between!r} ships with eeviz; there are: {known}."
        )
    return load(path)


def load(path: Path | str) -> Table:
    """A table from its file; a last line that was cut off is left out.

    Raises ValueError for anything else, and for a table made with another version of zigzag-dse.
    """
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    try:
        facts = json.loads(lines[0])
        if facts["format"] != FORMAT or facts["version"] != VERSION:
            raise ValueError("its first line does not say that it is one")
        levels, zigzag = len(facts["levels"]), facts["zigzag"]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path} is not a table of layer costs ({error}).") from error
    if zigzag != ZIGZAG:
        raise ValueError(
            f"{path} was made with zigzag-dse {zigzag}, this version of eeviz reads those of {ZIGZAG}, whose figures may "
            "differ: make it again with python -m recipes.make_table."
        )
    rows = {}
    for number, line in enumerate(lines[1:-1], 2):
        try:
            entry = json.loads(line)
            if len(entry) != KEY + 2 + FIGURES + levels:
                raise ValueError(f"{len(entry)} entries")
            if not all(type(v) in (int, float) and 0 <= v < math.inf for v in entry[KEY + 2 :]):
                raise ValueError("its figures must be numbers, finite and not negative")
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: not a layer's costs ({error}).") from error
        figures = entry[KEY + 2 :]
        rows[tuple(entry[:KEY]), entry[KEY], entry[KEY + 1]] = Row(*figures[:FIGURES], tuple(figures[FIGURES:]))
    return Table(MappingProxyType(facts), MappingProxyType(rows))


def header(facts: Mapping[str, object], search: str, between: str) -> str:
    """The first line of a table, without the line's end."""
    return json.dumps(
        {"format": FORMAT, "version": VERSION, "zigzag": ZIGZAG, "search": search, "between": between, **facts}
    )


def line(operation: Operation, bits: Bits, row: Row) -> str:
    """The line of a layer, without the line's end."""
    figures = (row.cycles, row.energy, row.compute, row.spatial, *row.levels)
    rounded = [int(f) if float(f).is_integer() else float(f"{f:.9g}") for f in figures]
    return json.dumps([*operation.key, bits.weights, bits.activations, *rounded], separators=(",", ":"))


def tidy(path: Path | str) -> None:
    """Sort the layers of a finished table, so that the same layers give the same file."""
    path = Path(path)
    first, *rest = path.read_text("utf-8").splitlines()
    part = path.with_suffix(".part")
    part.write_text("\n".join([first, *sorted(set(rest), key=_order)]) + "\n", "utf-8")
    part.replace(path)


def _order(text: str) -> tuple:
    entry = json.loads(text)
    return (*entry[KEY : KEY + 2], *entry[:KEY])


def missing(table: Table, operations: Iterable[Operation], bits: Iterable[Bits]) -> Iterator[tuple[Operation, Bits]]:
    """The layers that a table does not hold yet, those of the first bits first."""
    operations = list(operations)
    for b in bits:
        yield from ((operation, b) for operation in operations if table.find(operation, b) is None)
