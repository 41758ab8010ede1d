"""Settings of the search lab: the address and the line of code bring them back; nonsense is told in words."""

import pytest

from eeviz.labs.search.settings import METHODS, Settings, amount, short
from eeviz.labs.settings import from_query, to_code, to_query
from eeviz.nas.methods import METHODS as KNOWN
from eeviz.ui.search.lab import search_lab
from eeviz.ui.search.palette import MARKS
from eeviz.ui.search.runline import _duration

SETTINGS = [
    Settings(),
    Settings(methods=("aebnas", "random"), seed=7, evaluations=200, max_cost=2.5e6),
    Settings(seconds=90.0, max_worst=8e5, cost="latency"),
    Settings(cost="energy x latency", hardware="edge_tpu_like"),
]


def test_the_methods_offered_are_those_there_are():
    assert set(METHODS) == set(KNOWN) == set(MARKS)
    assert len({look.symbol for look in MARKS.values()}) == len({look.dash for look in MARKS.values()}) == len(METHODS)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_address_brings_settings_back(settings):
    query = "&".join(f"{name}={value}" for name, value in to_query(settings).items())
    assert from_query(Settings(), query) == settings


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_code_brings_settings_back(settings):
    called = {}

    class Names:
        @staticmethod
        def search_lab(dataset, **rest):
            called.update(rest, dataset=dataset)

    eval(to_code(settings, store="s.db"), {"ee": Names})  # noqa: S307  (a line of our own)
    assert called.pop("store") == "s.db"
    assert Settings(**{n: tuple(v) if isinstance(v, list) else v for n, v in called.items()}) == settings


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("methods=genetic", "choose one of two-level"),
        ("evaluations=many", "address does not fit: evaluations: expected a whole number, got 'many'"),
        ("evaluations=0", "at least 1"),
        ("seed=-1", "at least 0"),
        ("max_cost=cheap", "no amount"),
        ("seconds=-5", "positive"),
        ("seconds=nan", "positive"),
        ("seconds=inf", "positive"),
        ("seconds=soon", "expected a number"),
        ("data=../../elsewhere/x", "name of a data set"),
        ("data=", "name of a data set"),
        ("hardware=abacus", "choose one of edge_tpu_like"),
    ],
)
def test_an_address_that_does_not_fit_is_told_in_words(query, words):
    with pytest.raises(ValueError, match=words):
        from_query(Settings(), query)


@pytest.mark.parametrize(
    ("text", "value"), [("2.5 M", 2.5e6), ("800k", 8e5), ("3e6", 3e6), ("1.2 M MACs", 1.2e6), ("", None), ("  ", None)]
)
def test_amounts_are_read_as_people_write_them(text, value):
    assert amount(text) == value
    assert amount(short(value)) == value


def test_times_are_said_in_the_unit_that_fits():
    assert [_duration(seconds) for seconds in (42, 150, 9000)] == ["42 s", "2 min", "2.5 h"]


@pytest.mark.parametrize("text", ["-3", "0", "1e999", "M", "1.2.3", "two", "1 X"])
def test_other_amounts_are_refused(text):
    with pytest.raises(ValueError, match=r"amount|above 0"):
        amount(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"methods": "two-level"}, "list of names"),
        ({"methods": []}, "at least one method"),
        ({"methods": ["best"]}, "unknown"),
        ({"hide": ["everything"]}, "no part is called"),
        ({"evaluations": 0}, "at least 1"),
        ({"max_cost": -1.0}, "positive"),
    ],
)
def test_the_lab_refuses_what_does_not_fit(options, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        search_lab(store=tmp_path / "s.db", **options)
