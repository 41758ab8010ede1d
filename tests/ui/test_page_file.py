"""ee.page: the file itself, without a browser."""

import base64
import gzip
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from tables import random_records, weighted

import eeviz as ee
from eeviz.core.table.records import ExitRecords
from eeviz.ui.standalone import page as module
from eeviz.ui.standalone.bundle import bundle


def told(path):
    """The file's JSON."""
    return json.loads(re.search(r'id="ee-told">(.*?)</script>', path.read_text("utf-8"), re.DOTALL)[1])


def block(path, number, kind):
    """The array of one block."""
    text = re.search(rf'id="ee-block-{number}">(.*?)</script>', path.read_text("utf-8"), re.DOTALL)[1]
    return np.frombuffer(gzip.decompress(base64.b64decode(text)), kind)


def outside(text):
    """Every address in a file that is not a name of an XML dialect."""
    return set(re.findall(r"https?://[^\s\"'<>)]+", text)) - {"http://www.w3.org/2000/svg"}


@pytest.fixture(scope="module")
def fashion(tmp_path_factory):
    return ee.page("fashion", tmp_path_factory.mktemp("page") / "fashion.html")


def test_the_demo_with_its_pictures_fits_into_3_mb(fashion):
    assert fashion.stat().st_size <= 3_000_000
    assert outside(fashion.read_text("utf-8")) == set()
    demo = ee.load_demo("fashion")
    data = told(fashion)
    assert block(fashion, data["tuning"]["confidence"], "f4").tolist() == demo.validation.confidence.ravel("F").tolist()
    assert block(fashion, data["report"]["predicted"], "u1").tolist() == demo.test.predicted.ravel("F").tolist()
    assert [t["name"] for t in data["shifted"]] == [label for label, _ in demo.shifted]
    picture = data["picture"]
    stored = block(fashion, picture["block"], "u1").astype(float) * 255 / (picture["levels"] - 1)
    step = 255 / (picture["levels"] - 1)
    assert picture["step"] == 1
    assert np.abs(stored - demo.validation.thumbnails.ravel()).max() <= step / 2 + 1e-9


def test_ten_thousand_samples_without_pictures_fit_into_1500_kb(tmp_path):
    records = random_records(0, 10_000, 4)
    assert ee.page(records, tmp_path / "p.html").stat().st_size <= 1_500_000


def test_it_starts_where_it_is_told(tmp_path):
    records = random_records(1, 80, 3)
    path = ee.page(records, tmp_path / "p.html", ee.Policy((0.5, None)), ["tuning"], "A <b>title</b> & more")
    data, text = told(path), path.read_text("utf-8")
    assert data["thresholds"] == [0.5, None]
    assert data["hide"] == ["tuning"]
    assert "<title>A &lt;b&gt;title&lt;/b&gt; &amp; more</title>" in text
    words = re.search(r'id="ee-words">(.*?)</main>', text, re.DOTALL)[1]
    assert f"{100 * ee.route(records, ee.Policy((0.5, None))).accuracy:.2f} % right" in words


def test_names_with_markup_stay_names(tmp_path):
    evil = "</script><img src=x onerror=alert(1)>"
    records = ExitRecords(
        [[0.5, 0.5]], [[0, 1]], [1], {"macs": ee.Cost([1, 2], [1, 1])}, exits=(evil, "@TOLD@"), classes=(evil, "b")
    )
    path = ee.page(records, tmp_path / "p.html", title=evil)
    text = path.read_text("utf-8")
    assert "<img" not in text
    assert told(path)["exits"] == [evil, "@TOLD@"]


def test_weights_and_groups_travel_as_numbers(tmp_path):
    records = weighted(0, 60, 3)
    path = ee.page(records, tmp_path / "p.html")
    assert block(path, told(path)["tuning"]["units"], "f8").tolist() == records.units.tolist()
    assert block(path, told(path)["tuning"]["group"], "u4").max() == len(np.unique(records.group)) - 1


@pytest.mark.parametrize("exits", [1, 12])
def test_any_number_of_exits(tmp_path, exits):
    assert told(ee.page(random_records(0, 50, exits), tmp_path / "p.html"))["spec"]["exits"] == exits


def test_thinning_is_even_and_said(tmp_path):
    records = random_records(0, 1000, 3)
    path = ee.page(records, tmp_path / "p.html", report=records, samples=100)
    data = told(path)
    assert (data["tuning"]["samples"], data["tuning"]["of"], data["report"]["samples"]) == (100, 1000, 100)
    labels = block(path, data["tuning"]["label"], "u1")
    assert labels.tolist() == records.label[np.linspace(0, 999, 100).round().astype(int)].tolist()


def test_what_does_not_fit_is_refused_in_words(tmp_path, monkeypatch):
    records, path = random_records(0, 100, 3), tmp_path / "p.html"
    path.write_text("before")
    monkeypatch.setattr(module, "MOST_ANSWERS", 200)
    with pytest.raises(ValueError, match=r"300 answers .* at most 200: ask for samples=66 of each table"):
        ee.page(records, path)
    ee.page(records, tmp_path / "thin.html", samples=66)
    monkeypatch.undo()
    for bad in (0, 2.5, True):
        with pytest.raises(ValueError, match="samples: expected how many"):
            ee.page(records, path, samples=bad)
    with pytest.raises(ValueError, match="the policy has 1 thresholds"):
        ee.page(records, path, ee.Policy((0.5,)))
    with pytest.raises(ValueError, match="no part is called 'slider'"):
        ee.page(records, path, hide=["slider"])
    with pytest.raises(ValueError, match="report: a table has 2 exits"):
        ee.page(records, path, report=random_records(0, 50, 2))
    with pytest.raises(ValueError, match="no cost 'joule'"):
        ee.page(records, path, cost="joule")
    with pytest.raises(ValueError, match="no demo 'fashoin'"):
        ee.page("fashoin", path)
    with pytest.raises(FileNotFoundError):
        ee.page(records, tmp_path / "missing" / "p.html")
    assert path.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.html", "thin.html"]


def test_the_explorer_saves_what_it_shows(tmp_path):
    explorer = ee.explore(random_records(0, 90, 3), policy=ee.Policy((0.7, 0.8)), report=random_records(1, 40, 3))
    path = explorer.save_html(tmp_path / "p.html", title="mine")
    assert told(path)["thresholds"] == [pytest.approx(0.7), pytest.approx(0.8)]
    assert told(path)["report"]["samples"] == 40
    app, sent = explorer._app, []
    app.page.download = lambda name, data, mime: sent.append((name, data, mime))
    app.saving.start()
    app.saving.join(20)
    ((name, data, mime),) = sent
    assert (name, mime) == ("explorer.html", "text/html")
    assert data.startswith(b"<!doctype html>")
    assert not app.saving.button.disabled
    assert "these records" in app.saving.button.tooltip


def test_a_failed_save_is_said_in_the_page(monkeypatch):
    explorer = ee.explore(random_records(0, 90, 3))
    monkeypatch.setattr(module, "MOST_ANSWERS", 10)
    explorer._app.saving.start()
    explorer._app.saving.join(20)
    assert "at most 10" in explorer._app.status.message
    assert not explorer._app.saving.button.disabled


def test_the_command(root, tmp_path):
    random_records(0, 40, 3).save(tmp_path / "mine.npz")

    def run(*words):
        return subprocess.run([sys.executable, "-m", "eeviz", "page", *words], cwd=root, capture_output=True, text=True)

    done = run(
        str(tmp_path / "mine.npz"), "--out", str(tmp_path / "m.html"), "--title", "Mine", "--hide", "tuning,report"
    )
    assert done.returncode == 0, done.stderr
    assert told(tmp_path / "m.html")["hide"] == ["tuning", "report"]
    lost = run("nowhere.npz", "--out", str(tmp_path / "n.html"))
    assert lost.returncode == 1
    assert "demos are fashion" in lost.stderr
    assert not (tmp_path / "n.html").exists()


def test_modules_are_joined_in_scopes_of_their_own():
    text = bundle("standalone.js")
    assert not re.search(r"^(import|export)\b", text, re.MULTILINE)
    assert text.count("const m_route = ") == 1
    assert text.index("const m_route = ") < text.index("const m_router = ")
