"""The explorer as one file, opened from disk: no server, no kernel."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from tables import random_records, weighted

import eeviz as ee
from eeviz.core.solve.explain import explain
from eeviz.core.solve.thresholds import choose, front
from eeviz.core.table.format import percent, quantity


@pytest.fixture(scope="module")
def fashion(tmp_path_factory):
    return ee.page("fashion", tmp_path_factory.mktemp("file") / "fashion.html", samples=1500)


@pytest.fixture(scope="module")
def records():
    demo = ee.load_demo("fashion").validation
    return demo.subset(np.linspace(0, len(demo) - 1, 1500).round().astype(int))


def thresholds_of(page):
    """The thresholds in force, from the line of code."""
    expect(page.locator(".ee-copy code").first).to_contain_text("Policy((")
    inside = re.search(r"Policy\(\(([^)]*)\)\)", page.locator(".ee-copy code").first.inner_text())[1]
    return ee.Policy([None if word.strip() == "None" else float(word) for word in inside.split(",") if word.strip()])


def says(page, routing):
    """The headline shows these figures."""
    result = page.get_by_role("region", name="Result")
    expect(result.locator(".ee-accuracy .ee-number")).to_have_text(f"{100 * routing.accuracy:.2f}")
    for name, value in (("mean", routing.mean_cost), ("worst", routing.worst_cost)):
        expect(result.locator(f".ee-{name} .ee-value")).to_have_text(quantity(value, routing.unit))


def test_a_visit(new_page, fashion, records):
    page, requests = new_page(), []
    page.on("request", lambda request: requests.append(request.url))
    policy = ee.Policy((0.9, None, 0.95))
    page.goto(f"file://{fashion}?theme=dark#t=0.9,off,0.95")
    says(page, ee.route(records, policy))
    assert thresholds_of(page) == policy
    assert page.evaluate("document.body.dataset.jpThemeLight") == "false"

    # keyboard on a slider: headline, picture, sentence and the chart's point follow, to the figures of Python
    place = page.locator(".ee-now").get_attribute("cx")
    page.get_by_role("slider", name="Exit 1 share leaving").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".ee-now")).not_to_have_attribute("cx", place)
    expect(page.locator(".ee-copy code").first).not_to_contain_text("(0.9,")
    moved = thresholds_of(page)
    says(page, ee.route(records, moved))
    expect(page.locator(".ee-router > .ee-spoken")).to_contain_text("are answered right at")
    page.get_by_role("button", name="Undo").click()  # the five presses were one step
    says(page, ee.route(records, policy))
    page.get_by_role("button", name="Redo").click()
    says(page, ee.route(records, moved))

    # tuning: what ee.front gives on its grid
    f = front(records)
    expect(page.locator(".ee-walk")).to_be_enabled()
    expect(page.get_by_text(f"front, {len(f)} points")).to_be_visible()
    budget = page.get_by_label("At most").first
    budget.fill("2.5")
    page.get_by_role("button", name="Best under this budget").click()
    best = f.policy(choose(f, records, max_cost=2.5e6))
    says(page, ee.route(records, best))
    assert thresholds_of(page) == best
    page.get_by_role("combobox", name="of which cost").select_option("maxWorst")
    page.get_by_role("button", name="Best under this budget").click()
    least = front(records, max_worst=2.5e6)
    says(page, ee.route(records, least.policy(len(least) - 1)))
    budget.fill("0.5")
    page.get_by_role("button", name="Best under this budget").click()
    expect(
        page.get_by_role("alert").filter(has_text="no policy has a worst case of at most 500 k MACs")
    ).to_be_visible()
    page.get_by_role("button", name="Cheapest within this drop").click()
    cheap = f.policy(choose(f, records, max_drop=0.01))
    says(page, ee.route(records, cheap))

    # pins, and the report that is counted and shuts when a threshold moves
    tools = page.get_by_role("region", name="Tools")
    page.get_by_role("button", name="Pin A").click()
    page.get_by_role("slider", name="Along the best thresholds").focus()
    page.keyboard.press("End")
    says(page, ee.route(records, f.policy(len(f) - 1)))
    expect(tools).to_contain_text("Now minus A: +")
    page.get_by_role("button", name="Go to A").click()
    says(page, ee.route(records, cheap))
    expect(tools).to_contain_text("Shut: figures on samples that chose nothing.")
    page.get_by_role("button", name="Open the report").click()
    expect(tools).to_contain_text("look 1.")
    expect(tools).to_contain_text("1,500 of 10,000 samples")
    page.get_by_role("button", name="Reset").click()
    expect(tools).to_contain_text("Looked at 1 time so far.")

    # tabs by keyboard; a sample's card
    now = thresholds_of(page)
    routing = ee.route(records, now)
    page.get_by_role("tab", name="Samples").focus()
    for title, text in (
        ("Confidence", f"1,500 samples reach exit 1, {routing.count[0]:,} leave"),
        ("Classes", "is the easiest class here"),
        ("Shifted inputs", "How the accuracy fares is report data"),
        ("Table", percent(routing.exit_accuracy[3], 2)),
    ):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name=title)).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role("tabpanel", name=title)).to_contain_text(text)
    page.keyboard.press("Home")
    cell = page.locator(".ee-gallery-cell").nth(3)
    cell.click()
    index = int(re.search(r"sample (\d+)", cell.get_attribute("aria-label"))[1])
    story = explain(records, now, index)
    card = page.get_by_role("region", name="The selected sample")
    for part in (*[step.rule for step in story.steps if step.rule], story.paid):
        expect(card).to_contain_text(part)
    painted = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size > 2"
    assert card.locator("canvas").evaluate(painted)

    # the address brings the view back; a wrong one is said
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    assert thresholds_of(page) == now
    page.evaluate("location.hash = '#t=0.5,2'")
    expect(page.get_by_role("alert").filter(has_text="gives 2 thresholds, these exits need 3")).to_be_visible()
    assert not [url for url in requests if not url.startswith(("file:", "blob:", "data:", "about:"))]
    assert len(page.pdf()) > 10_000
    for width in (1440, 1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), width


def test_teachers_take_parts_away(new_page, fashion):
    page = new_page()
    page.goto(f"file://{fashion}?hide=tuning,report,tabs,lock,code,lesson&projector=1")
    expect(page.get_by_role("alert").filter(has_text="no part “lesson” to hide")).to_be_visible()
    expect(page.get_by_role("slider", name="Exit 1 share leaving")).to_be_disabled()
    for name in ("Best under this budget", "Open the report"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_role("tab")).to_have_count(0)
    expect(page.get_by_label("projector (large type)")).to_be_checked()
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.ee-router')).fontSize)") > 17
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")


def test_without_javascript_it_says_what_it_is(new_page, fashion):
    page = new_page(java_script_enabled=False)
    page.goto(f"file://{fashion}")
    expect(page.get_by_role("heading", name="Fashion-MNIST, 4 exits")).to_be_visible()
    expect(page.locator("body")).to_contain_text("early-exit neural network")


def tables():
    yield "one exit", random_records(0, 60, 1)
    yield "twelve", random_records(0, 200, 12)
    yield "fixed", random_records(0, 80, 3, removable=False)
    yield "weighted", weighted(0, 200, 3)
    yield "alternatives", random_records(0, 120, 5, position=[0, 0, 1, 1, 2])
    yield "evil", ee.ExitRecords(
        [[0.5, 0.5]] * 3, [[0, 2]] * 3, [2, 2, 0], {"macs": ee.Cost([1e6, 2e6], [1e5, 1e5])}, exits=("<b>a</b>", "</script>"),
        classes=("<i>x</i>", "nobody's", "z"),
    )  # fmt: skip


def test_tables_of_every_kind_open(new_page, tmp_path):
    page = new_page()
    for name, records in tables():
        page.goto(f"file://{ee.page(records, tmp_path / f'{name}.html')}")
        policy = thresholds_of(page)
        says(page, ee.route(records, policy))
        expect(page.get_by_text("best thresholds (front, ")).to_be_visible()
        for tab in ("Confidence", "Classes", "Table", "Samples"):
            page.get_by_role("tab", name=tab).click()
            expect(page.get_by_role("tabpanel", name=tab)).to_contain_text(records.exits[-1])
        page.get_by_role("button", name="Cheapest within this drop").click()
        expect(page.locator(".ee-info")).to_contain_text("worst case")
        assert page.locator("main b, main i").filter(has_text="x").count() == 0, name


def test_the_reader_of_the_search(new_page, tmp_path):
    from eeviz.ui.site.search import write_search

    page = new_page()
    page.goto(f"file://{tmp_path / write_search(tmp_path)}")
    network = page.get_by_role("region", name="The network")
    before = network.get_by_role("status").inner_text()
    walk = page.get_by_role("slider", name="Along the front")
    walk.focus()
    page.keyboard.press("ArrowLeft")
    expect(network.get_by_role("status")).not_to_have_text(before)
    page.keyboard.press("Home")
    expect(network).to_contain_text("The store kept the records of a few networks only")
    expect(page.locator(".ee-drawing svg[role=img]")).to_have_attribute("aria-label", re.compile("stages, "))
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), width
    while not network.get_by_role("link").is_visible():
        walk.focus()
        page.keyboard.press("ArrowRight")
    said = re.search(r"Network (\d+) of", network.get_by_role("status").inner_text())[1]
    network.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Network {said} of two-level")
    expect(page.get_by_role("region", name="Result")).to_contain_text("MACs")
