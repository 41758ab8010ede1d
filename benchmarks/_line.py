"""One JSON line per result: what was measured, against which bar, with which command, when, on what, with which versions.

With --save a script's lines replace those in benchmarks/results/<script>.jsonl, or <script>_<part>.jsonl.
"""

import json
import os
import platform
import statistics
import sys
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import eeviz

RESULTS = Path(__file__).parent / "results"
_started: set[Path] = set()


def report(
    benchmark: str,
    figures: dict,
    at_most: dict | None = None,
    at_least: dict | None = None,
    part: str | None = None,
    **setting,
) -> dict:
    """Print one line; at_most, at_least: figure -> its bar; part: of a script that is run in parts. Returns the line."""
    bars = [f"{name} <= {bar}" for name, bar in (at_most or {}).items()]
    bars += [f"{name} >= {bar}" for name, bar in (at_least or {}).items()]
    met = all(figures[name] <= bar for name, bar in (at_most or {}).items())
    met = met and all(figures[name] >= bar for name, bar in (at_least or {}).items())
    script = Path(sys.argv[0])
    line = {
        "benchmark": benchmark,
        **setting,
        **{name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in figures.items()},
        "bars": bars,
        "met": met if bars else None,
        "command": f"python benchmarks/{script.name}" + (f" {part}" if part else ""),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2)},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "eeviz": eeviz.__version__},
    }
    text = json.dumps(line)
    print(text, flush=True)
    if "--save" in sys.argv:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{script.stem}{f'_{part}' if part else ''}.jsonl"
        with path.open("a" if path in _started else "w") as file:
            file.write(text + "\n")
        _started.add(path)
    return line


def seconds(work, repeats: int = 7, prepare=None) -> float:
    """Median wall time of work(prepare()) over the repeats, after one run that does not count."""
    taken = []
    for _ in range(repeats + 1):
        given = () if prepare is None else (prepare(),)
        start = time.perf_counter()
        work(*given)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def peak_megabytes(work, prepare=None) -> float:
    """Most memory that Python and NumPy held at once during work(prepare()), over what they held before."""
    given = () if prepare is None else (prepare(),)
    tracemalloc.start()
    try:
        work(*given)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
