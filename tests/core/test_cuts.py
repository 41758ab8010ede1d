"""Cutting tables: some exits, some samples, other answers of the same samples; nothing else of a table is lost."""

import ast
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from tables import PLAIN, WEIGHED, random_records, weighted

from eeviz.core.table.calibration import confidence_of
from eeviz.core.table.cost import Cost, ProductCost
from eeviz.core.table.metrics import own_accuracy, reliability
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import ExitRecords

COSTS = {"macs": Cost((1, 2, 2, 4), (1, 2, 3, 4)), "edp": ProductCost(Cost((1, 2, 2, 4), (1, 1, 1, 1), "J"), Cost((3, 4, 4, 5), (2, 1, 3, 1), "s"))}  # fmt: skip


def whole() -> ExitRecords:
    """A table with every field."""
    made = weighted(exits=4, costs=COSTS)
    return ExitRecords.from_logits(
        made.logits, made.label, COSTS, "entropy", (1.0, 2.0, 3.0, 0.5), position=(0, 1, 1, 2), weight=made.weight,
        group=made.group, exits=("a", "b", "c", "last"), classes=tuple("wxyz"), dataset="made up", split="test",
        thumbnails=np.zeros((len(made), 2, 2), dtype=np.uint8),
    )  # fmt: skip


def same(a: ExitRecords, b: ExitRecords, *but: str) -> None:
    for field in fields(ExitRecords):
        if field.name not in (*but, "costs"):
            one, other = getattr(a, field.name), getattr(b, field.name)
            assert (one is None) == (other is None), field.name
            assert one is None or np.array_equal(one, other), field.name
    if "costs" not in but:
        assert {n: c.to_dict() for n, c in a.costs.items()} == {n: c.to_dict() for n, c in b.costs.items()}


def test_the_made_up_table_is_what_it_says():
    made = weighted()
    assert made.correct[:, -1].mean() == pytest.approx(PLAIN)
    assert own_accuracy(made)[-1] == pytest.approx(WEIGHED, abs=1e-6)


def test_columns_keep_everything_of_the_exits_chosen():
    records = whole()
    some = records.columns([0, 2, 3])
    same(records, some, "confidence", "predicted", "position", "exits", "logits", "temperature", "costs")
    assert np.array_equal(some.confidence, records.confidence[:, [0, 2, 3]])
    assert np.array_equal(some.predicted, records.predicted[:, [0, 2, 3]])
    assert np.array_equal(some.logits, records.logits[:, [0, 2, 3]])
    assert some.exits == ("a", "c", "last")
    assert some.temperature == (1.0, 3.0, 0.5)
    assert some.position.tolist() == [0, 1, 2]
    for name in COSTS:  # whoever keeps these exits pays what they paid
        assert np.array_equal(some.cost(name).at([True, True]), records.cost(name).at([True, False, True])[[0, 2, 3]])
        assert some.cost(name).unit == records.cost(name).unit
    policy, wide = Policy((0.7, 0.4)), Policy((0.7, None, 0.4))
    assert route(some, policy, "edp").mean_cost == route(records, wide, "edp").mean_cost
    assert route(some, policy).accuracy == route(records, wide).accuracy
    same(some, records.columns(np.array([True, False, True, True])))
    same(records, records.columns(range(4)))


@pytest.mark.parametrize(
    ("index", "words"),
    [([0, 1], "final classifier"), ([2, 0, 3], "rise"), ([0, 0, 3], "rise"), ([0, 4], "4 exits"), ([-2, 3], "4 exits"),
     ([True, True], "4 exits"), ([], "final classifier"), ([0.5, 3], "index")],
)  # fmt: skip
def test_columns_that_make_no_table_are_refused_in_words(index, words):
    with pytest.raises(ValueError, match=words):
        whole().columns(index)


def test_exits_that_cannot_be_removed_cannot_be_cut_away():
    records = random_records(exits=3, removable=False)
    assert records.columns([0, 1, 2]).removable is False
    with pytest.raises(ValueError, match="depend on which exits exist"):
        records.columns([0, 2])


def test_subset_keeps_everything_of_the_samples_chosen():
    records = whole()
    some = records.subset(np.arange(20, 40))
    per_sample = ("confidence", "predicted", "label", "weight", "group", "logits", "thumbnails")
    same(records, some, *per_sample)
    for name in per_sample:
        assert np.array_equal(getattr(some, name), getattr(records, name)[20:40]), name
    same(some, records.subset(slice(20, 40)))


def test_other_answers_keep_everything_but_the_answers():
    records = whole()
    logits = np.random.default_rng(3).normal(size=records.logits.shape)
    other = records.with_answers(logits)
    same(records, other, "confidence", "predicted", "logits")
    assert np.array_equal(other.predicted, logits.argmax(axis=2))
    assert np.array_equal(other.confidence, confidence_of(logits, "entropy", records.temperature))
    assert np.array_equal(other.logits, logits)
    same(records, records.with_answers(records.logits))
    right = logits.argmax(axis=2)[:, -1] == records.label
    assert own_accuracy(other)[-1] == pytest.approx(np.average(right, weights=records.weight))


def test_answers_of_another_shape_are_refused_in_words():
    records = whole()
    with pytest.raises(ValueError, match=r"logits.*\(500, 4, classes\)"):
        records.with_answers(records.logits[:10])
    with pytest.raises(ValueError, match=r"logits.*\(500, 4, classes\)"):
        records.with_answers(records.logits[:, :3])


def test_calibration_is_weighted_as_accuracy_is():
    records = weighted()
    found = reliability(records, 2, bins=4)
    weight, confidence, right = records.weight, records.confidence[:, 2].astype(float), records.correct[:, 2]
    ece = 0.0
    for b in range(4):
        inside = (confidence >= b / 4) & (confidence < (b + 1) / 4)
        if inside.any():
            accuracy = np.average(right[inside], weights=weight[inside])
            sure = np.average(confidence[inside], weights=weight[inside])
            assert found.accuracy[b] == pytest.approx(accuracy)
            assert found.confidence[b] == pytest.approx(sure)
            ece += weight[inside].sum() / weight.sum() * abs(accuracy - sure)
    assert found.ece == pytest.approx(ece)
    assert found.count.sum() == len(records)


PACKAGE = Path(__file__).resolve().parents[2] / "eeviz"
MAKERS = {"from_logits", "ExitRecords"}
OF_A_TABLE = {
    "confidence",
    "predicted",
    "label",
    "weight",
    "group",
    "position",
    "exits",
    "classes",
    "logits",
    "temperature",
}
OTHERS = {"self", "segments"}  # values of other kinds with a position or a group
CUT = {"confidence", "predicted", "label", "position", "weight", "group", "temperature"}
ALLOWED = {
    ("nachos.py", "confidence"),
    ("halves.py", "weight"),
    ("cross_fit.py", "weight"),
}  # another rule; costs count samples


def copies(tree: ast.AST):
    """(line, field) where a table is put together by hand from the fields of another one."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in MAKERS:
            for value in (*node.args, *(k.value for k in node.keywords)):
                for part in ast.walk(value):
                    if isinstance(part, ast.Attribute) and part.attr in OF_A_TABLE and _is_table(part.value):
                        yield node.lineno, part.attr
        elif name == "replace" and node.args and not isinstance(node.args[0], ast.Call):
            for keyword in node.keywords:
                if keyword.arg in CUT and getattr(node.args[0], "id", "") not in OTHERS:
                    yield node.lineno, keyword.arg
                elif keyword.arg is None and _is_table(node.args[0]):
                    yield node.lineno, "**"


def _is_table(node: ast.AST) -> bool:
    last = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return last in {"records", "table", "rec", "validation", "test"} or last.endswith("records")


def test_no_table_is_cut_by_hand():
    found = [
        (str(path.relative_to(PACKAGE.parent)), line, field)
        for folder in (PACKAGE, PACKAGE.parent / "benchmarks")
        for path in sorted(folder.rglob("*.py"))
        if path.name not in ("records.py", "records_file.py") or path.parent.name == "quantize"
        for line, field in copies(ast.parse(path.read_text(encoding="utf-8")))
        if (path.name, field) not in ALLOWED
    ]
    assert not found, f"use ExitRecords.columns, .subset, .with_answers: {found}"


@pytest.mark.parametrize(
    "code",
    ["ExitRecords(c, p, records.label, costs)", "ExitRecords.from_logits(x, y, c, position=records.position)",
     "replace(records, **parts)", "replace(a, weight=None)", "replace(table, confidence=table.confidence[:, i])"],
)  # fmt: skip
def test_a_cut_by_hand_would_be_found(code):
    assert list(copies(ast.parse(code)))
