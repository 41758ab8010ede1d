"""The reader of MATLAB files: against scipy's on files of either, and words for everything damaged, before memory is taken."""

import resource
import struct
import zlib

import numpy as np
import pytest
from official_files import element, matlab

from eeviz.datasets import svhn
from eeviz.datasets.matlab import read_arrays

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (32, 32, 3, 7), dtype=np.uint8)
Y = np.array([[10], [1], [2], [3], [9], [10], [5]], dtype=np.uint8)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_arrays_keep_their_values(tmp_path, packed, order):
    path = tmp_path / "x.mat"
    path.write_bytes(matlab({"one": Y[:2], "X": X, "y": Y}, packed, order))
    found = read_arrays(path, {"X": X.size, "y": 10})
    assert list(found) == ["X", "y"]
    assert (found["X"] == X).all()
    assert (found["y"] == Y).all()
    images, labels = svhn.read_mat(path)
    assert (images == X.transpose(3, 0, 1, 2)).all()
    assert labels.tolist() == [0, 1, 2, 3, 9, 0, 5]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "f8", "i8"])
def test_files_of_scipy_are_read_and_ours_by_scipy(tmp_path, packed, dtype):
    io = pytest.importorskip("scipy.io")
    io.savemat(tmp_path / "theirs.mat", {"X": X, "y": Y.astype(dtype), "words": "text"}, do_compression=packed)
    found = read_arrays(tmp_path / "theirs.mat", {"X": X.size, "y": 10})
    assert (found["X"] == X).all()
    assert (found["y"] == Y).all()
    assert found["y"].dtype == np.dtype(dtype)
    (tmp_path / "ours.mat").write_bytes(matlab({"X": X, "y": Y}, packed))
    theirs = io.loadmat(tmp_path / "ours.mat")
    assert (theirs["X"] == X).all()
    assert (theirs["y"] == Y).all()


def bad(change) -> bytes:
    raw = bytearray(matlab({"X": X, "y": Y}))
    change(raw)
    return bytes(raw)


def promised(shape: tuple[int, ...], packed: bool) -> bytes:
    """A file that promises an array of that shape and holds eight bytes of it."""
    inner = element(6, struct.pack("<II", 9, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    inner += struct.pack("<HH", 1, 1) + b"X\0\0\0" + struct.pack("<II", 2, int(np.prod(shape, dtype=object)) % 2**32)
    whole = struct.pack("<II", 14, 2**32 - 1) + inner + bytes(8)
    if packed:
        whole = zlib.compress(whole)
        whole = struct.pack("<II", 15, len(whole)) + whole
    return matlab({})[:128] + whole


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "header is not that of version 5"),
        (b"MATLAB 7.3 MAT-file" + bytes(600), "version 7.3, an HDF5 file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "version 7.3"),
        (matlab({"X": X}), "y missing"),
        (matlab({"X": X, "y": Y})[:-9], "promised"),
        (matlab({"X": X, "y": Y}, packed=True)[:-9], "promised"),
        (
            bad(lambda raw: raw.__setitem__(slice(132, 136), struct.pack("<I", 2**32 - 8))),
            "4,294,967,288 bytes is promised",
        ),
        (promised((32, 32, 3, 2**30), packed=False), "4,294,967,295 bytes is promised"),
        (promised((32, 32, 3, 2**30), packed=True), "4,294,967,295 bytes, at most"),
        (promised((32, 32, 3, -1), packed=True), r"shape \(32, 32, 3, -1\)"),
        (matlab({"X": X, "y": Y})[:128] + struct.pack("<II", 15, 12) + zlib.compress(b"")[:8] + bytes(4), "breaks off"),
        (matlab({"X": X[:31], "y": Y}), "expected \\(32, 32, 3, N\\)"),
        (matlab({"X": X, "y": Y[:6]}), "for 7 images"),
        (matlab({"X": X, "y": Y * 0}), "from 1 to 10"),
    ],
    ids=range(14),
)
def test_damaged_files_are_named_in_words(tmp_path, content, words):
    path = tmp_path / "x.mat"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        svhn.read_mat(path)
    assert str(path) in str(caught.value)


def test_a_file_that_unpacks_to_far_more_takes_no_memory(tmp_path):
    stream = zlib.compressobj(1)
    inner = element(6, struct.pack("<II", 9, 0)) + element(5, struct.pack("<4i", 32, 32, 3, 1_000))
    inner += struct.pack("<HH", 1, 1) + b"X\0\0\0" + struct.pack("<II", 2, 32 * 32 * 3 * 1_000)
    packed = stream.compress(struct.pack("<II", 14, len(inner) + 32 * 32 * 3 * 1_000) + inner)
    packed += b"".join(stream.compress(bytes(1 << 20)) for _ in range(400)) + stream.flush()  # 400 MB of zeros
    (tmp_path / "x.mat").write_bytes(matlab({})[:128] + struct.pack("<II", 15, len(packed)) + packed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="does not unpack to"):
        svhn.read_mat(tmp_path / "x.mat")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "in KiB"
