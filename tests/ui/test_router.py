"""The router's Python side: what it accepts, what it sends, what it refuses. No browser, no kernel."""

import itertools
import re

import numpy as np
import pytest
import traitlets

from eeviz.core.table.policy import Policy
from eeviz.core.table.records import Cost, ExitRecords, ProductCost, balanced
from eeviz.ui.charts.theme import EXIT_COLORS, exit_colors, exit_dashes, exit_patterns
from eeviz.ui.explorer.router import HIDEABLE, Router


def make_records(samples=40, exits=4, seed=0, **fields):
    rng = np.random.default_rng(seed)
    cost = Cost(np.arange(1, exits + 1) * 1e6, np.full(exits, 5e4))
    return ExitRecords(
        rng.random((samples, exits)),
        rng.integers(0, 3, (samples, exits)),
        rng.integers(0, 3, samples),
        {"macs": cost, "edp": ProductCost(Cost(cost.backbone, cost.heads, "J"), Cost(cost.backbone, cost.heads, "s"))},
        **fields,
    )


@pytest.fixture
def router():
    return Router(make_records(), Policy((0.9, 0.5, None)))


def test_thresholds_are_those_of_the_policy_in_float32(router):
    assert router.thresholds == [float(np.float32(0.9)), 0.5, None]
    assert router.policy == Policy((0.9, 0.5, None))


def test_thresholds_from_the_page_become_float32(router):
    router.set_state({"thresholds": [0.1, None, 1]})
    assert router.policy == Policy((0.1, None, 1))
    assert router.thresholds[0] == float(np.float32(0.1))


def test_buffers_hold_one_column_after_another(router):
    records = make_records()
    confidence = np.frombuffer(router._confidence, np.float32).reshape(3, 40)
    assert (confidence == records.confidence[:, :-1].T).all()
    right = np.frombuffer(router._right, np.uint8).reshape(4, 40)
    assert (right == records.correct.T).all()
    assert router._units == b""


def test_weights_travel_as_the_integers_python_sums():
    records = make_records(weight=np.linspace(0, 2, 40))
    router = Router(records, Policy((0.5, 0.5, 0.5)))
    assert (np.frombuffer(router._units, np.float64) == records.units).all()
    assert not router._spec["wilson"]


def test_groups_leave_the_interval_to_python():
    router = Router(make_records(group=np.arange(40) // 4), Policy((0.5, 0.5, 0.5)))
    assert not router._spec["wilson"]
    router.interval = "95 % interval 80.0–90.0 %"
    router.policy = Policy((0.4, 0.5, 0.5))
    assert router.interval == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([0.5, 0.5], "records need 3"),
        ([0.5, 0.5, 1.5], r"must lie in \[0, 1\]"),
        ([0.5, "high", 0.5], "expected a number"),
        ([-0.1, None, None], r"must lie in \[0, 1\]"),
    ],
)
def test_bad_thresholds_are_refused_and_change_nothing(router, value, words):
    before = router.policy
    with pytest.raises(traitlets.TraitError, match=words):
        router.thresholds = value
    assert router.policy == before


def test_a_removal_the_records_forbid_is_refused():
    router = Router(make_records(removable=False), Policy((0.9, 0.5, 0.1)))
    with pytest.raises(traitlets.TraitError, match="no exit can be removed"):
        router.thresholds = [0.9, 0.5, None]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"names": ["a", "b"]}, "names: expected 4"),
        ({"names": "abcd"}, "names: expected 4"),
        ({"colors": ["red"] * 3}, "colors: expected 4"),
        ({"colors": ["red", "red", "red", "red;background:url(x)"]}, "not a CSS colour"),
        ({"hide": ["slider"]}, "no part is called 'slider'"),
        ({"hide": "sliders"}, "expected a list"),
        ({"cost": "joules"}, "no cost 'joules'"),
        ({"static_cost": 0}, "above 0"),
        ({"split": "test"}, "no option split"),
    ],
)
def test_bad_options_are_refused_in_words(options, words):
    with pytest.raises(ValueError, match=words):
        Router(make_records(), Policy((0.9, 0.5, 0.1)), **options)


def test_a_policy_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="records need 3"):
        Router(make_records(), Policy((0.9,)))


def test_set_records_that_fails_leaves_the_view_standing(router):
    before = (router.policy, router._spec, router.records)
    with pytest.raises(ValueError, match="no cost"):
        router.set_records(make_records(exits=3), Policy((0.5, 0.5)), cost="joules")
    assert (router.policy, router._spec, router.records) == before


def test_set_records_with_another_number_of_exits(router):
    router.set_records(make_records(exits=2), Policy((0.5,)))
    assert router.thresholds == [0.5]
    assert router._spec["exits"] == 2
    with pytest.raises(traitlets.TraitError):
        router.thresholds = [0.5, 0.5, 0.5]


def test_set_records_is_one_message(router, monkeypatch):
    sent = []
    monkeypatch.setattr(Router, "send_state", lambda self, key=None: sent.append(set(key)))
    router.set_records(make_records(exits=3, seed=1), Policy((0.5, 0.5)))
    assert len(sent) == 1
    assert {"thresholds", "_spec", "_confidence", "_right"} <= sent[0]


def test_equal_records_still_reach_the_page(router):
    before = router._spec
    router.set_records(make_records(), router.policy)
    assert router._spec != before


def test_a_product_cost_travels_as_its_terms():
    spec = Router(make_records(), Policy((0.9, 0.5, 0.1)), cost="edp")._spec
    assert len(spec["terms"]) == 2
    assert spec["unit"] == "J·s"


def test_names_start_with_a_capital_unless_given():
    assert Router(make_records(), Policy((1, 1, 1)))._spec["names"] == ["Exit 1", "Exit 2", "Exit 3", "Final"]
    names = ["a", "<b>", "c", "d"]
    assert Router(make_records(), Policy((1, 1, 1)), names=names)._spec["names"] == names


def test_static_cost_of_its_own_replaces_the_backbones():
    assert Router(make_records(), Policy((1, 1, 1)))._spec["static"] == 4.05e6
    assert Router(make_records(), Policy((1, 1, 1)), static_cost=3e6)._spec["static"] == 3e6


def test_hidden_parts_are_checked_when_set(router):
    router.hidden = ["picture", "lock"]
    assert router.hidden == ["picture", "lock"]
    with pytest.raises(traitlets.TraitError, match="choose of"):
        router.hidden = ["everything"]
    assert set(HIDEABLE) > {"headline", "sliders", "picture", "lock"}


def test_repr_is_short_and_holds_no_arrays():
    records = make_records(5000, weight=balanced(make_records(5000).label))
    assert len(repr(Router(records, Policy((0.9, 0.5, None))))) < 150


def test_the_page_fetches_nothing():
    assert not re.search(r"^\s*import\b", Router._esm, re.MULTILINE)
    assert "http" not in Router._esm.replace("http://www.w3.org/2000/svg", "")
    assert "http" not in Router._css


# --- colours ---------------------------------------------------------------------------------------------------------

# Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
PAGE = {"light": "#FFFFFF", "dark": "#212121"}  # Voila's dark page; JupyterLab's is darker


def linear(color):
    channel = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", list(VISION))
def test_exit_colours_stay_apart(theme, vision):
    seen = [lab(np.array(VISION[vision]) @ linear(color)) for color in EXIT_COLORS[theme]]
    nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    assert nearest > 14  # CIE 1976; about 2.3 is just noticeable


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_exit_colours_stand_out_from_the_page(theme):
    luminance = np.array([0.2126, 0.7152, 0.0722])
    page = linear(PAGE[theme]) @ luminance + 0.05
    for color in EXIT_COLORS[theme]:
        mark = linear(color) @ luminance + 0.05
        assert max(mark, page) / min(mark, page) >= 3


def test_many_exits_differ_in_colour_or_pattern():
    pairs = set(zip(exit_colors(24), exit_patterns(24), strict=True))
    assert len(pairs) == 24
    assert len(exit_dashes(24)) == 24


def test_an_unknown_theme_is_refused():
    with pytest.raises(ValueError, match="choose one of light, dark"):
        exit_colors(3, "sepia")
