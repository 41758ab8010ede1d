"""Confidence measures against their formulas; temperatures against scipy's optimum and a known truth."""

import numpy as np
import pytest

from eeviz.core.table import calibration


def test_measures_on_a_worked_example():
    logits = np.log(np.array([[[0.7, 0.2, 0.1]]]))
    assert calibration.confidence_of(logits, "max_probability")[0, 0] == pytest.approx(0.7)
    assert calibration.confidence_of(logits, "margin")[0, 0] == pytest.approx(0.5)
    entropy = -(0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1))
    assert calibration.confidence_of(logits, "entropy")[0, 0] == pytest.approx(1 - entropy / np.log(3))


@pytest.mark.parametrize("measure", calibration.MEASURES)
def test_confidences_stay_in_range_for_extreme_logits(measure):
    logits = np.array([[[1e4, 0, 0]], [[0, 0, 0]], [[-1e4, -1e4, -1e4]], [[1e-9, 0, 0]]])
    made = calibration.confidence_of(logits, measure)
    assert made.dtype == np.float32
    assert (made >= 0).all()
    assert (made < 1).all()
    assert made[0, 0] == calibration.BELOW_ONE


def test_the_fitted_temperature_is_the_minimum():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 4, 800)
    logits = rng.normal(size=(800, 2, 4)) + 2.0 * (label[:, None, None] == np.arange(4))
    logits[:, 1] *= 3
    temperature = calibration.fit_temperature(logits, label)
    for k in range(2):
        best = calibration.negative_log_likelihood(logits[:, k], label, temperature[k])
        for factor in (0.98, 1.02):
            assert best <= calibration.negative_log_likelihood(logits[:, k], label, factor * temperature[k])


def test_a_known_temperature_is_found_again():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(20_000, 5)) * 2
    p = calibration.softmax(logits[:, None], None)[:, 0]
    label = (p.cumsum(axis=1) < rng.random(20_000)[:, None]).sum(axis=1)
    assert calibration.fit_temperature(2.5 * logits[:, None], label)[0] == pytest.approx(2.5, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"measure": "sum"}, "max_probability, margin, entropy"),
        ({"temperature": (1.0,)}, "2 positive"),
        ({"temperature": (1.0, -1.0)}, "2 positive"),
    ],
)
def test_bad_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        calibration.confidence_of(np.zeros((3, 2, 4)), **arguments)
