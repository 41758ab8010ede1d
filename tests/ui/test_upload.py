"""Upload: whatever the browser sends, the kernel takes whole files within the limit and nothing else."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eeviz.core.table.cost import Cost
from eeviz.core.table.records import ExitRecords
from eeviz.ui.page.errors import Status
from eeviz.ui.page.upload import SLICE, Incoming, Upload


class Wire:
    """An Upload with the browser's end of the wire in hand."""

    def __init__(self, on_path=None, **traits):
        self.files, self.sent = [], []
        self.status = Status()
        self.upload = Upload(
            status=self.status, on_file=lambda name, data: self.files.append((name, data)), on_path=on_path, **traits
        )
        self.upload.send = lambda message, buffers=None: self.sent.append(message)

    def say(self, kind, *buffers, **message):
        self.upload._handle_custom_msg({"kind": kind, **message}, list(buffers))

    def file(self, name, data, transfer="a"):
        self.say("begin", transfer=transfer, name=name, size=len(data))
        for offset in range(0, len(data), SLICE):
            self.say("slice", memoryview(data[offset : offset + SLICE]), transfer=transfer, offset=offset)

    @property
    def kinds(self):
        return [message["kind"] for message in self.sent]


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=5000), st.lists(st.integers(1, 900), min_size=1, max_size=40))
def test_slices_of_any_size_give_the_file_back(data, sizes):
    incoming, offset, k = Incoming("x", len(data)), 0, 0
    while offset < len(data):
        assert not incoming.complete
        part = data[offset : offset + sizes[k % len(sizes)]]
        incoming.add(offset, part)
        offset, k = offset + len(part), k + 1
    assert incoming.complete
    assert incoming.take() == data


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 50),
    st.lists(
        st.tuples(st.one_of(st.integers(-5, 60), st.none(), st.text(max_size=2)), st.binary(max_size=60)), max_size=12
    ),
)
def test_lies_never_make_a_file(size, slices):
    incoming, taken = Incoming("x", size), b""
    for offset, part in slices:
        try:
            incoming.add(offset, part)
        except ValueError:
            continue
        assert offset == len(taken)
        taken += part
    assert incoming.received == len(taken) <= size
    if incoming.complete:
        assert incoming.take() == taken
    else:
        with pytest.raises(ValueError, match="choose the file again"):
            incoming.take()


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (101, r"x is too big: 0.0 MB, at most 0.0 MB"),
        (0, "x is empty"),
        (-1, "choose the file again"),
        (1.5, "choose the file again"),
        (True, "choose the file again"),
        (None, "choose the file again"),
        ("9", "choose the file again"),
    ],
)
def test_sizes_that_are_refused(size, words):
    with pytest.raises(ValueError, match=words):
        Incoming("x", size, limit=100)


def test_a_file_in_three_slices_arrives_once():
    wire, data = Wire(), bytes(range(256)) * (SLICE // 100)
    wire.file("mine.npz", data)
    assert wire.files == [("mine.npz", data)]
    assert wire.kinds == ["go"] * -(-len(data) // SLICE) + ["done"]
    assert wire.status.level == ""


def test_too_big_is_refused_before_a_byte_moves():
    wire = Wire(limit=1000)
    wire.file("big.npz", bytes(1001))
    assert wire.files == []
    assert wire.kinds == ["refused"]
    assert "big.npz is too big" in wire.sent[0]["message"]
    assert "big.npz is too big" in wire.status.message


def test_a_slice_twice_ends_the_transfer():
    wire = Wire()
    wire.say("begin", transfer="a", name="x", size=20)
    wire.say("slice", b"0123456789", transfer="a", offset=0)
    wire.say("slice", b"0123456789", transfer="a", offset=0)
    wire.say("slice", b"0123456789", transfer="a", offset=10)
    assert wire.files == []
    assert wire.kinds == ["go", "go", "refused"]
    assert "came twice" in wire.status.message


def test_cancel_and_stale_slices():
    wire = Wire()
    wire.say("begin", transfer="a", name="old", size=10)
    wire.say("cancel")
    wire.say("slice", b"0123456789", transfer="a", offset=0)
    wire.say("begin", transfer="b", name="new", size=5)
    wire.say("slice", b"01234", transfer="a", offset=0)  # of the cancelled file
    wire.say("slice", b"abcde", transfer="b", offset=0)
    assert wire.files == [("new", b"abcde")]


@pytest.mark.parametrize("message", [None, [], {"kind": "slice"}, {"kind": "begin"}, {"kind": "path", "path": "x"}, {}])
def test_nonsense_is_survived(message):
    wire = Wire()
    wire.upload._handle_custom_msg(message, [])
    wire.file("x", b"1234")
    assert wire.files == [("x", b"1234")]


def test_a_bad_file_is_said_in_words_and_the_next_one_works(tmp_path):
    records = ExitRecords([[0.5, 0.6]], [[0, 1]], [1], {"macs": Cost([1, 2], [1, 1])})
    records.save(tmp_path / "good.npz")
    good = (tmp_path / "good.npz").read_bytes()
    pickled = io.BytesIO()
    np.savez(pickled, confidence=np.array([{}], dtype=object))
    wire, opened = Wire(), []
    wire.upload._on_file = lambda name, data: opened.append(ExitRecords.load(io.BytesIO(data)))
    for name, data in (("cut", good[:-40]), ("text", b"no zip at all"), ("pickled", pickled.getvalue())):
        wire.sent.clear()
        wire.file(name, data)
        assert wire.sent[-1]["kind"] == "refused"
        assert f"Opening {name} did not work" in wire.sent[-1]["message"]
        assert wire.status.level == "error"
        assert "Error" not in wire.status.message  # a ValueError, in words
    wire.file("good", good)
    assert len(opened) == 1
    assert wire.kinds[-1] == "done"


def test_paths_only_where_offered():
    asked = []
    wire = Wire(on_path=asked.append)
    assert wire.upload.paths
    wire.say("path", path="  /data/mine.npz ")
    wire.say("path", path="   ")
    wire.say("path", path=7)
    assert asked == ["/data/mine.npz"]
    assert wire.kinds == ["done"]
    assert not Wire().upload.paths


def test_limit_must_be_positive():
    with pytest.raises(ValueError, match="above 0"):
        Wire(limit=0)
