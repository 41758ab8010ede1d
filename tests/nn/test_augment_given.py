"""Models as people bring them: taken with their own answers, or refused in words before anything is trained."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from eeviz.nn.augment import analyse, augment  # noqa: E402
from eeviz.nn.augment.fused import folded, fused  # noqa: E402


def values(n=48, shape=(3, 12, 12), seed=3):
    return np.random.default_rng(seed).standard_normal((n, *shape)).astype(np.float32)


def answers(model, x):
    """What the model itself says, in one call without us."""
    with torch.no_grad():
        return model(torch.from_numpy(x)).numpy()


def shaken(model, seed=0):
    """In evaluation mode, with batch norms that have something to do."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model.eval()


def made_of(model, x, **options):
    """Augmented; the final column is the model's own, the network's final logits are, too."""
    y = np.arange(len(x)) % 4
    made = augment(model, (x, y), training=(x, y), epochs=1, locations=2, designs=("mlp",), **options)
    own = answers(model, x)
    assert np.isfinite(made.records.logits).all()
    np.testing.assert_allclose(made.records.logits[:, -1], own, rtol=1e-4, atol=1e-4 * np.abs(own).max())
    with torch.no_grad():
        whole = made.network()(torch.from_numpy(x))[:, -1]
    assert torch.equal(whole, torch.from_numpy(own))
    return made


class TwoScales(nn.Module):
    """One kernel used twice, with a norm of its own behind one use or both."""

    def __init__(self, both=True):
        super().__init__()
        self.stem, self.shared = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.fine, self.coarse = nn.BatchNorm2d(8), nn.BatchNorm2d(8) if both else nn.Identity()
        self.last, self.out = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(self.fine(self.shared(x)) + self.coarse(self.shared(F.avg_pool2d(x, 3, 1, 1))))
        return self.out(F.relu(self.last(x)).mean((2, 3)))


class Tapped(nn.Module):
    """What the convolution gives is used before its norm, too."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.last = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x)
        return self.out(self.last(F.relu(x + self.norm(x))).mean((2, 3)))


class Grouped(nn.Module):
    """Attention over groups of channels, by `view` all along, then the flattening that most first networks have."""

    def __init__(self):
        super().__init__()
        self.stem, self.gate, self.last = nn.Conv2d(3, 8, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(8, 8, 3)
        self.out = nn.Linear(8 * 64, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        n, channels, height, width = x.size()
        groups = x.view(n * 2, channels // 2, height, width)
        x = (groups * torch.sigmoid(self.gate(groups))).view(n, channels, height, width)
        x = F.relu(self.last(x))
        return self.out(x.view(x.size(0), -1))


@pytest.mark.parametrize(
    "model",
    [TwoScales(), TwoScales(False), Tapped(), Grouped()],
    ids=["shared kernel", "one use normed", "tapped before the norm", "view"],
)
def test_rewritings_that_change_an_answer_are_left_out(model):
    made_of(shaken(model), values())


@pytest.mark.parametrize("both", [True, False])
def test_each_call_of_a_kernel_is_folded_for_itself(both):
    graph = analyse(shaken(TwoScales(both)), torch.from_numpy(values(4)))
    segments = graph.segments(range(len(graph.locations)))
    short = [folded(segment) for segment in segments]
    norms = [sum(isinstance(m, nn.BatchNorm2d) for m in nn.ModuleList(part).modules()) for part in (segments, short)]
    assert norms == [1 + both, 0]
    x = y = torch.from_numpy(values(6, seed=9))
    with torch.no_grad():
        for one, two in zip(segments, short, strict=True):
            x, y = one(x), two(y)
    torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-5)


def test_a_rewriting_that_is_wrong_is_noticed_on_real_samples(monkeypatch):
    """On zeros the wrong one gives the same."""

    class Wrong(nn.Module):
        def __init__(self, segment):
            super().__init__()
            self.segment = segment

        def forward(self, x):
            return self.segment(1.01 * x)

    segment = nn.Conv2d(3, 4, 3, bias=False).eval()
    monkeypatch.setattr("eeviz.nn.augment.fused.folded", Wrong)
    x = torch.from_numpy(values(5))
    with torch.no_grad():
        torch.testing.assert_close(fused([segment], x)[0](x), segment(x))


def test_views_run_through_fine_tuning_inference_and_files(tmp_path):
    pytest.importorskip("onnxruntime")
    made = augment(
        Grouped().eval(), (values(), np.arange(48) % 4), training=(values(), np.arange(48) % 4), epochs=1, joint=1
    )
    policy = made.best(max_drop=0.5)
    said = made.network(policy).infer(values(20, seed=8))
    assert len(said.predicted) == 20
    assert made.export(tmp_path, policy).difference <= 1e-4


def test_pictures_reach_a_view_too():
    pictures = np.random.default_rng(0).integers(0, 256, (48, 12, 12, 3)).astype(np.uint8)
    y = np.arange(48) % 4
    made = augment(Grouped().eval(), (pictures, y), training=(pictures, y), epochs=1, locations=2)
    assert not made.network().channels_last
    assert len(made.network(made.best(max_drop=1.0)).infer(pictures).predicted) == 48
    assert copy.deepcopy(made.network()).prepare(pictures).is_contiguous()
