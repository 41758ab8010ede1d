"""Page and CopyLine: addresses, theme, downloads."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eeviz.labs.address import parameters
from eeviz.ui.page.page import CopyLine, Page, asked_theme


def test_parameters_drop_the_token_and_keep_the_last(monkeypatch):
    assert parameters("?token=secret&t=0.5,off&t=0.6&x=") == {"t": "0.6", "x": ""}
    monkeypatch.setenv("QUERY_STRING", "token=secret&theme=dark")
    assert parameters() == {"theme": "dark"}
    monkeypatch.delenv("QUERY_STRING")
    assert parameters() == {}


@pytest.mark.parametrize(
    ("query", "theme"),
    [("theme=dark", "dark"), ("theme=JupyterLab%20Dark", "dark"), ("theme=light", "light"), ("", "light")],
)
def test_theme_is_known_before_the_page_is(monkeypatch, query, theme):
    assert asked_theme(query) == theme
    monkeypatch.setenv("QUERY_STRING", query)
    assert Page().theme == theme


def test_address_merges_and_keeps_secrets_out():
    page = Page(href="http://localhost/voila/render/explorer.ipynb", query="theme=dark&t=0.1&projector=1")
    page.state = {"t": "0.5,off", "projector": 1}
    assert page.address() == f"{page.href}?theme=dark&t=0.5%2Coff&projector=1"
    page.state = {"t": "0.6"}
    assert page.address() == f"{page.href}?theme=dark&t=0.6"  # gone from the state: gone from the address
    assert page.address({}) == f"{page.href}?theme=dark"
    with pytest.raises(ValueError, match="token must not enter"):
        page.state = {"token": "secret"}


def test_without_parameters_the_address_is_bare():
    assert Page(href="http://a/b").address() == "http://a/b"


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda name: name != "token"), st.text(max_size=12), max_size=4
    )
)
def test_any_state_survives_the_address(state):
    page = Page(href="http://a/b")
    try:
        query = urlsplit(page.address(state)).query
        read = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    except UnicodeEncodeError:  # lone surrogates are no text
        return
    assert read == state == parameters(query)


def test_download_sends_one_buffer():
    page, sent = Page(), []
    page.send = lambda message, buffers=None: sent.append((message, buffers))
    page.download("exits.csv", b"a,b\n", "text/csv")
    assert sent == [({"kind": "download", "name": "exits.csv", "mime": "text/csv"}, [b"a,b\n"])]


@pytest.mark.parametrize("name", ["", "../x", "a/b", 'a"b', "a\0b"])
def test_names_that_are_no_files(name):
    with pytest.raises(ValueError, match="no file name"):
        Page().download(name, b"")


def test_theme_is_checked():
    with pytest.raises(ValueError, match="light"):
        Page(theme="pink")


def test_copy_line_holds_text_and_label():
    line = CopyLine(text="ee.explore('fashion')", label="Code")
    assert (line.text, line.label) == ("ee.explore('fashion')", "Code")
