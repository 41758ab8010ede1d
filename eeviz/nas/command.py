"""python -m eeviz search: a search without a notebook.

Searches a space of early-exit networks for low error at low average cost, on the supernet that ships with eeviz or with one
trained network. Prints the best network at every budget. Ctrl-C ends it at any time; with --store everything evaluated is kept.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from ..core.space.space import SearchSpace
from ..hardware import named, names
from .evaluate import Evaluator
from .evolution import ALGORITHMS
from .methods import METHODS
from .resume import resume
from .run import SearchRun, search
from .snapshot import Snapshot
from .store import StoreError
from .supernet import IMAGES, supernet_evaluator

SPACE, DATASET = "compact", "fashion-mnist"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.description = __doc__.partition("\n\n")[2]
    parser.add_argument("--space", help=f"search space (default: {SPACE})")
    parser.add_argument("--dataset", help=f"data to classify (default: {DATASET})")
    parser.add_argument("--network", type=Path, metavar="FOLDER", help="search the exits, bits and thresholds of one trained "
                        "network, of python -m eeviz.nn.make_network: its space and all of its validation images")  # fmt: skip
    parser.add_argument("--method", default="two-level", choices=list(METHODS), help="how candidates are proposed and "
                        "scored: two-level, ours; a published method; or random (default: two-level)")  # fmt: skip
    parser.add_argument("--cost", default="macs", help="name of the cost to trade error against (default: macs)")
    parser.add_argument("--hardware", help=f"what latency, energy and memory are of: {', '.join(names())}")
    unit = (
        "in the unit of --cost (MACs; cycles, J, J·cycles or B of an accelerator, s of a platform), say 2500000 or 2.5M"
    )
    parser.add_argument("--max-cost", type=number, metavar="COST", help=f"hard bound on the average cost, {unit}")
    parser.add_argument("--max-worst", type=number, metavar="COST", help="hard bound on the cost of the worst case")
    parser.add_argument("--evaluations", type=int, help="budget in evaluations (default: 60)")
    parser.add_argument(
        "--seconds", type=float, help="stop after so many seconds, if the evaluations are not done before"
    )
    parser.add_argument("--images", type=int, help="search-validation images of an evaluation, 0: all; "
                        f"fewer make it quicker and noisier (default: {IMAGES})")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="same seed and evaluations, same front (default: 0)")
    parser.add_argument("--algorithm", default="nsga2", choices=ALGORITHMS, help="of pymoo, for two-level "
                        "(default: nsga2)")  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, help="processes that evaluate (default: 1, this one)")
    parser.add_argument("--store", type=Path, help="SQLite file that keeps everything evaluated")
    parser.add_argument("--resume", action="store_true", help="go on with the last run in --store; only the budget and "
                        "--workers are read from the command line")  # fmt: skip


def number(text: str) -> float:
    """2.5M, 800k, 3e6 or 0.002 as a number. Raises argparse.ArgumentTypeError in words."""
    factor = {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1:], 1.0)
    try:
        value = float(Decimal(text[:-1] if factor > 1 else text) * Decimal(factor))  # 1.1M is 1100000 to the last digit
    except ArithmeticError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number; write one like 2500000, 2.5M or 800k.")
    return value


def command(arguments: argparse.Namespace, say: Callable[[str], None], evaluator: Evaluator | None = None) -> int:
    """Run one search and say what came out; returns the exit code. Ctrl-C ends it and everything is kept."""
    try:
        run = _run(arguments, evaluator)
    except (ValueError, StoreError, OSError) as error:
        say(str(error))
        return 1
    with run:
        code = _follow(run, arguments, say)
        _say_failures(run, say)
        _say_front(run, say)
        return code or int(bool(run.archive) and not len(run.front))


def _run(arguments: argparse.Namespace, evaluator: Evaluator | None) -> SearchRun:
    budget = {"seconds": arguments.seconds, "workers": arguments.workers}
    if arguments.network is not None:
        _nothing_beside(arguments)
    if evaluator is None and arguments.network is not None:
        evaluator = _of_network(arguments.network, arguments.hardware)
    if arguments.resume:
        if arguments.store is None:
            raise ValueError("--resume needs --store: the file with the run to go on with.")
        return resume(arguments.store, evaluations=arguments.evaluations, evaluator=evaluator, **budget)
    space = evaluator.space if arguments.network is not None else SearchSpace.preset(arguments.space or SPACE)
    if evaluator is None:
        images = IMAGES if arguments.images is None else arguments.images or None
        evaluator = supernet_evaluator(space, arguments.dataset or DATASET, images=images, provider=arguments.hardware)
    if arguments.store is not None:
        arguments.store.parent.mkdir(parents=True, exist_ok=True)
    run = search(
        space,
        evaluator.dataset,
        method=arguments.method,
        objectives=("error", arguments.cost),
        max_cost=arguments.max_cost,
        max_worst=arguments.max_worst,
        evaluations=60 if arguments.evaluations is None else arguments.evaluations,
        seed=arguments.seed,
        store=arguments.store,
        algorithm=arguments.algorithm,
        evaluator=evaluator,
        **budget,
    )
    if run.archive:
        done = len(run.archive)
        run.close()
        raise ValueError(
            f"{arguments.store} holds {done} evaluations of this very search: add --resume to go on with the last run, "
            "or choose another file or seed."
        )
    return run


def _nothing_beside(arguments: argparse.Namespace) -> None:
    """Raises ValueError for options that the network of --network decides itself."""
    given = [f"--{name}" for name in ("space", "dataset", "images") if getattr(arguments, name) is not None]
    if given:
        raise ValueError(
            f"--network FOLDER brings its own space and data, and is evaluated on all of its validation images: leave out "
            f"{', '.join(given)}."
        )


def _of_network(folder: Path, hardware: str | None) -> Evaluator:
    from .quantized import QuantizedEvaluator

    return QuantizedEvaluator.of(folder, None if hardware is None else named(hardware))


def _follow(run: SearchRun, arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    from tqdm import tqdm

    code = 0
    with tqdm(total=run.evaluations, initial=len(run.archive), unit="evaluation", dynamic_ncols=True) as bar:
        try:
            for snapshot in run:
                bar.update(snapshot.evaluations - bar.n)
                bar.set_postfix_str(_line(snapshot))
        except KeyboardInterrupt:
            code = 130
        except StoreError as error:
            bar.close()
            say(str(error))
            code = 1
    if code == 130:
        done = len(run.archive)
        if arguments.store is None:
            say(f"\nStopped after {done} evaluations. Nothing was stored: --store FILE would keep them.")
        else:
            say(
                f"\nStopped; {done} of {run.evaluations} evaluations are kept. Go on with:\n"
                f"    python -m eeviz search --store {arguments.store} --resume"
            )
    return code


def _line(snapshot: Snapshot) -> str:
    parts = [f"{len(snapshot.front)} points"]
    if len(snapshot.front):
        parts.append(f"best {snapshot.front.accuracy[-1]:.2%}")
    if "together" in snapshot.tau:
        parts.append(f"tau {snapshot.tau['together']:.2f}")
    if snapshot.failed:
        parts.append(f"{snapshot.failed} failed")
    return ", ".join(parts)


def _say_failures(run: SearchRun, say: Callable[[str], None]) -> None:
    """Why evaluations have no result, the commonest reason first."""
    for why, times in Counter(c.failed for c in run.archive if c.failed).most_common(3):
        say(f"\n{times} of {len(run.archive)} evaluations failed: {why}")


def _say_front(run: SearchRun, say: Callable[[str], None]) -> None:
    front = run.front
    if not len(front):
        if run.archive:
            say("\nNo network was found: every evaluation failed, or none keeps within the bounds.")
        return
    say(f"\n{'accuracy':>9} {'average':>12} {'worst case':>12}  candidate    ({front.unit}, on search-validation)")
    shown = sorted({front.within(budget) for budget in run.budgets} - {None})
    for i in shown:
        mean, worst = (_figure(values[i], front.unit) for values in (front.mean_cost, front.worst_cost))
        say(f"{front.accuracy[i]:>9.2%} {mean:>12} {worst:>12}  {front.candidate[i]}")


def _figure(value: float, unit: str) -> str:
    """A cost without its unit: whole where it is counted, else four digits."""
    return f"{value:,.0f}" if unit in ("MACs", "cycles", "B") else f"{value:.4g}"
