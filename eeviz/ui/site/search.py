"""The shipped search as a page: its front, each network's drawing, and an explorer of each."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

from ...core.space.space import SearchSpace
from ...core.table import format
from ...labs.search.selecting import selection_of
from ...launch import paths
from ...nas.snapshot import joined_front
from ...nas.store import Store
from ..charts.theme import exit_colors
from ..search.drawing import KINDS, drawn
from ..standalone.page import STYLES, View, write
from ..standalone.shell import shell

STORE, SPACE = "compact-fashion-mnist.db", "compact"
TITLE = "A search for early-exit networks"
WORDS = (
    "Two methods looked for networks on Fashion-MNIST in the same space and with the same shared weights: one chooses the "
    "backbone and, for each backbone, exits, branches and thresholds exactly; the other searches them as genes. Click a point "
    "of the front, or walk along it, to see the network; open it to move its thresholds."
)


def write_search(folder: Path) -> str:
    """search.html and an explorer of each network on a front into `folder`; returns the page's name."""
    with tempfile.TemporaryDirectory(prefix="eeviz-") as place:  # an open store writes beside itself
        store = Store(shutil.copy(paths.data() / "searches" / STORE, place))
        try:
            lanes = [_lane(store, run, folder) for run in store.runs()]
        finally:
            store.close()
    exits = max(len(item["drawing"]["stages"]) for lane in lanes for item in lane["points"])
    told = {
        "title": TITLE,
        "words": WORDS,
        "lanes": sorted(lanes, key=lambda lane: lane["method"] != "two-level"),
        "kinds": list(KINDS),
        "colors": {theme: list(exit_colors(exits, theme)) for theme in ("light", "dark")},
    }
    text = shell(TITLE, f"<p>{WORDS}</p>", told, "site_search.js", (*STYLES, "drawing.css"))
    (folder / "search.html").write_text(text, "utf-8")
    return "search.html"


def _lane(store: Store, run: dict, folder: Path) -> dict:
    """One method's front: figures, drawing and explorer of each point."""
    id_, method = run["id"], run["settings"]["method"]
    archive = tuple(candidate for candidate, _ in store.candidates(id_) if len(candidate.points))
    kept = next(records for c in archive if (records := store.records(id_, c.id)) is not None)
    unit = next(iter(kept.costs.values())).unit
    front = joined_front(archive, unit)
    asked = SimpleNamespace(
        space=SearchSpace.preset(SPACE), unit=unit, records=lambda candidate, compute: _records(store, id_, candidate)
    )
    snapshot = SimpleNamespace(method=method, archive=archive)
    points, written = [], set()
    for m in range(len(front)):
        candidate = int(front.candidate[m])
        policy = front.policy(m)
        own = next(c for c in archive if c.id == candidate)
        point = next(i for i in range(len(own.points)) if own.points.policy(i) == policy)
        selection = selection_of(asked, snapshot, candidate, point)
        page = f"search-{method}-{candidate}.html"
        records = store.records(id_, candidate)
        if records is not None and page not in written:
            title = f"Network {candidate} of {method}"
            view = View(records, policy, next(iter(records.costs)), note=title, title=title)
            write(view, folder / page)
            written.add(page)
        points.append(
            {
                "accuracy": float(front.accuracy[m]),
                "mean": float(front.mean_cost[m]),
                "worst": float(front.worst_cost[m]),
                "thresholds": list(policy.thresholds),
                "name": f"network {candidate}",
                "page": page if page in written else "",
                "drawing": drawn(selection, f"Network {candidate} of {method}"),
                "figures": f"{format.percent(selection.accuracy, 2)} at {format.quantity(selection.mean_cost, unit)} on "
                f"average, worst case {format.quantity(selection.worst_cost, unit)}, on the samples the search chose on",
            }
        )
    return {"method": method, "unit": unit, "evaluations": len(archive), "points": points}


def _records(store: Store, run: int, candidate: int):
    records = store.records(run, candidate)
    if records is None:
        raise ValueError("this candidate's records are not kept.")
    return records
