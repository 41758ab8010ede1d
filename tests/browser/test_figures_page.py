"""Figures in Voila and JupyterLab: every one of them draws, follows, fits and changes theme; none is deaf."""

import pytest
from playwright.sync_api import expect

TITLES = "[...document.querySelectorAll('.gtitle')].map((e) => e.textContent)"
WIDTHS = """[...document.querySelectorAll('.js-plotly-plot')].filter((e) => e.clientWidth).map((e) =>
  [e.clientWidth, e._fullLayout.width, e._fullLayout.height])"""
SLOW_SECONDS = 150  # a page on a processor six times slower


def wait(page, condition, seconds=20):
    page.wait_for_function(condition, timeout=seconds * 1e3)


def follows(page, number, seconds):
    page.get_by_role("button", name="Update").click()
    wait(page, f"{TITLES}.filter((title) => title.startsWith('update {number} of')).length === 4", seconds)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "throttling"), [("lab", 1), ("voila", 6)])
def test_every_figure_follows_twice(request, page, kind, throttling):
    host = request.getfixturevalue(kind)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": throttling})
    page.set_default_timeout(SLOW_SECONDS * 1e3)
    received = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    host.open(page, "tests/figures.ipynb")
    wait(page, f"{TITLES}.length >= 4", SLOW_SECONDS)
    assert "changed before it was shown" in page.evaluate(TITLES)
    for number in (1, 2):
        follows(page, number, SLOW_SECONDS)
    assert sum(received) < 3e6  # one plotly for five figures


def test_figures_fit_their_place_and_keep_their_height(host, page):
    dashboard = host.open(page, "tests/figures.ipynb")
    wait(page, f"{TITLES}.length >= 4", 90)
    for window in (1440, 1024):
        page.set_viewport_size({"width": window, "height": 900})
        wait(page, f"{WIDTHS}.length >= 4 && {WIDTHS}.every(([room, drawn]) => Math.abs(room - drawn) <= 1)")
        assert {height for _, _, height in page.evaluate(WIDTHS)} == {260}
    dashboard.output.get_by_role("tab", name="Second").click()
    wait(page, f"{TITLES}.includes('in the second tab')")
    wait(page, f"{WIDTHS}.some(([room, drawn]) => room > 500 && Math.abs(room - drawn) <= 1)")


def test_theme_changes_in_place(voila, page):
    dashboard = voila.open(page, "tests/figures.ipynb")
    wait(page, f"{TITLES}.length >= 4", 90)
    ink = "getComputedStyle(document.querySelector('.gtitle')).fill"
    light = page.evaluate(ink)
    page.get_by_role("button", name="Dark", exact=True).click()
    wait(page, f"{ink} !== '{light}'")
    assert dashboard.python("figs[0].layout.title.text") == "first 0"


def test_a_click_on_a_point_reaches_python(host, page):
    dashboard = host.open(page, "tests/figures.ipynb")
    wait(page, f"{TITLES}.length >= 4", 90)
    drag = page.locator(".js-plotly-plot .nsewdrag").first
    drag.scroll_into_view_if_needed()
    box = drag.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y, steps=3)
    expect(page.locator(".js-plotly-plot .hoverlayer .hovertext").first).to_be_visible()
    page.mouse.down()
    page.mouse.up()
    assert dashboard.until("clicked", bool)[0][0] in range(50)


def test_reloading_lab_shows_the_figures_of_today(lab, page):
    dashboard = lab.open(page, "tests/figures.ipynb")
    wait(page, f"{TITLES}.length >= 4", 90)
    follows(page, 1, 20)
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
    page.reload()
    wait(page, f"{TITLES}.filter((title) => title.startsWith('update 1 of')).length === 4", 90)
    follows(page, 2, 20)
    assert dashboard.python("updates") == 2
