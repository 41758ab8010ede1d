"""What leaves the lab as files, and what it shows beside the search: static networks, budgets in words."""

from __future__ import annotations

import csv
import io
import json

import numpy as np

from ...catalogue import load_demo
from ...core.solve.tradeoff import Point, static_curve
from ...core.table import format


def to_csv(state, spaces) -> str:
    """One line per operating point of every candidate; candidates without points have one line without figures.

    spaces : method -> SearchSpace, for the names of the genes.
    """
    out = io.StringIO()
    space = next(iter(spaces.values()))
    genes = [gene.name for gene in space.genes]
    head = ["method", "candidate", "generation", "on_front", "accuracy", "mean_cost", "worst_cost", "unit", "thresholds", "failed", *genes]  # fmt: skip
    writer = csv.writer(out)
    writer.writerow(head)
    for lane in state.lanes.values():
        front = {mark.key for mark in lane.front}
        for candidate in lane.snapshot.archive:
            points = candidate.points
            options = [str(gene.options[value]) for gene, value in zip(space.genes, candidate.genome, strict=True)]
            for i in range(max(len(points), 1)):
                figures = ["", "", "", state.unit, ""]
                if len(points):
                    thresholds = " ".join("off" if np.isnan(t) else f"{t:.9g}" for t in points.thresholds[i])
                    figures = [repr(float(1 - points.error[i])), repr(float(points.cost[i])), repr(float(points.worst[i])), state.unit, thresholds]  # fmt: skip
                shining = int((lane.method, candidate.id, i) in front)
                writer.writerow([lane.method, candidate.id, candidate.generation, shining, *figures, candidate.failed, *options])  # fmt: skip
    return out.getvalue()


def to_json(state, spaces) -> str:
    """Settings, every candidate with genome and points (thresholds null = removed), and each method's front."""
    lanes = {}
    for lane in state.lanes.values():
        candidates = [
            {
                "id": c.id,
                "generation": c.generation,
                "genome": list(c.genome),
                "seconds": c.seconds,
                "failed": c.failed,
                "points": [
                    {
                        "accuracy": float(1 - c.points.error[i]),
                        "mean_cost": float(c.points.cost[i]),
                        "worst_cost": float(c.points.worst[i]),
                        "thresholds": [None if np.isnan(t) else float(t) for t in c.points.thresholds[i]],
                    }
                    for i in range(len(c.points))
                ],
            }
            for c in lane.snapshot.archive
        ]
        front = [{"candidate": mark.candidate, "point": mark.point} for mark in lane.front]
        lanes[lane.method] = {"seconds": lane.snapshot.seconds, "candidates": candidates, "front": front}
    asked = state.running
    settings = {name: getattr(asked, name) for name in asked.__dataclass_fields__}
    space = next(iter(spaces.values()))
    return json.dumps({"space": space.name, "settings": settings, "unit": state.unit, "methods": lanes}, indent=1)


def static_points() -> tuple[Point, ...]:
    """The demo's static networks, trained alone, on all of its validation split; none where the demo is not installed."""
    try:
        demo = load_demo("fashion")
        return static_curve(demo.static, demo.validation)
    except FileNotFoundError:
        return ()


def budgets_in_words(budgets, unit: str) -> list[str]:
    """One line per budget."""
    return [f"at most {format.quantity(float(budget), unit)}" for budget in budgets]
