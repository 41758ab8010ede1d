"""What the router shows: headline, picture, names, themes, widths."""

import numpy as np
import pytest
from playwright.sync_api import expect
from router_page import demo, mount, shown_result

from eeviz.core.table.metrics import wilson
from eeviz.core.table.policy import route


def test_the_headline_says_what_python_says(page):
    records, router = demo()
    mount(page, router)
    routing = route(records, router.policy)
    low, high = (
        100 * end for end in (wilson(int(routing.right.sum()), 500).low, wilson(int(routing.right.sum()), 500).high)
    )
    text = shown_result(page)
    assert "validation, chosen here: optimistic" in text
    assert f"{100 * routing.accuracy:.2f} %" in text
    assert f"95 % interval {low:.1f}–{high:.1f} %" in text
    assert f"{routing.mean_cost / 1e6:.2f} M MACs" in text
    assert f"{routing.worst_cost / 1e6:.2f} M MACs" in text
    assert f"{100 * (1 - routing.mean_cost / 4.1e6):.1f} %" in text
    for share in routing.share:
        assert f"{100 * share:.1f} %" in text


def test_names_are_text_never_html(page):
    names = [
        "<img src=x onerror=window.broken=1>",
        "<b>two</b>",
        '"three"',
        "</script><script>window.broken=1</script>",
    ]
    _, router = demo(names=names)
    mount(page, router)
    page.evaluate("window.frames_()")
    assert page.evaluate("window.broken") is None
    assert page.locator(".ee-router b", has_text="two").count() == 0
    assert page.locator(".ee-router img").count() == 0
    expect(page.get_by_role("spinbutton", name="<b>two</b> threshold")).to_be_visible()
    assert "<b>two</b>" in page.locator(".ee-summary").inner_text()


def test_ribbons_are_as_wide_as_their_samples(page):
    records, router = demo()
    mount(page, router)
    routing = route(records, router.policy)
    heights = page.evaluate(
        """() => { const last = (node) => { const d = node.getAttribute("d"); const [, from, , to] =
             d.match(/ (-?[\\d.]+)H([\\d.]+)V(-?[\\d.]+)/) ?? [0, 0, 0, 0]; return to - from; };
        return {right: [...document.querySelectorAll("path.ee-right")].map(last),
                wrong: [...document.querySelectorAll("path.ee-wrong")].map(last)}; }"""
    )
    right = [int(routing.right[routing.exit_of == k].sum()) for k in range(4)]
    wrong = (routing.count - right).tolist()
    total = sum(heights["right"]) + sum(heights["wrong"])
    assert heights["right"] == pytest.approx([total * n / 500 for n in right], abs=0.05)
    assert heights["wrong"] == pytest.approx([total * n / 500 for n in wrong], abs=0.05)


@pytest.mark.parametrize("projector", [False, True])
@pytest.mark.parametrize("width", [500, 700, 1024, 1440])
def test_nothing_is_clipped_or_overlaps(page, width, projector):
    _, router = demo(projector=projector, samples=12345)
    page.set_viewport_size({"width": width, "height": 900})
    mount(page, router)
    page.evaluate("window.frames_()")
    faults = page.evaluate(
        """() => { const svg = document.querySelector(".ee-picture svg").getBoundingClientRect(), faults = [];
        const texts = [...document.querySelectorAll(".ee-picture text")].filter((t) => t.textContent)
          .map((t) => [t.textContent, t.getBoundingClientRect()]);
        for (const [text, b] of texts)
          if (b.left < svg.left - 1 || b.right > svg.right + 1 || b.top < svg.top - 1 || b.bottom > svg.bottom + 1)
            faults.push(`clipped: ${text}`);
        texts.forEach(([text, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
          const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          if (across > 1 && down > 3) faults.push(`${text} over ${other}`); }));
        for (const node of document.querySelectorAll(".ee-live, .ee-number, .ee-below"))
          if (node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).overflow === "hidden")
            faults.push(`cut: ${node.textContent}`);
        if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways");
        return faults; }"""
    )
    assert faults == []


def test_it_follows_the_width_of_its_place(page):
    _, router = demo()
    mount(page, router)
    picture = page.locator(".ee-picture svg")
    wide = picture.bounding_box()["width"]
    page.set_viewport_size({"width": 900, "height": 800})
    page.wait_for_function(
        "(wide) => document.querySelector('.ee-picture svg').getBoundingClientRect().width < wide", arg=wide
    )
    page.set_viewport_size({"width": 600, "height": 800})
    expect(page.locator(".ee-stacked")).to_be_visible()


def test_colours_follow_the_theme(page):
    fill = "getComputedStyle(document.querySelector('pattern rect')).fill"
    _, router = demo()
    mount(page, router)
    light = page.evaluate(fill)
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    assert page.evaluate(fill) != light


def test_other_records_replace_everything(page):
    _, router = demo()
    mount(page, router)
    page.evaluate(
        """() => window.handle.setData({
          samples: 2, exits: 2, names: ["A", "B"], colors: {light: ["red", "blue"], dark: ["red", "blue"]},
          patterns: ["", "/"], positions: [0, 1], removable: true, terms: [{backbone: [1, 2], heads: [0, 0]}],
          unit: "s", static: 2, note: "", wilson: true, thresholds: [0.5], interval: "", hidden: [], projector: false,
          confidence: new Float32Array([0.4, 0.5]), right: new Uint8Array([1, 1, 0, 1]), units: null})"""
    )
    page.evaluate("window.frames_()")
    expect(page.get_by_role("group", name="A", exact=True)).to_contain_text("50.0 % leave here, 100.0 % of them right")
    assert "50.00 %" in shown_result(page)
    assert page.get_by_role("slider").count() == 1


@pytest.mark.parametrize(
    ("part", "selector"),
    [
        ("headline", ".ee-headline"),
        ("sliders", ".ee-controls"),
        ("picture", ".ee-picture"),
        ("summary", ".ee-summary"),
        ("switches", ".ee-switch span >> nth=0"),
        ("boxes", "input[type=number] >> nth=0"),
    ],
)
def test_teachers_hide_parts(page, part, selector):
    _, router = demo(hide=[part])
    mount(page, router)
    expect(page.locator(selector)).to_be_hidden()
    page.evaluate("window.handle.set({hidden: []})")
    expect(page.locator(selector)).to_be_visible()


def test_the_interval_of_weighted_records_waits_for_python(page):
    _, router = demo(weight=np.linspace(0.1, 2, 500))
    mount(page, router)
    assert "95 % interval …" in shown_result(page)
    page.evaluate("window.handle.set({interval: '95 % interval 80.1–85.2 %'})")
    page.evaluate("window.frames_()")
    assert "95 % interval 80.1–85.2 %" in shown_result(page)
    page.get_by_role("slider", name="Exit 1 share leaving").press("ArrowRight")
    page.evaluate("window.frames_()")
    assert "95 % interval …" in shown_result(page)
