"""Is anything lost, or anything changed, when a search is killed (kill -9) at a random moment and resumed?

Twenty times: a search in a process of its own is killed after a random while, again and again, until it has ended; its front
must equal that of the run that nobody killed, and every evaluation that was ever seen in the store must still be there.
Evaluations are made up (tests/search_fakes.py), so that moments between, during and after writes are all met.
Run: python benchmarks/search_kill.py [--times 20] [--save]
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVALUATIONS = 20
_RUN = f"""
import sys
sys.path[:0] = [{str(ROOT / "tests")!r}, {str(ROOT)!r}]
from search_fakes import SPACE, FakeEvaluator
from eeviz.nas.methods import method
from eeviz.nas.run import search
run = search(SPACE, method=method("two-level", max_exits=1, grid=6), evaluations={EVALUATIONS}, seed=5,
             store=sys.argv[1], evaluator=FakeEvaluator())
print("ready", flush=True)
for snapshot in run:
    continue
run.close()
"""


def start(path: Path) -> subprocess.Popen:
    """The search in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", _RUN, str(path)], stdout=subprocess.PIPE, text=True)


def front_of(path: Path) -> list:
    """Candidates and points of the only run in a store."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    from eeviz.nas.snapshot import joined_front
    from eeviz.nas.store import Store

    store = Store(path)
    front = joined_front([candidate for candidate, _ in store.candidates(1)], "MACs")
    store.close()
    return list(zip(front.candidate.tolist(), front.accuracy.tolist(), front.mean_cost.tolist(), strict=True))


def evaluated(path: Path) -> int:
    """How many evaluations the store holds."""
    from eeviz.nas.store import Store

    store = Store(path)
    try:
        return store.runs()[0]["evaluations"]
    finally:
        store.close()


def killed_until_done(path: Path, rng: random.Random, longest: float) -> tuple[int, int]:
    """(kills, evaluations lost): the search is killed after random whiles until it ends by itself."""
    kills = lost = 0
    while True:
        process = start(path)
        process.stdout.readline()  # ready
        try:
            process.wait(rng.uniform(0, longest))
            return kills, lost
        except subprocess.TimeoutExpired:
            seen = evaluated(path)  # of a run that is being written
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
        lost += max(0, seen - evaluated(path))
        longest *= 1.2  # every process starts with an import; it must get somewhere in the end


def main() -> None:
    from _line import report

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole = start(Path(folder) / "whole.db")
        whole.stdout.readline()  # ready
        started = time.perf_counter()
        whole.communicate()
        taken = time.perf_counter() - started
        expected = front_of(Path(folder) / "whole.db")
        kills = lost = different = 0
        for time_ in range(options.times):
            path = Path(folder) / f"{time_}.db"
            k, n = killed_until_done(path, random.Random(time_), taken / 4)
            kills, lost = kills + k, lost + n
            different += front_of(path) != expected
    figures = {"runs": options.times, "kills": kills, "different_fronts": different, "evaluations_lost": lost}
    report("kill -9", figures, at_most={"different_fronts": 0, "evaluations_lost": 0})


if __name__ == "__main__":
    main()
