"""Readers of data sets under damage: a right answer or a ValueError that names the file; no other error, no hang, no memory.

EEVIZ_FUZZ sets how many damaged files each reader gets, 1,000 unless set.
"""

import gzip
import io
import json
import os
import resource
import tarfile
import time

import numpy as np
import pytest
from mutations import mutations
from official_files import annotations, batch, idx, matlab, meta, packed, wav

from eeviz.datasets import cifar, files, kaggle, mitbih, prepared, read_idx, speech, svhn, wfdb

COUNT = int(os.environ.get("EEVIZ_FUZZ", "1000"))
RNG = np.random.default_rng(11)
IMAGES = RNG.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
X, Y = IMAGES.transpose(1, 2, 3, 0), np.array([[1], [2], [3], [10], [5], [6]])
HEADER = "100 2 360 3000\n100.dat 212 200(1024)/mV 11 1024 9 0 0 MLII\n100.dat 212 200 11 1024 9 0 0 V1\n# 69 M\n"


def tar(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, raw in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return out.getvalue()


def npz(**arrays) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def beats() -> bytes:
    x, rr = RNG.integers(-99, 99, (44, 256, 1)).astype(np.int16), RNG.uniform(0.5, 1, (44, 2)).astype(np.float32)
    return npz(x_train=x, y_train=np.arange(44) % 5, rec_train=np.repeat(mitbih.DS1, 2), rr_train=rr, label_names=["N"])


def spectra() -> bytes:
    x = RNG.normal(size=(24, 49, 40, 1)).astype(np.float16)
    return npz(x_train=x, y_train=np.arange(24) % 12, spk_train=[f"{i:08x}" for i in range(24)])


def archive_of(label_bytes: int) -> bytes:
    known = (cifar.ARCHIVES if label_bytes else cifar.PYTHON)["cifar10"]
    names = [f"class{i}" for i in range(10)]
    planes = IMAGES.transpose(0, 3, 1, 2).reshape(6, -1)
    part = np.column_stack([np.arange(6, dtype=np.uint8), planes]).tobytes() if label_bytes else batch(IMAGES, range(6))
    classes = "\n".join(names).encode() if label_bytes else meta("label_names", names)
    return tar({f"{known.inside}/{known.test}": part, f"{known.inside}/{known.names}": classes})


def picture() -> bytes:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.fromarray(IMAGES.reshape(192, 32, 3)).save(out, "WEBP", lossless=True)
    return out.getvalue()


def table() -> bytes:
    rows = np.column_stack([np.arange(3), IMAGES.reshape(-1)[: 3 * 784].reshape(3, 784)])
    out = io.BytesIO()
    names = ",".join(["label", *(f"pixel{i}" for i in range(1, 785))])
    np.savetxt(out, rows, fmt="%d", delimiter=",", header=names, comments="")
    return out.getvalue()


def binary(path):
    return cifar.read_archive(path, cifar.ARCHIVES["cifar10"], test=True)


def pickled(path):
    return cifar.read_archive(path, cifar.PYTHON["cifar10"], test=True)


def clips() -> bytes:
    words = {
        f"./{word}/{i:08x}_nohash_0.wav": wav(RNG.normal(0, 500, 900)) for i, word in enumerate(speech.CLASSES[:3])
    }
    return tar(words)


def is_pictures(found):
    images, labels = found[0], found[1]
    assert images.dtype == np.uint8
    assert images.shape[1:] == (32, 32, 3)
    assert len(images) == len(labels) > 0
    assert labels.min() >= 0
    assert labels.max() < 10


def is_beats(found):
    x, y, record, rr = found
    assert x.dtype == np.int16
    assert len({len(array) for array in found}) == 1
    assert {*record.tolist()} <= {*mitbih.DS1}
    assert {*y.tolist()} <= {0, 1, 2, 3, 4}
    assert (rr > 0).all()


def is_clips(found):
    x, y, groups = found
    assert x.shape[1:] == (49, 40, 1)
    assert np.isfinite(x).all()
    assert len(x) == len(y) == len(groups)
    assert {*y.tolist()} <= {*range(12)}


def is_annotations(found):
    at, symbols = found
    assert len(at) == len(symbols)
    assert (np.diff(at, prepend=0) >= 0).all()


def is_header(header):
    assert 0 < header.rate < 1e6
    assert len(header.signals) > 0
    assert not any("/" in signal.file for signal in header.signals)


def is_table(found):
    assert found[0].shape == (3, 28, 28)


def is_idx(array):
    assert array.dtype == np.uint8


def is_sound(samples):
    assert samples.shape == (16_000,)
    assert (np.abs(samples) <= 1).all()


def is_signal(values):
    assert values.shape == (3000, 2)
    assert (np.abs(values.astype(int)) <= 2048).all()


def is_mosaic(tiles):
    assert tiles.shape[1:] == (32, 32, 3)


def signal(path):
    header = wfdb.Header("x", 360.0, 3000, tuple(wfdb.Signal(path.name, "212", 200.0, 1024, n) for n in ("MLII", "V1")))
    return wfdb.read_signal(path.parent, header)


READERS = {
    "idx": (lambda: idx(IMAGES[..., 0]), read_idx, is_idx),
    "idx.gz": (lambda: gzip.compress(idx(IMAGES[..., 0]), mtime=0), read_idx, is_idx),
    "cifar.tar": (lambda: archive_of(1), binary, is_pictures),
    "cifar-python.tar": (lambda: archive_of(0), pickled, is_pictures),
    "mat": (lambda: matlab({"X": X, "y": Y}), svhn.read_mat, is_pictures),
    "packed mat": (lambda: matlab({"X": X, "y": Y}, packed=True), svhn.read_mat, is_pictures),
    "hea": (HEADER.encode, wfdb.read_header, is_header),
    "dat": (lambda: packed(RNG.integers(-2048, 2048, (3000, 2))), signal, is_signal),
    "atr": (lambda: annotations(range(40, 4000, 99), ["+", "N", "V", "|"] * 10), wfdb.read_annotations, is_annotations),
    "wav": (lambda: wav(RNG.normal(0, 500, 900)), lambda p: speech.read_wav(p.read_bytes(), str(p)), is_sound),
    "speech.tar": (clips, speech.read_archive, is_clips),
    "mitbih.npz": (beats, lambda path: mitbih._prepared(path, "train"), is_beats),
    "speech.npz": (spectra, lambda path: speech._prepared(path, "train"), is_clips),
    "webp": (picture, prepared.mosaic, is_mosaic),
    "csv": (table, lambda path: kaggle.read(path, np.zeros((0, 28, 28), np.uint8)), is_table),
}


@pytest.mark.parametrize("name", READERS)
def test_damage_is_refused_in_words_or_does_no_harm(tmp_path, monkeypatch, name):
    make, read, right = READERS[name]
    monkeypatch.setattr(kaggle, "ROWS", 3)
    for module, own in ((cifar, "_verify_parts"), (speech, "verify"), (cifar, "verify")):
        monkeypatch.setattr(module, own, lambda *_: None)  # else no damage would reach the reader
    path = tmp_path / f"x.{name.rpartition('.')[2].split()[-1]}"
    path.write_bytes(make())
    if name == "csv":
        monkeypatch.setattr(kaggle, "CONTENT", _sum_of_rows(path))
    right(read(path))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    raw, accepted = [], 0
    for number, content in enumerate(mutations(path.read_bytes(), COUNT, seed=2026)):
        path.write_bytes(content)
        try:
            found = read(path)
        except ValueError as error:
            if str(path) not in str(error) or "Traceback" in str(error):
                raw.append((number, repr(error)))
        except Exception as error:  # noqa: BLE001 - that is what is counted
            raw.append((number, repr(error)))
        else:
            accepted += 1
            right(found)
    print(json.dumps({"reader": name, "files": COUNT, "raw errors": len(raw), "accepted wrongly": 0}))
    assert not raw, raw[:5]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "KiB"
    assert time.monotonic() - start < 60 + COUNT / 10
    if name in ("idx.gz", "packed mat", "mitbih.npz", "speech.npz", "csv"):  # these have sums of their own
        assert accepted < COUNT / 4


def _sum_of_rows(path):
    import hashlib

    rows = np.loadtxt(path, dtype=np.uint8, delimiter=",", skiprows=1)
    return hashlib.sha256(b"".join(sorted(map(bytes, rows)))).hexdigest()


@pytest.mark.parametrize("size", [1 << 28, (1 << 32) - 1])
def test_small_files_that_unpack_to_gigabytes_take_no_memory(tmp_path, size):
    path = tmp_path / "x.gz"
    with gzip.open(path, "wb", 1) as out:
        out.write(b"\0\0\x08\x01" + size.to_bytes(4, "big"))
        for _ in range(1 << 8):
            out.write(bytes(1 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="promises"):
        read_idx(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "KiB"
    assert files.DAMAGED
