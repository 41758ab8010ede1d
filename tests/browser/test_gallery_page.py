"""The gallery in Voila and JupyterLab: pictures, filters, keyboard, selection, and what may not become HTML."""

import re

from playwright.sync_api import expect

CELLS = ".ee-gallery-cell:visible"
SETTLED = """() => {
  const now = [...document.querySelectorAll(".ee-gallery-cell")].map((cell) => cell.getAttribute("aria-label")).join();
  const same = now === window.ee_seen;
  window.ee_seen = now;
  return same;
}"""


def open_gallery(host, page, **query):
    dashboard = host.open(page, "tests/gallery.ipynb", **query)
    expect(dashboard.output.locator(CELLS).first).to_be_visible(timeout=60_000)
    expect(dashboard.output.locator(".ee-gallery-blank")).to_have_count(0)
    page.wait_for_function(SETTLED, polling=250)  # a row that is still finding its width chooses other samples
    return dashboard


def test_a_click_tells_why_in_numbers(host, page):
    dashboard = open_gallery(host, page)
    cell = dashboard.output.get_by_role("group", name=re.compile("^exit 2")).get_by_role("button").nth(2)
    name = re.match(r"sample (\d+), true (.+), exit 2 says (.+), (right|wrong)", cell.get_attribute("aria-label"))
    cell.click()
    card = dashboard.output.get_by_role("region", name="The selected sample")
    expect(card).to_contain_text(f"Sample {name[1]}")
    expect(card).to_contain_text(f"leaves here as {name[3]}: {name[4]}.")
    expect(card).to_contain_text(re.compile(r"Exit 1: 0\.\d+ < 0\.80, go on\.Exit 2: 0\.\d+ ≥ 0\.70"))
    expect(card).to_contain_text("of the static network's 4.05 M MACs")
    assert dashboard.until("gallery.selected", lambda index: index is not None) == int(name[1])
    assert dashboard.python("int(ee.route(records, gallery.policy).exit_of[gallery.selected])") == 1
    expect(cell).to_have_attribute("aria-pressed", "true")


def test_pictures_are_the_samples(voila, page):
    dashboard = open_gallery(voila, page)
    cell = dashboard.output.locator(CELLS).nth(4)
    index = int(re.match(r"sample (\d+)", cell.get_attribute("aria-label"))[1])
    drawn = cell.locator("canvas").evaluate(
        "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, k) => k % 4 === 0)"
    )
    assert drawn == dashboard.python(f"records.thumbnails[{index}].ravel().tolist()")


def test_arrows_walk_and_enter_selects(voila, page):
    dashboard = open_gallery(voila, page)
    rows = dashboard.output.locator(".ee-gallery-strip")
    focused = "document.activeElement.getAttribute('aria-label')"
    rows.nth(0).get_by_role("button").first.focus()
    for key in ("ArrowRight", "ArrowDown", "End", "Home", "ArrowRight", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    expected = rows.nth(1).get_by_role("button").nth(1).get_attribute("aria-label")
    assert page.evaluate(focused) == expected
    page.keyboard.press("Enter")
    assert dashboard.until("gallery.selected", lambda i: i is not None) == int(re.match(r"sample (\d+)", expected)[1])
    tabbable = dashboard.output.locator(f"{CELLS}[tabindex='0']")
    expect(tabbable).to_have_count(1)  # Tab enters the pictures once


def test_filters_and_more(voila, page):
    dashboard = open_gallery(voila, page)
    dashboard.output.get_by_label("Answers").select_option("wrong only")
    dashboard.output.get_by_label("True class").select_option("Sneaker")
    for part in ("true Sneaker", "wrong"):
        expect(dashboard.output.locator(f"{CELLS}:not([aria-label*='{part}'])")).to_have_count(0)
    expect(dashboard.output.locator(".ee-gallery-count").first).to_contain_text("of these leave here")
    assert dashboard.output.locator(CELLS).count() > 0
    dashboard.output.get_by_label("Answers").select_option("right and wrong")
    dashboard.output.get_by_label("True class").select_option("all classes")
    first = dashboard.output.locator(".ee-gallery-strip").first.locator(CELLS)
    expect(dashboard.output.locator(".ee-gallery-count").first).to_contain_text("samples leave here")
    before = first.count()
    dashboard.output.get_by_role("button", name="Show more").click()
    expect(first).not_to_have_count(before)
    assert first.count() > before
    expect(dashboard.output.locator(".ee-gallery-blank")).to_have_count(0)


def test_follows_the_policy_and_stands_when_one_does_not_fit(voila, page):
    dashboard = open_gallery(voila, page)
    dashboard.output.locator(CELLS).nth(1).click()
    dashboard.until("gallery.selected", lambda index: index is not None)
    dashboard.output.get_by_role("button", name="Other policy").click()
    expect(dashboard.output.locator(".ee-gallery-row").nth(2)).to_contain_text("removed")
    expect(dashboard.output.get_by_role("region", name="The selected sample")).to_contain_text("≥ 0.50")
    dashboard.output.get_by_role("button", name="Bad policy").click()
    expect(dashboard.output.get_by_role("alert")).to_contain_text("the policy has 1 thresholds, the records need 3")
    expect(dashboard.output.locator(".ee-gallery-row").nth(2)).to_contain_text("removed")


def test_class_names_stay_text(voila, page):
    dashboard = open_gallery(voila, page)
    page.on("dialog", lambda dialog: (_ for _ in ()).throw(AssertionError(dialog.message)))
    dashboard.output.get_by_label("True class").select_option("<img src=x onerror=alert(1)>")
    cell = dashboard.output.get_by_role("button", name=re.compile("true <img src=x")).first
    cell.click()
    card = dashboard.output.get_by_role("region", name="The selected sample")
    expect(card).to_contain_text("True class: <img src=x onerror=alert(1)>")
    expect(dashboard.output.locator(".ee-gallery img")).to_have_count(0)


def test_without_pictures_numbers_and_card_remain(voila, page):
    dashboard = open_gallery(voila, page)
    dashboard.output.get_by_role("button", name="Without pictures").click()
    expect(dashboard.output.locator(".ee-gallery-row")).to_have_count(3)
    cell = dashboard.output.locator(CELLS).first
    expect(cell).to_have_text(re.compile(r"^\d+"))
    cell.click()
    expect(dashboard.output.get_by_role("region", name="The selected sample")).to_contain_text("True class: class")
    expect(dashboard.output.locator(".ee-card-picture")).to_be_hidden()


def test_nothing_overflows_at_either_width(voila, new_page):
    for width in (1024, 1440):
        for theme in ("light", "dark"):
            page = new_page(width=width)
            open_gallery(voila, page, theme=theme)
            page.locator(CELLS).first.click()
            expect(page.locator(".ee-card-rule li").first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
