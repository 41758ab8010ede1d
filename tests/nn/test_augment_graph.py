"""Graphs of any classifier: candidate locations, bit-identical segments, and what is refused, in words."""

import copy
import functools

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from eeviz.core.table.policy import Policy  # noqa: E402
from eeviz.nn.augment.branches import DESIGNS, build, designs_for  # noqa: E402
from eeviz.nn.augment.graph import analyse, segment_macs  # noqa: E402
from eeviz.nn.count.describe import describe  # noqa: E402
from eeviz.nn.count.macs import count_macs, macs  # noqa: E402
from eeviz.nn.export.network import export  # noqa: E402
from eeviz.nn.models import classifiers  # noqa: E402
from eeviz.nn.network import EarlyExitNetwork  # noqa: E402

from .architectures import FAMILIES, make  # noqa: E402

KNOWN = {"resnet20": (3, 32, 32), "ds-cnn-s": (1, 49, 10), "heartbeat-cnn": (3, 256)}


@functools.cache
def analysed(name):
    model, shape = (classifiers.build(name), KNOWN[name]) if name in KNOWN else make(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    return analyse(model, picture(shape)), before


def picture(shape, n=5, seed=1):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", [*FAMILIES, *KNOWN])
def test_segments_of_every_family_give_the_models_own_logits(name):
    graph, before = analysed(name)
    model, x = graph.model, picture(graph.example.shape[1:])
    assert len(graph.locations) >= 2, "a family without locations proves nothing"
    segments = graph.segments(range(len(graph.locations)))
    assert len(segments) == len(graph.locations) + 2
    for batch in (1, 4, 5):
        y = x[:batch]
        with torch.no_grad():
            for k, segment in enumerate(segments):
                y = segment(y)
                if k < len(graph.locations):
                    assert tuple(y.shape[1:]) == graph.locations[k].shape
            assert torch.equal(y, model(x[:batch]))
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("name", [*FAMILIES, *KNOWN])
def test_macs_of_segments_add_up_to_the_models(name):
    graph = analysed(name)[0]
    pieces = segment_macs(graph.segments(range(len(graph.locations))), graph.example)
    with torch.no_grad():
        whole = count_macs(graph.model, graph.example[:1])
    assert sum(pieces) == whole == graph.macs
    cumulative = 0
    for piece, location in zip(pieces, graph.locations, strict=False):
        cumulative += piece
        assert location.macs == cumulative
    assert all(piece > 0 for piece in pieces[: len(graph.locations)]), "two locations of equal cost"


@pytest.mark.parametrize("name", [*FAMILIES, *KNOWN])
def test_every_family_is_given_branches_and_exported(name, tmp_path):
    """Each file against PyTorch at several batch sizes: a batch size that was made a constant would show."""
    pytest.importorskip("onnxruntime")
    graph = analysed(name)[0]
    chosen = sorted({0, len(graph.locations) // 2})
    *body, final = graph.segments(chosen)
    heads = []
    for place in (graph.locations[c] for c in chosen):
        heads.append(build(place, designs_for(place, DESIGNS)[-1], graph.classes, 0.05 * graph.macs)[1].eval())
    position = [*range(len(chosen)), len(body) - 1]
    network = EarlyExitNetwork(body, [*heads, final], graph.example.shape[1:], position=position).eval()
    done = export(network, Policy([0.5] * len(chosen)), tmp_path)
    assert done.difference <= 1e-4
    assert len(done.files) == 2 * len(chosen) + 2


def test_locations_of_the_residual_network_are_its_blocks():
    graph = analysed("resnet20")[0]
    assert [place.name for place in graph.locations] == [f"layer{s}.{b}" for s in (1, 2, 3) for b in range(3)][:-1]
    assert graph.macs == 40_551_040
    assert graph.locations[3].shape == (32, 16, 16)
    assert graph.traced.by == "torch.fx"


def test_a_skip_over_a_block_hides_the_points_inside():
    graph = analysed("dense")[0]
    names = [place.name for place in graph.locations]
    assert names == ["max_pool2d", "transition.1", "transition.3"]  # block 1 begins and ends there; inside, nothing


def test_shapes_may_decide_where_values_may_not():
    graph = analysed("shape-checking")[0]
    assert graph.traced.by == "torch.export"
    assert len(graph.locations) == 2


def test_where_the_channels_are():
    layouts = {n: {place.layout for place in analysed(n)[0].locations} for n in FAMILIES}
    assert layouts["transformer"] == layouts["encoder"] == layouts["mixer"] == {"tokens"}
    assert layouts["inception"] == layouts["signal"] == layouts["bottleneck"] == {"channels"}
    assert layouts["plain"] == layouts["convnext"] == {"channels"}


def test_segments_share_the_models_parameters_and_run_apart():
    graph = analysed("resnet20")[0]
    model, x = graph.model, graph.example
    segments = graph.segments([2, 5])
    own = {id(p) for segment in segments for p in segment.parameters()}
    assert own == {id(p) for p in model.parameters()}
    with torch.no_grad():
        expected = model(x)
        first = copy.deepcopy(segments[0])(x)
        for segment in segments[1:]:
            first = copy.deepcopy(segment)(first)
    assert torch.equal(first, expected)


class InPlaceBehindTheCut(nn.Module):
    """The tensor between the layers is overwritten by what comes next: a branch reading it later would be misled."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 10)

    def forward(self, x):
        x = self.one(x)
        kept = x.mul(2)
        y = kept.add_(1)
        return self.head(self.two(y.relu_()).mean((2, 3)))


def test_a_segment_never_overwrites_the_tensor_it_was_given():
    model = InPlaceBehindTheCut().eval()
    x = picture((3, 12, 12))
    segments = analyse(model, x).segments([0])
    with torch.no_grad():
        tapped = segments[0](x)
        before = tapped.clone()
        segments[1](tapped)
    assert torch.equal(tapped, before)


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Conv1d(1, 4, 5), nn.Linear(6, 4)

    def forward(self, x, intervals):
        return self.head(torch.cat([self.body(x).mean(2), intervals], 1))


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head, self.other = nn.Conv2d(3, 4, 3), nn.Linear(4, 10), nn.Linear(4, 2)

    def forward(self, x):
        x = self.body(x).mean((2, 3))
        return self.head(x), self.other(x)


class Deciding(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 10)

    def forward(self, x):
        x = self.body(x)
        if x.sum() > 0:
            x = x * 2
        return self.head(F.relu(x).mean((2, 3)))


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.block, self.head = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1), nn.Linear(8, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(self.block(x))
        x = F.relu(self.block(x))
        return self.head(x.mean((2, 3)))


class Tied(Shared):
    def __init__(self):
        super().__init__()
        self.second = nn.Conv2d(8, 8, 3, 1, 1)
        self.second.weight = self.block.weight

    def forward(self, x):
        x = F.relu(self.block(F.relu(self.stem(x))))
        return self.head(F.relu(self.second(x)).mean((2, 3)))


class Spanned(nn.Module):
    """The input itself is needed until the end."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(3, 3, 3, 1, 1), nn.Conv2d(3, 3, 3, 1, 1), nn.Linear(3, 10)

    def forward(self, x):
        return self.head((x + self.two(F.relu(x + self.one(x)) + x)).mean((2, 3)))


class Random(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3), nn.Linear(8, 10)

    def forward(self, x):
        x = F.relu(self.one(x))
        return self.head(F.relu(self.two(F.dropout(x, 0.5, training=True))).mean((2, 3)))


class Pixels(nn.Module):
    """A segmentation network gives a map, not one answer a sample."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 10, 3)

    def forward(self, x):
        return self.body(x)


class Weightless(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


@pytest.mark.parametrize(
    ("model", "shape", "words"),
    [
        (TwoInputs(), (1, 64), "several inputs.*x, intervals"),
        (TwoOutputs(), (3, 16, 16), "several outputs"),
        (Deciding(), (3, 16, 16), "data-dependent control flow"),
        (Shared(), (3, 16, 16), "block is called again"),
        (Tied(), (3, 16, 16), "second.*shares its weights|shares its weights with second"),
        (Spanned(), (3, 16, 16), "no valid exit location"),
        (Pixels(), (3, 16, 16), "one tensor of logits"),
        (Weightless(), (10, 16, 16), "no cost to save"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_what_cannot_be_augmented_is_refused_in_words(model, shape, words):
    with pytest.raises(ValueError, match=words):
        analyse(model.eval(), picture(shape))


def test_a_model_that_answers_at_random_is_found_out():
    with pytest.raises(ValueError, match=r"forward is random \(dropout\)"):
        analyse(Random().eval(), picture((3, 16, 16)))


def test_training_mode_is_refused_and_the_part_named():
    model = classifiers.build("resnet20")
    model.layer2[1].bn1.train()
    with pytest.raises(ValueError, match=r"training mode \(layer2.1.bn1\).*model.eval"):
        analyse(model, picture((3, 32, 32)))


def test_wrong_shape_and_wrong_class_count():
    model = classifiers.build("resnet20")
    with pytest.raises(ValueError, match="does not run on an input of shape"):
        analyse(model, picture((1, 32, 32)))
    with pytest.raises(ValueError, match="10 logits, the data has 7 classes"):
        analyse(model, picture((3, 32, 32)), classes=7)


def test_recurrent_layers_are_counted_by_step():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.lstm, self.head = nn.Conv1d(1, 8, 9, 4), nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 4)

        def forward(self, x):
            return self.head(self.lstm(F.relu(self.stem(x)).transpose(1, 2))[0].mean(1))

    x = picture((1, 64))
    graph = analyse(Recurrent().eval(), x)
    expected = [14 * 8 * 9, 14 * 4 * 16 * (8 + 16), 64]
    assert graph.macs == sum(expected)
    assert segment_macs(graph.segments([0]), x) == expected


def test_what_has_no_rule_is_refused_while_it_is_read():
    class Spectrum(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head = nn.Conv1d(1, 8, 9, 4), nn.Linear(8, 4)

        def forward(self, x):
            return self.head(torch.fft.rfft(self.stem(x)).abs().mean(2))

    with pytest.raises(ValueError, match=r"no rule for its operator _fft_r2c"):
        analyse(Spectrum().eval(), picture((1, 64)))


class Auxiliary(nn.Module):
    """Heads that run in evaluation mode too, and are not returned."""

    def __init__(self, returned=False):
        super().__init__()
        self.stem, self.body, self.head = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3), nn.Linear(8, 4)
        self.aux, self.counter = nn.Conv2d(8, 64, 3), nn.ReLU(inplace=True)

    def forward(self, x):
        x = F.relu(self.stem(x))
        aux = self.aux(x).mean((2, 3))  # noqa: F841
        x = self.body(x)
        self.counter(x)  # in place: the result is not used, and yet needed
        return self.head(x.mean((2, 3)))


def test_layers_that_are_not_returned_cost_nothing():
    torch.manual_seed(0)
    x = picture((3, 16, 16))
    model = Auxiliary().eval()
    graph = analyse(model, x)
    parts = graph.segments([0])
    expected = [49 * 8 * 27, 25 * 8 * 72, 32]
    assert graph.macs == sum(expected)
    assert segment_macs(parts, x) == expected
    with torch.no_grad(), FlopCounterMode(display=False) as run:
        y = x[:1]
        for part in parts:
            y = part(y)
    assert run.get_total_flops() == 2 * sum(expected)
    assert graph.locations[0].share == expected[0] / sum(expected)


def test_what_is_computed_of_weights_alone_is_one_figure_everywhere():
    class Biased(nn.Module):  # as the position biases of Swin v2: a perceptron of a table, whatever the sample
        def __init__(self):
            super().__init__()
            self.stem, self.body, self.head = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3), nn.Linear(8, 4)
            self.register_buffer("table", torch.randn(25, 2))
            self.bias = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 8))

        def forward(self, x):
            x = self.body(F.relu(self.stem(x))) + self.bias(self.table).t().reshape(8, 5, 5)
            return self.head(x.mean((2, 3)))

    x, model = picture((3, 16, 16)), Biased().eval()
    graph = analyse(model, x)
    parts = graph.segments([0])
    expected = [49 * 8 * 27, 25 * 8 * 72, 32]
    assert graph.macs == sum(expected) == count_macs(model, x[:1])
    assert segment_macs(parts, x) == expected
    network = EarlyExitNetwork(parts[:-1], [parts[-1]], (3, 16, 16), position=[1])
    assert macs(network).static == describe(network).macs.static == sum(expected)
    assert [piece.macs for piece in describe(network).pieces] == expected[:2]


def test_chosen_locations_must_rise():
    graph = analysed("ds-cnn-s")[0]
    for chosen in ([3, 1], [0, 0], [-1], [99]):
        with pytest.raises(ValueError, match="locations must rise"):
            graph.segments(chosen)
