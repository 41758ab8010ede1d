"""make_case, on made-up heartbeats and clips: what it writes, from whom each part comes, and that it goes on when killed."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import eeviz as ee  # noqa: E402
from eeviz.core.network.segments import Segments  # noqa: E402
from eeviz.core.table.calibration import fit_temperature  # noqa: E402
from eeviz.core.table.metrics import own_accuracy  # noqa: E402
from eeviz.datasets import Dataset  # noqa: E402
from eeviz.nn.models import use_cases  # noqa: E402
from recipes import make_base, make_case  # noqa: E402

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

PATIENTS = {"train": (101, 106), "validation": (207, 223), "test": (100, 202)}


def beats(split):
    rng = np.random.default_rng(len(split))
    n, record = 160, np.repeat(PATIENTS[split], 80)
    return Dataset(
        rng.normal(0, 60, (n, 256, 1)).astype(np.int16), np.arange(n) % 4, ("N", "S", "V", "F"), "mit-bih", split, "made up",
        record, {"rr": rng.uniform(0.5, 1.1, (n, 2)).astype(np.float32), "record": record},
    )  # fmt: skip


def clips(split, speakers):
    rng = np.random.default_rng(len(split))
    classes = tuple(f"word{k}" for k in range(12))
    images = rng.normal(-5, 3, (144, 49, 40, 1)).astype(np.float16)
    return Dataset(images, np.arange(144) % 12, classes, "speech-commands", split, "made up", rng.choice(speakers, 144))


@pytest.fixture
def small(monkeypatch):
    """Seconds instead of minutes: made-up data, one short pass each."""
    torch.set_num_threads(1)
    for module in (make_case, make_base):
        monkeypatch.setattr(module, "load_dataset", lambda name, split: beats(split))
    monkeypatch.setattr(make_case, "LEARNT_ON", 256)
    monkeypatch.setattr(make_base, "DRAWN", 128)
    monkeypatch.setattr(make_case, "SMALLER", (2,))
    monkeypatch.setattr(make_case, "RECIPES", {"ecg": replace(make_base.RECIPES["ecg"], epochs=1)})
    monkeypatch.setattr(make_case, "JOINT", replace(make_case.JOINT, epochs=1.0))
    groups = {"train": ["a", "b"], "validation": ["c"], "test": ["d"]}
    parts = tuple(clips(split, speakers) for split, speakers in groups.items())
    monkeypatch.setattr(use_cases, "speech_parts", lambda fold: parts)


def test_heartbeats_from_base_to_records(small, tmp_path):
    out, work = tmp_path / "ecg", tmp_path / "work"
    make_case.main(["ecg", "--out", str(out), "--work", str(work), "--no-test"])
    assert not (out / "test.npz").exists()
    assert not (out / "test_readings.json").exists()
    make_case.main(["ecg", "--out", str(out), "--work", str(work)])  # goes on from its checkpoints

    segments = Segments.from_dict(json.loads((out / "segments.json").read_text()))
    for split, people in PATIENTS.items():
        if split == "train":
            continue
        records = ee.ExitRecords.load(out / f"{split}.npz")
        assert set(records.group.tolist()) == set(people)
        assert records.exits_count == 4 * 2 + 1
        assert segments.macs.static == records.cost().static
        recalls = [records.correct[records.label == k, -1].mean() for k in range(3)]
        assert own_accuracy(records)[-1] == pytest.approx(np.mean(recalls))
        with np.load(out / f"static_{split}.npz", allow_pickle=False) as static:
            assert static["predicted"].shape == (2, 160)
            assert (static["label"] == records.label).all()
            base = static["predicted"][-1]  # the base itself, whose answers early exits must leave alone
        assert (base == records.predicted[:, -1]).all()
    assert ee.ExitRecords.load(out / "test.npz").temperature == ee.ExitRecords.load(out / "validation.npz").temperature
    assert [network["width"] for network in json.loads((out / "static.json").read_text())] == [0.25, 1.0]
    (reading,) = json.loads((out / "test_readings.json").read_text())
    assert set(reading["static networks"]) == {"static, 2 channels", "static, 8 channels"}
    noted = json.loads((tmp_path / "manifest.json").read_text())["artefacts"]
    assert {"ecg/test.npz", "ecg/validation.npz", "ecg/segments.json"} <= set(noted)


def test_clips_are_learnt_by_the_backbone_too(small, tmp_path):
    made = make_case.speech(0, tmp_path / "fold0", tmp_path)
    assert [size.design for size in made.sized] == make_case.SPEECH_COLUMNS
    assert made.backbone, "joint fine-tuning was to follow"
    tuned, told = (ee.ExitRecords.load(tmp_path / "fold0" / f"{split}.npz") for split in ("validation", "test"))
    assert set(tuned.group.tolist()) == {"c"}
    assert set(told.group.tolist()) == {"d"}
    assert told.temperature == tuned.temperature
    with np.load(tmp_path / "fold0" / "static_test.npz", allow_pickle=False) as static:
        assert static["predicted"].shape == (1, 144)
        assert (static["predicted"][0] != told.predicted[:, -1]).any(), "the base before is not the network after"


def test_the_cifar_demo_calibrates_on_the_half_that_chooses(monkeypatch, tmp_path):
    import _cifar_demo as demo

    rng = np.random.default_rng(0)
    label, image = rng.integers(0, 10, 600), np.arange(600)  # as `group`, which image a row is
    for name, macs in (("resnet32", 40.0), ("resnet20", 30.0)):
        logits = rng.normal(0, 2, (600, 2, 10)).astype(np.float32)
        logits[image, :, label] += rng.normal(3, 2, (600, 1))
        costs = {"macs": ee.Cost([10.0, macs], [1.0, 1.0])}
        ee.ExitRecords.from_logits(logits, label, costs, group=image).save(tmp_path / f"full-{name}.npz")
    (tmp_path / "full-resnet32.json").write_text(json.dumps({"built": [[3, "mlp"]]}))
    monkeypatch.setattr(demo, "untrained", lambda name, records, built: None)
    monkeypatch.setattr(demo, "write_networks", lambda network, static, out: out.mkdir())
    out = tmp_path / "data" / "cifar10"
    out.parent.mkdir()
    demo.ship("full", tmp_path, out)

    whole, plain = (ee.ExitRecords.load(tmp_path / f"full-{name}.npz") for name in ("resnet32", "resnet20"))
    chosen, reported = (ee.ExitRecords.load(out / f"{split}.npz") for split in ("validation", "test"))
    assert sorted([*chosen.group, *reported.group]) == image.tolist()
    fitted = tuple(fit_temperature(whole.logits[chosen.group], whole.label[chosen.group]))
    assert chosen.temperature == reported.temperature == fitted
    for records in (chosen, reported):
        assert records.logits is None
        again = whole.subset(records.group).with_confidence(whole.measure, fitted)
        assert (records.confidence == again.confidence).all()
        with np.load(out / f"static_{records.split}.npz", allow_pickle=False) as static:
            finals = [of.predicted[records.group, -1] for of in (plain, whole)]
            assert (static["predicted"] == finals).all()
