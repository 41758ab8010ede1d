"""Export: files, agreement with PyTorch, the stand-alone runner, mappings, and what is refused."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from torch import nn  # noqa: E402

import eeviz as ee  # noqa: E402
from eeviz.core.platform.mapping import Mapping  # noqa: E402
from eeviz.core.platform.platform import Platform  # noqa: E402
from eeviz.nn.count.describe import describe  # noqa: E402
from eeviz.nn.export.network import check, export  # noqa: E402
from eeviz.nn.models import inverted_residuals  # noqa: E402
from eeviz.nn.network import EarlyExitNetwork  # noqa: E402


@pytest.fixture(scope="module")
def network():
    made = inverted_residuals.build(inverted_residuals.FASHION, seed=3).eval()
    generator = torch.Generator().manual_seed(4)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return made


@pytest.fixture(scope="module")
def samples(network):
    return torch.randn(40, *network.input_shape, generator=torch.Generator().manual_seed(5))


def policy_of(network, samples, shares=(0.4, 0.5, 0.5), measure="max_probability", temperature=None):
    from eeviz.core.table.calibration import confidence_of

    with torch.no_grad():
        sure = confidence_of(network(samples).numpy(), measure, temperature)
    return ee.Policy([None if s is None else float(np.quantile(sure[:, k], 1 - s)) for k, s in enumerate(shares)])


def test_files_run_alone_and_agree(network, samples, tmp_path):
    done = export(network, policy_of(network, samples), tmp_path, classes=["a"] * 10)
    assert done.difference <= 1e-4
    x = samples.numpy()
    document = json.loads((tmp_path / "network.json").read_text())
    with torch.no_grad():
        expected = network(samples).numpy()
    for step in document["steps"]:
        out = onnxruntime.InferenceSession(tmp_path / step["file"]).run(None, {"x": x})[0]
        assert list(out.shape[1:]) == step["output"]
        if step["kind"] == "segment":
            x = out
        else:
            np.testing.assert_allclose(out, expected[:, step["exit"]], atol=1e-4 * np.abs(expected).max())
    assert len(done.files) == 8


@pytest.mark.parametrize(
    ("shares", "measure", "temperature"),
    [
        ((0.4, 0.5, 0.5), "max_probability", None),
        ((0.3, None, 0.6), "margin", (0.5, 1.0, 2.0, 1.5)),
        ((None, 0.5, None), "entropy", (1.5, 0.7, 1.0, 1.0)),
        ((None, None, None), "max_probability", None),
        ((1.0, 0.5, 0.5), "max_probability", None),
    ],
)
def test_the_runner_answers_as_the_network(network, samples, tmp_path, shares, measure, temperature):
    policy = policy_of(network, samples, shares, measure, temperature)
    done = export(network, policy, tmp_path, measure=measure, temperature=temperature)
    np.save(tmp_path / "x.npy", samples.numpy())
    code = "import sys; sys.modules['torch'] = None; sys.modules['eeviz'] = None; import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, str(tmp_path / "run.py"), str(tmp_path / "x.npy")]
    out = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout
    answers = [line.split(maxsplit=1) for line in out.splitlines()]
    kept = [k for k, t in enumerate(policy.thresholds) if t is not None]
    names = {k: f"exit {number}" for number, k in enumerate(kept, 1)} | {network.exits_count - 1: "final"}
    expected = network.infer(samples, policy, measure, temperature)
    assert [name for _, name in answers] == [names[k] for k in expected.exit_of.tolist()]
    assert [int(label) for label, _ in answers] == expected.predicted.tolist()
    assert len(done.files) == 2 * (len(kept) + 1), "segments between kept heads are one file"


def test_the_runner_is_short():
    from eeviz.nn.export import network as module

    with open(module.__file__.replace("network.py", "runner.py"), encoding="utf-8") as file:
        assert len(file.readlines()) <= 60


def test_a_mapping_parts_the_segments(network, samples, tmp_path):
    platform, segments = Platform.preset("sensor-gateway-cloud"), describe(network)
    policy = policy_of(network, samples, (None, 0.5, None))
    for assignment, heads, expected in (
        ((0, 1, 1, 2), "own", ["s0", "s1", "h1", "s1", "s2", "h2"]),
        ((0, 0, 1, 1), "own", ["s0", "h0", "s1", "h1"]),
        ((0, 0, 1, 1), "next", ["s0", "h1", "s1", "h1"]),
        ((2, 2, 2, 2), "own", ["s2", "h2", "s2", "h2"]),
    ):
        export(network, policy, tmp_path, mapping=Mapping(platform, segments, assignment, policy, heads))
        document = json.loads((tmp_path / "network.json").read_text())
        assert [f"{step['kind'][0]}{step['processor']}" for step in document["steps"]] == expected
        assert document["processors"] == ["sensor", "gateway", "cloud"]


def test_signals_and_sequences_are_exported(tmp_path):
    body = [nn.Sequential(nn.Conv1d(1, 4, 5, stride=2), nn.ReLU()), nn.Conv1d(4, 4, 3)]
    heads = [nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3)) for _ in body]
    done = export(EarlyExitNetwork(body, heads, (1, 64)).eval(), ee.Policy([0.5]), tmp_path)
    assert done.difference <= 1e-4


def test_training_mode_is_left_as_it_was(network, samples, tmp_path):
    network.train()
    export(network, ee.Policy([0.5, None, None]), tmp_path)
    assert network.training
    network.eval()


def test_what_does_not_fit_is_refused(network, tmp_path):
    with pytest.raises(ValueError, match="4 exits, which 3 thresholds"):
        export(network, ee.Policy([0.5, 0.5]), tmp_path)
    with pytest.raises(ValueError, match="2 temperatures"):
        export(network, ee.Policy([0.5] * 3), tmp_path, temperature=[1, 1])
    with pytest.raises(ValueError, match="measure 'learned' cannot be exported"):
        export(network, ee.Policy([0.5] * 3), tmp_path, measure="learned")
    small = replace(describe(network))
    mapping = Mapping(Platform.preset("cortex-m0-m4"), small, (0,) * 4, ee.Policy([0.5] * 3))
    other = EarlyExitNetwork([nn.Identity()], [nn.Flatten()], (1, 2, 2)).eval()
    with pytest.raises(ValueError, match="4 segments, the network 1"):
        export(other, ee.Policy([]), tmp_path, mapping=mapping)


def test_a_wrong_file_is_noticed(network, samples, tmp_path):
    export(network, ee.Policy([None] * 3), tmp_path)
    changed = nn.Sequential(*network.segments, nn.ReLU())
    with pytest.raises(ValueError, match=r"differs from PyTorch by|onnxruntime gives"):
        check(tmp_path / "segment_0.onnx", changed, samples[:2] * 1.5)


def test_an_operator_without_onnx_is_told(tmp_path):
    class Odd(nn.Module):
        def forward(self, x):
            return torch.special.bessel_j0(x)

    with pytest.raises(
        ValueError, match=r"^segment_0.onnx cannot be exported to ONNX: its operator aten::\w+ has no form"
    ) as e:
        export(EarlyExitNetwork([Odd()], [nn.Flatten()], (1, 2, 2)).eval(), ee.Policy([]), tmp_path)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("channels", [None, 3])
def test_pictures_are_prepared_by_the_runner(tmp_path, channels):
    from eeviz.nn.augment import augment

    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (40, 10, 10, *([channels] if channels else []))).astype(np.uint8)
    mean, std = ([0.4, 0.5, 0.6], [0.2, 0.3, 0.25]) if channels else (0.4, 0.3)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(channels or 1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(288, 4)
    )
    data = pictures, np.arange(40) % 4
    made = augment(model.eval(), data, training=data, epochs=1, locations=1, mean=mean, std=std)
    made.export(tmp_path, ee.Policy([None] * (made.records.exits_count - 1)))
    np.save(tmp_path / "pictures.npy", pictures)
    said = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "pictures.npy")],
        capture_output=True,
        text=True,
        check=True,
    )
    x = pictures.reshape(40, 10, 10, -1).transpose(0, 3, 1, 2) / 255
    x = (x - np.reshape(mean, (-1, 1, 1))) / np.reshape(std, (-1, 1, 1))
    with torch.no_grad():
        own = model(torch.from_numpy(x.astype(np.float32))).argmax(1).tolist()
    assert said.stdout.split("\n")[:-1] == [f"{label} final" for label in own]
    told = json.loads((tmp_path / "network.json").read_text())["preparation"]
    np.testing.assert_allclose(told["mean"], np.atleast_1d(mean), rtol=1e-6)
    assert told["scaled"] == [0, 1]
