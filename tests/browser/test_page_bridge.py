"""The page's bridge: news, address, theme, download, copying, upload, and the notice of a lost connection."""

import re

import numpy as np
import psutil
import pytest
from playwright.sync_api import expect

from eeviz.core.table.cost import Cost
from eeviz.core.table.records import ExitRecords

NEWS = ".ee-upload-news"


def open_page(host, page, **query):
    dashboard = host.open(page, "tests/page.ipynb", **query)
    expect(dashboard.output.get_by_role("button", name="Open my records")).to_be_visible(timeout=60_000)
    return dashboard


def records_file(path, samples=100, pad=0):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, samples)
    pictures = rng.integers(0, 256, (samples, 1 + pad, 1000), dtype=np.uint8)  # noise does not compress
    cost = Cost([1e6, 2e6], [1e4, 1e4])
    records = ExitRecords(
        rng.random((samples, 2)), rng.integers(0, 3, (samples, 2)), label, {"macs": cost}, thumbnails=pictures
    )
    records.save(path)
    return path


def test_python_knows_the_page(host, page):
    dashboard = open_page(host, page)
    assert dashboard.until("page.host", bool) == host.name
    assert dashboard.until("page.width", bool) == pytest.approx(
        dashboard.output.locator(".ee-ruler").evaluate("(e) => e.clientWidth"), abs=1
    )
    assert dashboard.python("page.href") == page.evaluate("location.origin + location.pathname")
    assert dashboard.python("'token' in page.query") is False


def test_theme_is_followed(lab, page):
    dashboard = open_page(lab, page)
    assert dashboard.until("page.theme", bool) == "light"
    page.evaluate("jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    dashboard.until("page.theme", lambda theme: theme == "dark")


def test_theme_of_the_address_is_known_before_the_page(voila, page):
    assert open_page(voila, page, theme="dark").python("page.theme") == "dark"


def test_voila_writes_the_state_into_the_address(voila, page):
    open_page(voila, page, theme="dark", t="0.1")
    expect(page).to_have_url(re.compile(r"theme=dark.*t=0\.5%2Coff"))
    page.get_by_role("button", name="Move").click()
    expect(page).to_have_url(re.compile(r"theme=dark.*t=0\.9%2Coff"))


def test_an_error_in_a_callback_is_in_the_page(host, page):
    dashboard = open_page(host, page)
    dashboard.output.get_by_role("button", name="Fail").click()
    alert = dashboard.output.get_by_role("alert").filter(has_text="Fail")
    expect(alert).to_have_text("Fail did not work: KeyError: '<b>key</b>'")
    trace = dashboard.output.locator(".ee-status pre")
    expect(trace).to_be_hidden()
    dashboard.output.get_by_text("Details").click()
    expect(trace).to_contain_text("Traceback")
    dashboard.output.get_by_role("button", name="Dismiss").click()
    expect(alert).to_have_count(0)
    assert dashboard.until("status.message", lambda message: message == "") == ""


def test_download(host, page):
    dashboard = open_page(host, page)
    with page.expect_download() as download:
        dashboard.output.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "exits.csv"
    assert download.value.path().read_bytes() == b"exit,share\n1,0.5\n"


@pytest.mark.parametrize("clipboard", [True, False])
def test_copy(voila, new_page, clipboard):
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    if not clipboard:  # as on a page without https
        page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
    open_page(voila, page)
    page.get_by_role("button", name="Copy Code").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "ee.explore('fashion')"


def test_a_file_above_the_limit_of_the_websocket_arrives(host, page, tmp_path):
    path = records_file(tmp_path / "mine.npz", samples=1000, pad=11)
    size = path.stat().st_size
    assert size > 11e6
    dashboard = open_page(host, page)
    dashboard.output.locator("input[type=file]").set_input_files(path)
    expect(dashboard.output.locator(NEWS)).to_have_text("mine.npz: opened", timeout=60_000)
    assert dashboard.python("opened") == [["mine.npz", 1000, size]]


def test_files_that_are_no_records_say_so(host, page, tmp_path):
    good = records_file(tmp_path / "good.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(good[: len(good) // 2])
    (tmp_path / "text.npz").write_text("not a table")
    np.savez(tmp_path / "pickled.npz", confidence=np.array([{}], dtype=object))
    (tmp_path / "empty.npz").write_bytes(b"")
    with open(tmp_path / "big.npz", "wb") as file:
        file.truncate(31_000_000)
    dashboard = open_page(host, page)
    for name, words in [
        ("cut", "not a complete .npz"),
        ("text", "not a complete .npz"),
        ("pickled", "a pickle"),
        ("empty", "empty.npz is empty"),
        ("big", "big.npz is too big: 31.0 MB, at most 30.0 MB"),
    ]:
        dashboard.output.locator("input[type=file]").set_input_files(tmp_path / f"{name}.npz")
        expect(dashboard.output.locator(NEWS)).to_contain_text(words)
    assert dashboard.python("opened") == []
    dashboard.output.locator("input[type=file]").set_input_files(tmp_path / "good.npz")
    expect(dashboard.output.get_by_role("status").filter(has_text="Opened good.npz")).to_be_visible()


def test_cancel_and_drop(voila, page, tmp_path):
    dashboard = open_page(voila, page)
    page.evaluate("""() => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(25e6)], "slow.npz"));
      document.querySelector(".ee-upload").dispatchEvent(new DragEvent("drop", {dataTransfer: data}));
      document.querySelector(".ee-upload progress").nextElementSibling.click();
    }""")
    expect(page.locator(NEWS)).to_have_text("Cancelled")
    page.locator("input[type=file]").set_input_files(records_file(tmp_path / "next.npz"))
    expect(page.locator(NEWS)).to_have_text("next.npz: opened")
    assert [name for name, *_ in dashboard.python("opened")] == ["next.npz"]


def test_by_path(voila, page, tmp_path):
    dashboard = open_page(voila, page)
    box = page.get_by_label("Path where Python runs")
    box.fill(str(records_file(tmp_path / "mine.npz")))
    box.press("Enter")
    expect(page.get_by_text("Opened", exact=True)).to_be_visible()
    assert dashboard.python("opened[0][1]") == 100
    box.fill("/nowhere/at/all.npz")
    page.get_by_role("button", name="Open path").click()
    expect(page.locator(".ee-status").get_by_role("alert")).to_contain_text("FileNotFoundError")


def test_a_dead_kernel_is_said_and_reloading_brings_the_view_back(voila, page):
    dashboard = open_page(voila, page, theme="dark")
    page.get_by_role("button", name="Move").click()
    expect(page).to_have_url(re.compile(r"t=0\.9"))
    expect(page.locator(".ee-lost")).to_be_empty()
    psutil.Process(dashboard.python("__import__('os').getpid()")).kill()
    notice = page.get_by_role("alert").filter(has_text="Python")
    expect(notice).to_contain_text("Dragging still works here", timeout=30_000)
    page.get_by_role("button", name="Reload with this view").click()
    expect(page.get_by_role("button", name="Open my records")).to_be_visible(timeout=60_000)
    expect(page.locator(".ee-lost")).to_be_empty()
    assert re.search(r"theme=dark.*t=0\.", page.url)


def test_a_dead_kernel_is_said_in_lab(lab, page):
    dashboard = open_page(lab, page)
    psutil.Process(dashboard.python("__import__('os').getpid()")).kill()
    notice = dashboard.output.get_by_role("alert").filter(has_text="Python")
    expect(notice).to_contain_text("Run the notebook again", timeout=30_000)
    expect(notice.get_by_role("button", name="Copy the line that brings this view back")).to_be_visible()


@pytest.mark.slow
def test_a_stopped_server_is_said(chromium, page, tmp_path, pytestconfig):
    import hosts

    own = hosts.VoilaHost(tmp_path, pytestconfig.rootpath)
    try:
        open_page(own, page)
    finally:
        own.stop()
    expect(page.locator(".ee-lost")).to_contain_text("The connection to Python was lost", timeout=30_000)


def test_a_busy_kernel_is_no_lost_one(voila, page):
    dashboard = open_page(voila, page)
    dashboard.python("__import__('time').sleep(7)")
    expect(page.locator(".ee-lost")).to_be_empty()
    assert dashboard.python("page.connected") is True
