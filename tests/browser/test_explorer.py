"""The explorer as a person uses it, in Voila and in JupyterLab: drag, tune, click the front and a sample, undo, open files."""

import pytest
from playwright.sync_api import expect

THRESHOLDS = "list(explorer.policy.thresholds)"
FRONT_POINTS = ".scatterlayer .trace:first-child .point"


@pytest.fixture
def explorer(host, page):
    dashboard = host.open(page, "explorer.ipynb")
    expect(dashboard.output.get_by_role("slider").first).to_be_visible(timeout=60_000)
    expect(dashboard.output.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=60_000)
    return dashboard


def test_a_visit(explorer, page, tmp_path):
    out = explorer.output
    assert explorer.python("'torch' in __import__('sys').modules") is False
    start = explorer.python(THRESHOLDS)

    # a key on a slider moves the threshold, the headline and Python
    slider = out.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("PageUp")
    moved = explorer.until(THRESHOLDS, lambda now: now != start)
    assert moved[1:] == start[1:]
    accuracy = explorer.python("explorer.routing.accuracy")
    expect(out.get_by_label("Result")).to_contain_text(f"{100 * accuracy:.2f}")

    # undo brings it back, in Python and in the box
    out.get_by_role("button", name="Undo").click()
    explorer.until(THRESHOLDS, lambda now: now == start)
    out.get_by_role("button", name="Redo").click()
    explorer.until(THRESHOLDS, lambda now: now == moved)

    # the best policy under a budget, compared with the own attempt
    out.get_by_role("button", name="Pin A", exact=True).click()
    out.get_by_role("button", name="Best under this budget").click()
    explorer.until(THRESHOLDS, lambda now: now != moved)
    static = explorer.python("explorer.records.cost().static")
    assert explorer.python("explorer.routing.mean_cost") <= 0.505 * static
    expect(out.get_by_text("so optimistic").last).to_be_visible()
    expect(out.get_by_role("cell", name="A", exact=True)).to_be_visible()

    # a click on the front takes over its thresholds
    tuned = explorer.python(THRESHOLDS)
    points = out.locator(FRONT_POINTS)
    box = points.nth(points.count() // 3).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    page.wait_for_timeout(100)
    page.mouse.down()
    page.mouse.up()
    clicked = explorer.until(THRESHOLDS, lambda now: now != tuned)
    on_front = (
        "[list(explorer._app.analysis.front.policy(i).thresholds) for i in range(len(explorer._app.analysis.front))]"
    )
    assert clicked in explorer.python(on_front)

    # a sample says in numbers why it left where it did
    sample = out.get_by_role("button", name="sample ").first
    sample.scroll_into_view_if_needed()
    sample.click()
    chosen = explorer.until("explorer.state.selected", lambda value: value is not None)
    threshold = explorer.python(
        f"explorer.policy.thresholds[int(explorer.routing.exit_of[{chosen}])] if explorer.routing.exit_of[{chosen}] < 3 else None"
    )
    assert threshold is not None
    expect(out.get_by_text("≥").first).to_be_visible()

    # the report is shut until asked for; each look is counted
    assert explorer.python("len(explorer.looks)") == 0
    out.get_by_role("button", name="Open the report").click()
    expect(out.get_by_text("look 1")).to_be_visible()
    assert explorer.python("len(explorer.looks)") == 1

    # a bad file is told in words, and the view stands
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"this is no archive")
    before = explorer.python(THRESHOLDS)
    with page.expect_file_chooser() as chooser:
        out.get_by_role("button", name="Open my records").click()
    chooser.value.set_files(bad)
    expect(out.get_by_text("not a complete .npz file").first).to_be_visible()
    assert explorer.python(THRESHOLDS) == before


def test_every_tab_draws(explorer, page):
    out = explorer.output
    for name in ("Accuracy per exit", "Confidence", "Classes", "Calibration", "Shifted inputs"):
        out.get_by_role("tab", name=name).click()
        expect(out.locator(".jupyter-widget-tab .js-plotly-plot:visible")).to_have_count(1)
        expect(out.locator(".jupyter-widget-tab .ee-sentence:visible")).to_contain_text(".")
    out.get_by_role("tab", name="Table").click()
    with page.expect_download() as download:
        out.get_by_role("button", name="Download as CSV").click()
    assert download.value.suggested_filename == "exits.csv"
    assert "threshold" in download.value.path().read_text()


def test_nothing_is_wider_than_the_page(voila, new_page):
    page = new_page(width=1024)
    dashboard = voila.open(page, "explorer.ipynb", theme="dark")
    expect(dashboard.output.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=60_000)
    assert dashboard.python("explorer.state.theme") == "dark"
    for width in (1024, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(500)
        wide = page.evaluate(
            "[...document.querySelectorAll('.ee-app *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
            " && !e.closest('.ee-scroll') && !e.closest('svg')).map(e => e.className || e.tagName).slice(0, 5)"
        )
        assert wide == [], width


def test_the_address_brings_the_view_back_and_teachers_can_hide_parts(voila, page):
    dashboard = voila.open(page, "explorer.ipynb", t="0.25,off,0.5", hide="report,tuning", projector="1")
    expect(dashboard.output.get_by_role("slider").first).to_be_visible(timeout=60_000)
    assert dashboard.python(THRESHOLDS) == [0.25, None, 0.5]
    expect(dashboard.output.get_by_role("button", name="Open the report")).to_have_count(0)
    expect(dashboard.output.get_by_role("button", name="Best under this budget")).to_have_count(0)
    assert "t=0.25%2Coff%2C0.5" in dashboard.python("explorer.url")


def test_a_wrong_address_is_told_in_the_page(voila, page):
    dashboard = voila.open(page, "explorer.ipynb", t="0.25,7")
    expect(dashboard.output.get_by_text("The address does not fit").first).to_be_visible(timeout=60_000)
