"""The augment lab as a person uses it, in Voila and in JupyterLab: start, watch, click, decide again, open, export."""

import json
import zipfile

from hosts import fits
from playwright.sync_api import expect

# Where the cheapest point of the front lies in the window.
PLACE = """() => {
  const chart = [...document.querySelectorAll(".js-plotly-plot")].find((c) => c.offsetParent && c._fullLayout?.xaxis.type === "log");
  chart.scrollIntoView({block: "center"});
  const trace = chart._fullData.find((t) => t.name === "early-exit networks"), {xaxis, yaxis} = chart._fullLayout, box = chart.getBoundingClientRect();
  const at = [...trace.y].findIndex((y) => y >= yaxis.range[0]); // the chart may not reach down to the cheapest
  return [at, box.left + xaxis._offset + xaxis.d2p(trace.x[at]), box.top + yaxis._offset + yaxis.d2p(trace.y[at])];
}"""


def opened(host, page, **query):
    lab = host.open(page, "tests/augment.ipynb", **query)
    expect(lab.output.get_by_role("button", name="Start")).to_be_enabled(timeout=60_000)
    expect(lab.output.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=60_000)
    return lab


def test_an_augmentation(host, page):
    lab = opened(host, page)
    out = lab.output
    press = lambda name: out.get_by_role("button", name=name, exact=True).click()  # noqa: E731

    # nothing yet: the page says what to do, and there is nothing to stop
    expect(out.get_by_text("press Start")).to_be_visible()
    expect(out.get_by_role("button", name="Stop")).to_be_disabled()

    # it trains and decides; the network is drawn on its processors, the shortest path under it
    press("▶ Start")
    lab.until("lab.phase", lambda phase: phase == "done", 180)
    lab.until("lab.state.beside is not None and lab.state.sensitivity is not None", bool, 120)
    expect(out.get_by_role("progressbar", name="training progress")).to_be_visible()
    pictures = out.locator(".ee-mapping svg[role=img]")
    expect(pictures).to_have_count(2)
    assert "run" in pictures.first.get_attribute("aria-label")
    expect(out.get_by_text("Measured on the 640 samples that decide")).to_be_visible()

    # a click on the front draws that point; undo goes back
    asked = lab.python("lab.selected.index")
    index, x, y = page.evaluate(PLACE)
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.up()
    lab.until("lab.selected.index", lambda now: now == index)
    press("↶ Undo")
    lab.until("lab.selected.index", lambda now: now == asked)

    # with the keyboard along the front
    out.get_by_role("button", name="◀ Cheaper").focus()
    page.keyboard.press("Enter")
    lab.until("lab.selected.index", lambda now: now == asked - 1)

    # another cost: the branches stay, everything else is decided again
    out.get_by_label("Least").select_option("energy")
    press("Decide again")
    lab.until("[lab.phase, lab.decision and lab.decision.settings.cost]", lambda now: now == ["done", "energy"], 120)

    # files
    with page.expect_download(timeout=120_000) as download:
        press("Export ONNX")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {"run.py", "network.json", "segment_0.onnx"} <= set(archive.namelist())
        assert json.loads(archive.read("network.json"))["processors"] == ["sensor", "gateway", "cloud"]

    # the explorer opens below at the network's thresholds
    press("Open in the explorer")
    lab.until("lab.explorer is not None and lab.explorer.cost", lambda cost: cost == "energy", 60)
    expect(out.get_by_role("slider").first).to_be_visible(timeout=60_000)


def test_it_fits_the_window(voila, new_page):
    page = new_page(1024, 900)
    lab = opened(voila, page, theme="dark")
    lab.output.get_by_role("button", name="▶ Start").click()
    lab.until("lab.phase", lambda phase: phase == "done", 180)
    expect(lab.output.locator(".ee-mapping svg[role=img]").first).to_be_visible()
    fits(page)


def test_what_does_not_fit_is_told_in_the_page(voila, page):
    lab = opened(voila, page, drop="much")
    expect(lab.output.get_by_role("alert").filter(has_text="The address does not fit")).to_be_visible()
