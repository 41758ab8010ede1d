"""The servers, the links of the index page, and the way tests read Python's state, in Voila and in JupyterLab."""

import re

import psutil
import pytest
from hosts import CULL_SECONDS
from playwright.sync_api import expect


def test_python_sees_what_the_page_does(host, page):
    dashboard = host.open(page, "tests/counter.ipynb")
    assert dashboard.python("counter.value") == 3
    box = dashboard.output.get_by_role("spinbutton")
    box.fill("7")
    box.press("Enter")
    assert dashboard.until("counter.value", lambda value: value == 7) == 7
    assert dashboard.python("[counter.min, counter.max]") == [0, 10]


def test_every_page_has_a_kernel_of_its_own(voila, new_page):
    first, second = (voila.open(new_page(), "tests/counter.ipynb") for _ in range(2))
    first.output.get_by_role("spinbutton").fill("5")
    first.output.get_by_role("spinbutton").press("Enter")
    first.until("counter.value", lambda value: value == 5)
    assert second.python("counter.value") == 3


@pytest.mark.slow
def test_the_kernel_of_a_page_that_was_left_ends(voila, page):
    process = psutil.Process(voila.open(page, "tests/counter.ipynb").python("__import__('os').getpid()"))
    page.close()
    process.wait(timeout=3 * CULL_SECONDS)


def test_index_says_what_an_early_exit_network_is_and_how_far_the_installation_is(host, page):
    index = host.open(page, "index.ipynb")
    prose = page.locator(".jp-RenderedMarkdown").filter(has_text="An early-exit network is a neural network with")
    expect(prose.first).to_be_visible(timeout=20_000)
    expect(index.output.get_by_role("status").filter(has_text="install")).to_be_visible(timeout=20_000)


def test_the_links_of_the_index_lead_to_the_tools(voila, page):
    voila.open(page, "index.ipynb")
    links = [link.get_attribute("href") for link in page.locator(".jp-RenderedMarkdown a[href$='.ipynb']").all()]
    assert len(links) >= 1
    for link in links:
        assert (voila.notebooks / link).is_file(), link
    page.get_by_role("link", name="Start here").click()
    expect(page).to_have_url(re.compile(r"/voila/render/explorer\.ipynb"))
    expect(page.get_by_role("heading", name="Explorer")).to_be_visible(timeout=60_000)


def test_the_theme_of_the_page_can_be_chosen(host, page):
    host.open(page, "tests/counter.ipynb", theme="dark")
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
