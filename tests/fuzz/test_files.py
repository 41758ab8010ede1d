"""Readers of eeviz's own files and of people's weights under damage: what was written, or a ValueError in words.

EEVIZ_FUZZ sets how many damaged files each reader gets, 1,000 unless set (half where SQLite or YAML read).
"""

import contextlib
import json
import os
import resource
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from mutations import mutations

import eeviz as ee
from eeviz.core.network.segments import Piece, Segments
from eeviz.hardware import table

torch = pytest.importorskip("torch")

from eeviz.core.space.space import SearchSpace  # noqa: E402
from eeviz.nas.pareto import Points  # noqa: E402
from eeviz.nas.protocols import Candidate  # noqa: E402
from eeviz.nas.store import Store, StoreError  # noqa: E402
from eeviz.nn import models, network_file  # noqa: E402
from eeviz.nn.build import build  # noqa: E402
from eeviz.nn.train import checkpoint  # noqa: E402

COUNT = int(os.environ.get("EEVIZ_FUZZ", "1000"))
SPACE = SearchSpace.preset("compact", input=(1, 20, 20), classes=3)
RNG = np.random.default_rng(3)
LABEL = RNG.integers(0, 3, 40)
COST = {"macs": ee.Cost([1e6, 2e6], [1e4, 1e4])}
RECORDS = ee.ExitRecords.from_logits(
    RNG.normal(size=(40, 2, 3)) + 3 * np.eye(3)[LABEL][:, None], LABEL, COST, weight=ee.balanced(LABEL),
    group=np.repeat(np.arange(8), 5), classes=("a", "b", "c"),
)  # fmt: skip


def records(folder: Path) -> Path:
    RECORDS.save(folder / "mine.npz")
    return folder / "mine.npz"


def is_records(found):
    """What the file held: zip's own sums would have told of anything else."""
    assert np.array_equal(found.confidence, RECORDS.confidence)
    assert np.array_equal(found.weight, RECORDS.weight)
    assert np.array_equal(found.group, RECORDS.group)


def plain(folder: Path) -> Path:
    np.savez(folder / "mine.npz", logits=RECORDS.logits, label=LABEL, backbone=[1e6, 2e6], heads=[1e4, 1e4])
    return folder / "mine.npz"


def is_table(found):
    assert found.exits_count == 2
    assert np.isfinite(found.confidence).all()


def network(folder: Path) -> Path:
    genome = SPACE.smallest()
    network_file.save_network(
        build(SPACE.decode(genome).plan, 1), SPACE, genome, folder / "net", {"dataset": "stripes"}
    )
    return folder / "net" / "weights.safetensors"


def document(folder: Path) -> Path:
    return network(folder).with_name("architecture.json")


def is_network(found):
    expected = build(SPACE.decode(SPACE.smallest()).plan, 1).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in found.state_dict().items())


def weights(folder: Path) -> Path:
    torch.save({"state_dict": models.build("heartbeat-cnn", classes=3, width=4).state_dict()}, folder / "best.pth.tar")
    return folder / "best.pth.tar"


def is_finite(found):
    assert all(value.isfinite().all() for value in found.state_dict().values())


def training(folder: Path) -> Path:
    checkpoint.write(folder / "c.pt", {"recipe": {"epochs": 3}}, {"step": 4, "weights": torch.arange(50.0)})
    return folder / "c.pt"


def is_training(found):
    assert found["step"] == 4
    assert torch.equal(found["weights"], torch.arange(50.0))


def costs(folder: Path) -> Path:
    shipped = table.folder() / "tpu_like.on-chip.jsonl"
    lines = shipped.read_text("utf-8").splitlines(keepends=True)
    (folder / "t.jsonl").write_text("".join(lines[:6]), "utf-8")
    return folder / "t.jsonl"


def is_costs(found):
    for row in found.rows.values():
        assert all(0 <= value < float("inf") for value in (row.cycles, row.energy, *row.levels))


def platform(folder: Path) -> Path:
    ee.Platform.preset("cortex-m0-m4").save(folder / "p.json")
    return folder / "p.json"


def yaml(folder: Path) -> Path:
    (folder / "p.yaml").write_text(
        "name: mine\nprocessors:\n  - {name: sensor, macs_per_s: 17e6, bits: 8, memory: 1e6}\n"
        "  - {name: server, macs_per_s: {value: 5e9, source: measured}, active_power: 20}\n"
        "links:\n  - {name: radio, bytes_per_s: 90e3, latency: 0.02}\n"
    )
    return folder / "p.yaml"


def is_platform(found):
    segments = Segments((Piece(2e6), Piece(3e6)), (Piece(1e5), Piece(5e4)))
    if all(p.macs_per_s for p in found.processors):
        cost = found.cost(segments, [0, len(found.processors) - 1])["latency"]
        assert np.isfinite(cost.backbone).all()


def store(folder: Path) -> Path:
    with contextlib.closing(Store(folder / "s.db", {"name": "compact", "arguments": {}, "genes": []})) as made:
        run = made.run({"method": "random", "seed": 0}, 4)
        made.add_generation(run, 0, [[0, 1], [1, 0]], {"gp": 0.5})
        points = Points(np.array([0.1]), np.array([1e6]), np.array([2e6]), np.array([[0.5]], np.float32))
        made.add(run, Candidate(0, 0, (0, 1), points, 1.0, ""), RECORDS.to_bytes(), 1.0)
    return folder / "s.db"


def everything(path: Path) -> list:
    found = []
    with contextlib.closing(Store(path)) as opened:
        for run in opened.runs():
            found.append(opened.generations(run["id"]))
            for candidate, _ in opened.candidates(run["id"]):
                found.append(opened.records(run["id"], candidate.id))
    return found


READERS = {
    "records": (records, ee.ExitRecords.load, is_records, 1),
    "plain arrays": (plain, ee.ExitRecords.load, is_table, 1),
    "network, weights": (network, lambda path: network_file.load(path.parent), is_network, 1),
    "network, document": (document, lambda path: network_file.load(path.parent), is_network, 1),
    "checkpoint of a known network": (
        weights, lambda path: models.load("heartbeat-cnn", path, classes=3, width=4), is_finite, 1,
    ),
    "training": (training, lambda path: checkpoint.resume(path, {"recipe": {"epochs": 3}}), is_training, 1),
    "layer costs": (costs, table.load, is_costs, 1),
    "platform": (platform, ee.Platform.load, is_platform, 1),
    "platform in YAML": (yaml, ee.Platform.load, is_platform, 2),
    "store": (store, everything, lambda found: None, 2),
}  # fmt: skip
SUMMED = {"records", "network, weights", "network, document"}  # a changed one that is taken holds what was written


@pytest.mark.parametrize("name", READERS)
def test_damage_is_refused_in_words_or_does_no_harm(tmp_path, name):
    make, read, right, share = READERS[name]
    path = make(tmp_path)
    whole = path.read_bytes()
    right(read(path))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    raw, wrong, accepted, count = [], [], 0, COUNT // share
    for number, content in enumerate(mutations(whole, count, seed=zlib.crc32(name.encode()))):
        for leftover in path.parent.glob(f"{path.name}-*"):
            leftover.unlink()
        path.write_bytes(content)
        try:
            found = read(path)
        except (ValueError, StoreError) as error:
            if "Traceback" in str(error) or not str(error).strip():
                raw.append((number, repr(error)))
        except Exception as error:  # noqa: BLE001 - that is what is counted
            raw.append((number, repr(error)))
        else:
            accepted += 1
            try:
                right(found)
            except AssertionError as error:
                wrong.append((number, str(error)[:80]))
    told = json.dumps({"reader": name, "files": count, "raw errors": len(raw), "accepted wrongly": len(wrong)})
    print(told)
    assert not raw, (told, raw[:5])
    assert not wrong, (told, wrong[:5])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000, "KiB"
    assert time.monotonic() - start < 60 + count / 5
