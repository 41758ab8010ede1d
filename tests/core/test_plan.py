"""Plans against counts made by hand, and what they refuse."""

import numpy as np
import pytest

from eeviz.core.network.layers import (
    Activation,
    AveragePool,
    Block,
    Convolution,
    Linear,
    MaxPool,
    Resize,
    SqueezeExcite,
    macs,
    parameters,
    through,
    weighted,
)
from eeviz.core.network.plan import Head, Plan


def ending(name, classes=10):
    return (AveragePool(), Linear(name, classes))


@pytest.mark.parametrize(
    ("layer", "shape", "out", "cost", "count"),
    [
        (Convolution("c", 5), (3, 8, 8), (5, 8, 8), 8 * 8 * 5 * 27, 5 * 27 + 10),
        (Convolution("c", 5, 3, 2, norm=False, bias=True), (3, 7, 7), (5, 4, 4), 16 * 5 * 27, 5 * 27 + 5),
        (Convolution("c", 3, 5, 2, depthwise=True), (3, 8, 8), (3, 4, 4), 16 * 3 * 25, 3 * 25 + 6),
        (Convolution("c", 4, 5, 2, padded=False), (3, 8, 8), (4, 2, 2), 4 * 4 * 75, 4 * 75 + 8),
        (SqueezeExcite("s", 2), (8, 4, 4), (8, 4, 4), 32, 32 + 2 + 8),
        (Linear("l", 7), (3, 2, 2), (7, 1, 1), 84, 84 + 7),
        (Linear("l", 7, bias=False), (3, 2, 2), (7, 1, 1), 84, 84),
        (MaxPool(2), (3, 7, 7), (3, 3, 3), 0, 0),
        (AveragePool(2), (3, 7, 7), (3, 2, 2), 0, 0),
        (Resize(8), (3, 7, 7), (3, 8, 8), 0, 0),
        (Activation(), (3, 7, 7), (3, 7, 7), 0, 0),
    ],
)
def test_one_layer_by_hand(layer, shape, out, cost, count):
    assert (layer.out(shape), layer.macs(shape), layer.parameters(shape)) == (out, cost, count)
    assert isinstance(layer.words, str)
    assert layer.words


def test_a_block_is_the_sum_of_its_layers():
    layers = (Convolution("a", 6, 1), Convolution("b", 6, 3, depthwise=True), Convolution("c", 3, 1, activation=None))
    block = Block("block", "inverted 3x3", layers, residual=True)
    assert block.out((3, 4, 4)) == (3, 4, 4)
    assert block.macs((3, 4, 4)) == macs(layers, (3, 4, 4)) == 16 * (18 + 54 + 18)
    assert block.parameters((3, 4, 4)) == parameters(layers, (3, 4, 4))
    assert [(layer.name, shape) for layer, shape in weighted((block,), (3, 4, 4))] == [
        ("a", (3, 4, 4)),
        ("b", (6, 4, 4)),
        ("c", (6, 4, 4)),
    ]


def plan(**changes):
    segments = ((Convolution("one", 4, 3, 2),), (Convolution("two", 8, 3, 2),))
    heads = (
        Head(0, "exit 1, a", ending("a"), "a"),
        Head(0, "exit 1, b", (MaxPool(2), *ending("b")), "b"),
        Head(1, "final", ending("f"), "final"),
    )
    return Plan(**{"input": (1, 8, 8), "classes": 10, "segments": segments, "heads": heads, **changes})


def test_macs_are_cumulative_at_each_tap():
    made = plan()
    cost = made.macs()
    first, second = 16 * 4 * 9, 4 * 8 * 36
    np.testing.assert_array_equal(cost.backbone, [first, first, first + second])
    np.testing.assert_array_equal(cost.heads, [40, 40, 80])
    assert made.position == (0, 0, 1)
    assert made.shapes == ((1, 8, 8), (4, 4, 4), (8, 2, 2))
    assert made.taps == ((4, 4, 4), (4, 4, 4), (8, 2, 2))
    assert made.parameters() == 36 + 8 + 288 + 16 + 50 + 50 + 90
    assert [layer.name for layer, _ in made.weighted()] == ["one", "two", "a", "b", "f"]
    assert through(made.segments[0], made.input) == (4, 4, 4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"heads": ()}, "must not fall and the last must read segment 1"),
        ({"heads": (Head(1, "f", ending("f")), Head(0, "e", ending("e")))}, "must not fall"),
        ({"heads": (Head(0, "f", ending("f")),)}, "last must read segment 1"),
        ({"heads": (Head(1, "f", ending("f", 9)),)}, r"f: gives \(9, 1, 1\), expected 10"),
        ({"learned_confidence": True}, "exit 1, a: gives .* expected 11"),
        ({"input": (1, 1, 1), "segments": ((Convolution("one", 4, 3, padded=False),), ())}, "nothing is left"),
    ],
)
def test_plans_that_cannot_be_built_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        plan(**changes)


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="depthwise with 4 channels on an input of 3"):
        Convolution("c", 4, depthwise=True).out((3, 8, 8))
    with pytest.raises(ValueError, match="no pooling of its input"):
        Block("b", "kind", (Convolution("c", 4, 3, 1, padded=False),), residual=True).out((3, 8, 8))


def test_a_residual_block_may_change_the_shape():
    for size, stride in ((8, 1), (8, 2), (7, 2), (5, 2), (3, 2)):
        block = Block("b", "kind", (Convolution("c", 4, 3, stride),), residual=True)
        assert block.out((3, size, size)) == (4, -(-size // stride), -(-size // stride))
        assert block.stride((3, size, size)) == stride
        assert block.macs((3, size, size)) == Convolution("c", 4, 3, stride).macs((3, size, size))
