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


class Plain(nn.Module):
    """Two convolutions, something between them, and a classifier."""

    def __init__(self, between=None, ending=None, norm=False):
        super().__init__()
        self.a, self.b, self.c = (
            nn.Conv2d(3, 8, 3, padding=1),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.Conv2d(8, 8, 3, padding=1),
        )
        self.norm = nn.BatchNorm2d(8) if norm else nn.Identity()
        self.out, self.between, self.ending = nn.Linear(8, 4), between, ending

    def forward(self, x):
        x = F.relu(self.norm(self.b(F.relu(self.a(x)))))
        x = x if self.between is None else self.between(x)
        x = self.out(F.relu(self.c(x)).mean((2, 3)))
        return x if self.ending is None else self.ending(x)


class Later(nn.Module):
    """The batch is the time axis, and each sample knows those before it."""

    def __init__(self):
        super().__init__()
        self.a, self.lstm, self.out = nn.Conv1d(2, 8, 5), nn.LSTM(8, 8), nn.Linear(8, 4)

    def forward(self, x):
        return self.out(self.lstm(F.relu(self.a(x)).transpose(1, 2))[0].mean(1))


def example(n=6, shape=(3, 12, 12)):
    return torch.from_numpy(values(n, shape))


@pytest.mark.parametrize(
    ("between", "operator"),
    [
        (lambda x: x - x.mean(0, keepdim=True), "mean"),
        (lambda x: x.softmax(0), "softmax"),
        (lambda x: x / (1 + x.amax(0, keepdim=True)), "amax"),
        (lambda x: x - x.max(0).values, "max"),
        (lambda x: x / x.abs().max(), "max"),
        (lambda x: F.batch_norm(x, None, None, training=True), "batch_norm"),
        (lambda x: x.cumsum(0), "cumsum"),
        (nn.BatchNorm2d(8, track_running_stats=False).eval(), "BatchNorm2d"),
    ],
    ids=["centring", "softmax", "amax", "max", "whole maximum", "batch norm", "cumsum", "norm without statistics"],
)
def test_answers_that_depend_on_the_batch_are_refused_and_the_operator_named(between, operator):
    with pytest.raises(ValueError, match=f"depends on the other samples.*from {operator}"):
        analyse(Plain(between).eval(), example())


def test_samples_as_the_steps_of_a_recurrent_layer_are_refused():
    with pytest.raises(ValueError, match=r"depends on the other samples.*from LSTM \(lstm\)"):
        analyse(Later().eval(), example(shape=(2, 32)))


@pytest.mark.parametrize(
    "ending", [lambda x: x.softmax(1), nn.Softmax(dim=-1), lambda x: (e := x.exp()) / e.sum(1, True)]
)
def test_probabilities_become_log_probabilities_and_are_told(ending):
    torch.manual_seed(3)
    model, x = Plain(ending=ending).eval(), values()
    made = augment(model, (x, np.arange(48) % 4), training=(x, np.arange(48) % 4), epochs=1, locations=1)
    assert "probabilities" in made.notes[0]
    assert made.graph.answers(example()).shape == (6, 4)
    np.testing.assert_allclose(np.exp(made.records.logits[:, -1]), answers(model, x), rtol=1e-4)
    with torch.no_grad():
        assert torch.equal(made.network()(example())[:, -1], torch.log(model(example())))


def test_log_probabilities_are_told():
    model = Plain(ending=nn.LogSoftmax(dim=1)).eval()
    assert "log-softmax" in analyse(model, example()).notes[0]
    assert analyse(Plain().eval(), example()).notes == ()


class Squeezed(nn.Module):
    def __init__(self, squeeze):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 4, 1)
        self.squeeze = squeeze

    def forward(self, x):
        return self.squeeze(self.out(F.adaptive_avg_pool2d(F.relu(self.b(F.relu(self.a(x)))), 1)))


@pytest.mark.parametrize("squeeze", [lambda x: x.squeeze(), torch.squeeze, lambda x: x.squeeze((0, 2, 3))])
def test_a_squeeze_keeps_the_batch_of_one_sample(squeeze):
    model, x = Squeezed(squeeze).eval(), values(129)
    y = np.arange(129) % 4
    made = augment(model, (x, y), training=(x, y), epochs=1, locations=1, designs=("mlp",))
    np.testing.assert_allclose(
        made.records.logits[:, -1], answers(model, x), rtol=1e-4, atol=1e-5
    )  # 129 is 128 and one
    assert len(made.collect((x[:1], y[:1]))) == 1
    with torch.no_grad():
        assert torch.equal(made.network()(example(1))[0, -1], model(example(1)))


def weighted(wrap, name="b"):
    model = Plain(norm=True)
    wrap(getattr(model, name))
    return shaken(model)


@pytest.mark.parametrize("joint", [None, 1])
@pytest.mark.parametrize(
    "wrap",
    [
        torch.nn.utils.weight_norm,
        torch.nn.utils.spectral_norm,
        torch.nn.utils.parametrizations.weight_norm,
        torch.nn.utils.parametrizations.spectral_norm,
        lambda m: torch.nn.utils.prune.l1_unstructured(m, "weight", 0.5),
    ],
    ids=["weight_norm", "spectral_norm", "weight_norm, new", "spectral_norm, new", "pruned"],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_that_are_computed_are_taken(wrap, joint):
    model, x = weighted(wrap), values()
    model(example())  # as its user ran it: with gradients
    if joint is None:
        made_of(model, x)
        return
    y = np.arange(48) % 4
    made = augment(model, (x, y), training=(x, y), epochs=1, locations=1, designs=("mlp",), joint=joint)
    assert np.isfinite(made.records.logits).all()
    made.network()


def test_volumes_are_taken():
    model = nn.Sequential(
        nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4), nn.ReLU(), nn.Conv3d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 4)
    )
    x = values(48, (1, 8, 8, 8))
    y = np.arange(48) % 4
    made = augment(shaken(model), (x, y), training=(x, y), epochs=1)
    assert augment(model, (x, y), training=(x, y), epochs=1, joint=1).records.exits_count > 1
    assert {size.design for size in made.sized} == {"mlp", "light", "deep"}
    assert len(made.network(made.best(max_drop=1.0)).infer(x).predicted) == 48


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64, torch.float16])
def test_values_of_any_precision_and_with_gradients_are_taken(kind):
    x = torch.from_numpy(values()).to(kind).requires_grad_()
    y = torch.arange(48) % 4
    made = augment(Plain().eval(), (x, y), training=(x, y), epochs=1, locations=1)
    assert made.records.logits.dtype == np.float32


def nan_weight():
    model = Plain()
    with torch.no_grad():
        model.b.weight[0, 0, 0, 0] = float("nan")
    return model


def in_place():
    model = Plain()
    model.compile()
    return model


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.out = nn.DataParallel(nn.Conv2d(3, 8, 3)), nn.Linear(8, 4)

    def forward(self, x):
        return self.out(self.features(x).mean((2, 3)))


class Rounding(nn.Module):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return F.conv2d(x, torch.ones(8, 8, 1, 1)).float()


def looping(x):
    return torch.stack([sample * 2 for sample in x])


def remembering_maximum():
    seen = [torch.zeros(())]

    def between(x):
        seen[0] = seen[0] + 1
        return x + seen[0]

    return between


REFUSED = {
    "data parallel": (lambda: nn.DataParallel(Plain()), r"give what is inside, model\.module"),
    "data parallel inside": (Wrapped, r"model\.features\.module"),
    "compiled": (lambda: torch.compile(Plain()), r"model\._orig_mod"),
    "compiled in place": (in_place, r"compiled in place"),
    "scripted": (lambda: torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())), r"scripted.*eager model"),
    "traced": (lambda: torch.jit.trace(Plain().eval(), example(2)), r"traced.*eager model"),
    "NaN": (nan_weight, r"b\.weight holds 1 values that are NaN.*checkpoint damaged"),
    "bfloat16": (lambda: Plain().bfloat16(), r"a\.weight is bfloat16.*model\.float\(\)"),
    "float64": (lambda: Plain().double(), r"a\.weight is float64.*model\.float\(\)"),
    "dynamic int8": (
        lambda: torch.ao.quantization.quantize_dynamic(Plain().eval(), {nn.Linear}),
        r"part out is quantized to int8.*float32 model",
    ),
    "NumPy": (lambda: Plain(lambda x: torch.from_numpy(np.tanh(x.numpy()))), r"leaves PyTorch for NumPy.*\(numpy\)"),
    "loop": (lambda: Plain(looping), "loops over a tensor.*all samples at once"),
    "decision": (lambda: Plain(lambda x: x * 2 if x.sum() > 0 else x), "data-dependent control flow"),
    "autocast": (lambda: Plain(Rounding()), "switches autocast on"),
    "state": (lambda: Plain(remembering_maximum()), "keeps state between calls"),
    "random": (lambda: Plain(lambda x: x + torch.randn_like(x)), r"random \(randn_like\)"),
    "answers": (lambda: Plain(ending=lambda x: F.one_hot(x.argmax(1), 4)), "logits, not answers"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_what_stands_in_the_way_is_named_with_its_remedy(name):
    make, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        analyse(make().eval(), example()).segments([0])


def test_scripted_blocks_are_taken():
    model = Plain(torch.jit.script(nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU())))
    made_of(model.eval(), values())


def test_the_length_of_a_tensor_is_its_batch():
    model = Plain(lambda x: x.reshape(len(x), -1).reshape(len(x), 8, 12, 12)).eval()
    graph = analyse(model, example())
    assert graph.traced.by == "torch.fx"
    x = example(5)
    for segment in graph.segments([0]):
        x = segment(x)
    with torch.no_grad():
        assert torch.equal(x, model(example(5)))


class Collecting(nn.Module):
    """Writes what it computes into a tensor that it made of shapes alone (as iterative square roots do)."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(16, 4)

    def forward(self, x):
        x = F.relu(self.a(x))
        kept = x.new_zeros(x.shape[0], 2, 8)
        kept[:, 0] = x.mean((2, 3))
        kept[:, 1] = F.relu(self.b(x)).mean((2, 3))
        return self.out(kept.flatten(1))


def test_what_is_written_into_a_tensor_is_not_lost_by_a_cut():
    graph = analyse(Collecting().eval(), example())
    parts = graph.segments(range(len(graph.locations)))
    x = example(5)
    with torch.no_grad():
        expected = graph.model(x)
        for part in parts:
            x = part(x)
    assert torch.equal(x, expected)


def test_a_hook_that_collects_features_finds_its_list_as_it_was():
    model, seen, store = Plain().eval(), ["mine"], {}
    model.b.register_forward_hook(lambda module, args, out: seen.append(out))
    model.c.register_forward_pre_hook(lambda module, args: store.update(last=args[0]))
    model.a.weight.requires_grad_(False)
    hooks = [dict(m._forward_hooks) for m in model.modules()]
    grads = [p.requires_grad for p in model.parameters()]
    made_of_hooked = augment(
        model, (values(), np.arange(48) % 4), training=(values(), np.arange(48) % 4), epochs=1, locations=2
    )
    network = made_of_hooked.network()
    with torch.no_grad():
        network(example())
    assert (seen, store) == (["mine"], {})
    assert hooks == [dict(m._forward_hooks) for m in model.modules()]
    assert grads == [p.requires_grad for p in model.parameters()]
    model(example(2))
    assert len(seen) == 2
    assert store["last"].shape[0] == 2


def test_a_hook_that_changes_the_answer_is_refused():
    model = Plain().eval()
    model.b.register_forward_hook(lambda module, args, out: out * 2)
    with pytest.raises(ValueError, match="hook changes what the model answers"):
        analyse(model, example())
