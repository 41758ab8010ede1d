"""Fronts of seeded tables, pinned: a change of any figure is meant, or an error.

Costs are whole numbers and confidences lie on 64 values, so the figures are the same on every platform.
Rewrite the file with: python tests/core/test_golden_fronts.py
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).with_name("golden") / "fronts.json"
CASES = {
    f"seed {seed}, {exits} exits{', refined' if refine else ''}": (seed, exits, refine)
    for seed, exits in ((0, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 8))
    for refine in (False, True)
}


def compute(seed: int, exits: int, refine: bool) -> dict:
    from tables import random_records

    from eeviz.core.solve.thresholds import front

    records = random_records(seed, samples=200, exits=exits, levels=64)
    result = front(records, grid=12, refine=refine)
    right = np.rint(result.accuracy * len(records)).astype(int)
    spent = np.rint(result.mean_cost * len(records)).astype(int)
    thresholds = [[None if np.isnan(t) else float(t) for t in row] for row in result.thresholds]
    return {"right": right.tolist(), "cost of all samples": spent.tolist(), "thresholds": thresholds}


@pytest.mark.parametrize("name", CASES)
def test_front_is_as_pinned(name):
    assert compute(*CASES[name]) == json.loads(GOLDEN.read_text())[name]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    lines = [f"{json.dumps(name)}: {json.dumps(compute(*case))}" for name, case in CASES.items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
