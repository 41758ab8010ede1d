"""The address and the code line bring a view back; what they say is untrusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eeviz.core.table.policy import Policy
from eeviz.ui.explorer.link import Link, from_query, to_code, to_query
from eeviz.ui.page.page import urlencode

thresholds = st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=6)


@given(thresholds, st.booleans(), st.booleans())
def test_an_address_brings_the_view_back(values, calibrated, projector):
    link = Link(Policy(values), "margin", calibrated, "macs", ("report", "lock"), projector)
    assert from_query(Link(), urlencode(to_query(link))) == link


def test_the_code_line_is_python():
    link = Link(Policy((0.9, None)), "margin", True, "macs", ("lock",), True)
    code = to_code(link, "'fashion'")
    assert code == (
        "ee.explore('fashion', policy=ee.Policy((0.9, None)), measure='margin', calibrated=True, hide=['lock'], projector=True)"
    )
    compile(code, "code line", "eval")


@pytest.mark.parametrize("query", ["t=abc", "t=0.5,2", "t=0.5,,0.5"])
def test_a_wrong_address_is_refused_in_words(query):
    with pytest.raises(ValueError, match="threshold"):
        from_query(Link(), query)


def test_the_token_never_enters_a_link():
    assert from_query(Link(), "token=secret&t=0.5") == Link(policy=Policy((0.5,)))
