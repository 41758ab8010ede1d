"""Browser tests: one Chromium, one Voila and one JupyterLab server for the whole run; a context and a kernel per test."""

import os
import shutil
from pathlib import Path

import pytest

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.flaky(reruns=2))  # a stalled machine, said in the summary as "rerun"


def _chromium_path(own: str) -> str | None:
    named = os.environ.get("EEVIZ_CHROMIUM")
    if named:
        return named
    places = ["/usr/bin/chromium", *map(shutil.which, ("chromium", "chromium-browser", "google-chrome")), own]
    return next((place for place in places if place and Path(place).exists()), None)


@pytest.fixture(scope="session")
def chromium():
    """The browser (playwright Browser)."""
    playwright = pytest.importorskip("playwright.sync_api") if not os.environ.get("CI") else None
    if playwright is None:
        import playwright.sync_api as playwright
    playwright.expect.set_options(timeout=20_000)  # its own 5 s are few on a busy machine
    with playwright.sync_playwright() as play:
        path = _chromium_path(play.chromium.executable_path)
        if path is None:
            reason = (
                "No Chromium found: install it, or name it in EEVIZ_CHROMIUM, or run `playwright install chromium`."
            )
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
        browser = play.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium):
    """new_page(width=1440, height=900, **context): a page of its own; the test fails if a script in it raised."""
    contexts, errors = [], []

    def make(width=1440, height=900, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(20_000)
        context.route("https://**", lambda route: route.abort())  # nothing of ours asks for any: see test_front_door
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(new_page):
    """One page, 1440 x 900."""
    return new_page()


def _serve(kind, tmp_path_factory, pytestconfig):
    import hosts

    host = getattr(hosts, kind)(tmp_path_factory.mktemp(kind), pytestconfig.rootpath)
    yield host
    host.stop()


@pytest.fixture(scope="session")
def voila(chromium, tmp_path_factory, pytestconfig):
    """The running Voila (hosts.VoilaHost)."""
    yield from _serve("VoilaHost", tmp_path_factory, pytestconfig)


@pytest.fixture(scope="session")
def _lab(chromium, tmp_path_factory, pytestconfig):
    yield from _serve("LabHost", tmp_path_factory, pytestconfig)


@pytest.fixture
def lab(_lab):
    """The running JupyterLab (hosts.LabHost); the kernels of this test end with it."""
    yield _lab
    _lab.close_kernels()


@pytest.fixture(params=["voila", "lab"])
def host(request):
    """Voila and JupyterLab, one after the other."""
    return request.getfixturevalue(request.param)
