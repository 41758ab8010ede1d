"""What strangers meet first: no request to anyone else, the system's theme, no kernel left behind, nothing alarming said."""

import re
import time

import psutil
import pytest
from playwright.sync_api import expect


def foreign(page) -> list[str]:
    """A list that grows by every address the page asks for that is not this computer's, answered or not."""
    seen = []
    own = re.compile(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:|about:")
    page.on("request", lambda request: seen.append(request.url) if not own.match(request.url) else None)
    page.on("websocket", lambda socket: seen.append(socket.url) if not own.match(socket.url) else None)
    return seen


def is_dark(page) -> bool:
    """Whether the page is dark, for scripts and to the eye."""
    red = page.evaluate(
        "(() => { const probe = document.createElement('i'); probe.style.color = 'var(--jp-layout-color0)';"
        " document.body.append(probe); const it = getComputedStyle(probe).color; probe.remove(); return it; })()"
    )
    dark = int(re.findall(r"\d+", red)[0]) < 128
    assert page.evaluate("document.body.dataset.jpThemeLight === 'false'") == dark
    return dark


@pytest.mark.parametrize("notebook", ["explorer.ipynb", "hardware.ipynb"])
def test_no_page_asks_anybody_else_and_no_chart_offers_an_upload(host, page, notebook):
    asked = foreign(page)
    dashboard = host.open(page, notebook)
    expect(dashboard.output.locator(".modebar").first).to_be_attached(timeout=90_000)
    titles = page.evaluate("[...document.querySelectorAll('.modebar-btn')].map(it => it.dataset.title ?? it.ariaLabel)")
    assert "Reset axes" in titles
    assert [title for title in titles if re.search("share|cloud|studio|edit", title, re.IGNORECASE)] == []
    assert asked == []


def test_the_systems_theme_a_switch_and_links_that_keep_it(voila, new_page):
    page = new_page(color_scheme="dark")
    voila.open(page, "index.ipynb")
    assert is_dark(page)
    page.emulate_media(color_scheme="light")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'true'")
    assert not is_dark(page)
    page.get_by_role("button", name="Dark theme").click()
    assert is_dark(page)
    expect(page).to_have_url(re.compile("theme=dark"))
    page.get_by_role("link", name="Explorer").last.click()
    expect(page).to_have_url(re.compile(r"explorer\.ipynb\?theme=dark"))
    page.wait_for_selector("#rendered_cells", state="visible", timeout=90_000)
    assert is_dark(page)


def test_a_reload_ends_the_old_kernel_and_the_log_stays_empty(voila, page):
    before = len(voila.said())
    old = psutil.Process(voila.open(page, "tests/counter.ipynb").python("__import__('os').getpid()"))
    page.reload()
    old.wait(timeout=5)
    page.wait_for_selector("#rendered_cells", state="visible", timeout=90_000)
    page.goto("about:blank")
    time.sleep(1)  # for what the server would say about it
    assert voila.said()[before:] == ""
