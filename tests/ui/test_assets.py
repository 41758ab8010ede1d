"""Joined modules: complete, each part once, nothing fetched from elsewhere."""

import re

import pytest

from eeviz.ui.page import assets

ENTRIES = ["status.js", "page.js", "copyline.js", "upload.js", "gallery.js", "carrier.js", "figure.js", "router.js"]


@pytest.mark.parametrize("name", ENTRIES)
def test_joined_module_has_no_imports_left_and_one_default(name):
    text = assets.module(name)
    assert not re.search(r"^\s*import\b[^(]", text, re.MULTILINE)
    assert len(re.findall(r"^export default", text, re.MULTILINE)) == 1
    parts = re.findall(r"^// ([\w.]+\.js)$", text, re.MULTILINE)
    assert len(parts) == len(set(parts))
    assert parts[-1] == name


@pytest.mark.parametrize("name", ENTRIES)
def test_top_level_names_differ(name):
    names = re.findall(
        r"^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+)", assets.module(name), re.MULTILINE
    )
    assert len(names) == len(set(names))


def test_nothing_comes_from_the_network():
    for path in assets.STATIC.iterdir():
        text = path.read_text("utf-8").replace("http://www.w3.org/", "")
        assert not re.search(r"https?://", text), path.name
        assert ".innerHTML" not in text, path.name  # text from outside is never parsed as HTML
        assert "insertAdjacentHTML" not in text, path.name


def test_missing_file_is_said():
    with pytest.raises(FileNotFoundError):
        assets.module("missing.js")
