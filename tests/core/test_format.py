"""Numbers as people read them, and what they mean when they type one back."""

import numpy as np
import pytest

from eeviz.core.table.format import precisely, prefixed, quantity, shown_within


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(1638416, "MACs", "1.63842 M MACs"), (1100000, "MACs", "1.1 M MACs"), (0.0021, "s", "2.1 ms"), (12, "MACs", "12 MACs"),
     (0.5, "MACs", "0.5 MACs"), (0, "J", "0 J"), (3e-7, "J·s", "300 nJ·s"), (999600, "B", "0.9996 MB")],
)  # fmt: skip
def test_six_digits_in_the_units_of_the_page(value, unit, words):
    assert precisely(value, unit) == words
    if value:
        assert words.endswith(prefixed(value, unit)[1])


@pytest.mark.parametrize("unit", ["MACs", "s", "J·cycles"])
def test_who_asks_for_a_shown_cost_gets_what_was_shown(unit):
    rng = np.random.default_rng(0)
    for value in 10 ** rng.uniform(0 if unit == "MACs" else -9, 12, 2000):
        shown = quantity(value, unit)
        limit = float(f"{float(shown.split(' ')[0]) * prefixed(value, unit)[0]:.12g}")
        most = shown_within(limit, unit)
        assert value <= most  # whatever is shown as the limit is within
        assert quantity(most, unit) == quantity(limit, unit)  # and nothing that is shown as more
        step = 10 ** -len(shown.split(" ")[0].partition(".")[2]) * prefixed(limit, unit)[0]
        assert limit <= most <= limit + 0.5 * step * (1 + 1e-9)


def test_more_digits_than_are_shown_are_taken_as_they_are():
    assert shown_within(1638400.0) == 1638400.0
    assert shown_within(0.0123456, "s") == 0.0123456
    assert 1644999 < shown_within(1640000.0) < 1645001
    assert shown_within(0.0) == 0.0
    assert shown_within(float("inf")) == float("inf")
