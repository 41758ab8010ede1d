"""ee.page: the explorer as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path

import numpy as np

from ... import __version__
from ...catalogue import Demo, load_demo
from ...core.solve.baselines import POLICIES, PRODUCT_VALUES, product_grid
from ...core.table import format
from ...core.table.metrics import default_policy
from ...core.table.policy import Policy, check, route
from ...core.table.records import ExitRecords
from ..charts.spec import router_spec
from ..page.facade import checked_parts
from .bundle import bundle
from .payload import Blocks, pictures_of, table_of, thinned
from .shell import shell

PARTS = ("sliders", "lock", "switches", "boxes", "headline", "picture", "summary", "chart", "tuning", "pins", "report", "tabs", "open", "code")  # fmt: skip
"""What `hide` can take away; "lock" leaves the controls visible but fixed."""

MOST_ANSWERS = 1_000_000
"""Samples times exits, of all tables in a page: some 8 MB of file, a millisecond a redraw."""

BASELINE_DROP = 0.01
MOST_COMBINATIONS = 3000
"""That a baseline may try while a page is written: a second or so."""

STYLES = ("app.css", "status.css", "page.css", "router.css", "gallery.css", "standalone.css")


@dataclass(frozen=True)
class View:
    """What a page shows and how it starts.

    name : of a demo, "" otherwise; title : of the page; note : a line under it. static, shifted : as of a Demo.
    """

    records: ExitRecords
    policy: Policy
    cost: str
    report: ExitRecords | None = None
    static: tuple = ()
    shifted: tuple[tuple[str, ExitRecords], ...] = ()
    name: str = ""
    title: str = ""
    note: str = ""
    hide: tuple[str, ...] = ()
    projector: bool = False


def page(
    records: ExitRecords | Demo | str,
    path: str | PathLike,
    policy: Policy | None = None,
    hide: Sequence[str] = (),
    title: str = "",
    report: ExitRecords | None = None,
    *,
    samples: int | None = None,
    cost: str | None = None,
) -> Path:
    """Write the explorer of records, a demo or a demo's name as one HTML file that needs no server, kernel or network.

    path : of the file. policy : where it starts. hide : parts to take away, as for `explore`. title : its heading.
    report : records of the split that stays shut until asked for. samples : at most so many of each table, evenly spaced.
    cost : which of the records' costs it starts with.

    In the file are the records given: confidences, answers, labels, weights, groups as numbers, pictures in as many grey
    levels as fit; no logits, no paths, nothing about its maker. Raises ValueError for what does not fit, and for more than
    a million answers (samples times exits of all tables) unless `samples` thins them; OSError where it cannot be written.

    >>> file = ee.page("fashion", "fashion.html", policy=ee.Policy((0.9, None, 0.95)), samples=500)
    >>> file.read_text("utf-8").startswith("<!doctype html>")
    True
    """
    name, static, shifted, note = "", (), (), ""
    if isinstance(records, str):
        records = load_demo(records)
    if isinstance(records, Demo):
        demo = records
        records, name, static, shifted, note = demo.validation, demo.name, demo.static, demo.shifted, demo.title
        report = demo.test if report is None else report
    if not isinstance(records, ExitRecords):
        raise ValueError(f"page: expected ExitRecords, a demo or a demo's name, got {type(records).__name__}.")
    cost = cost or ("macs" if "macs" in records.costs else next(iter(records.costs)))
    view = View(
        records, policy or default_policy(records), cost, report, static, shifted, name, title, note,
        checked_parts(hide, PARTS),
    )  # fmt: skip
    return write(view, path, samples)


def write(view: View, path: str | PathLike, samples: int | None = None) -> Path:
    """The page of a view as a file, whole or not at all; arguments and errors as for `page`."""
    text, path = html(view, samples), Path(path)
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def html(view: View, samples: int | None = None) -> str:
    """Text of the file; arguments and errors as for `page`."""
    _fits(view, samples)
    blocks = Blocks()
    told = _told(view, samples, blocks)
    title = view.title or view.note or "Early exits under your hand"
    return shell(
        title,
        _words(view),
        told | {"title": title},
        "standalone.js",
        STYLES,
        blocks.texts,
        bundle("solve.js", "solver"),
    )


def _fits(view: View, samples: int | None) -> None:
    check(view.records, view.policy)
    view.records.cost(view.cost)
    if samples is not None and (isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 1):
        raise ValueError(f"samples: expected how many samples of each table to keep, at least 1, got {samples!r}.")
    tables = [view.records, *([view.report] if view.report is not None else []), *(r for _, r in view.shifted)]
    for table in tables[1:]:
        if table.exits_count != view.records.exits_count:
            raise ValueError(
                f"report: a table has {table.exits_count} exits, the tuning records {view.records.exits_count}."
            )
    answers = sum(min(len(t), samples or len(t)) * t.exits_count for t in tables)
    if answers > MOST_ANSWERS:
        fitting = MOST_ANSWERS // (view.records.exits_count * len(tables))
        raise ValueError(
            f"these records hold {answers:,} answers (samples times exits of all tables), a page at most {MOST_ANSWERS:,}: "
            f"ask for samples={fitting:,} of each table, or fewer.".replace(
                f"samples={fitting:,}", f"samples={fitting}"
            )
        )


def _told(view: View, samples: int | None, blocks: Blocks) -> dict:
    """Everything that page_data.js reads as JSON."""

    def table(given: ExitRecords, label: str = "") -> tuple[dict, ExitRecords]:
        kept, index = thinned(given, samples)
        return table_of(kept, blocks, view.static, index, len(given)) | {"name": label}, kept

    tuning, records = table(view.records)
    spec = router_spec(records, view.cost)
    costs = {}
    for name in records.costs:
        priced = router_spec(records, name)
        costs[name] = {key: priced[key] for key in ("terms", "unit", "static")} | {
            "baselines": _baselines(records, name)
        }
    return {
        "version": __version__,
        "name": view.name,
        "note": view.note,
        "dataset": records.dataset,
        "spec": {
            key: spec[key] for key in ("exits", "names", "colors", "patterns", "positions", "removable", "wilson")
        },
        "exits": list(records.exits),
        "classes": list(records.classes) if records.classes else None,
        "costs": costs,
        "cost": view.cost,
        "thresholds": list(view.policy.thresholds),
        "start": list(default_policy(records).thresholds),
        "hide": list(view.hide),
        "projector": view.projector,
        "measure": records.measure,
        "calibrated": records.temperature is not None,
        "drop": BASELINE_DROP,
        "tuning": tuning,
        "report": table(view.report)[0] if view.report is not None else None,
        "shifted": [table(given, label)[0] for label, given in view.shifted],
        "picture": pictures_of(records, blocks),
    }


def _baselines(records: ExitRecords, cost: str) -> list[dict]:
    """The published methods' policies for one accuracy drop; those that find none, or would take minutes, are left out."""
    places = len(set(records.position[:-1].tolist()))
    long = {product_grid} if len(PRODUCT_VALUES) ** places > MOST_COMBINATIONS else set()
    points = []
    for name, method in POLICIES.items():
        if method in long:
            continue
        try:
            policy = method(records, cost=cost, max_drop=BASELINE_DROP)
        except ValueError:
            continue
        routing = route(records, policy, cost)
        points.append(
            {
                "name": name,
                "accuracy": routing.accuracy,
                "mean": routing.mean_cost,
                "thresholds": list(policy.thresholds),
            }
        )
    return points


def _words(view: View) -> str:
    """What a visitor without JavaScript reads, as HTML."""
    records = view.records
    routing = route(records, view.policy, view.cost)
    left = ", ".join(
        f"{format.percent(share)} at {name}" for name, share in zip(records.exits, routing.share, strict=True)
    )
    static = records.cost(view.cost).static
    saying = (
        f"An early-exit neural network answers easy inputs at an early exit and saves the rest of its computation. On "
        f"{len(records):,} samples{f' of {records.dataset}' if records.dataset else ''} this one answers "
        f"{format.percent(routing.accuracy, 2)} right at a mean cost of {format.quantity(routing.mean_cost, routing.unit)} per "
        f"sample; its static network pays {format.quantity(static, routing.unit)} for every one. Samples leave: {left}."
    )
    return f"<p>{escape(saying)}</p><p>With JavaScript switched on you can move the thresholds here and watch all of this change.</p>"
