"""ExitRecords, Cost and their file: what is refused, in which words, and what comes back."""

import contextlib
import io
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import random_records

from eeviz.core.table.cost import Cost, ProductCost
from eeviz.core.table.records import ExitRecords

COST = {"macs": Cost((1, 2), (1, 1))}
GOOD = {"confidence": [[0.5, 0.6]], "predicted": [[0, 1]], "label": [1], "costs": COST}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"confidence": [[np.nan, 0.5]]}, "NaN at sample 0, exit 1"),
        ({"confidence": [[0.5, 1.5]]}, "outside"),
        ({"confidence": [[0.5, -0.1]]}, "outside"),
        ({"confidence": np.zeros((0, 2)), "predicted": np.zeros((0, 2)), "label": []}, "empty"),
        ({"confidence": [0.5, 0.6]}, "shape"),
        ({"predicted": [[0]]}, "must agree"),
        ({"predicted": [[0, 0.5]]}, "whole numbers"),
        ({"label": [1, 2]}, "must agree"),
        ({"label": [5], "classes": ("a", "b")}, "outside the 2 classes"),
        ({"predicted": [[0, 7]], "classes": ("a", "b")}, "outside the 2 classes"),
        ({"label": [-1]}, "counted from 0"),
        ({"label": np.array([None])}, "label"),
        ({"costs": {}}, "at least one"),
        ({"costs": {"macs": 3}}, "expected a Cost"),
        ({"costs": {"macs": Cost((1, 2, 3), (1, 1, 1))}}, "3 exits"),
        ({"position": (1, 0)}, "never fall"),
        ({"weight": [-1.0]}, "weight"),
        ({"group": [1, 2]}, "group"),
        ({"exits": ("one",)}, "expected 2 names"),
        ({"classes": "ab"}, "one string"),
        ({"thumbnails": np.zeros((1, 4, 4))}, "uint8"),
        ({"logits": np.zeros((1, 3, 2))}, "logits"),
    ],
)
def test_bad_tables_are_refused_in_words(change, words):
    with pytest.raises(ValueError, match=words):
        ExitRecords(**{**GOOD, **change})


@pytest.mark.parametrize(
    ("backbone", "heads", "words"),
    [
        ((1, -2), (1, 1), "negative"),
        ((2, 1), (1, 1), "cannot fall"),
        ((1, 2), (1,), "both need"),
        ((1, np.nan), (1, 1), "finite"),
        ((), (), "vector"),
        ("ab", (1,), "number"),
    ],
)
def test_bad_costs_are_refused(backbone, heads, words):
    with pytest.raises(ValueError, match=words):
        Cost(backbone, heads)


def test_a_measured_cost_that_falls_is_made_monotone_with_a_warning():
    with pytest.warns(UserWarning, match="monotone"):
        cost = Cost.measured((1, 3, 2), (0, 0, 0), "s")
    assert cost.backbone.tolist() == [1, 3, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Cost.measured((1, 2), (0, 0), "s")


def test_cost_charges_kept_heads_passed_and_the_final_one():
    cost = Cost((10, 20, 40), (1, 2, 4))
    assert cost.at(np.array([True, True])).tolist() == [11, 23, 47]
    assert cost.at(np.array([False, True])).tolist() == [10, 22, 46]
    assert cost.static == cost.at(np.array([False, False]))[-1] == 44
    with pytest.raises(ValueError, match="2 booleans"):
        cost.at(np.array([True]))


def test_values_cannot_be_changed():
    records = random_records()
    for array in (records.confidence, records.label, records.predicted, records.correct):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        records.label = None
    with pytest.raises(TypeError):
        records.costs["macs"] = None


def test_the_file_brings_everything_back(tmp_path):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20, 3, 4)).astype(np.float32)
    energy, latency = Cost((1, 2, 3), (0, 0, 1), "J"), Cost((0.1, 0.2, 1 / 3), (0, 0, 0.1), "s")
    records = ExitRecords.from_logits(
        logits, rng.integers(0, 4, 20), {"macs": Cost((1, 2, 3), (1, 1, 1)), "product": ProductCost(energy, latency)},
        measure="margin", temperature=(1.5, 1.0, 0.8), weight=rng.random(20) + 0.1, group=np.array(["a", "b"] * 10),
        classes=("<b>", "ß", "c", "d"), dataset="toy", split="validation", removable=False,
        thumbnails=rng.integers(0, 255, (20, 4, 4), dtype=np.uint8),
    )  # fmt: skip
    path = tmp_path / "toy.npz"
    records.save(path)
    back = ExitRecords.load(path)
    for name in ("confidence", "predicted", "label", "position", "weight", "group", "logits", "thumbnails"):
        assert np.array_equal(getattr(back, name), getattr(records, name)), name
    for name in ("exits", "classes", "dataset", "split", "removable", "measure", "temperature"):
        assert getattr(back, name) == getattr(records, name), name
    kept = np.array([True, False])
    for name in records.costs:
        assert (back.cost(name).at(kept) == records.cost(name).at(kept)).all()
        assert back.cost(name).unit == records.cost(name).unit
    assert [p.name for p in tmp_path.iterdir()] == ["toy.npz"]


def test_plain_arrays_are_records_too():
    file = io.BytesIO()
    np.savez(file, logits=np.eye(3)[None].repeat(5, 0), label=np.arange(5) % 3, backbone=[1, 2, 3], heads=[1, 1, 1])
    records = ExitRecords.load(file.getvalue())
    assert len(records) == 5
    assert records.measure == "max_probability"


def _bytes(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a complete"),
        (b"hello", "not a complete"),
        (pickle.dumps({"a": 1}), "not a complete"),
        (_bytes(label=[1])[:-30], "not a complete"),
        (_bytes(label=np.array([None, 1])), "Python objects"),
        (_bytes(other=[1]), "'label' is missing"),
        (_bytes(label=[1], confidence=[[0.5]], predicted=[[0]]), "no costs"),
        (_bytes(label=[1], backbone=[1], heads=[1]), "'confidence' is missing"),
        (_bytes(label=[1], meta=np.array("{")), "not valid JSON"),
        (_bytes(label=[1], meta=np.array('{"format": "other"}')), "not of the format"),
        (_bytes(label=[1], meta=np.array('{"format": "eeviz-records", "version": 99}')), "update eeviz"),
        (_bytes(label=[0], confidence=[[2.0]], predicted=[[0]], backbone=[1], heads=[1]), "outside"),
    ],
)
def test_foreign_and_damaged_files_are_refused_in_words(data, words):
    with pytest.raises(ValueError, match=words):
        ExitRecords.load(data)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_never_raises_anything_but_a_valueerror(data):
    file = io.BytesIO()
    records = random_records(0, samples=30)
    np.savez(
        file,
        **{n: getattr(records, n) for n in ("confidence", "predicted", "label")},
        backbone=[1, 2, 3, 4],
        heads=[1] * 4,
    )
    raw = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        ExitRecords.load(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        ExitRecords.load(tmp_path / "none.npz")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "r.npz"
    random_records(1).save(path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="space"):
        random_records(2).save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
