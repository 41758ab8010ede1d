"""The row that gets a lab's data: hidden while they are there; size, progress, cancel and errors in words."""

import pytest

from eeviz.datasets import get
from eeviz.datasets.fetch import Progress
from eeviz.ui.lab import data_row
from eeviz.ui.page.errors import Status, guarded


class Page:
    """What the row needs of an app."""

    def __init__(self):
        self.status = Status()

    def guarded(self, fn, doing=""):
        return guarded(self.status, fn, doing)


@pytest.fixture
def there(monkeypatch):
    """Which data sets are there, to be changed; a download brings CIFAR-10."""
    held = {"fashion-mnist"}

    def state(name):
        places = dict.fromkeys(("train", "validation", "test"), "here" if name in held else "")
        return get.State(get.ABOUT[name], places, 0, 0, "")

    def downloading(name):
        yield Progress("file", 1, 1, 50, 100)
        held.add(name)
        yield Progress("file", 1, 1, 100, 100)

    monkeypatch.setattr(get, "state", state)
    monkeypatch.setattr(get, "downloading", downloading)
    return held


def shown(widget) -> bool:
    return widget.layout.display != "none"


def test_it_is_seen_only_where_data_are_missing(there):
    asked = ["fashion-mnist"]
    row = data_row.DataRow(Page(), lambda: asked[0], inline=True)
    assert not shown(row.box)
    for name in ("cifar10", "", "my own data"):
        asked[0] = name
        row.follow()
        assert shown(row.box) == (name == "cifar10")
    asked[0] = "cifar10"
    row.follow()
    assert "CIFAR-10 is not on this machine: 170 MB, licence: none stated" in row.words.value
    assert (shown(row.get), shown(row.bar), shown(row.cancel)) == (True, False, False)


def test_a_press_downloads_and_the_row_goes(there):
    page = Page()
    row = data_row.DataRow(page, lambda: "cifar10", inline=True)
    bars = []
    row.bar.observe(lambda change: bars.append(change.new), "value")
    row.get.click()
    assert bars == [0.5, 1.0]
    assert not shown(row.box)
    assert page.status.message == "CIFAR-10 is on this machine now."


def test_a_failure_is_told_and_can_be_tried_again(there, monkeypatch):
    def fails(name):
        raise FileNotFoundError("cifar10 could not be downloaded: no connection to x. Try again with a connection.")
        yield

    monkeypatch.setattr(get, "downloading", fails)
    page = Page()
    row = data_row.DataRow(page, lambda: "cifar10", inline=True)
    row.get.click()
    assert page.status.level == "error"
    assert "no connection to x" in page.status.message
    assert "FileNotFoundError" not in page.status.message
    assert shown(row.box)
    assert shown(row.get)
    assert not shown(row.bar)


def test_cancel_stops_between_two_reports(there, monkeypatch):
    page = Page()
    row = data_row.DataRow(page, lambda: "cifar10", inline=True)

    def endless(name):
        for done in range(1_000):
            yield Progress("file", 1, 1, done, 1_000)
            if done == 3:
                row.cancel.click()

    monkeypatch.setattr(get, "downloading", endless)
    row.get.click()
    assert row.bar.value == 0.003
    assert shown(row.get)
    assert "cancelled" in page.status.message
