"""python -m recipes.make_table: the costs of layers on accelerators, by zigzag-dse, appended to their tables.

It may be stopped at any time and goes on where it was. A layer takes 0.05 to 0.4 s of one core.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path

from eeviz.core.network.bits import Bits
from eeviz.core.network.workload import Operation, Workload, steps_of, workload_of
from eeviz.core.space.presets.compact import compact_layers
from eeviz.core.space.space import SearchSpace
from eeviz.hardware import table as tables
from eeviz.hardware.zigzag_model import BETWEEN, MAPPINGS, SEARCH, LayerCost, evaluate, facts, version

CHUNK = 8


def compact_operations() -> set[Operation]:
    """Every layer with weights that an architecture of the space `compact` may hold, for images of 28 x 28."""
    return {s for layers, shape in compact_layers() for s in steps_of(layers, shape) if isinstance(s, Operation)}


def zniber_operations() -> set[Operation]:
    """Every layer with weights of the space `zniber`."""
    space = SearchSpace.preset("zniber")
    return _operations(workload_of(space.decode(space.smallest()).offered()))


def cifar_operations() -> set[Operation]:
    """Every layer with weights of the networks of `compact` for CIFAR-10 in `benchmarks/energy_latency.py`: the largest with
    all its exits, and without any at a lower resolution; needs PyTorch."""
    from eeviz.nn.make_network import genome_of

    space = SearchSpace.preset("compact", input=(3, 32, 32), classes=10)
    genomes = genome_of(space), genome_of(space, static=True, options={"resolution": "24"})
    return set().union(*(_operations(workload_of(space.decode(genome).plan)) for genome in genomes))


def demo_operations() -> set[Operation]:
    """Every layer with weights of the demos' networks, of those that ship one, and of the static ones beside them; needs
    PyTorch."""
    from eeviz.catalogue import demos, load_demo
    from eeviz.nn.count.workload import workload
    from eeviz.nn.models.static import static_network

    found = [demo for demo in map(load_demo, demos()) if (demo.folder / "weights.safetensors").is_file()]
    networks = [demo.network() for demo in found]
    networks += [static_network(demo.name, one) for demo in found for one in demo.static]
    return set().union(*(_operations(workload(network)) for network in networks))


def _operations(work: Workload) -> set[Operation]:
    return {step for _, step in work.steps() if isinstance(step, Operation)}


SOURCES: dict[str, Callable[[], set[Operation]]] = {
    "compact": compact_operations,
    "zniber": zniber_operations,
    "cifar10": cifar_operations,
    "demos": demo_operations,
}


def fill(
    path: Path,
    accelerator: str,
    between: str,
    operations: Iterable[Operation],
    bits: Iterable[Bits],
    workers: int = 1,
) -> Iterator[tuple[int, int]]:
    """Append the layers that the table at `path` does not hold; yields (done, to do) as they come.

    Raises ValueError for a table of another accelerator, made with another mapping, search of loop orders or version of
    zigzag-dse, ImportError without zigzag-dse.
    """
    if version() != tables.ZIGZAG:
        raise ValueError(f"zigzag-dse {version()} is installed here; tables are made with {tables.ZIGZAG}.")
    if not path.is_file() or not path.stat().st_size:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tables.header(facts(accelerator), SEARCH, between) + "\n", "utf-8")
    _cut(path)
    known = tables.load(path)
    if (known.facts["accelerator"], known.facts["between"]) != (accelerator, between):
        raise ValueError(f"{path} is a table of {known.facts['accelerator']} ({known.facts['between']}).")
    for what, own in (("mapping", MAPPINGS[accelerator]), ("search", SEARCH)):
        if known.facts.get(what) != own:
            raise ValueError(
                f"{path} holds costs with the {what} {known.facts.get(what)!r}, layers are computed with {own!r} now, and "
                "nothing tells the lines of one table apart: move the file away and make the table anew."
            )
    ordered = sorted(operations, key=lambda operation: (operation.macs, operation.key))
    todo = list(tables.missing(known, ordered, bits))
    tasks = [(operation, b, accelerator, between) for operation, b in todo]
    with path.open("a", encoding="utf-8") as file:
        for done, (text, _) in enumerate(zip(_lines(tasks, workers), tasks, strict=True), 1):
            file.write(text + "\n")
            file.flush()
            yield done, len(tasks)
    tables.tidy(path)


def _lines(tasks: list, workers: int) -> Iterator[str]:
    if workers == 1:
        yield from map(_line, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_line, tasks, chunksize=CHUNK)


def _line(task: tuple[Operation, Bits, str, str]) -> str:
    operation, bits, accelerator, between = task
    found = evaluate(operation, bits, accelerator, between)
    return tables.line(operation, bits, row_of(found))


def row_of(found: LayerCost) -> tables.Row:
    """A table's row."""
    return tables.Row(found.cycles, found.energy, found.compute, found.spatial, found.levels)


def _cut(path: Path) -> None:
    """Drop a last line that a killed run left unfinished."""
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        path.write_bytes(content[: content.rfind(b"\n") + 1])


def noted(path: Path) -> None:
    """Enter a finished table into the manifest of the committed data, where it belongs to it."""
    from recipes.manifest import note

    if not (path.parent.parent / "manifest.json").is_file():
        return
    table = tables.load(path)
    bits = sorted(str(b) for b in table.bits)
    figures = {"zigzag-dse": tables.ZIGZAG, "layers": len(table), "weights/activations": bits}
    note(path, "python -m recipes.make_table", "BSD-3-Clause", figures)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m recipes.make_table", description=__doc__)
    parser.add_argument("--out", type=Path, default=tables.folder(), help="folder of the tables")
    parser.add_argument("--accelerators", nargs="+", choices=MAPPINGS, default=list(MAPPINGS)[:4])
    parser.add_argument("--between", nargs="+", choices=BETWEEN, default=["on-chip"], help="where activations stay")
    parser.add_argument("--bits", nargs="+", default=["8/8", "4/4"], help="weights/activations, as 4/8")
    parser.add_argument("--layers", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    try:
        for line in made(parser.parse_args(arguments)):
            print(line, flush=True)
    except (ValueError, ImportError) as error:
        parser.error(str(error))


def made(given: argparse.Namespace) -> Iterator[str]:
    """Make the tables that the command asks for; a line of progress every ten seconds and at each table's end."""
    bits = [Bits.of(text) for text in given.bits]
    operations = set().union(*(SOURCES[name]() for name in given.layers))
    for b, between, accelerator in product(bits, given.between, given.accelerators):
        path = given.out / tables.file_name(accelerator, between)
        started = shown = time.monotonic()
        for done, total in fill(path, accelerator, between, operations, [b], given.workers):
            if time.monotonic() - shown > 10 or done == total:
                shown = time.monotonic()
                yield f"{accelerator} {between} {b}: {done}/{total} layers, {shown - started:.0f} s"
        noted(path)


if __name__ == "__main__":
    main()
