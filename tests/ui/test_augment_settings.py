"""Settings of the augment lab: checked, and brought back by an address and by a line of code."""

import ast

import pytest

from eeviz.labs.augment.settings import Settings
from eeviz.labs.settings import from_query, to_code, to_query

OTHER = Settings("fashion", "sensor-gateway-cloud", "energy x latency", "float32", 0.005, 3, "full", 7, 0.4, 0.05, True)


@pytest.mark.parametrize("settings", [Settings(), OTHER])
def test_an_address_brings_them_back(settings):
    query = "&".join(f"{name}={value}" for name, value in to_query(settings).items())
    assert from_query(Settings(), query.replace(" ", "+")) == settings


def test_a_line_of_code_brings_them_back():
    call = ast.parse(to_code(OTHER), mode="eval").body
    words = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert Settings(ast.literal_eval(call.args[0]), **words) == OTHER
    assert to_code(Settings()) == "ee.augment_lab('ecg')"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "vgg"}, "model 'vgg' is unknown: choose one of fashion"),
        ({"platform": "abacus"}, "platform 'abacus'"),
        ({"cost": "money"}, "choose one of macs, latency"),
        ({"max_drop": 1.0}, "max_drop: expected a share"),
        ({"max_exits": 0}, "max_exits: expected a whole number of at least 1"),
        ({"max_exits": 5}, "at most 4 here"),
        ({"seed": -1}, "seed: expected a whole number of at least 0"),
        ({"claim": -0.1}, "claim: expected a share"),
        ({"worst_latency": float("nan")}, "worst_latency: expected seconds"),
        ({"fine_tune": 1}, "fine_tune: expected True or False"),
    ],
)
def test_what_does_not_fit_is_said_in_words(given, said):
    with pytest.raises(ValueError, match=said):
        Settings(**given)


@pytest.mark.parametrize("query", ["drop=much", "exits=2.5", "platform=<script>", "effort=none", "joint=yes"])
def test_an_address_that_does_not_fit_is_told(query):
    with pytest.raises(ValueError, match="The address does not fit"):
        from_query(Settings(), query)


def test_only_what_training_depends_on_needs_training_again():
    assert Settings(cost="macs", platform="this-host", max_drop=0.1).trained == Settings().trained
    assert Settings(seed=1).trained != Settings().trained
    assert Settings(fine_tune=True).trained != Settings().trained
