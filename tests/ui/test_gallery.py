"""Gallery without a browser: what it sends is small, right, and follows policy and filters."""

import json

import numpy as np
import pytest

from eeviz.core.table.cost import Cost
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import ExitRecords
from eeviz.ui.explorer.gallery import MANY, PACK, Gallery
from eeviz.ui.page.errors import Status

POLICY = Policy((0.8, 0.6, None))
NASTY = ("<img src=x onerror=alert(1)>", "b & c", "d")


def make_records(samples=600, exits=4, seed=0, **fields):
    rng = np.random.default_rng(seed)
    cost = Cost(np.arange(1, exits + 1) * 1e6, np.full(exits, 5e4))
    fields.setdefault("classes", NASTY)
    fields.setdefault("thumbnails", rng.integers(0, 256, (samples, 5, 4), dtype=np.uint8))
    predicted = rng.integers(0, 3, (samples, exits))
    return ExitRecords(rng.random((samples, exits)), predicted, rng.integers(0, 3, samples), {"macs": cost}, **fields)


@pytest.fixture
def records():
    return make_records()


@pytest.fixture
def gallery(records):
    return Gallery(records, POLICY)


def test_rows_are_what_route_says(gallery, records):
    routing = route(records, POLICY)
    assert [row["total"] for row in gallery._rows] == routing.count.tolist()
    assert [row["kept"] for row in gallery._rows] == [True, True, False, True]
    for k, row in enumerate(gallery._rows):
        index = np.array(row["index"], dtype=int)
        assert (routing.exit_of[index] == k).all()
        assert row["true"] == records.label[index].tolist()
        assert row["said"] == records.predicted[index, k].tolist()
        assert row["right"] == routing.right[routing.exit_of == k].sum()
        confidence = records.confidence[index, k]
        assert (np.diff(confidence) <= 0).all()
        assert [float(end) for end in row["ends"]] == pytest.approx(confidence[[0, -1]] if len(index) else [], abs=0.01)
        assert len(index) == min(gallery.shown, row["total"])


def test_filters(gallery, records):
    gallery.of_class, gallery.outcome = 2, "wrong"
    shown = [i for row in gallery._rows for i in row["index"]]
    assert shown
    assert (records.label[shown] == 2).all()
    assert not route(records, POLICY).right[shown].any()
    gallery.shown = 10**6
    assert gallery.shown == MANY
    gallery.shown = -4
    assert gallery.shown == 1


def test_update_follows_the_policy_and_keeps_the_selection(gallery, records):
    gallery.selected, gallery.outcome = 17, "right"
    before = gallery._card
    policy = Policy((None, None, 0.1))
    gallery.update(policy)
    assert [row["kept"] for row in gallery._rows] == [False, False, True, True]
    assert gallery.selected == 17
    assert gallery._card != before
    assert gallery._card["exit"] == route(records, policy).exit_of[17]


def test_card_tells_the_story_and_empties(gallery):
    gallery.selected = 3
    assert gallery._card["index"] == 3
    assert gallery._card["steps"][2]["rule"] in ("", "Exit 3: removed, passed by.")
    assert NASTY[int(gallery.records.label[3])] == gallery._card["true"]  # as text: the page never parses it
    json.dumps(gallery._card)
    gallery.selected = None
    assert gallery._card == {}


def test_a_change_of_policy_is_small(gallery):
    gallery.selected = 3
    assert len(json.dumps([gallery._rows, gallery._card])) < 20_000


@pytest.mark.parametrize(
    ("name", "value"), [("selected", 600), ("selected", -1), ("of_class", 3), ("of_class", -1), ("outcome", "some")]
)
def test_values_that_do_not_exist_are_refused(gallery, name, value):
    before = gallery._rows
    with pytest.raises(ValueError, match=r"does not exist|choose one"):
        setattr(gallery, name, value)
    assert gallery._rows == before


def test_policy_that_does_not_fit_changes_nothing(gallery):
    before = gallery._rows
    with pytest.raises(ValueError, match="2 thresholds"):
        gallery.update(Policy((0.5, 0.5)))
    with pytest.raises(ValueError, match="2 thresholds"):
        gallery.set_records(make_records(seed=1), Policy((0.5, 0.5)))
    assert gallery._rows == before
    assert gallery.policy == POLICY


def test_other_records_forget_the_selection_and_the_class(gallery):
    gallery.selected, gallery.of_class = 500, 2
    revision = gallery._spec["revision"]
    gallery.set_records(make_records(100, 3, seed=1, classes=None, thumbnails=None), Policy((0.5, 0.5)))
    assert (gallery.selected, gallery.of_class, gallery._card) == (None, None, {})
    assert gallery._spec["revision"] > revision
    assert gallery._spec["picture"] is None
    assert gallery._spec["classes"] == ["class 0", "class 1", "class 2"]


def test_the_same_samples_keep_pictures_and_selection(gallery, records):
    from dataclasses import replace

    gallery.selected = 5
    revision = gallery._spec["revision"]
    gallery.set_records(replace(records, confidence=records.confidence**2), POLICY)
    assert gallery.selected == 5
    assert gallery._spec["revision"] == revision
    assert gallery._card["steps"][0]["confidence"] == pytest.approx(float(records.confidence[5, 0]) ** 2)


def pictures_of(gallery, message, status=None):
    sent = []
    gallery.send = lambda content, buffers=None: sent.append((content, buffers))
    gallery._handle_custom_msg(message, [])
    return sent


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3)])
def test_pictures_travel_as_one_buffer(shape):
    pictures = np.random.default_rng(1).integers(0, 256, (50, *shape), dtype=np.uint8)
    gallery = Gallery(make_records(50, thumbnails=pictures), POLICY)
    assert gallery._spec["picture"] == [5, 4, 3 if len(shape) == 3 else 1]
    [(content, buffers)] = pictures_of(gallery, {"kind": "pictures", "index": [7, 3]})
    assert content == {"kind": "pictures", "revision": gallery._spec["revision"], "index": [7, 3]}
    assert bytes(buffers[0]) == pictures[[7, 3]].tobytes()


@pytest.mark.parametrize("index", [[], [600], [-1], [0.5], ["a"], [[1]], list(range(PACK + 1)), None])
def test_pictures_that_do_not_exist_are_an_error_in_the_page(records, index):
    status = Status()
    gallery = Gallery(records, POLICY, status=status)
    assert pictures_of(gallery, {"kind": "pictures", "index": index}) == []
    assert status.level == "error"
    assert "the page asked for" in status.message


def test_without_pictures_none_are_sent():
    gallery = Gallery(make_records(thumbnails=None), POLICY)
    assert pictures_of(gallery, {"kind": "pictures", "index": [1]}) == []


def test_other_costs_are_explained(records):
    with pytest.raises(ValueError, match="no cost 'joules'"):
        Gallery(records, POLICY, "joules")
