"""python -m eeviz site: the folder it writes."""

import json
import re
import shutil
import subprocess
import sys

import pytest

import eeviz as ee
from eeviz.nas.store import Store


@pytest.fixture(scope="module")
def site(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "pages"
    done = subprocess.run(
        [sys.executable, "-m", "eeviz", "site", "--out", str(folder)], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def told(path):
    return json.loads(re.search(r'id="ee-told">(.*?)</script>', path.read_text("utf-8"), re.DOTALL)[1])


def test_every_demo_has_a_page_and_every_link_leads_somewhere(site):
    index = (site / "index.html").read_text("utf-8")
    links = re.findall(r'class="ee-link" href="([^"]+)"', index)
    assert links == [*(f"{name}.html" for name in ee.demos()), "search.html"]
    points = [point for lane in told(site / "search.html")["lanes"] for point in lane["points"]]
    links += [point["page"] for point in points if point["page"]]
    assert all((site / link).is_file() for link in links)
    assert {path.name for path in site.iterdir()} == {*links, "index.html"}


def test_nothing_is_loaded_from_elsewhere(site):
    for path in site.iterdir():
        found = set(re.findall(r"https?://[^\s\"'<>)\\]+", path.read_text("utf-8")))
        assert found <= {"http://www.w3.org/2000/svg"}, path.name


def test_points_of_the_search_are_those_of_their_explorers(site, root, tmp_path):
    """What a point's thresholds give on its network's records; two-level's figures are cross-fitted, so nearly those."""
    store = Store(shutil.copy(root / "data" / "searches" / "compact-fashion-mnist.db", tmp_path))
    runs = {run["settings"]["method"]: run["id"] for run in store.runs()}
    checked = 0
    for lane in told(site / "search.html")["lanes"]:
        rising = [(point["mean"], point["accuracy"]) for point in lane["points"]]
        assert rising == sorted(rising)
        for point in lane["points"]:
            if not point["page"]:
                continue
            records = store.records(runs[lane["method"]], int(point["name"].split()[1]))
            routing = ee.route(records, ee.Policy(point["thresholds"]), next(iter(records.costs)))
            crossed = lane["method"] == "two-level"
            assert routing.mean_cost == pytest.approx(point["mean"], rel=0.15 if crossed else 1e-9)
            assert routing.accuracy == pytest.approx(point["accuracy"], abs=0.01 if crossed else 1e-9)
            checked += 1
    store.close()
    assert checked > 10
    assert not (root / "data" / "searches" / "compact-fashion-mnist.db-wal").exists()
