"""This machine measured: readings, monotone latency, the preset, YAML platforms."""

import time
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import eeviz.hardware  # noqa: E402
from eeviz.core.platform.platform import Platform  # noqa: E402
from eeviz.hardware import measured  # noqa: E402
from eeviz.hardware.platform_yaml import save  # noqa: E402
from eeviz.nn.network import EarlyExitNetwork  # noqa: E402


class Work(nn.Module):
    """Multiplies square matrices so often."""

    def __init__(self, times: int):
        super().__init__()
        self.times = times
        self.weight = nn.Parameter(torch.eye(96))

    def forward(self, x):
        for _ in range(self.times):
            x = torch.matmul(x, self.weight)
        return x


def head():
    return nn.Sequential(nn.Flatten(), nn.Linear(96 * 96, 2))


def network():
    return EarlyExitNetwork([Work(1), Work(40), Work(5)], [head(), head(), head()], (96, 96))


def test_readings_follow_the_work():
    threads = torch.get_num_threads()
    made = network()
    result = measured.measure(made, repeats=5)
    first, second, third = (piece.seconds["this-host"] for piece in result.segments.pieces)
    assert second > 4 * max(first, third) / 3
    assert second > 2 * first
    assert (np.diff(result.latency.backbone) > 0).all()
    assert result.latency.unit == "s"
    assert result.latency.backbone[-1] == pytest.approx(first + second + third)
    assert made.training, "the mode is left as it was"
    assert torch.get_num_threads() == threads


def test_batches_are_counted_per_sample():
    one, many = (measured.measure(network(), batch=b, repeats=3) for b in (1, 8))
    assert many.batch == 8
    ratio = many.segments.pieces[1].seconds["this-host"] / one.segments.pieces[1].seconds["this-host"]
    assert 0.1 < ratio < 4


def test_a_platform_with_the_readings_predicts_their_sum():
    result = measured.measure(network(), repeats=3)
    cost = Platform.preset("this-host").cost(result.segments, (0, 0, 0))
    np.testing.assert_allclose(cost["latency"].backbone, result.latency.backbone)
    np.testing.assert_allclose(cost["latency"].heads, result.latency.heads)
    np.testing.assert_allclose(cost["energy"].backbone, measured.ASSUMED_POWER * result.latency.backbone)


def test_the_preset_is_measured_once_and_says_how():
    platform = Platform.preset("this-host")
    assert Platform.preset("this-host") is platform
    (processor,) = platform.processors
    assert 1e7 < processor.macs_per_s < 1e13
    assert set(processor.operators) == {"conv", "depthwise", "linear", "matmul"}
    for figure in ("operators", "macs_per_s", "bytes_per_s", "active_power"):
        assert processor.sources[figure].startswith(("Measured", "Assumed"))
    assert "this-host" in eeviz.hardware.PRESETS


def test_a_reading_is_a_median_of_computing_time():
    def work():
        time.sleep(0.01)  # not computing
        return sum(range(20_000))

    seconds, spread = measured.read(work, 5)
    assert 0 < seconds < 0.01
    assert spread >= 0


def test_latency_that_falls_is_made_monotone_with_a_warning():
    from eeviz.core.table.cost import Cost

    with pytest.warns(UserWarning, match="made monotone"):
        cost = Cost.measured([1e-3, 0.9e-3, 2e-3], [1e-5] * 3, unit="s")
    assert cost.backbone.tolist() == [1e-3, 1e-3, 2e-3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured.latency_of(measured.measure(network(), repeats=1).segments)


@pytest.mark.parametrize(("batch", "repeats"), [(0, 5), (1, 0)])
def test_bad_counts_are_refused(batch, repeats):
    with pytest.raises(ValueError, match="at least 1"):
        measured.measure(network(), batch=batch, repeats=repeats)


def test_platforms_in_yaml(tmp_path):
    pytest.importorskip("yaml")
    platform = Platform.preset("cortex-m0-m4")
    save(platform, tmp_path / "p.yaml")
    assert Platform.load(tmp_path / "p.yaml") == platform
    platform.save(tmp_path / "p.json")
    assert Platform.load(tmp_path / "p.json") == platform
    text = "name: mine\nprocessors:\n  - {name: a, macs_per_s: 12.5e6}\n  - name: b\n    macs_per_s: {value: 2e6, source: data sheet}\nlinks:\n  - {name: bus, bytes_per_s: 1000}\n"
    (tmp_path / "mine.yml").write_text(text)
    mine = Platform.load(tmp_path / "mine.yml")
    assert mine.processors[0].macs_per_s == 12.5e6
    assert (mine.processors[1].macs_per_s, mine.processors[1].sources["macs_per_s"]) == (2e6, "data sheet")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [", "bad.yaml"),
        ("processors: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("- 1", "expected a mapping"),
        ("processors: [{name: a, macs_per_s: quick}]", "expected a number"),
    ],
)
def test_bad_yaml_is_refused_in_words(tmp_path, text, words):
    pytest.importorskip("yaml")
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ValueError, match=words):
        Platform.load(tmp_path / "bad.yaml")
    with pytest.raises(ValueError, match="no such file"):
        Platform.load(tmp_path / "none.yaml")
