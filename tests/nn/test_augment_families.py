"""Over forty families of classifiers: cut with their own logits, counted as a whole, exported."""

import pytest

torch = pytest.importorskip("torch")

from eeviz.nn.augment.fused import close, fused  # noqa: E402
from eeviz.nn.augment.graph import analyse, segment_macs  # noqa: E402
from eeviz.nn.count.macs import count_macs  # noqa: E402
from eeviz.nn.export.network import _to_onnx, check  # noqa: E402

from .families import BLOCKS, family  # noqa: E402


def test_there_are_at_least_forty():
    assert len(BLOCKS) >= 40


@pytest.mark.parametrize("name", BLOCKS)
def test_cut_counted_and_exported(name, tmp_path):
    model, x = family(name), torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        own = model(x)
    graph = analyse(model, x)
    parts = graph.segments(range(len(graph.locations)))
    assert len(parts) >= 3
    assert sum(segment_macs(parts, x)) == graph.macs == count_macs(model, x[:1])
    short = fused(parts, x)
    fast = given = x
    with torch.no_grad():
        for part, quick in zip(parts, short, strict=True):
            given, fast = part(given), quick(fast)
    assert torch.equal(given, own)
    assert close(fast, own, 1e-4)
    pytest.importorskip("onnxruntime")
    given = x
    for part in (parts[0], torch.nn.Sequential(*parts[1:]).eval()):
        _to_onnx(part, given, tmp_path / "part.onnx")
        assert check(tmp_path / "part.onnx", part, given) <= 1e-4
        with torch.no_grad():
            given = part(given)
