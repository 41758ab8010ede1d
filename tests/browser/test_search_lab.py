"""The search lab as a person uses it, in Voila and in JupyterLab: start, pause, step, resume, click, compare, open, export."""

import csv
import io
from pathlib import Path

import pytest
from hosts import fits
from playwright.sync_api import expect

DONE = "{name: s.evaluations for name, s in lab.snapshots.items()}"

# Where the cheapest point of two-level's front lies in the window.
PLACE = """() => {
  const chart = [...document.querySelectorAll(".js-plotly-plot")].find((c) => c.offsetParent && c._fullLayout?.xaxis.type === "log");
  chart.scrollIntoView({block: "center"});
  const trace = chart._fullData.find((t) => t.name === "two-level"), {xaxis, yaxis} = chart._fullLayout, box = chart.getBoundingClientRect();
  const at = [...trace.y].findIndex((y) => y >= yaxis.range[0]); // the chart may not reach down to the cheapest
  return [box.left + xaxis._offset + xaxis.d2p(trace.x[at]), box.top + yaxis._offset + yaxis.d2p(trace.y[at])];
}"""


@pytest.fixture
def opened(host, page):  # not "lab": that is the fixture of JupyterLab, which `host` asks for
    dashboard = host.open(page, "tests/search.ipynb")
    expect(dashboard.output.get_by_role("button", name="Start")).to_be_enabled(timeout=60_000)
    expect(dashboard.output.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=60_000)
    return dashboard


def test_a_search(opened, page):
    lab, out = opened, opened.output
    press = lambda name: out.get_by_role("button", name=name, exact=True).click()  # noqa: E731

    # nothing yet: the page says what to do, and nothing can be paused
    expect(out.get_by_text("press Start")).to_be_visible()
    expect(out.get_by_role("button", name="Pause")).to_be_disabled()

    # two methods start; the front grows while it runs
    out.get_by_label("aebnas").check()
    press("▶ Start")
    lab.until(DONE, lambda done: len(done) == 2 and min(done.values()) >= 3, 120)
    expect(out.get_by_role("progressbar", name="aebnas progress")).to_be_visible()
    expect(out.get_by_text("Found so far")).to_be_visible()

    # pause holds it, a step is one evaluation of each, resume goes on
    press("Pause")
    lab.until("lab.phase", lambda phase: phase == "paused", 30)
    held = lab.python(DONE)
    press("Step")
    lab.until(DONE, lambda done: all(done[name] == held[name] + 1 for name in held), 60)
    lab.until("lab.phase", lambda phase: phase == "paused", 30)
    press("Resume")
    lab.until(DONE, lambda done: min(done.values()) > min(held.values()) + 1, 60)
    press("■ Stop")
    lab.until("lab.phase", lambda phase: phase == "stopped", 30)
    expect(out.get_by_text("Stopped. Everything found is in the store")).to_be_visible()
    expect(out.get_by_label("Saved searches")).to_be_visible()

    # a click on the front draws that network; undo goes back
    first = lab.until("lab.selected and lab.selected.key", bool)
    drawing = out.locator(".ee-drawing svg[role=img]").first
    expect(drawing).to_be_visible()
    lab.python("lab._app.state.select(None)")
    drawing.wait_for(state="detached")
    x, y = page.evaluate(PLACE)
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    expect(out.locator(".hoverlayer").get_by_text("stages").first).to_be_visible()  # hover describes the architecture
    page.mouse.down()
    page.mouse.up()
    clicked = lab.until("lab.selected and lab.selected.key", bool)
    assert clicked[0] == "two-level"
    press("↶ Undo")
    press("↶ Undo")
    assert lab.until("lab.selected and lab.selected.key", lambda key: key == first)

    # with the keyboard: a row of the table, then A and B side by side
    press("Pin A")
    row = out.get_by_role("grid", name="Candidates").get_by_role("row")
    row.nth(1).focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    lab.until("lab.selected.key", lambda key: key != first)
    press("Pin B")
    out.get_by_role("tab", name="A and B").click()
    expect(out.get_by_text("B minus A on the same")).to_be_visible()

    # every chart draws
    for name in ("Error at budgets", "Surrogates"):
        out.get_by_role("tab", name=name).click()
        expect(out.locator(".jupyter-widget-tab .js-plotly-plot:visible")).to_have_count(1)

    # files
    out.get_by_role("tab", name="Candidates").click()
    with page.expect_download() as download:
        press("Download CSV")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert {row["method"] for row in rows} == {"two-level", "aebnas"}

    # the explorer opens below at the network's thresholds
    press("Open in the explorer")
    lab.until("lab.explorer is not None and list(lab.explorer.policy.thresholds)", bool, 60)
    expect(out.get_by_role("slider").first).to_be_visible(timeout=60_000)


def test_a_closed_tab_loses_nothing(voila, new_page):
    page = new_page()
    lab = voila.open(page, "tests/search.ipynb", store="kept", methods="aebnas")
    lab.output.get_by_role("button", name="Start").click()
    lab.until(DONE, lambda done: done.get("aebnas", 0) >= 4, 120)
    lab.output.get_by_role("button", name="Pause").click()
    lab.until("lab.phase", lambda phase: phase == "paused", 30)
    found = lab.python(DONE)
    page.close()

    again = voila.open(new_page(), "tests/search.ipynb", store="kept", methods="aebnas")
    again.until(DONE, lambda done: done == found, 60)
    expect(again.output.get_by_role("button", name="Resume")).to_be_enabled()
    again.output.get_by_role("button", name="Resume").click()
    again.until("lab.phase", lambda phase: phase == "done", 120)
    assert again.python(DONE) == {"aebnas": 24}


def test_a_bound_that_nothing_meets_is_told_in_the_page(voila, page):
    lab = voila.open(page, "tests/search.ipynb", store="bound", methods="aebnas", max_cost="5")
    lab.output.get_by_role("button", name="Start").click()
    expect(lab.output.get_by_role("alert").filter(has_text="the smallest possible is")).to_be_visible(timeout=60_000)
    expect(lab.output.get_by_role("button", name="Start")).to_be_enabled()


def test_it_fits_the_window(voila, new_page):
    page = new_page(1024, 900)
    lab = voila.open(page, "tests/search.ipynb", theme="dark", store="fit", methods="aebnas")
    expect(lab.output.get_by_role("button", name="Start")).to_be_enabled(timeout=60_000)
    lab.output.get_by_role("button", name="Start").click()
    lab.until("lab.phase", lambda phase: phase == "done", 120)
    expect(lab.output.locator(".ee-drawing svg[role=img]").first).to_be_visible()
    fits(page)
