"""The demo: its files are what the manifest says, its tables agree with each other and with the network."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

import eeviz as ee
from eeviz.catalogue import Demo, demos, load_demo
from eeviz.core.solve.tradeoff import static_curve
from eeviz.launch import paths


@pytest.fixture(scope="module")
def demo() -> Demo:
    return load_demo("fashion")


@pytest.fixture(scope="module")
def manifest():
    return json.loads((paths.data() / "manifest.json").read_text(encoding="utf-8"))


def test_demos_lists_what_load_demo_opens():
    for name, line in demos().items():
        assert load_demo(name).name == name
        assert line


def test_unknown_demos_list_the_known():
    with pytest.raises(ValueError, match="choose one of fashion"):
        load_demo("cifar")


def test_a_missing_folder_is_said_in_words(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "data", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"make_demo fashion --out"):
        load_demo("fashion")


def test_the_explorers_way_imports_no_torch():
    code = (
        "import sys, eeviz as ee\n"
        "d = ee.load_demo('fashion'); d.validation, d.test, d.shifted, d.static\n"
        "assert 'torch' not in sys.modules and 'plotly' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_tables_have_the_sizes_and_names_of_the_data(demo):
    assert (len(demo.validation), len(demo.test)) == (6000, 10000)
    for records in (demo.validation, demo.test, *(r for _, r in demo.shifted)):
        assert records.exits_count == 4
        assert records.classes[9] == "Ankle boot"
        assert records.logits.shape[1:] == (4, 10)
        assert records.temperature == demo.temperature
    assert demo.test.thumbnails.shape == (10000, 28, 28)
    assert [label for label, _ in demo.shifted] == ["noise 5%", "noise 10%", "noise 20%"]
    assert demo.validation is demo.validation, "loaded once"


def test_the_tables_agree_with_themselves(demo):
    for records in (demo.validation, demo.test, *(r for _, r in demo.shifted)):
        again = records.with_confidence(records.measure, records.temperature)
        assert (again.confidence == records.confidence).all()


def test_temperatures_were_fitted_on_validation(demo):
    from eeviz.core.table.calibration import fit_temperature

    fitted = fit_temperature(demo.validation.logits, demo.validation.label)
    np.testing.assert_allclose(demo.temperature, fitted, rtol=1e-3)


def test_static_networks_answer_the_same_images(demo):
    assert [n.width for n in demo.static] == [0.5, 0.7, 1.0]
    assert demo.static[-1].macs == demo.test.cost("macs").static
    for network in demo.static:
        assert (network.labels["test"] == demo.test.label).all()
        assert (network.labels["validation"] == demo.validation.label).all()
        assert network.right("test").mean() > 0.85
        assert len(network.right("noise 5%")) == 0
    with pytest.raises(ValueError, match="read-only"):
        demo.static[0].predicted("test")[0] = 1


def test_more_noise_means_less_accuracy(demo):
    accuracy = [records.correct[:, -1].mean() for _, records in demo.shifted]
    assert demo.test.correct[:, -1].mean() > accuracy[0] > accuracy[1] > accuracy[2]


def test_every_file_is_in_the_manifest_unchanged(demo, manifest):
    artefacts = manifest["artefacts"]
    files = {path.relative_to(paths.data()).as_posix() for path in paths.data().rglob("*") if path.is_file()}
    assert files - {"manifest.json"} == set(artefacts)
    assert {f"fashion/{path.name}" for path in demo.folder.iterdir()} <= set(artefacts)
    for name, entry in artefacts.items():
        content = (paths.data() / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
        assert len(content) == entry["bytes"]
        assert entry["licence"]
        assert entry["date"]
        assert entry["command"].startswith(("python -m recipes.make_", "python benchmarks/augment_cifar.py full "))


def test_the_data_stays_small():
    for folder, most in (("fashion", 12e6), ("supernet", 10e6), ("cifar10", 1.5e6)):
        files = [path for path in (paths.data() / folder).rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) <= most


def test_the_manifest_carries_the_figures_of_the_tables(demo, manifest):
    for name, records in (("validation", demo.validation), ("test", demo.test)):
        stated = manifest["artefacts"][f"fashion/{name}.npz"]["figures"]
        assert stated["accuracy per exit"] == [round(100 * float(a), 2) for a in records.correct.mean(axis=0)]
        reading = json.loads((demo.folder / "test_readings.json").read_text(encoding="utf-8"))[-1]
        routing = ee.route(records, ee.Policy(reading["policy"]))
        assert stated["policy"]["accuracy"] == round(100 * routing.accuracy, 2)
        assert stated["policy"]["mean MACs"] == round(routing.mean_cost)


def test_the_tuned_policy_saves_half_within_half_a_point_of_the_static_network(demo):
    from eeviz.core.table.metrics import paired_interval

    reading = json.loads((demo.folder / "test_readings.json").read_text(encoding="utf-8"))[-1]
    routing, static = ee.route(demo.test, ee.Policy(reading["policy"])), demo.static[-1]
    assert routing.mean_cost <= 0.5 * static.macs
    paired = paired_interval(demo.test, routing.right, static.right("test"))
    assert paired.value >= -0.005
    assert paired.low >= -0.005
    assert demo.test.correct[:, -1].mean() >= 0.93


def test_the_policy_of_the_reading_is_what_tune_finds_on_validation(demo):
    reading = json.loads((demo.folder / "test_readings.json").read_text(encoding="utf-8"))[-1]
    assert ee.tune(demo.validation, max_cost=0.48 * demo.static[-1].macs) == ee.Policy(reading["policy"])


def test_the_network_says_what_the_tables_say(demo):
    pytest.importorskip("torch")
    from eeviz.nn.count.macs import macs

    network = demo.network()
    assert macs(network).backbone.tolist() == demo.test.cost("macs").backbone.tolist()
    some = demo.test.subset(np.arange(500))
    policy = ee.Policy([float(np.median(demo.validation.confidence[:, k])) for k in range(3)])
    answer = network.infer(some.thumbnails, policy, measure=some.measure, temperature=some.temperature)
    routing = ee.route(some, policy)
    clear = (np.abs(some.confidence[:, :3] - policy.array) > 1e-5).all(axis=1)
    assert clear.sum() > 490
    assert (answer.exit_of == routing.exit_of)[clear].all()
    assert (answer.predicted == some.predicted[np.arange(500), routing.exit_of])[clear].all()


def test_use_cases_ship_records_that_choose_and_records_that_report():
    for name, exits, classes in (("ecg", 9, 4), ("speech", 5, 12)):
        made = load_demo(name)
        for records in (made.validation, made.test):
            assert records.exits_count == exits
            assert len(records.classes) == classes
            assert records.group is not None
            assert all(len(network.right(records.split)) == len(records) for network in made.static)
        assert not set(made.validation.group) & set(made.test.group)
        assert made.validation.temperature == made.test.temperature
        assert made.shifted == ()
        with pytest.raises(ValueError, match="records alone"):
            made.network()


def test_static_networks_count_with_the_weights_of_the_records():
    made = load_demo("ecg")
    records = made.validation
    points = static_curve(made.static, records)
    right = made.static[-1].right("validation")
    recalls = [right[records.label == k].mean() for k in range(3)]
    assert np.isclose(points[-1].accuracy, np.mean(recalls))


def test_cifar10_ships_both_halves_of_the_test_images_and_the_smaller_network_beside_it(manifest):
    made = load_demo("cifar10")
    halves = (made.validation, made.test)
    for records in halves:
        assert (len(records), records.exits_count) == (5000, 13)
        assert records.thumbnails is None
        assert records.logits is None
        assert made.static[-1].macs == records.cost().static
        assert (made.static[-1].right(records.split) == records.correct[:, -1]).all()
        stated = manifest["artefacts"][f"cifar10/{records.split}.npz"]["figures"]
        assert stated["accuracy per exit"] == [round(100 * float(a), 2) for a in records.correct.mean(axis=0)]
        assert "one half stands as validation" in stated["samples"]
    assert made.validation.temperature == made.test.temperature
    classes = sum(np.bincount(records.label, minlength=10) for records in halves)
    assert (classes == 1000).all(), "every test image is in one half"
    # the checkpoints' published figures, top-1 on the 10,000 test images (Y. Idelbayev)
    right = {n.name: n.right("validation").sum() + n.right("test").sum() for n in made.static}
    assert right == {"ResNet-20": 9173, "ResNet-32": 9263}
    smaller, larger = static_curve(made.static, made.test)
    assert (smaller.name, larger.name) == ("ResNet-20", "ResNet-32")
    assert smaller.mean_cost == 40_551_040
    policy = ee.tune(made.validation, max_drop=0.01)
    routing = ee.route(made.test, policy)
    assert routing.mean_cost < 0.6 * larger.mean_cost
    assert routing.accuracy > made.test.correct[:, -1].mean() - 0.02
    with pytest.raises(ValueError, match=r"from_checkpoint\('resnet32'"):
        made.network()
