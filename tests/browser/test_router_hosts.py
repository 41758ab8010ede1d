"""The router between page and kernel, in Voila and in JupyterLab."""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def dashboard(host, page):
    dashboard = host.open(page, "tests/router.ipynb")
    expect(page.get_by_role("img", name="Routing picture")).to_be_visible(timeout=60_000)
    return dashboard


def test_python_hears_of_a_drag_at_its_end(dashboard, page):
    slider = page.get_by_role("slider", name="Exit 1 share leaving")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * float(slider.input_value()) / 100, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], y, steps=20)
    page.mouse.up()
    last = dashboard.until("heard", bool)[-1]
    assert dashboard.until("heard[-1]", lambda thresholds: thresholds == dashboard.python("router.thresholds"))
    share = dashboard.python("float(ee.route(records, router.policy).share[0])")
    assert share == pytest.approx(0.3, abs=0.05)
    assert last[1:] == [pytest.approx(0.8), pytest.approx(0.8)]
    row = page.get_by_role("group", name="Exit 1")
    expect(row).to_contain_text(f"{100 * share:.1f} % leave here")
    accuracy = dashboard.python("ee.route(records, router.policy).accuracy")
    expect(page.get_by_role("region", name="Result")).to_contain_text(f"{100 * accuracy:.2f} %")


def test_the_arrow_keys_belong_to_the_slider(dashboard, page):
    # JupyterLab's command mode has meanings of its own for them
    slider = page.get_by_role("slider", name="Exit 2 share leaving")
    before = float(slider.input_value())
    slider.press("ArrowRight")
    dashboard.until("heard", bool)
    assert float(slider.input_value()) == pytest.approx(before + 1, abs=0.2)


def test_python_moves_the_page(dashboard, page):
    dashboard.output.get_by_role("button", name="Back").click()
    expect(page.get_by_role("spinbutton", name="Exit 1 threshold")).to_have_value("0.5")
    expect(page.get_by_role("switch", name="Exit 2 on")).not_to_be_checked()
    expect(page.get_by_role("spinbutton", name="Exit 3 threshold")).to_have_value("0.25")
    assert dashboard.python("len(heard)") == 1


def test_the_picture_outlives_the_kernel(dashboard, host, page):
    dashboard.python("__import__('threading').Timer(0.5, __import__('os')._exit, (0,)).start()")
    if host.name == "lab":  # it says so in a dialog that holds the keyboard
        page.get_by_role("dialog").get_by_role("button", name="Ok").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    else:
        page.wait_for_timeout(1500)
    summary = page.get_by_text(re.compile(r"^Of 10,000 samples")).first
    before = summary.inner_text()
    page.get_by_role("slider", name="Exit 1 share leaving").press("Home")
    expect(summary).not_to_have_text(before)
    expect(page.get_by_role("group", name="Exit 1")).to_contain_text("nobody leaves here")
