"""Quantization: rounding by the rule, places, records for every choice of bits, fine-tuning, and int8 files."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import eeviz as ee  # noqa: E402
from eeviz.core.network.bits import FP32, Bits  # noqa: E402
from eeviz.core.space.space import SearchSpace  # noqa: E402
from eeviz.core.table.policy import Policy  # noqa: E402
from eeviz.datasets import Dataset  # noqa: E402
from eeviz.hardware.accelerator import Accelerator  # noqa: E402
from eeviz.launch.packages import is_installed  # noqa: E402
from eeviz.nn.build import build  # noqa: E402
from eeviz.nn.count.macs import macs  # noqa: E402
from eeviz.nn.network import EarlyExitNetwork  # noqa: E402
from eeviz.nn.quantize import bit_records, fine_tune, quantize  # noqa: E402
from eeviz.nn.quantize.fake import FakeActivation, FakeWeight  # noqa: E402
from eeviz.nn.train.joint import Recipe, StepEnd, evaluate  # noqa: E402


@pytest.fixture(scope="module")
def demo():
    return ee.load_demo("fashion").network()


@pytest.fixture(scope="module")
def validation():
    data = ee.load_dataset("fashion-mnist", "validation")
    return data.subset(np.arange(0, len(data), 5)) if hasattr(data, "subset") else data


@pytest.fixture(scope="module")
def images(validation):
    return validation.images[:96]


@pytest.mark.parametrize("levels", [127, 64, 31, 7])
def test_weights_are_rounded_by_the_rule(levels):
    weight = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    weight[2] = 0  # a channel without weights
    fake = FakeWeight(weight, levels)
    scale = (weight.flatten(1).abs().amax(1) * fake.shrink / levels).clamp(min=1e-30)[:, None, None, None]
    expected = torch.clamp(torch.round(weight / scale), -levels, levels) * scale
    torch.testing.assert_close(fake(weight), torch.where(weight[:, :1, :1, :1] == 0, weight, expected))
    if levels >= 64:
        assert (fake.shrink == 1).all()
    else:
        whole = FakeWeight(weight, levels)
        whole.shrink.fill_(1.0)
        assert ((fake(weight) - weight) ** 2).sum() <= ((whole(weight) - weight) ** 2).sum()


@pytest.mark.parametrize("bits", [8, 6, 4])
def test_activations_are_rounded_by_the_rule(bits):
    x = torch.randn(1000, generator=torch.Generator().manual_seed(1)).clamp(min=-0.5)
    fake = FakeActivation(bits)
    fake.watch()
    assert fake(x) is x
    fake.fit()
    rounded = fake(x)
    assert len(rounded.unique()) <= 2**bits
    assert (rounded == 0).any()  # 0 is a level
    if bits == 8:
        assert (rounded - x).abs().max() <= fake.scale * 0.51
        assert float(fake.scale) == pytest.approx(float(x.max() - x.min()) / 255)
    assert float((rounded - x).square().mean()) < 0.05


def test_eight_bits_change_little_and_fewer_change_more(demo, validation, images):
    full = evaluate(demo, validation)
    eight, six, four = (evaluate(quantize(demo, images, bits), validation) for bits in (8, 6, 4))
    assert min(np.subtract(eight, full)) > -0.015
    assert min(np.subtract(six, full)) > -0.03
    assert four[-1] > 0.5
    assert np.mean(four) < np.mean(six)
    assert evaluate(demo, validation) == full  # the network itself is as it was


def test_bits_of_backbone_and_heads_are_apart(demo, validation, images):
    full = quantize(demo, images, 32, 32)
    x = demo.prepare(validation.images[:50])
    with torch.no_grad():
        torch.testing.assert_close(full(x), demo(x), rtol=1e-3, atol=1e-3)
        heads = quantize(demo, images, 32, [Bits(4, 4), FP32, FP32, FP32])
        torch.testing.assert_close(heads(x)[:, 1:], full(x)[:, 1:], rtol=1e-3, atol=1e-3)
        assert (heads(x)[:, 0] - full(x)[:, 0]).abs().max() > 0.01


@pytest.mark.parametrize("preset", ["compact", "zniber", "aebnas"])
def test_every_layer_of_the_spaces_can_be_quantized(preset):
    space = SearchSpace.preset(preset)
    network = build(space.decode(space.sample(np.random.default_rng(3))).plan).eval()
    shape = network.input_shape
    made = quantize(network, torch.randn(4, *shape), 4)
    quantizers = [m for m in made.modules() if isinstance(m, FakeActivation)]
    weights = [m for m in made.modules() if isinstance(m, FakeWeight)]
    assert len(weights) == sum(isinstance(m, nn.Conv2d | nn.Linear) for m in network.modules())
    assert len(quantizers) >= len(weights) - network.exits_count
    with torch.no_grad():
        assert torch.isfinite(made(torch.randn(2, *shape))).all()


def test_pooling_keeps_the_scale_of_what_it_reads():
    network = EarlyExitNetwork(
        [nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AvgPool2d(2))],
        [nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))],
        (1, 8, 8),
    )
    made = quantize(network, torch.randn(8, 1, 8, 8), 8)
    segment = [m for m in made.segments[0].modules() if isinstance(m, FakeActivation)]
    assert len(segment) == 2  # the input, and the convolution's output, which the pooled values share
    x = torch.randn(5, 1, 8, 8)
    with torch.no_grad():
        steps = made.segments[0](x) / segment[1].scale
    torch.testing.assert_close(steps, steps.round())


class Strange(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(("layer", "words"), [(Strange(), "cannot be followed"), (nn.PReLU(), "no rule for PReLU")])
def test_layers_without_a_rule_are_refused(layer, words):
    network = EarlyExitNetwork([nn.Sequential(layer)], [nn.Sequential(nn.Flatten(), nn.Linear(4, 2))], (1, 2, 2))
    with pytest.raises(ValueError, match=words):
        quantize(network, torch.randn(4, 1, 2, 2), 8)


def test_bad_input_in_words(demo, images):
    with pytest.raises(ValueError, match="can have 8, 6, 4 bits"):
        quantize(demo, images, 5)
    with pytest.raises(ValueError, match="images to calibrate"):
        quantize(demo, images[:0], 8)
    with pytest.raises(ValueError, match="each of 4 heads"):
        quantize(demo, images, 8, [Bits(8, 8)])
    with pytest.raises(ValueError, match="each once"):
        bit_records(demo, None, images, head_bits=(8, 8))


def test_records_hold_head_bits_as_alternatives(demo, validation, images):
    few = validation.subset(np.arange(200))
    provider = Accelerator("edge_tpu_like")
    tables = bit_records(demo, few, images, (8, 4), (8, 4), provider=provider)
    assert set(tables) == {Bits(8, 8), Bits(4, 4)}
    eight, four = tables[Bits(8, 8)], tables[Bits(4, 4)]
    assert eight.exits_count == 2 * 3 + 1
    assert eight.position.tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert eight.exits[1] == "exit 1, 4/4 bits"
    assert eight.exits[-1] == "final, 8/8 bits"
    np.testing.assert_array_equal(eight.cost("macs").backbone, macs(demo).backbone[[0, 0, 1, 1, 2, 2, 3]])
    energy = eight.cost("energy")
    assert (energy.heads[1:6:2] < energy.heads[0:6:2]).all()  # fewer bits, less traffic
    assert (four.cost("energy").backbone < energy.backbone).all()
    own = quantize(demo, images, 8)
    with torch.no_grad():
        logits = own(own.prepare(few.images)).numpy()
    np.testing.assert_allclose(eight.logits[:, [0, 2, 4, 6]], logits, rtol=1e-4, atol=1e-4)
    mixed = quantize(demo, images, 8, [*[Bits(4, 4)] * 3, Bits(8, 8)])  # weights of the second columns have 4 bits too
    with torch.no_grad():
        logits = mixed(mixed.prepare(few.images)).numpy()
    np.testing.assert_allclose(eight.logits[:, [1, 3, 5, 6]], logits, rtol=1e-4, atol=1e-4)
    front = ee.front(eight, "energy x latency", grid=8, max_exits=2)
    chosen = ~np.isnan(front.thresholds)
    assert not (chosen[:, 0] & chosen[:, 1]).any()  # one number of bits an exit


def tiny(seed=0, count=64):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = np.clip(rng.normal(80 + 90 * labels[:, None, None], 30, (count, 8, 8)), 0, 255).astype(np.uint8)
    return Dataset(images, labels, ("a", "b"), "tiny", "train", "")


def test_fine_tuning_learns_with_the_rounding():
    torch.manual_seed(0)
    network = EarlyExitNetwork(
        [nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())],
        [nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))],
        (1, 8, 8),
        mean=0.5,
        std=0.25,
    )
    data = tiny()
    made = quantize(network, data.images, 4)
    before = {k: v.clone() for k, v in made.state_dict().items()}
    events = list(fine_tune(made, data, data, Recipe(epochs=3, batch=16, learning_rate=0.05, shift=0)))
    assert [e.epoch for e in events] == [1, 2, 3]
    assert events[-1].accuracy == evaluate(made, data)
    assert events[-1].accuracy[0] > 0.9
    changed = [k for k, v in made.state_dict().items() if not torch.equal(v, before[k])]
    assert any("original" in name for name in changed)
    assert any("scale" in name for name in changed)
    steps = [
        e for e in fine_tune(made, data, data, Recipe(epochs=1, batch=16, shift=0), every=2) if isinstance(e, StepEnd)
    ]
    assert [(e.done, e.total) for e in steps] == [(2, 4), (4, 4)]
    plain = made.unrounded()
    assert not any(isinstance(m, FakeActivation | FakeWeight) for m in plain.modules())
    assert evaluate(plain, data)[0] > 0.9


needs_runtime = pytest.mark.skipif(
    not (is_installed("onnx") and is_installed("onnxruntime")), reason="onnx or onnxruntime is not installed"
)


@needs_runtime
def test_int8_files_predict_what_fake_quantization_predicts(demo, validation, images, tmp_path):
    from eeviz.nn.export.int8 import agreement, export_int8, needs_reduced_range

    reduced = needs_reduced_range()
    done = export_int8(demo, Policy((0.9, None, 0.9)), tmp_path, images)
    assert all((tmp_path / name).stat().st_size > 0 for name in done.files)
    found = agreement(quantize(demo, images, 8, reduce_range=reduced), tmp_path, validation.images[:500])
    assert found.share.shape == (3,)
    assert found.worst >= 0.985  # the bar of 99 % is held on more images by benchmarks/int8_agreement.py
    assert agreement(demo, tmp_path, validation.images[:200]).worst > 0.95


@needs_runtime
def test_vnni_is_read_from_the_processors_flags(monkeypatch):
    from pathlib import Path

    from eeviz.nn.export import int8

    monkeypatch.setattr(int8.platform, "machine", lambda: "x86_64")
    for flags, expected in (("flags : fpu avx2\n", True), ("flags : avx2 avx512_vnni\n", False)):
        monkeypatch.setattr(Path, "read_text", lambda *_, flags=flags: flags)
        assert int8.needs_reduced_range() is expected
    monkeypatch.setattr(int8.platform, "machine", lambda: "arm64")
    assert int8.needs_reduced_range() is False
