"""python -m eeviz search: a search without a notebook."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from ..core.space import SearchSpace
from ..hardware import names
from .evaluate import Evaluator
from .evolution import ALGORITHMS
from .methods import METHODS
from .resume import resume
from .run import SearchRun, search
from .snapshot import Snapshot
from .store import StoreError
from .supernet import IMAGES, supernet_evaluator


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--space", default="compact", help="search space (default: compact)")
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--method", default="two-level", choices=list(METHODS))
    parser.add_argument("--cost", default="macs", help="name of the cost to trade error against (default: macs)")
    parser.add_argument("--hardware", help=f"what latency, energy and memory are of: {', '.join(names())}")
    parser.add_argument("--max-cost", type=float, help="hard constraint on the average cost")
    parser.add_argument("--max-worst", type=float, help="hard constraint on the worst-case cost")
    parser.add_argument("--evaluations", type=int, help="budget in evaluations (default: 60)")
    parser.add_argument(
        "--seconds", type=float, help="stop after so many seconds, if the evaluations are not done before"
    )
    parser.add_argument("--images", type=int, default=IMAGES, help="search-validation images of an evaluation, 0: all; "
                        f"fewer make it quicker and noisier (default: {IMAGES})")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--algorithm", default="nsga2", choices=ALGORITHMS, help="of pymoo, for two-level")
    parser.add_argument("--workers", type=int, default=1, help="processes that evaluate (default: 1, this one)")
    parser.add_argument("--store", type=Path, help="SQLite file that keeps everything evaluated")
    parser.add_argument("--resume", action="store_true", help="go on with the last run in --store; only the budget and "
                        "--workers are read from the command line")  # fmt: skip


def command(arguments: argparse.Namespace, say: Callable[[str], None], evaluator: Evaluator | None = None) -> int:
    """Run one search and say what came out; returns the exit code. Ctrl-C ends it and everything is kept."""
    try:
        run = _run(arguments, evaluator)
    except (ValueError, StoreError, FileNotFoundError) as error:
        say(str(error))
        return 1
    with run:
        code = _follow(run, arguments, say)
        _say_front(run, say)
    return code


def _run(arguments: argparse.Namespace, evaluator: Evaluator | None) -> SearchRun:
    budget = {"seconds": arguments.seconds, "workers": arguments.workers}
    if arguments.resume:
        if arguments.store is None:
            raise ValueError("--resume needs --store: the file with the run to go on with.")
        return resume(arguments.store, evaluations=arguments.evaluations, evaluator=evaluator, **budget)
    space = SearchSpace.preset(arguments.space)
    if evaluator is None:
        options = {"images": arguments.images or None, "provider": arguments.hardware}
        evaluator = supernet_evaluator(space, arguments.dataset, **options)
    if arguments.store is not None:
        arguments.store.parent.mkdir(parents=True, exist_ok=True)
    run = search(
        space,
        arguments.dataset,
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


def _say_front(run: SearchRun, say: Callable[[str], None]) -> None:
    front = run.front
    if not len(front):
        return
    say(f"\n{'accuracy':>9} {'average':>12} {'worst case':>12}  candidate    ({front.unit}, on search-validation)")
    shown = sorted({front.within(budget) for budget in run.budgets} - {None})
    for i in shown:
        say(
            f"{front.accuracy[i]:>9.2%} {front.mean_cost[i]:>12,.0f} {front.worst_cost[i]:>12,.0f}  {front.candidate[i]}"
        )
